//! Who builds on what, and what is stale.

use crate::desk::{Desk, digest, ended, record};
use acre_model::{
    plan::Role,
    run::{RunStatus, RunView},
};
use acre_scheduler::{
    graph::{Input, Lineage},
    store::{self, keys},
};
use insta::assert_snapshot;

/// A task's lineage, as its run `minutes` ago left it.
fn lineage(run: &RunView, inputs: &[(&str, char)]) -> (String, bytes::Bytes) {
    let task = run.origin.task.clone().unwrap();
    let input = |(image, letter): &(&str, char)| Input {
        pinned: false,
        image: (*image).to_owned(),
        role: Role::Runtime,
        platform: None,
        digest: Some(digest(*letter)),
    };
    let output = |image: &acre_model::report::ImageName| Some((acre_scheduler::graph::tagged(image)?, image.digest));
    let lineage = Lineage {
        task: task.clone(),
        run: run.id.clone(),
        submitted_at: run.submitted_at,
        commit: None,
        outputs: run.output_images.iter().filter_map(output).collect(),
        inputs: inputs.iter().map(input).collect(),
        children: Vec::new(),
    };
    (keys::lineage(&run.project, &task), store::encode(&lineage))
}

#[test]
fn what_is_not_built_on_what_its_images_are_now_is_marked() {
    let run = |task: &str, minutes, letter| {
        ended(task, minutes, RunStatus::Succeeded, Some((&format!("r.example/{task}:1"), letter)))
    };
    let (base, app, web, top) = (run("base", 10, 'b'), run("app", 60, 'c'), run("web", 5, 'd'), run("top", 4, 'e'));
    let mut records: Vec<_> = [&base, &app, &web, &top].map(record).into();
    records.extend([
        lineage(&base, &[("registry.hub.docker.com/library/debian:12", 'a')]),
        lineage(&app, &[("r.example/base:1", 'a')]),
        lineage(&web, &[("r.example/base:1", 'b')]),
        lineage(&top, &[("r.example/app:1", 'c'), ("r.example/web:1", 'd'), ("r.example/base:1", 'b')]),
    ]);
    let desk = Desk::with(records);
    for task in ["base", "app", "web", "top"] {
        desk.types(&[&format!("task create -n {task} -c https://git.example/team/{task}.git -t r.example/{task}:1")]);
    }
    assert_snapshot!(
        "graph",
        desk.types(&[
            "graph",
            "graph --if r.example/base:1",
            "graph --if r.example/none:1",
            "graph --dot",
            "graph -o json",
            "graph --svg -",
            "graph --svg graph.svg",
            "graph --svg none/graph.svg",
        ])
    );
    assert!(std::fs::read_to_string(desk.path("graph.svg")).unwrap().starts_with("<svg"));
}
