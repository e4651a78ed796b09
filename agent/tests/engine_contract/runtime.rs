//! The contract of [`acre_agent::engine::Runtime`].

use crate::{
    bed::{Bed, deaf, failed, left, listener, read_until, unique},
    builder::{make, output},
    proxy::Guarded,
};
use acre_agent::engine::{EngineError, Login, Logins, SandboxSpec, Seen};
use acre_model::{
    digest::Digest,
    plan::{Cmd, Network},
    reference::Reference,
};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) async fn the_first_byte_of_output_is_seen(bed: &Bed) {
    let left = bed.run(&bed.shell("echo first; echo second >&2")).await;
    assert_eq!((left.exit, &left.stdout[..], &left.stderr[..]), (0, &b"first\n"[..], &b"second\n"[..]));
}

pub(crate) async fn the_exit_code_is_told(bed: &Bed) {
    assert_eq!(bed.run(&bed.shell("exit 7")).await.exit, 7);
}

pub(crate) async fn a_killed_container_tells_its_signal(bed: &Bed) {
    let (id, mut running) = bed.start(&bed.shell("echo up; sleep 1000")).await;
    read_until(&mut running, b"up").await;
    bed.runtime().remove(&id).await.unwrap();
    assert_eq!(left(running).await.exit, 137);
}

pub(crate) async fn stopping_is_term_then_kill(bed: &Bed) {
    let polite = bed.shell("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done");
    let (id, mut running) = bed.start(&polite).await;
    read_until(&mut running, b"up").await;
    bed.runtime().stop(&id, 30_000).await.unwrap();
    let ended = left(running).await;
    assert_eq!((ended.exit, &ended.stdout[..]), (3, &b"bye\n"[..]));

    let deaf = bed.shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
    let (id, mut running) = bed.start(&deaf).await;
    read_until(&mut running, b"up").await;
    let asked = Instant::now();
    bed.runtime().stop(&id, 1000).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(1), "killed before its grace was over");
    assert_eq!(left(running).await.exit, 137);
}

pub(crate) async fn a_hundred_thousand_lines_arrive_in_order(bed: &Bed) {
    let said = bed.said("seq 1 100000").await;
    let expected: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(said == expected, "{} of {} bytes arrived, or in another order", said.len(), expected.len());
}

pub(crate) async fn output_without_a_newline_arrives(bed: &Bed) {
    assert_eq!(bed.said("printf 'no newline'").await, "no newline");
    assert_eq!(bed.said("true").await, "");
}

/// Bytes that are not UTF-8, long lines and empty ones are kept over it, too.
pub(crate) async fn attaching_again_neither_gaps_nor_repeats(bed: &Bed) {
    let script = "printf '\\377\\000\\n\\n\\nx'; head -c 40000 /dev/zero | tr '\\0' y; echo; echo here; \
                  echo error >&2; until [ -e /workspace/go ]; do sleep 0.02; done; seq 1 5000; printf end";
    let (id, mut running) = bed.start(&bed.shell(script)).await;
    let mut all = read_until(&mut running, b"here\n").await;
    // Lines of standard error may have come in between.
    let stderr = all.windows(6).filter(|window| window == b"error\n").count() * 6;
    let seen = Seen { stdout: (all.len() - stderr) as u64, stderr: stderr as u64 };
    drop(running);
    let running = bed.runtime().reattach(&id, seen).await.unwrap();
    bed.said("touch /workspace/go").await;
    let rest = left(running).await;
    assert_eq!(rest.exit, 0);
    all.retain(|_| true);
    let mut stdout: Vec<u8> = all;
    if stderr > 0 {
        let at = stdout.windows(6).position(|window| window == b"error\n").unwrap();
        stdout.drain(at..at + 6);
    }
    stdout.extend_from_slice(&rest.stdout);
    let numbers: String = (1..=5000).map(|number| format!("{number}\n")).collect();
    let mut expected = b"\xff\0\n\n\nx".to_vec();
    expected.extend(vec![b'y'; 40000]);
    expected.extend_from_slice(format!("\nhere\n{numbers}end").as_bytes());
    assert!(stdout == expected, "{} bytes instead of {}", stdout.len(), expected.len());

    let whole = left(bed.runtime().reattach(&id, Seen::default()).await.unwrap()).await;
    assert!(whole.stdout == expected && whole.exit == 0, "the log of an ended container differs");
    assert_eq!(whole.stderr, b"error\n");
}

pub(crate) async fn a_container_that_is_gone_is_stopped_and_removed(bed: &Bed) {
    let id = bed.runtime().create(&bed.shell("true")).await.unwrap();
    let (first, second) = tokio::join!(bed.runtime().remove(&id), bed.runtime().remove(&id));
    first.and(second).unwrap();
    bed.runtime().stop(&id, 0).await.unwrap();
    bed.runtime().remove(&id).await.unwrap();
}

pub(crate) async fn a_program_that_is_not_there_is_the_steps_fault(bed: &Bed) {
    let spec = bed.container(Cmd { arguments: vec!["no-such-program".to_owned()], ..Cmd::default() });
    let id = bed.runtime().create(&spec).await.unwrap();
    let error = failed(bed.runtime().start(&id).await);
    let EngineError::Refused(text) = error else { panic!("{error:?}") };
    assert!(text.contains("no-such-program") && text.contains("127"), "{text}");
}

pub(crate) async fn containers_share_the_workspace_and_the_home(bed: &Bed) {
    bed.said("echo from-a > /workspace/a; echo home > $HOME/h").await;
    assert_eq!(bed.said("cat /workspace/a /acb/home/h").await, "from-a\nhome\n");
}

/// A tar of a directory, a file and a link, whose modes and target come out as they went in.
pub(crate) async fn files_go_in_and_come_out(bed: &Bed) {
    let (fill, again) = tokio::join!(
        bed.runtime().fill_workspace(&bed.sandbox, pieces(archive())),
        bed.runtime().fill_workspace(&bed.sandbox, pieces(archive())),
    );
    fill.and(again).unwrap();
    let seen = bed.said("cd /workspace; stat -c '%a %u %n' dir dir/run.sh; readlink dir/link; cat dir/run.sh").await;
    assert_eq!(seen, "751 0 dir\n6755 0 dir/run.sh\nrun.sh\nhello\n");

    bed.said("echo made > /workspace/dir/made").await;
    let whole = entries(bed, ".").await.unwrap();
    assert_eq!(whole["dir/run.sh"], ("hello\n".to_owned(), 0o6755));
    assert_eq!(whole["dir/link"].0, "run.sh");
    let part = entries(bed, "dir/made").await.unwrap();
    assert_eq!(part["made"].0, "made\n");
    assert!(entries(bed, "dir/nothing").await.is_none());
    assert!(matches!(failed(bed.runtime().read_workspace(&bed.sandbox, "../etc").await), EngineError::Refused(_)));
}

pub(crate) async fn a_broken_archive_is_a_failed_transfer(bed: &Bed) {
    let start = archive()[..700].to_vec();
    let broken = stream::iter([Ok(Bytes::from(start)), Err(io::Error::other("the farm is away"))]).boxed();
    let error = failed(bed.runtime().fill_workspace(&bed.sandbox, broken).await);
    assert!(matches!(&error, EngineError::Transfer(why) if why.contains("the farm is away")), "{error:?}");
}

fn archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |kind, path: &str, mode, content: &str, link: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        match link {
            "" => archive.append_data(&mut header, path, content.as_bytes()).unwrap(),
            link => archive.append_link(&mut header, path, link).unwrap(),
        }
    };
    add(tar::EntryType::Directory, "dir/", 0o751, "", "");
    add(tar::EntryType::Symlink, "dir/link", 0o777, "", "run.sh");
    add(tar::EntryType::Regular, "dir/run.sh", 0o6755, "hello\n", "");
    archive.into_inner().unwrap()
}

fn pieces(archive: Vec<u8>) -> stream::BoxStream<'static, io::Result<Bytes>> {
    let pieces: Vec<_> = archive.chunks(100).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

/// Content (or link target) and mode of all that an archive of the workspace holds.
async fn entries(bed: &Bed, path: &str) -> Option<BTreeMap<String, (String, u32)>> {
    let pieces = bed.runtime().read_workspace(&bed.sandbox, path).await.unwrap()?;
    let bytes = pieces.try_fold(Vec::new(), |mut all, piece| async move {
        all.extend_from_slice(&piece);
        Ok(all)
    });
    let bytes = bytes.await.unwrap();
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().trim_start_matches("./").to_owned();
        let mode = entry.header().mode().unwrap() & 0o7777;
        let mut content = String::new();
        match entry.link_name().unwrap() {
            Some(target) => content = target.to_string_lossy().into_owned(),
            None => drop(entry.read_to_string(&mut content).unwrap()),
        }
        found.insert(path, (content, mode));
    }
    Some(found)
}

/// A network of the engine's own kind.
pub(crate) fn network(name: &str) -> Network {
    Network { name: name.to_owned(), driver: "bridge".to_owned(), ipv6: false, skip_creation: false }
}

pub(crate) async fn containers_find_each_other_by_name(bed: &Bed) {
    let sandbox = SandboxSpec { network: Some(bed.sandbox.name.clone()), ..bed.sandbox.clone() };
    let network = network(&sandbox.name);
    let make = || bed.runtime().make_network(&network, &sandbox.labels);
    let (first, second) = tokio::join!(make(), make());
    first.and(second).unwrap();
    let mut server = bed.shell("echo up; while :; do echo hello | nc -l -p 7000; done");
    server.aliases = vec!["web".to_owned()];
    server.cmd.name = Some("other-name".to_owned());
    server.sandbox = sandbox.clone();
    let (_, mut running) = bed.start(&server).await;
    read_until(&mut running, b"up").await;
    for name in ["web", "other-name"] {
        let script = format!("until nc {name} 7000 </dev/null; do sleep 0.1; done");
        let mut client = bed.shell(&script);
        client.sandbox = sandbox.clone();
        let left = bed.run(&client).await;
        assert_eq!(left.stdout, b"hello\n", "{name}");
    }
}

pub(crate) async fn what_is_labeled_is_found_and_removed(bed: &Bed) {
    let sandbox = SandboxSpec { network: Some(bed.sandbox.name.clone()), ..bed.sandbox.clone() };
    bed.runtime().make_network(&network(&sandbox.name), &sandbox.labels).await.unwrap();
    let labels = &sandbox.labels;
    let mut waiting = bed.shell("true");
    waiting.sandbox = sandbox.clone();
    waiting.cmd.volumes = vec![("cache".to_owned(), "/cache".to_owned())];
    let waiting = bed.runtime().create(&waiting).await.unwrap();
    let mut sleeping = bed.shell("sleep 1000");
    sleeping.sandbox = sandbox.clone();
    let (sleeping, _running) = bed.start(&sleeping).await;
    let mut found = bed.runtime().find_containers(labels).await.unwrap();
    found.sort_by_key(|found| found.started);
    let states: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.started, one.running)).collect();
    assert_eq!(states, [(waiting.as_str(), false, false), (sleeping.as_str(), true, true)]);
    assert!(found.iter().all(|one| one.name.starts_with(&sandbox.name) && one.labels == *labels));
    assert_eq!(bed.runtime().find_labels(labels).await.unwrap(), std::slice::from_ref(labels));

    bed.runtime().remove_labeled(labels).await.unwrap();
    assert_eq!(bed.runtime().find_labels(labels).await.unwrap(), []);
    bed.runtime().remove_labeled(labels).await.unwrap();
}

pub(crate) async fn an_image_that_is_missing_is_told(bed: &Bed) {
    let missing = format!("{}/acre-test/nothing:1", bed.registry);
    assert_eq!(bed.runtime().image(&missing).await.unwrap(), None);
    let spec = acre_agent::engine::ContainerSpec { image: missing.clone(), ..bed.shell("true") };
    assert_eq!(failed(bed.runtime().create(&spec).await), EngineError::NoImage(missing.clone()));
    let reference: Reference = missing.parse().unwrap();
    let pushed = bed.runtime().push(&reference, &Logins::default(), &deaf()).await;
    assert!(matches!(failed(pushed), EngineError::NoImage(_)));
}

pub(crate) async fn what_no_registry_has_cannot_be_pulled(bed: &Bed) {
    let reference: Reference = format!("{}/acre-test/nothing:1", bed.registry).parse().unwrap();
    let error = failed(bed.runtime().pull(&reference, None, &Logins::default(), &deaf()).await);
    assert!(matches!(error, EngineError::NotPullable { .. }) && !error.may_pass(), "{error:?}");
}

pub(crate) async fn a_push_tells_the_digest_the_registry_has(bed: &Bed) {
    let reference: Reference = format!("{}/{}:1", bed.registry, unique("pushed")).parse().unwrap();
    make(bed, &reference).await;
    let (say, heard) = listener();
    let digest = bed.runtime().push(&reference, &Logins::default(), &say).await.unwrap();
    drop(say);
    assert_eq!(digest_in_registry(&reference).await, digest);
    let heard = output(&heard.await.unwrap());
    // All but the first and the last line are on a layer.
    let of_layers = heard.lines().filter(|line| !line.starts_with("The push refers to ") && !line.contains("digest: "));
    let ids: Vec<&str> = of_layers.map(|line| line.split_once(": ").map_or("", |(id, _)| id)).collect();
    let is_id = |id: &&str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(!ids.is_empty() && ids.iter().all(is_id), "{heard}");
    let image = bed.runtime().image(&reference.to_string()).await.unwrap().unwrap();
    assert!(image.digests.contains(&(reference.name(), digest)), "{digest}: {image:?}");
}

/// `Docker-Content-Digest` of a manifest (OCI distribution spec, "Pulling manifests").
async fn digest_in_registry(reference: &Reference) -> Digest {
    let host = reference.registry().unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let path = format!("/v2/{}/manifests/{}", reference.repository(), reference.tag().unwrap());
    let accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, \
                  application/vnd.oci.image.index.v1+json";
    let request = format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let header = answer.lines().find_map(|line| line.strip_prefix("Docker-Content-Digest: "));
    header.unwrap_or_else(|| panic!("no digest in {answer}")).trim().parse().unwrap()
}

pub(crate) async fn a_registry_that_is_away_may_come_back(bed: &Bed) {
    let reference: Reference = format!("127.0.0.1:1/{}:1", unique("away")).parse().unwrap();
    make(bed, &reference).await;
    for error in [
        failed(bed.runtime().push(&reference, &Logins::default(), &deaf()).await),
        failed(bed.runtime().pull(&reference, None, &Logins::default(), &deaf()).await),
    ] {
        assert!(
            matches!(&error, EngineError::RegistryFailed { registry, .. } if registry == "127.0.0.1:1"),
            "{error:?}"
        );
    }
}

/// Whatever its place, some of these characters are ones that base64 writes in two ways.
pub(crate) const SECRET: &str = "a???~~~>>>ü";

/// A login of `someone`.
pub(crate) fn logins(registry: &str, secret: &str) -> Logins {
    let login = Login { username: "someone".to_owned(), secret: secret.to_owned() };
    [(registry.to_owned(), login)].into_iter().collect()
}

pub(crate) async fn a_login_is_used_and_a_wrong_one_refused(bed: &Bed) {
    let guarded = Guarded::before(&bed.registry, "someone", SECRET).await;
    let reference: Reference = format!("{}/{}:1", guarded.address, unique("login")).parse().unwrap();
    make(bed, &reference).await;
    for wrong in [Logins::default(), logins(&guarded.address, "wrong")] {
        let error = failed(bed.runtime().push(&reference, &wrong, &deaf()).await);
        assert!(matches!(error, EngineError::RegistryRefused { .. }), "{error:?}");
    }
    let right = logins(&guarded.address, SECRET);
    bed.runtime().push(&reference, &right, &deaf()).await.unwrap();
    let error = failed(bed.runtime().pull(&reference, None, &logins(&guarded.address, "wrong"), &deaf()).await);
    assert!(matches!(error, EngineError::NotPullable { .. }), "{error:?}");
    bed.runtime().pull(&reference, None, &right, &deaf()).await.unwrap();
}
