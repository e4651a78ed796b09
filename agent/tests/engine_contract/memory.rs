//! Volumes in memory: what a step finds in them, and that nothing of them stays.

use crate::bed::{Bed, failed, left, read_until};
use acre_agent::engine::{ContainerSpec, EngineError, Held, HeldVolume, SandboxSpec};
use acre_model::{plan::Cmd, secret::SecretValue};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// What no text holds: every byte there is.
fn bytes() -> Vec<u8> {
    (0..=255).collect()
}

/// A sandbox whose volumes `keys` and `more` are in memory.
fn sandbox(bed: &Bed) -> SandboxSpec {
    SandboxSpec { memory: ["keys", "more"].map(str::to_owned).into(), ..bed.sandbox.clone() }
}

fn volume(name: String, files: &[(&str, &[u8])]) -> HeldVolume {
    let files = files.iter().map(|(name, content)| ((*name).to_owned(), SecretValue::new(content.to_vec())));
    HeldVolume { name, files: files.collect() }
}

fn held(bed: &Bed) -> Held {
    let sandbox = sandbox(bed);
    Held {
        name: format!("{}-holder", sandbox.name),
        volumes: vec![
            volume(sandbox.volume("keys"), &[("id", b"a secret\n"), ("empty", b""), ("all.bin", &bytes())]),
            volume(sandbox.volume("more"), &[("id", b"another\n")]),
        ],
    }
}

/// A container that has `keys` at `/keys` and runs this script.
fn with_keys(bed: &Bed, script: &str) -> ContainerSpec {
    let arguments = ["sh", "-c", script].map(str::to_owned).to_vec();
    let volumes = vec![("keys".to_owned(), "/keys".to_owned())];
    ContainerSpec { sandbox: sandbox(bed), ..bed.container(Cmd { arguments, volumes, ..Cmd::default() }) }
}

async fn said(bed: &Bed, spec: &ContainerSpec) -> String {
    let left = bed.run(spec).await;
    assert_eq!(left.exit, 0, "{left:?}");
    String::from_utf8(left.stdout).unwrap()
}

pub(crate) async fn files_in_memory_are_as_they_were_given(bed: &Bed) {
    let (sandbox, held) = (sandbox(bed), held(bed));
    let (first, second) = tokio::join!(bed.runtime().hold(&sandbox, &held), bed.runtime().hold(&sandbox, &held));
    first.and(second).unwrap();
    let script = "cd /keys; stat -c '%a %u:%g %s %n' . *; cat id; cat all.bin | sha256sum; \
                  awk '$2 == \"/keys\" {print $3}' /proc/mounts";
    let digest = HEXLOWER.encode(&Sha256::digest(bytes()));
    let expected = format!("644 0:0 256 all.bin\n644 0:0 0 empty\n644 0:0 9 id\na secret\n{digest}  -\ntmpfs\n");
    let whole = said(bed, &with_keys(bed, script)).await;
    let (folder, rest) = whole.split_once('\n').unwrap();
    assert!(folder.starts_with("755 0:0 "), "{folder}");
    assert_eq!(rest, expected);

    // A step that is not root reads them, and changes nothing.
    let mut other = with_keys(bed, "cat /keys/id; echo x > /keys/id || echo x > /keys/new || rm /keys/id");
    other.cmd.user = Some("1234:1234".to_owned());
    let left = bed.run(&other).await;
    assert!(left.exit != 0 && left.stdout == b"a secret\n", "{left:?}");
    let mut read_only = with_keys(bed, "cat /keys/id; echo x > /keys/id");
    read_only.cmd.volumes[0].1.push_str(":ro");
    let left = bed.run(&read_only).await;
    assert!(left.exit != 0 && left.stdout == b"a secret\n", "{left:?}");
    assert_eq!(said(bed, &with_keys(bed, "cat /keys/id")).await, "a secret\n");
}

/// It lives for as long as a container that has it, and no longer.
pub(crate) async fn what_is_in_memory_is_gone_with_its_holder(bed: &Bed) {
    let held = held(bed);
    bed.runtime().hold(&sandbox(bed), &held).await.unwrap();
    let waits = "echo up; until [ -e /workspace/go ]; do sleep 0.05; done; cat /keys/id";
    let (id, mut running) = bed.start(&with_keys(bed, waits)).await;
    read_until(&mut running, b"up\n").await;
    bed.runtime().remove(&held.name).await.unwrap();
    bed.said("touch /workspace/go").await;
    let kept = left(running).await;
    assert_eq!((kept.exit, &kept.stdout[..]), (0, &b"a secret\n"[..]), "{kept:?}");
    bed.runtime().remove(&id).await.unwrap();
    assert_eq!(said(bed, &with_keys(bed, "ls -A /keys")).await, "", "nobody has it any more");
}

/// The engine was restarted: the holder is there and does not run.
pub(crate) async fn a_holder_that_has_stopped_is_filled_again(bed: &Bed) {
    let held = held(bed);
    bed.runtime().hold(&sandbox(bed), &held).await.unwrap();
    bed.runtime().stop(&held.name, 0).await.unwrap();
    assert_eq!(said(bed, &with_keys(bed, "ls -A /keys")).await, "");
    bed.runtime().hold(&sandbox(bed), &held).await.unwrap();
    let script = "cat /keys/id; ls /keys | wc -l";
    assert_eq!(said(bed, &with_keys(bed, script)).await, "a secret\n3\n");
    // And of two holds one after the other, the second changes nothing.
    bed.runtime().hold(&sandbox(bed), &held).await.unwrap();
    assert_eq!(said(bed, &with_keys(bed, script)).await, "a secret\n3\n");
}

/// As an agent gives a step its logins: held until the step's container runs, which then keeps them for itself.
pub(crate) async fn logins_are_in_memory_for_one_container(bed: &Bed) {
    let script =
        "test \"$HOME\" = /acb/home; cat $HOME/.docker/config.json; awk '$2 ~ /docker/ {print $3}' /proc/mounts";
    let mut spec = bed.shell(&format!("echo up; until [ -e /workspace/go ]; do sleep 0.05; done; {script}"));
    let name = format!("{}-docker", spec.name);
    spec.docker_config = Some(name.clone());
    let text = b"{\"auths\":{}}\n";
    let held = Held { volumes: vec![volume(name.clone(), &[("config.json", text)])], name: name.clone() };
    bed.runtime().hold(&bed.sandbox, &held).await.unwrap();
    let (id, mut running) = bed.start(&spec).await;
    bed.runtime().remove(&name).await.unwrap();
    read_until(&mut running, b"up\n").await;
    // Another container of the sandbox does not have it, though they share their home.
    assert_eq!(bed.said("ls -A $HOME/.docker; touch /workspace/go").await, "");
    let ended = left(running).await;
    assert_eq!((ended.exit, &ended.stdout[..]), (0, &b"{\"auths\":{}}\ntmpfs\n"[..]), "{ended:?}");
    bed.runtime().remove(&id).await.unwrap();

    // The volume is empty now, and goes with the sandbox.
    let mut late = bed.shell("ls -A $HOME/.docker");
    late.docker_config = Some(name.clone());
    assert_eq!(said(bed, &late).await, "");
    assert!(bed.answer("GET", &format!("/volumes/{name}")).await.contains("200 OK"));
    bed.runtime().remove_labeled(&bed.sandbox.labels).await.unwrap();
    assert!(bed.answer("GET", &format!("/volumes/{name}")).await.contains("404 Not Found"));
}

/// Its 16 MiB are a limit: a step cannot fill the machine's memory.
pub(crate) async fn a_volume_in_memory_has_a_limit(bed: &Bed) {
    bed.runtime().hold(&sandbox(bed), &held(bed)).await.unwrap();
    let full = with_keys(bed, "head -c 17000000 /dev/zero > /keys/much");
    assert_ne!(bed.run(&full).await.exit, 0);
    let sandbox = sandbox(bed);
    let much = vec![0; 17 << 20];
    let held =
        Held { name: format!("{}-much", sandbox.name), volumes: vec![volume(sandbox.volume("more"), &[("a", &much)])] };
    let error = failed(bed.runtime().hold(&sandbox, &held).await);
    assert!(!matches!(error, EngineError::Unreachable { .. }), "{error:?}");
}
