//! The contract of [`acre_agent::engine::Builder`].

use crate::{
    bed::{Bed, deaf, failed, listener, unique},
    folder::Folder,
    proxy::Guarded,
    runtime::{SECRET, logins},
};
use acre_agent::engine::{
    BuildRequest, Builder, Built, ContainerSpec, DockerfileText, EngineError, Labels, Logins, Output, Said,
};
use acre_model::{
    plan::{Build, Dependency, Role},
    reference::Reference,
};
use std::time::Duration;

pub(crate) fn request(bed: &Bed, dockerfile: &str, folder: Folder) -> BuildRequest {
    BuildRequest {
        build: Build {
            dockerfile: "Dockerfile".to_owned(),
            dependencies: Some(vec![Dependency { role: Role::Runtime, reference: bed.base.clone(), pinned: false }]),
            ..Build::default()
        },
        platform: bed.platform.clone(),
        context: folder.snapshot(),
        dockerfile: DockerfileText {
            text: dockerfile.replace("BASE", &bed.base.to_string()).into_bytes().into(),
            ignore: None,
        },
        shared_key: bed.sandbox.name.clone(),
        logins: Logins::default(),
        output: Output::Store,
        isolation: None,
    }
}

pub(crate) async fn built(bed: &Bed, builder: &dyn Builder, request: &BuildRequest) -> Built {
    let (say, heard) = listener();
    let built = builder.build(request, &say).await;
    drop(say);
    let heard = heard.await.unwrap();
    let built = built.unwrap_or_else(|error| panic!("{error}\n{}", output(&heard)));
    bed.forget(built.image);
    built
}

/// Has an image of the test's own under this name. A pulled one would not do to be pushed: an engine with the containerd
/// store keeps the whole index of it and the content of one platform, and before Docker 27 it can push nothing less.
pub(crate) async fn make(bed: &Bed, reference: &Reference) {
    let dockerfile = format!("FROM BASE\nLABEL acre.test={}\n", bed.sandbox.name);
    let mut request = request(bed, &dockerfile, Folder::default());
    request.build.tags = vec![reference.clone()];
    bed.forget(reference);
    built(bed, &*bed.builder(), &request).await;
}

/// What a build says as output.
pub(crate) fn output(heard: &[Said]) -> String {
    let output = heard.iter().filter_map(|said| match said {
        Said::Output(_, bytes) => Some(String::from_utf8_lossy(bytes)),
        Said::Status(_) => None,
    });
    output.collect()
}

/// What a shell script says in a container of a built image.
pub(crate) async fn said_in(bed: &Bed, built: &Built, script: &str) -> String {
    let spec = ContainerSpec { image: built.image.to_string(), ..bed.shell(script) };
    let left = bed.run(&spec).await;
    assert_eq!(left.exit, 0, "{script}: {left:?}");
    String::from_utf8(left.stdout).unwrap()
}

pub(crate) async fn a_build_makes_an_image_and_tells_what_it_used(bed: &Bed, builder: &dyn Builder) {
    let folder = Folder::default().file("a", "hello\n");
    let mut request = request(bed, "FROM BASE\nCOPY a /a\nRUN cat /a && echo again > /b\n", folder);
    let names = ["one", "two"].map(|name| format!("{}/{name}", unique("tagged")));
    request.build.tags = names.iter().map(|name| name.parse().unwrap()).collect();
    request.build.no_cache = true;
    let (say, heard) = listener();
    let built = builder.build(&request, &say).await.unwrap();
    drop(say);
    let heard = heard.await.unwrap();
    names.iter().for_each(|name| bed.forget(name));
    assert_eq!(said_in(bed, &built, "cat /a /b").await, "hello\nagain\n");
    for name in &names {
        let image = bed.runtime().image(name).await.unwrap().unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(image.id, built.image);
    }
    let [used] = &built.used[..] else { panic!("{:?}", built.used) };
    assert_eq!(used.reference, bed.base);
    let base = bed.runtime().image(&bed.base.to_string()).await.unwrap().unwrap();
    let digest = used.digest.expect("the digest of the base");
    assert!(base.digests.iter().any(|(_, known)| *known == digest), "{digest} is none of {base:?}");
    assert!(output(&heard).contains("hello"), "{}", output(&heard));
    assert!(heard.iter().any(|said| matches!(said, Said::Status(text) if text.contains("RUN"))), "{heard:?}");
}

/// Also those that are only copied from, and by whatever name the Dockerfile gives them.
pub(crate) async fn all_images_that_were_used_are_told(bed: &Bed, builder: &dyn Builder) {
    let other: Reference = format!("{}/acre-test/{}:1", bed.registry, unique("other")).parse().unwrap();
    make(bed, &other).await;
    let digest = bed.runtime().push(&other, &Logins::default(), &deaf()).await.unwrap();
    let dockerfile = format!(
        "FROM BASE AS first\nRUN echo one > /one\nFROM BASE\nCOPY --from=first /one /\nCOPY --from={other} /bin/busybox /other\n"
    );
    let of = |reference: &Reference| Dependency { role: Role::BuildTime, reference: reference.clone(), pinned: false };
    for dependencies in [None, Some(vec![of(&bed.base), of(&other)])] {
        let mut request = request(bed, &dockerfile, Folder::default());
        request.build.dependencies = dependencies;
        request.build.no_cache = true;
        let built = built(bed, builder, &request).await;
        let mut used = built.used.clone();
        used.sort_by_key(|image| image.reference != bed.base);
        let [base, copied] = &used[..] else { panic!("{used:?}") };
        assert!(base.reference == bed.base && base.digest.is_some(), "{used:?}");
        assert_eq!((&copied.reference, copied.digest), (&other, Some(digest)));
    }
}

pub(crate) async fn a_run_that_fails_tells_its_code_and_all_its_output(bed: &Bed, builder: &dyn Builder) {
    let dockerfile = format!("FROM BASE\nRUN echo {} && seq 1 3000 && printf last-words && exit 7\n", unique("fail"));
    let (say, heard) = listener();
    let error = failed(builder.build(&request(bed, &dockerfile, Folder::default()), &say).await);
    drop(say);
    let EngineError::BuildFailed { exit_code, message } = &error else { panic!("{error:?}") };
    assert_eq!(*exit_code, Some(7), "{message}");
    assert!(message.starts_with("RUN echo ") && message.ends_with(": exit code 7 (Dockerfile:2)"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    let output = output(&heard.await.unwrap());
    let numbers = output.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
    let numbers: Vec<u32> = numbers.skip_while(|number| *number != 1).take(3000).collect();
    assert!(numbers.iter().copied().eq(1..=3000), "{} numbers in {output}", numbers.len());
    assert!(output.contains("last-words"), "{output}");
}

pub(crate) async fn what_the_ignore_file_names_is_not_there(bed: &Bed, builder: &dyn Builder) {
    let folder = Folder::default()
        .file(".dockerignore", "# comment\n*.log\nd\n!d/kept\n**/deep\n")
        .file("a.log", "x")
        .file("b", "x")
        .file("d/gone", "x")
        .file("d/kept", "x")
        .file("e/f/deep/g", "x")
        .file("e/f/h", "x");
    let request = request(bed, "FROM BASE\nCOPY . /c/\n", folder);
    let built = built(bed, builder, &request).await;
    let found = said_in(bed, &built, "cd /c && find . -type f | sort").await;
    assert_eq!(found, "./.dockerignore\n./b\n./d/kept\n./e/f/h\n");
}

pub(crate) async fn the_dockerfiles_own_ignore_file_replaces_the_contexts(bed: &Bed, builder: &dyn Builder) {
    let folder = Folder::default().file(".dockerignore", "a\n").file("a", "x").file("b", "x");
    let mut request = request(bed, "FROM BASE\nCOPY . /c/\n", folder);
    request.dockerfile.ignore = Some("b\n.dockerignore\n".into());
    let built = built(bed, builder, &request).await;
    assert_eq!(said_in(bed, &built, "ls -A /c").await, "a\n");
}

/// A session of BuildKit used twice shows the second build the files of the first.
pub(crate) async fn a_changed_file_is_seen_by_the_next_build(bed: &Bed, builder: &dyn Builder) {
    for content in ["one", "one and more", "one"] {
        let folder = Folder::default().file("a", content).file("same", "same");
        let request = request(bed, "FROM BASE\nCOPY . /c/\n", folder);
        let built = built(bed, builder, &request).await;
        assert_eq!(said_in(bed, &built, "cat /c/a").await, content);
    }
}

/// BuildKit compares sizes and times, never contents.
pub(crate) async fn a_file_that_changes_and_keeps_its_size_is_seen(bed: &Bed, builder: &dyn Builder) {
    for content in ["aaaa", "bbbb", "cccc", "aaaa"] {
        let folder = Folder::default().file("d/a", content);
        let request = request(bed, "FROM BASE\nCOPY d /d/\n", folder);
        let built = built(bed, builder, &request).await;
        assert_eq!(said_in(bed, &built, "cat /d/a").await, content);
    }
}

pub(crate) async fn a_canceled_build_leaves_no_process(bed: &Bed, builder: &dyn Builder) {
    let seconds = format!("1000.{}", std::process::id());
    let dockerfile = format!("FROM BASE\nRUN echo {}; echo up; sleep {seconds}\n", unique("cancel"));
    let request = request(bed, &dockerfile, Folder::default());
    let (say, mut said) = tokio::sync::mpsc::channel(64);
    let up = async {
        let mut heard = Vec::new();
        while !output(&heard).contains("up\n") {
            heard.push(said.recv().await.expect("the build goes on"));
        }
        until("RUN sleeps", || sleeps(&seconds)).await;
    };
    tokio::select! {
        ended = builder.build(&request, &say) => panic!("{ended:?}"),
        () = up => {}
    }
    // The build has been dropped.
    until("the process of RUN has ended", || !sleeps(&seconds)).await;
}

/// There is no event for what happens to a process that is not ours.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        while !holds() {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), held).await.expect(what);
}

/// Whether this machine, which the engine must be on, has such a `sleep`.
fn sleeps(seconds: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let command = |process: std::fs::DirEntry| std::fs::read(process.path().join("cmdline")).unwrap_or_default();
    processes.map(command).any(|command| command == format!("sleep\0{seconds}\0").as_bytes())
}

pub(crate) async fn a_large_file_arrives(bed: &Bed, builder: &dyn Builder) {
    // Numbers in a row compress badly enough, and no two pieces are alike.
    let content: Vec<u8> =
        (0..15_000_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let expected = {
        use sha2::Digest as _;
        acre_model::digest::Digest::from_bytes(sha2::Sha256::digest(&content).into())
    };
    let folder = Folder::default().file("large", content).file("small", "x").file("empty", "");
    let request = request(bed, "FROM BASE\nCOPY . /c/\n", folder);
    let built = built(bed, builder, &request).await;
    let sum = said_in(bed, &built, "sha256sum /c/large; stat -c %s /c/small /c/empty").await;
    assert_eq!(sum, format!("{}  /c/large\n1\n0\n", expected.hex()));
}

/// A folder of many small files is asked for faster than it is answered.
pub(crate) async fn ten_thousand_small_files_arrive(bed: &Bed, builder: &dyn Builder) {
    let path = |number: u32| format!("d{}/e{}/f{number}", number % 7, number % 61);
    let folder =
        (0..10_000).fold(Folder::default(), |folder, number| folder.file(&path(number), format!("{number}\n")));
    let request = request(bed, "FROM BASE\nCOPY . /c/\n", folder);
    let built = built(bed, builder, &request).await;
    let sum = said_in(bed, &built, "cd /c; find . -type f | wc -l; cat */*/* | sort -n | uniq | tail -n 1").await;
    assert_eq!(sum, "10000\n9999\n");
    let all = said_in(bed, &built, "cd /c; cat */*/* | wc -c").await;
    assert_eq!(all, format!("{}\n", (0..10_000).map(|number: u32| number.to_string().len() + 1).sum::<usize>()));
}

pub(crate) async fn modes_links_and_names_survive(bed: &Bed, builder: &dyn Builder) {
    let long = format!("{}/{}", "n".repeat(120), "m".repeat(120));
    let folder = Folder::default()
        .mode("bin/run", "#!/bin/sh\necho ran\n", 0o755)
        .link("bin/link", "run")
        .link("out", "/etc/passwd")
        .directory("closed", 0o1700)
        .file("ü a/日本 (1).txt", "name\n")
        .file("a-b", "x")
        .file("a.c", "x")
        .file("a/b", "x")
        .file(&long, "long\n");
    let dockerfile = "FROM BASE\nCOPY . /c/\nCOPY [\"ü a\", \"/d/\"]\nCOPY bin/link /linked\n";
    let request = request(bed, dockerfile, folder);
    let built = built(bed, builder, &request).await;
    let script = format!(
        "cd /c; ./bin/link; readlink bin/link; readlink out; stat -c '%a %u:%g' bin/run closed; cat 'ü a/日本 (1).txt'; \
         cat '/d/日本 (1).txt' {long}; /linked"
    );
    let expected = "ran\nrun\n/etc/passwd\n755 0:0\n1700 0:0\nname\nname\nlong\nran\n";
    assert_eq!(said_in(bed, &built, &script).await, expected);
}

pub(crate) async fn arguments_target_and_labels_are_taken_over(bed: &Bed, builder: &dyn Builder) {
    let dockerfile = "FROM BASE AS first\nARG WHO\nRUN echo \"$WHO\" > /who\nFROM BASE AS last\nRUN exit 1\n";
    let mut request = request(bed, dockerfile, Folder::default());
    let label = (unique("label"), "a value".to_owned());
    request.build.arguments = vec![("WHO".to_owned(), "two words,\"quoted\"\nand more".to_owned())];
    request.build.target = Some("first".to_owned());
    request.build.labels = vec![label.clone()];
    let built = built(bed, builder, &request).await;
    assert_eq!(said_in(bed, &built, "cat /who").await, "two words,\"quoted\"\nand more\n");
    // A container has the labels of its image.
    let found = bed.runtime().find_containers(&Labels::from([label])).await.unwrap();
    assert_eq!(found.len(), 1);
}

pub(crate) async fn a_base_that_is_nowhere_cannot_be_pulled(bed: &Bed, builder: &dyn Builder) {
    let missing = format!("FROM {}/acre-test/nothing:1\n", bed.registry);
    let error = failed(builder.build(&request(bed, &missing, Folder::default()), &deaf()).await);
    assert!(matches!(error, EngineError::NotPullable { .. }), "{error:?}");
    let away = "FROM 127.0.0.1:1/acre-test/nothing:1\n";
    let error = failed(builder.build(&request(bed, away, Folder::default()), &deaf()).await);
    assert!(matches!(error, EngineError::RegistryFailed { .. }), "{error:?}");
}

pub(crate) async fn a_dockerfile_with_a_fault_fails_the_build(bed: &Bed, builder: &dyn Builder) {
    for dockerfile in ["FRMO BASE\n", "FROM BASE\nCOPY nothing /\n", ""] {
        let error = failed(builder.build(&request(bed, dockerfile, Folder::default()), &deaf()).await);
        assert!(matches!(&error, EngineError::BuildFailed { exit_code: None, .. }), "{dockerfile}: {error:?}");
    }
}

pub(crate) async fn a_file_that_cannot_be_fetched_is_a_failed_transfer(bed: &Bed, builder: &dyn Builder) {
    let folder = Folder::default().file("a", "x").lost("b");
    let error = failed(builder.build(&request(bed, "FROM BASE\nCOPY . /c/\n", folder), &deaf()).await);
    let EngineError::Transfer(why) = &error else { panic!("{error:?}") };
    assert!(why.contains("b: the farm does not have it"), "{why}");
}

/// It is served from memory, and one of the context is a file like any other.
pub(crate) async fn the_dockerfile_is_not_in_the_context(bed: &Bed, builder: &dyn Builder) {
    let folder = Folder::default().file("Dockerfile", "FROM scratch\n").file("a", "x");
    let request = request(bed, "FROM BASE\nCOPY . /c/\n", folder);
    let built = built(bed, builder, &request).await;
    assert_eq!(said_in(bed, &built, "cd /c; ls -A; cat Dockerfile").await, "Dockerfile\na\nFROM scratch\n");
}

pub(crate) async fn a_login_is_used_for_the_base(bed: &Bed, builder: &dyn Builder) {
    let guarded = Guarded::before(&bed.registry, "someone", SECRET).await;
    let reference = format!("{}/{}", guarded.address, bed.base.to_string().split_once('/').unwrap().1);
    bed.forget(&reference);
    let mut request = request(bed, &format!("FROM {reference}\nRUN true\n"), Folder::default());
    request.build.pull = true;
    let error = failed(builder.build(&request, &deaf()).await);
    assert!(matches!(error, EngineError::NotPullable { .. }), "{error:?}");
    request.logins = logins(&guarded.address, SECRET);
    built(bed, builder, &request).await;
}
