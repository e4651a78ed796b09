//! What a build of BuildKit's is given besides its files: secrets, keys that sign, caches.

use crate::{
    bed::{Bed, deaf, failed, listener, unique},
    builder::{built, make, output, request, said_in},
    folder::Folder,
};
use acre_agent::engine::{Builder as _, EngineError, Logins, Said, docker::buildkit::BuildKit};
use acre_model::reference::Reference;
use data_encoding::BASE64;
use ring::signature::{ED25519, UnparsedPublicKey};
use std::process::{Command, Stdio};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Throw-away, with its public half.
const KEY: &str = include_str!("../../src/engine/docker/buildkit/ssh/testdata/ed25519");
const PUBLIC: &str = include_str!("../../src/engine/docker/buildkit/ssh/testdata/ed25519.pub");

fn pair(id: &str, value: &str) -> Vec<(String, String)> {
    vec![(id.to_owned(), value.to_owned())]
}

pub(crate) async fn a_secret_is_mounted_and_is_in_no_image(bed: &Bed) {
    let secret = format!("hush {}\nand \"more\"", unique("secret"));
    let dockerfile = "FROM BASE\n\
        RUN --mount=type=secret,id=token stat -c '%a %u:%g' /run/secrets/token > /told && base64 -w 0 /run/secrets/token | rev >> /told && echo >> /told\n\
        RUN --mount=type=secret,id=token,target=/etc/t,mode=0440,uid=7,gid=8 stat -c '%a %u:%g' /etc/t >> /told\n\
        RUN --mount=type=secret,id=other test ! -e /run/secrets/other\n";
    let mut request = request(bed, dockerfile, Folder::default());
    request.build.no_cache = true;
    request.build.secrets = pair("token", &secret);
    let (say, heard) = listener();
    let made = BuildKit::new(bed.docker.clone()).build(&request, &say).await.unwrap();
    drop(say);
    bed.forget(made.image);

    let turned: String = BASE64.encode(secret.as_bytes()).chars().rev().collect();
    let told = said_in(bed, &made, "cat /told").await;
    assert_eq!(told, format!("400 0:0\n{turned}\n440 7:8\n"));

    let mark = secret.lines().next().unwrap();
    let search = format!("find / -xdev -type f -exec grep -l '{mark}' {{}} +; true");
    assert_eq!(said_in(bed, &made, &search).await, "");
    for what in ["history", "json"] {
        let answer = bed.answer("GET", &format!("/images/{}/{what}", made.image)).await;
        assert!(answer.contains("200 OK") && answer.contains("sha256"), "{answer}");
        assert!(!answer.contains(mark), "{answer}");
    }
    let heard = output(&heard.await.unwrap());
    assert!(heard.contains("RUN --mount=type=secret") && !heard.contains(mark), "{heard}");
}

pub(crate) async fn a_secret_that_is_not_there_fails_the_build_that_requires_it(bed: &Bed) {
    let dockerfile = "FROM BASE\nRUN --mount=type=secret,id=nope,required echo never\n";
    for secrets in [Vec::new(), pair("other", "x")] {
        let mut request = request(bed, dockerfile, Folder::default());
        request.build.secrets = secrets;
        let error = failed(BuildKit::new(bed.docker.clone()).build(&request, &deaf()).await);
        let EngineError::BuildFailed { message, exit_code: None } = &error else { panic!("{error:?}") };
        assert!(message.contains("secret nope") && message.contains("not found"), "{message}");
    }
}

pub(crate) async fn a_key_is_listed_and_signs_in_the_build(bed: &Bed) {
    let blob = BASE64.decode(PUBLIC.split(' ').nth(1).unwrap().as_bytes()).unwrap();
    let sign = [&[13][..], &string(&blob), &string(b"to be signed"), &[0; 4]].concat();
    let folder = Folder::default().mode("ask", asker(), 0o755).file("list", string(&[11])).file("sign", string(&sign));
    let dockerfile = "FROM BASE\nCOPY . /c/\nRUN --mount=type=ssh,id=deploy /c/ask < /c/list > /listed && /c/ask < /c/sign > /signed\n\
                      RUN test -z \"$SSH_AUTH_SOCK\"\n";
    let mut request = request(bed, dockerfile, folder);
    request.build.no_cache = true;
    request.build.ssh = pair("deploy", KEY);
    let made = built(bed, &BuildKit::new(bed.docker.clone()), &request).await;
    let said = said_in(bed, &made, "base64 -w 0 /listed; echo; base64 -w 0 /signed").await;
    let answers: Vec<_> = said.lines().map(|line| BASE64.decode(line.as_bytes()).unwrap()).collect();

    let listed = [&[12, 0, 0, 0, 1][..], &string(&blob), &string(b"acre")].concat();
    assert_eq!(answers[0], string(&listed));
    let signature = answers[1].strip_prefix(&string(&[&[14][..], &[0; 87]].concat())[..5]).unwrap();
    let head = [&83_u32.to_be_bytes()[..], &string(b"ssh-ed25519"), &64_u32.to_be_bytes()].concat();
    let signature = signature.strip_prefix(&head[..]).unwrap_or_else(|| panic!("{signature:?}"));
    UnparsedPublicKey::new(&ED25519, &blob[19..]).verify(b"to be signed", signature).unwrap();

    let key = KEY.lines().nth(1).unwrap();
    let answer = bed.answer("GET", &format!("/images/{}/history", made.image)).await;
    assert!(answer.contains("/c/ask < /c/sign") && !answer.contains(key), "{answer}");
}

pub(crate) async fn a_key_that_is_not_there_fails_the_build_that_mounts_it(bed: &Bed) {
    let dockerfile = "FROM BASE\nRUN --mount=type=ssh,required echo never\n";
    let table = [
        (Vec::new(), "no ssh"),
        (pair("other", KEY), "the build has no ssh key default"),
        (pair("a", "b"), "ssh key `a`"),
    ];
    for (ssh, expected) in table {
        let mut request = request(bed, dockerfile, Folder::default());
        request.build.ssh = ssh;
        let why = failed(BuildKit::new(bed.docker.clone()).build(&request, &deaf()).await).to_string();
        assert!(why.to_lowercase().contains(expected), "{why}");
    }
}

pub(crate) async fn an_image_that_is_only_mounted_is_told(bed: &Bed) {
    let other: Reference = format!("{}/acre-test/{}:1", bed.registry, unique("mounted")).parse().unwrap();
    make(bed, &other).await;
    let digest = bed.runtime().push(&other, &Logins::default(), &deaf()).await.unwrap();
    let dockerfile = format!("FROM BASE\nRUN --mount=from={other},target=/other test -x /other/bin/busybox\n");
    let mut request = request(bed, &dockerfile, Folder::default());
    request.build.no_cache = true;
    request.build.dependencies = None;
    let made = built(bed, &BuildKit::new(bed.docker.clone()), &request).await;
    let mounted = made.used.iter().find(|image| image.reference == other);
    assert_eq!(mounted.map(|image| image.digest), Some(Some(digest)), "{:?}", made.used);
}

pub(crate) async fn stages_are_named_and_what_was_cached_is_told(bed: &Bed) {
    let mark = unique("stages");
    // Another test's file of the same content would be in the engine's cache.
    let folder = || Folder::default().file("a", mark.as_str());
    let dockerfile = |last: &str| {
        format!(
            "FROM BASE AS made\nRUN echo {mark} > /one\nRUN echo two > /two\n\
             FROM BASE\nCOPY a /a\nCOPY --from=made /one /two /\nRUN {last}\n"
        )
    };
    let cached = [
        "[made 2/3] RUN echo MARK > /one",
        "[made 3/3] RUN echo two > /two",
        "[stage-1 2/4] COPY a /a",
        "[stage-1 3/4] COPY --from=made /one /two /",
    ];
    for (last, is_cached) in [("echo first", false), ("echo second", true)] {
        let (say, heard) = listener();
        let request = request(bed, &dockerfile(last), folder());
        let made = BuildKit::new(bed.docker.clone()).build(&request, &say).await.unwrap();
        drop(say);
        bed.forget(made.image);
        let heard = heard.await.unwrap();
        let text = output(&heard).replace(&mark, "MARK");
        for step in cached {
            assert_eq!(end_of(&text, step) == "CACHED", is_cached, "{step} in:\n{text}");
        }
        assert!(end_of(&text, &format!("[stage-1 4/4] RUN {last}")).starts_with("DONE "), "{text}");
        let at_work =
            heard.iter().any(|said| matches!(said, Said::Status(text) if text.starts_with("[stage-1 4/4] RUN")));
        assert!(at_work, "{heard:?}");
    }
}

pub(crate) async fn what_a_hostile_dockerfile_asks_for_is_refused(bed: &Bed) {
    let line = "x".repeat(900 << 10);
    let table = [
        ("# syntax=evil/x:1\nFROM BASE\n".to_owned(), "Dockerfile:1: `# syntax=evil/x:1`"),
        ("FROM BASE\nRUN --network=host true\n".to_owned(), "network"),
        ("FROM BASE\nRUN --security=insecure true\n".to_owned(), "security"),
        ("FROM BASE\nCOPY ../../x /\n".to_owned(), "not found"),
        (format!("FROM BASE\nRUN {line}\n"), ""),
        ("FROM BASE\n".repeat(1000) + "RUN exit 7\n", "exit code 7"),
    ];
    for (dockerfile, expected) in table {
        let request = request(bed, &dockerfile, Folder::default());
        let error = failed(BuildKit::new(bed.docker.clone()).build(&request, &deaf()).await);
        let start: String = dockerfile.chars().take(80).collect();
        assert!(matches!(error, EngineError::Refused(_) | EngineError::BuildFailed { .. }), "{start}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(expected) && text.len() < 2000, "{expected}: {text}");
    }
}

/// What is told last of a step.
fn end_of<'a>(text: &'a str, step: &str) -> &'a str {
    let head = text.lines().find_map(|line| line.strip_suffix(step)).unwrap_or_else(|| panic!("no {step} in:\n{text}"));
    text.lines().rev().find_map(|line| line.strip_prefix(head)).unwrap_or_default()
}

/// What the registry answers.
async fn registered(bed: &Bed, path: &str, accept: &str) -> String {
    let mut socket = TcpStream::connect(&bed.registry).await.unwrap();
    let host = &bed.registry;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// An engine with Docker's own store writes none but that of the image.
pub(crate) async fn an_image_carries_its_cache_and_gives_it(bed: &Bed) {
    let builder = BuildKit::new(bed.docker.clone());
    let name = format!("{}/acre-test/{}", bed.registry, unique("cache"));
    let dockerfile = format!("FROM BASE\nRUN echo {name} > /made\n");
    let mut first = request(bed, &dockerfile, Folder::default());
    first.build.tags = vec![name.parse().unwrap()];
    first.build.cache_to = vec![format!("type=registry,ref={name}-cache,mode=max")];
    let (say, heard) = listener();
    let made = builder.build(&first, &say).await.unwrap();
    drop(say);
    bed.forget(&name);
    bed.forget(made.image);
    let heard = output(&heard.await.unwrap());
    let is_docker_store = !bed.runtime().info().await.unwrap().containerd_store;
    assert_eq!(heard.contains(&format!("cannot write a cache to {name}-cache:latest")), is_docker_store, "{heard}");
    bed.runtime().push(&first.build.tags[0], &Logins::default(), &deaf()).await.unwrap();

    let kind = "application/vnd.docker.distribution.manifest.v2+json";
    let repository = name.split_once('/').unwrap().1;
    let manifest = registered(bed, &format!("/v2/{repository}/manifests/latest"), kind).await;
    let (_, config) = manifest.split_once("\"digest\": \"").unwrap_or_else(|| panic!("{manifest}"));
    let config = registered(bed, &format!("/v2/{repository}/blobs/{}", &config[..71]), "*/*").await;
    assert_eq!(config.contains("moby.buildkit.cache.v0"), is_docker_store, "{config}");

    let mut second = request(bed, &format!("{dockerfile}RUN echo more\n"), Folder::default());
    second.build.cache_from = vec![name.clone(), format!("{}/acre-test/nothing:1", bed.registry)];
    let (say, heard) = listener();
    let made = builder.build(&second, &say).await.unwrap();
    drop(say);
    bed.forget(made.image);
    let heard = output(&heard.await.unwrap());
    assert!(heard.contains(&format!("importing cache manifest from {name}")), "{heard}");

    // A cache that is not there is not what a build fails by.
    second.dockerfile.text = format!("FROM {}\nRUN exit 3\n", bed.base).into_bytes().into();
    let error = failed(builder.build(&second, &deaf()).await);
    let EngineError::BuildFailed { message, exit_code: Some(3) } = &error else { panic!("{error:?}") };
    assert_eq!(message, "RUN exit 3: exit code 3 (Dockerfile:2)");
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A program that needs nothing of the image it runs in.
fn asker() -> Vec<u8> {
    let folder = tempfile::TempDir::new().unwrap();
    let program = folder.path().join("ask");
    let mut compile = Command::new("cc");
    compile
        .args(["-static", "-O1", "-o"])
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine_contract/ask.c"));
    let done = compile.stdin(Stdio::null()).output().expect("this test needs a C compiler");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(program).unwrap()
}
