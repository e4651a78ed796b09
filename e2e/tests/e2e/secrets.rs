//! Secrets: they reach the step that asks for them, and nobody and nothing else.

use acre_e2e::{
    engine::docker,
    farm::{CLEAN, Farm},
    git::GitServer,
    program::Running,
    registry,
    source::Source,
};
use std::{fs, path::Path, process::Command};

/// A value that stands nowhere by chance.
const SECRET: &str = "Zp4-hush-9qX/tell+no1";

/// Files below a folder that hold these bytes.
fn holding(folder: &Path, bytes: &[u8], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            holding(&path, bytes, found);
        } else if fs::read(&path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes)) {
            found.push(path.display().to_string());
        }
    }
}

/// Demands that the secret is in no file of the farm, raw or as base64.
#[track_caller]
fn is_nowhere(farm: &Farm) {
    let encoded = "WnA0LWh1c2gtOXFYL3RlbGwrbm8x";
    for form in [SECRET, encoded] {
        let mut found = Vec::new();
        holding(&farm.state(), form.as_bytes(), &mut found);
        assert!(found.is_empty(), "`{form}` stands in {found:#?}");
    }
}

#[test]
fn a_secret_reaches_its_step_and_is_written_nowhere() {
    let farm = Farm::new();
    let task = "
version: v1.1.0
volumes:
  - name: keys
    secret:
      token: '{{.Values.token | b64enc}}'
steps:
  - id: image
    build: -t {repo}/it:{{.Run.ID}} --secret id=token,src=/keys/token .
    volumeMounts: [{name: keys, mountPath: /keys}]
  - id: uses
    env: ['TOKEN={{.Values.token}}']
    volumeMounts: [{name: keys, mountPath: /keys}]
    cmd: >-
      {repo}/it:{{.Run.ID}} sh -c 'printf %s \"$1\" >argument; printf %s \"$TOKEN\" >environment;
      for got in argument environment /keys/token; do sha256sum <$got; done;
      cat /built; echo said: $TOKEN; echo $TOKEN | base64; rm argument environment' sh {{.Values.token}}
";
    let dockerfile = farm.text(
        "FROM {base}\nRUN --mount=type=secret,id=token,required=true sha256sum /run/secrets/token | cut -c -64 >/built\n",
    );
    let source = Source::new(&[("acb.yaml", &farm.text(task)), ("Dockerfile", &dockerfile)]);
    let environment = [("token", SECRET)];
    let output = farm.acre_with(&environment, "", &["run", "--set-secret", "token", source.arg()]);
    let run = output.ended(0).run_id();
    let expected = sha256(SECRET);
    let found = output.printed().iter().filter(|line| line.starts_with(&expected)).count();
    assert_eq!(found, 4, "argument, environment, volume and build have {expected}: {output}");
    output.says("said: ***").says_not(SECRET);
    let image = format!("{}:{run}", farm.image("it"));
    for words in [&["history", "--no-trunc", &image][..], &["inspect", &image]] {
        docker(words).ended(0).says_not(SECRET);
    }
    for words in [&["logs", run.as_str()][..], &["show", "-o", "json", &run]] {
        farm.acre(words).ended(0).says_not(SECRET);
    }
    is_nowhere(&farm);
    farm.is_clean_within(CLEAN);
}

#[test]
fn what_is_secret_of_an_address_is_used_and_written_nowhere() {
    let farm = Farm::new();
    let server = GitServer::new();
    let task = farm.text("steps:\n  - cmd: {base} cat word\n  - cmd: {base} echo '{{.Run.Repository}}'\n");
    server.commit("main", &[("acb.yaml", &task), ("word", "fetched\n")]);
    let secret = SECRET.replace('/', ".");
    server.ask_for_login(&format!("user:{secret}"));
    let address = server.url().replace("http://", &format!("http://user:{secret}@"));
    let output = farm.acre(&["run", &format!("{address}#main")]);
    let repository = server.url().replace("http://", "http://***@");
    assert_eq!(output.ended(0).printed(), ["fetched", &repository]);
    let run = output.run_id();
    for words in [&["logs", run.as_str()][..], &["show", "-o", "json", &run], &["list"]] {
        farm.acre(words).ended(0).says_not(&secret);
    }
    farm.acre(&["run", &server.url()]).ended(1).says("there is no such repository, or it is not shown to this user");
    let mut found = Vec::new();
    holding(&farm.state(), secret.as_bytes(), &mut found);
    assert!(found.is_empty(), "it stands in {found:#?}");
    farm.is_clean_within(CLEAN);
}

/// The digest of a text, by the program that the step uses too.
fn sha256(text: &str) -> String {
    let output = docker(&["run", "--rm", &registry::base(), "sh", "-c", "printf %s \"$0\" | sha256sum", text]);
    output.ended(0).stdout[..64].to_owned()
}

/// Throw-away, with its public half.
const KEY: &str = include_str!("../../../agent/src/engine/docker/buildkit/ssh/testdata/ed25519");
const PUBLIC: &str = include_str!("../../../agent/src/engine/docker/buildkit/ssh/testdata/ed25519.pub");
/// A program that asks an ssh agent what it is told to on standard input.
const ASK: &str = include_str!("../../../agent/tests/engine_contract/ask.c");

#[test]
fn a_build_is_lent_a_key_and_does_not_see_it() {
    let farm = Farm::new();
    // The key agent answers with a number, its length and the key itself, 51 bytes from byte 14 on.
    let dockerfile = "
FROM {base}
COPY ask /
RUN --mount=type=ssh,id=deploy,required=true printf '\\0\\0\\0\\1\\13' | /ask >/answer; tail -c +14 /answer | head -c 51 | base64 -w 0 >/public
RUN test -z \"$SSH_AUTH_SOCK\"
";
    let task = "
secrets: [{id: key, from: 'file:key'}]
steps:
  - build: -t {repo}/keyed:1 --ssh deploy=key .
  - cmd: {repo}/keyed:1 cat /public
";
    let source = Source::new(&[("acb.yaml", &farm.text(task)), ("Dockerfile", &farm.text(dockerfile))]);
    compile(ASK, &source.path().join("ask"));
    fs::write(farm.home().join("key"), KEY).expect("a file can be written");
    let output = farm.acre(&["run", source.arg()]);
    let public = PUBLIC.split(' ').nth(1).expect("it stands between its kind and its name");
    assert!(output.ended(0).printed().contains(&public), "{output}");
    let held = KEY.lines().nth(1).expect("a key has lines");
    docker(&["history", "--no-trunc", &farm.image("keyed:1")]).ended(0).says("/ask").says_not(held);
    let mut found = Vec::new();
    holding(&farm.state(), held.as_bytes(), &mut found);
    assert!(found.is_empty(), "the key stands in {found:#?}");
}

/// Makes a program that needs nothing of the image it runs in.
fn compile(source: &str, program: &Path) {
    let code = program.with_extension("c");
    fs::write(&code, source).expect("a file can be written");
    let mut compiler = Command::new("cc");
    compiler.args(["-static", "-O1", "-o"]).arg(program).arg(&code);
    Running::start(compiler).end().ended(0);
}

#[test]
fn a_task_says_where_its_secrets_come_from() {
    let farm = Farm::new();
    farm.acre_with(&[], SECRET, &["secret", "set", "kept"]).ended(0);
    let task = "
version: v1.1.0
secrets:
  - {id: variable, from: 'env:DEPLOY_TOKEN'}
  - {id: filed, from: 'file:token.txt'}
  - {id: stored, from: 'project:kept'}
steps:
  - env: ['A={{.Secrets.variable}}', 'B={{.Secrets.filed}}', 'C={{.Secrets.stored}}']
    cmd: {base} sh -c 'echo ${#A} ${#B} ${#C}'
";
    fs::write(farm.home().join("token.txt"), "two-file").expect("a file can be written");
    let environment = [("DEPLOY_TOKEN", "one-env")];
    let output = farm.acre_with(&environment, task, &["run", "-f", "-", "/dev/null"]);
    assert_eq!(output.ended(0).printed(), [format!("7 8 {}", SECRET.len())]);
    farm.acre(&["secret", "list"]).ended(0).says("kept").says_not(SECRET);
    is_nowhere(&farm);
    let output = farm.acre_with(&[], task, &["run", "-f", "-", "/dev/null"]);
    output.ended(2).says("DEPLOY_TOKEN").says("variable");
    farm.acre(&["secret", "delete", "kept"]).ended(0);
    let output = farm.acre_with(&environment, task, &["run", "-f", "-", "/dev/null"]);
    output.ended(2).says("kept");
}

#[test]
fn volumes_of_secrets_hold_them_in_memory_and_go_with_the_run() {
    let farm = Farm::new();
    let task = "
volumes:
  - name: keys
    secret: {plain: aGVsbG8K, hidden: '{{.Values.hidden | b64enc}}'}
steps:
  - volumeMounts: [{name: keys, mountPath: /keys}]
    cmd: {base} sh -c 'ls /keys; cat /keys/plain; stat -f -c %T /keys; cmp -s /keys/hidden /keys/plain || echo differs'
  - volumeMounts: [{name: keys, mountPath: /other}]
    cmd: {base} cat /other/plain
";
    let output = farm.task_with(task, &["--set-secret", &format!("hidden={SECRET}")]);
    assert_eq!(output.ended(0).printed(), ["hidden", "plain", "hello", "tmpfs", "differs", "hello"]);
    farm.is_clean_within(CLEAN);
}

#[test]
fn secrets_are_refused_where_they_would_be_seen() {
    let farm = Farm::new();
    for (step, said) in [
        ("{id: '{{.Values.x}}', cmd: '{base} true'}", "id"),
        ("{cmd: '{base}{{.Values.x}} true'}", "image"),
        ("{when: ['{{.Values.x}}'], cmd: '{base} true'}", "when"),
        ("{cmd: '{base} echo {{.Values.x | upper}}'}", "upper"),
    ] {
        let output = farm.task_with(&format!("steps:\n  - {step}\n"), &["--set-secret", &format!("x={SECRET}")]);
        output.ended(2).says(said).says_not(SECRET);
    }
}

#[test]
fn a_login_is_given_to_a_step_that_asks_for_it_alone() {
    let farm = Farm::new();
    let words = ["login", "r.example", "--username", "me", "--password-stdin"];
    farm.acre_with(&[], SECRET, &words).ended(0);
    let task = "
steps:
  - registryAuth: true
    cmd: {base} sh -c 'grep -c r.example $HOME/.docker/config.json; stat -f -c %T $HOME/.docker'
  - cmd: {base} sh -c 'ls $HOME/.docker 2>/dev/null; echo none'
";
    let output = farm.task(task);
    assert_eq!(output.ended(0).printed(), ["1", "tmpfs", "none"]);
    farm.acre(&["login", "--list"]).ended(0).says("r.example").says("me").says_not(SECRET);
    is_nowhere(&farm);
    farm.acre(&["logout", "r.example"]).ended(0);
    farm.acre(&["login", "--list"]).ended(0).says_not("r.example");
    farm.is_clean_within(CLEAN);
}
