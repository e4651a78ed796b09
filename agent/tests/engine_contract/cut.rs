//! What is told when the engine goes away in the middle of something.

use crate::{
    bed::{Bed, failed, left, read_until},
    builder::{output, request},
    folder::Folder,
    proxy::Cuttable,
};
use acre_agent::engine::{
    Builder as _, EngineError, Running, Runtime as _, docker::Docker, docker::buildkit::BuildKit,
};

pub(crate) async fn the_end_of_the_engine_is_noticed(bed: &Bed) {
    let way = Cuttable::to(&bed.host);
    let docker = Docker::connect(&way.host()).await.unwrap();
    let mut gone = docker.gone();
    // Nothing has happened yet; asking twice is as good as once.
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), &mut gone).await.is_err());
    way.cut().await;
    assert!(matches!(gone.await, EngineError::BrokenOff(_) | EngineError::Unreachable { .. }));
    assert!(matches!(failed(docker.info().await), EngineError::Unreachable { .. }));
}

pub(crate) async fn a_container_whose_engine_goes_away_has_no_exit_code(bed: &Bed) {
    let way = Cuttable::to(&bed.host);
    let docker = Docker::connect(&way.host()).await.unwrap();
    let id = docker.create(&bed.shell("echo up; sleep 1000")).await.unwrap();
    let mut running = docker.start(&id).await.unwrap();
    read_until(&mut running, b"up").await;
    way.cut().await;
    let Running { output: _, exit, released: _, ailing: _ } = running;
    let error = failed(exit.await);
    // Unreachable where it had not been asked yet.
    assert!(matches!(error, EngineError::BrokenOff(_) | EngineError::Unreachable { .. }), "{error:?}");
    // The container itself goes on, and can be attached to again.
    let again = bed.runtime().reattach(&id, Default::default()).await.unwrap();
    bed.runtime().stop(&id, 0).await.unwrap();
    assert_eq!(left(again).await.stdout, b"up\n");
}

pub(crate) async fn a_build_whose_engine_goes_away_is_broken_off(bed: &Bed) {
    let way = Cuttable::to(&bed.host);
    let builder = BuildKit::new(Docker::connect(&way.host()).await.unwrap());
    let dockerfile = format!("FROM BASE\nRUN echo {}; echo up; sleep 1000\n", bed.sandbox.name);
    let request = request(bed, &dockerfile, Folder::default());
    let (say, mut said) = tokio::sync::mpsc::channel(64);
    let cut = async {
        let mut heard = Vec::new();
        while !output(&heard).contains("up\n") {
            heard.push(said.recv().await.expect("the build goes on"));
        }
        way.cut().await;
    };
    let (built, ()) = tokio::join!(builder.build(&request, &say), cut);
    let error = failed(built);
    assert!(matches!(error, EngineError::BrokenOff(_)), "{error:?}");
}

pub(crate) async fn an_engine_tells_what_it_is(bed: &Bed) {
    let info = bed.runtime().info().await.unwrap();
    assert!(info.name == "docker" && !info.version.is_empty() && info.cpus > 0 && info.memory > 0, "{info:?}");
    assert!(info.buildkit, "{info:?}");
}
