//! What a container is given of the engine and its machine, and what it is not: networks, privileges, the socket; and
//! what its health check finds.

use crate::{
    bed::{Bed, failed, left, read_until},
    builder::{built, request},
    folder::Folder,
    runtime::network,
};
use acre_agent::engine::{ContainerSpec, EngineError, SandboxSpec, docker::classic::Classic};
use acre_model::{
    capability::Privileges,
    plan::{Cmd, Network},
};
use futures::FutureExt as _;
use std::os::unix::fs::MetadataExt as _;

/// A container of this sandbox on this network of its task.
fn on_network(bed: &Bed, sandbox: &SandboxSpec, name: &str, script: &str) -> ContainerSpec {
    let mut spec = ContainerSpec { sandbox: sandbox.clone(), ..bed.shell(script) };
    spec.cmd.network = Some(name.to_owned());
    spec
}

/// A sandbox whose task declares these networks.
fn declaring(bed: &Bed, networks: Vec<Network>) -> SandboxSpec {
    SandboxSpec { networks, ..bed.sandbox.clone() }
}

pub(crate) async fn a_declared_network_has_ipv6_if_it_asks_for_it(bed: &Bed) {
    let sandbox = declaring(bed, vec![Network { ipv6: true, ..network("six") }, network("four")]);
    for name in ["six", "four"] {
        let declared = sandbox.declared(name);
        let (first, second) = tokio::join!(
            bed.runtime().make_network(&declared, &sandbox.labels),
            bed.runtime().make_network(&declared, &sandbox.labels)
        );
        first.and(second).unwrap();
        let told = bed.answer("GET", &format!("/networks/{}", declared.name)).await;
        assert!(told.contains(&format!("\"EnableIPv6\":{}", name == "six")), "{told}");
    }
    // What a container has of it depends on the machine's kernel; the network's own address does not.
    let has_ipv6 = "test -e /proc/net/if_inet6";
    if bed.run(&bed.shell(has_ipv6)).await.exit == 0 {
        let addresses = |name| on_network(bed, &sandbox, name, "cat /proc/net/if_inet6 | grep -c '^fd' || true");
        for (name, expected) in [("six", &b"1\n"[..]), ("four", b"0\n")] {
            let left = bed.run(&addresses(name)).await;
            assert_eq!((left.exit, &left.stdout[..]), (0, expected), "{name}: {left:?}");
        }
    }
    bed.runtime().remove_labeled(&sandbox.labels).await.unwrap();
    for name in ["six", "four"] {
        let told = bed.answer("GET", &format!("/networks/{}", sandbox.declared(name).name)).await;
        assert!(told.contains("404 Not Found"), "{told}");
    }
}

/// A network that is on the engine already is used under its own name, and stays.
pub(crate) async fn a_network_of_somebody_elses_is_used_and_stays(bed: &Bed) {
    let theirs = Network { skip_creation: true, ..network(&format!("theirs-{}", bed.sandbox.name)) };
    let their_labels = [("acre.test".to_owned(), format!("{}-theirs", bed.sandbox.name))].into();
    bed.runtime().make_network(&theirs, &their_labels).await.unwrap();
    let sandbox = declaring(bed, vec![theirs.clone()]);
    assert_eq!(sandbox.declared(&theirs.name), theirs);

    let mut server = on_network(bed, &sandbox, &theirs.name, "echo up; while :; do echo hello | nc -l -p 7000; done");
    server.aliases = vec!["web".to_owned()];
    let (_, mut running) = bed.start(&server).await;
    read_until(&mut running, b"up").await;
    let client = "until nc web 7000 </dev/null; do sleep 0.1; done";
    assert_eq!(bed.run(&on_network(bed, &sandbox, &theirs.name, client)).await.stdout, b"hello\n");

    bed.runtime().remove_labeled(&sandbox.labels).await.unwrap();
    drop(left(running).await);
    let stays = bed.answer("GET", &format!("/networks/{}", theirs.name)).await.contains("200 OK");
    bed.runtime().remove_labeled(&their_labels).await.unwrap();
    assert!(stays, "it was removed with the sandbox");
}

pub(crate) async fn a_network_that_is_not_there_is_told(bed: &Bed) {
    let missing = Network { skip_creation: true, ..network("nowhere-at-all") };
    let sandbox = declaring(bed, vec![missing]);
    let spec = on_network(bed, &sandbox, "nowhere-at-all", "true");
    let error = match bed.runtime().create(&spec).await {
        Ok(id) => failed(bed.runtime().start(&id).await),
        Err(error) => error,
    };
    assert!(error.to_string().contains("nowhere-at-all") && !error.may_pass(), "{error:?}");
}

/// What only a privileged container may.
const PRIVILEGED: &str = "mkdir /m && mount -t tmpfs none /m && echo mounted";

pub(crate) async fn privileges_are_given_where_they_are_allowed(bed: &Bed) {
    let asks = |privileged, allowed| {
        let mut spec = bed.shell(PRIVILEGED);
        spec.cmd.privileged = privileged;
        spec.allows = Privileges { privileged: allowed, engine_socket: true };
        spec
    };
    let error = failed(bed.runtime().create(&asks(true, false)).await);
    assert!(matches!(&error, EngineError::Refused(why) if why.contains("--allow-privileged")), "{error:?}");
    let id = bed.runtime().create(&asks(true, true)).await.unwrap();
    assert!(bed.answer("GET", &format!("/containers/{id}/json")).await.contains("\"Privileged\":true"));
    match bed.runtime().start(&id).await {
        Ok(running) => assert_eq!(left(running).await.stdout, b"mounted\n"),
        // An engine that is in a container itself cannot give what it does not have.
        Err(EngineError::Refused(why)) if why.contains("unable to apply caps") => {}
        Err(error) => panic!("{error:?}"),
    }
    // Who does not ask for them has none, whatever is allowed.
    let left = bed.run(&asks(false, true)).await;
    assert!(left.exit != 0 && left.stdout.is_empty(), "{left:?}");
}

pub(crate) async fn the_engines_socket_is_given_where_it_is_allowed(bed: &Bed) {
    let asks = |engine_socket, allowed| {
        let mut spec = bed.shell("test -S /var/run/docker.sock && stat -c %i /var/run/docker.sock");
        spec.cmd.engine_socket = engine_socket;
        spec.allows = Privileges { privileged: true, engine_socket: allowed };
        spec
    };
    let error = failed(bed.runtime().create(&asks(true, false)).await);
    assert!(matches!(&error, EngineError::Refused(why) if why.contains("--engine-socket=allow")), "{error:?}");
    let left = bed.run(&asks(true, true)).await;
    let inode = std::fs::metadata(bed.host.strip_prefix("unix://").unwrap()).unwrap().ino();
    assert_eq!(String::from_utf8_lossy(&left.stdout), format!("{inode}\n"), "{left:?}");
    let left = bed.run(&asks(false, true)).await;
    assert!(left.exit != 0 && left.stdout.is_empty(), "{left:?}");
}

/// What its health check finds is told once it is asked for, and only of what is unhealthy.
pub(crate) async fn a_container_that_ails_is_told(bed: &Bed) {
    let dockerfile = "FROM BASE\nHEALTHCHECK --interval=200ms --timeout=20s --retries=2 CMD test ! -e /ill\n";
    let made = built(bed, &Classic::new(bed.docker.clone()), &request(bed, dockerfile, Folder::default())).await;
    let arguments = ["sh", "-c", "echo up; until [ -e /workspace/ill ]; do sleep 0.1; done; touch /ill; sleep 1000"]
        .map(str::to_owned)
        .to_vec();
    let sick = |image: String| ContainerSpec {
        image,
        ..bed.container(Cmd { arguments: arguments.clone(), ..Cmd::default() })
    };
    let (id, mut running) = bed.start(&sick(made.image.to_string())).await;
    read_until(&mut running, b"up").await;
    is_in_health(bed, &id, "healthy").await;
    tokio::select! {
        () = &mut running.ailing => panic!("told although it is well"),
        _ = bed.said("true") => {}
    }
    bed.said("touch /workspace/ill").await;
    running.ailing.await;

    // It is told also to who comes later; and never of an image that has no check.
    bed.runtime().reattach(&id, acre_agent::engine::Seen::default()).await.unwrap().ailing.await;
    let (id, mut well) = bed.start(&sick(bed.base.to_string())).await;
    read_until(&mut well, b"up").await;
    assert!((&mut well.ailing).now_or_never().is_none());
    bed.runtime().remove(&id).await.unwrap();
    well.exit.await.unwrap();
    assert!(well.ailing.now_or_never().is_none(), "told of a container without a health check");
}

/// Waits until the engine has found a container so.
async fn is_in_health(bed: &Bed, id: &str, state: &str) {
    let filters = format!("%7B%22container%22:[%22{id}%22],%22event%22:[%22health_status%22]%7D");
    bed.answer_until(&format!("/events?since=1&filters={filters}"), &format!("health_status: {state}")).await;
}
