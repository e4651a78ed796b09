//! What the task language promises of steps, seen at work.

use acre_e2e::{
    farm::{CLEAN, Farm},
    registry,
    source::Source,
    wait,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

#[test]
fn steps_run_one_after_another_and_share_their_workspace() {
    let farm = Farm::new();
    let task = "
steps:
  - cmd: {base} sh -c 'echo 1 >>log; mkdir -p dir; ln -s ../log dir/link'
  - cmd: {base} sh -c 'echo 2 >>dir/link; rm gone'
  - cmd: {base} sh -c 'echo 3 >>log; cat log; ls'
";
    let source = Source::new(&[("acb.yaml", &farm.text(task)), ("gone", ""), ("kept", "")]);
    let output = farm.acre(&["run", source.arg()]);
    assert_eq!(output.ended(0).printed(), ["1", "2", "3", "acb.yaml", "dir", "kept", "log"]);
}

#[test]
fn steps_that_wait_for_nobody_run_at_one_time() {
    let farm = Farm::new();
    // Each needs the other four to be there before it ends.
    let meets = |name: u8| {
        let script = format!("touch at{name}; until [ $(ls | grep -c ^at) = 5 ]; do sleep 0.05; done; echo {name} met");
        format!("  - id: s{name}\n    when: [\"-\"]\n    timeout: 20\n    cmd: {{base}} sh -c '{script}'\n")
    };
    let steps: String = (1..=5).map(meets).collect();
    let last = "  - when: [s1, s2, s3, s4, s5]\n    cmd: {base} echo all met\n";
    let output = farm.task(&format!("steps:\n{steps}{last}"));
    let mut printed = output.ended(0).printed();
    assert_eq!(printed.pop(), Some("all met"));
    printed.sort_unstable();
    assert_eq!(printed, ["1 met", "2 met", "3 met", "4 met", "5 met"]);
}

#[test]
fn a_step_may_wait_for_one_further_down() {
    let farm = Farm::new();
    let task = "
steps:
  - {id: last, when: [first], cmd: '{base} cat made'}
  - {id: first, when: ['-'], cmd: '{base} sh -c \"echo made first >made\"'}
";
    assert_eq!(farm.task(task).ended(0).printed(), ["made first"]);
}

#[test]
fn output_keeps_its_order() {
    let farm = Farm::new();
    let output = farm.shell("i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; done");
    let expected: Vec<String> = (1..=300).map(|number: u32| number.to_string()).collect();
    assert_eq!(output.ended(0).printed(), expected);
}

#[test]
fn environment_values_and_facts_reach_the_step() {
    let farm = Farm::new();
    let task = "
version: v1.1.0
env: [A=task, B=task, C=\"quoted\"]
steps:
  - env: [B=step, 'D=two words']
    cmd: |
      {base} sh -c 'echo $A $B $C $D; echo {{.Values.who}} {{.Values.deep.in}} {{.Run.OS}}; echo $HOME; pwd; echo {{.Run.ID}} $ID'
";
    let values = Source::new(&[("values.yaml", "who: file\ndeep: {in: side}\n")]);
    let values = values.path().join("values.yaml");
    let words = ["--values", values.to_str().expect("a plain name"), "--set", "who=flag"];
    let output = farm.task_with(task, &words);
    let run = output.ended(0).run_id();
    let expected =
        ["task step quoted two words", "flag side linux", "/acb/home", "/workspace", &format!("{run} {run}")];
    assert_eq!(output.printed(), expected);
}

#[test]
fn home_is_shared_and_directories_are_as_asked() {
    let farm = Farm::new();
    let task = "
steps:
  - cmd: {base} sh -c 'echo kept >$HOME/note; mkdir -p sub'
  - workingDirectory: sub
    cmd: {base} sh -c 'pwd; cat $HOME/note'
  - cmd: -w /tmp {base} pwd
  - disableWorkingDirectoryOverride: true
    cmd: {base} pwd
  - entryPoint: echo
    cmd: {base} entry point
";
    assert_eq!(farm.task(task).ended(0).printed(), ["/workspace/sub", "kept", "/tmp", "/", "entry point"]);
}

#[test]
fn detached_steps_are_found_by_their_ids_and_ports() {
    let farm = Farm::new();
    let address = registry::closed();
    let port = address.rsplit_once(':').expect("it has a port").1;
    let task = "
steps:
  - id: web
    detach: true
    ports: ['127.0.0.1:PORT:80']
    cmd: {base} sh -c 'mkdir /site; echo from web >/site/page; exec httpd -f -p 80 -h /site'
  - id: ask
    cmd: {base} sh -c 'trap \"exit 143\" TERM; until wget -q -O - http://web/page; do sleep 0.1; done; sleep 1000 & wait'
    timeout: 20
"
    .replace("PORT", port);
    let mut client = farm.start_task(&task, &[]);
    let run = farm.comes_to(&mut client, "from web\n");
    assert!(http_get(&address, "/page").ends_with("from web\n"));
    farm.acre(&["cancel", "--wait", &run]).ended(0);
    client.end().ended(3);
    wait::until("the port is free again", CLEAN, || TcpStream::connect(&address).err());
}

fn http_get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the step listens");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_build_after_a_command_sees_what_the_command_left() {
    let farm = Farm::new();
    let task = "
steps:
  - id: early
    build: -t {repo}/early:1 .
  - cmd: {base} sh -c 'echo changed >file; echo new >made; rm gone; chmod 755 file'
  - id: late
    build: -t {repo}/late:1 .
  - cmd: {repo}/early:1 sh -c 'cd /context; cat file; ls'
  - cmd: {repo}/late:1 sh -c 'cd /context; cat file made; ls; test -x file'
";
    let dockerfile = farm.text("FROM {base}\nCOPY . /context\n");
    let files = [
        ("acb.yaml", farm.text(task)),
        ("Dockerfile", dockerfile),
        ("file", "given\n".into()),
        ("gone", String::new()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (*path, content.as_str())).collect();
    let source = Source::new(&files);
    let output = farm.acre(&["run", source.arg()]);
    output.ended(0).says("\ngiven\nDockerfile\nacb.yaml\nfile\ngone\n");
    output.says("\nchanged\nnew\nDockerfile\nacb.yaml\nfile\nmade\n");
}

#[test]
fn a_build_may_be_from_an_image_that_the_run_built() {
    let farm = Farm::new();
    let task = "
steps:
  - build: -t {repo}/one:{{.Run.ID}} -f one.dockerfile .
  - build: -t {repo}/two:1 -f two.dockerfile --build-arg RUN={{.Run.ID}} .
  - cmd: {repo}/two:1 cat /one /two
  - push: {repo}/two:1
";
    let one = farm.text("FROM {base}\nRUN echo one >/one\n");
    let two = farm.text("ARG RUN\nFROM {repo}/one:$RUN\nRUN echo two >/two\n");
    let source = Source::new(&[("acb.yaml", &farm.text(task)), ("one.dockerfile", &one), ("two.dockerfile", &two)]);
    let output = farm.acre(&["run", source.arg()]);
    output.ended(0).says("\none\ntwo\n");
}

#[test]
fn a_build_sees_a_file_of_the_same_size_and_time_that_has_changed() {
    let farm = Farm::new();
    let task = "steps:\n  - build: -t {repo}/it:1 .\n  - cmd: {repo}/it:1 cat /file\n";
    let dockerfile = farm.text("FROM {base}\nCOPY file /file\n");
    let source = Source::new(&[("acb.yaml", &farm.text(task)), ("Dockerfile", &dockerfile)]);
    for content in ["one", "two", "one", "six"] {
        source.write("file", &format!("{content}\n"));
        let file = std::fs::File::options().write(true).open(source.path().join("file")).expect("it is there");
        file.set_modified(std::time::UNIX_EPOCH).expect("its time can be set");
        assert!(farm.acre(&["run", source.arg()]).ended(0).printed().contains(&content), "{content}");
    }
}

#[test]
fn ignored_files_stay_at_home() {
    let farm = Farm::new();
    let task = "steps:\n  - cmd: {base} sh -c 'find . -type f | sort'\n";
    let source = Source::new(&[
        ("acb.yaml", &farm.text(task)),
        (".dockerignore", "*.log\n!keep.log\nnode_modules\n"),
        ("a.log", "x"),
        ("keep.log", "x"),
        ("node_modules/m/index.js", "x"),
        (".git/HEAD", "x"),
        ("src/a", "x"),
    ]);
    let output = farm.acre(&["run", source.arg()]);
    assert_eq!(output.ended(0).printed(), ["./.dockerignore", "./acb.yaml", "./keep.log", "./src/a"]);
}

#[test]
fn failures_are_tried_again_ignored_or_followed_by_always() {
    let farm = Farm::new();
    let task = "
steps:
  - id: third
    retries: 2
    retryDelay: 0
    cmd: {base} sh -c 'echo try >>tries; test $(wc -l <tries) = 3'
  - id: ignored
    ignoreErrors: true
    cmd: {base} sh -c 'exit 4'
  - id: fails
    cmd: {base} sh -c 'cat tries; exit 5'
  - id: never
    cmd: {base} echo never
  - id: teardown
    always: true
    cmd: {base} echo torn down
";
    let output = farm.task(task);
    output.ended(1).says("Error: step `fails` (line 10) on linux/amd64: exit code 5");
    assert_eq!(output.printed(), ["try", "try", "try", "torn down"]);
    output.says("Step ID: ignored encountered an error: exit code 4, but is set to ignore errors. Continuing...");
}

#[test]
fn a_run_without_steps_succeeds() {
    let farm = Farm::new();
    farm.task("steps: []\n").ended(0).says("was successful after");
}
