//! One run is one trace, through three programs.

use acre_e2e::{
    collector::{Collector, Span},
    engine,
    farm::{Farm, Part, SOON},
    fleet::Fleet,
    source::Source,
    wait,
};
use std::collections::{BTreeMap, BTreeSet};

const TASK: &str = "
steps:
  - {id: image, build: '-t {repo}/traced:1 .'}
  - {id: says, cmd: '{repo}/traced:1 cat /who'}
  - {id: push, push: ['{repo}/traced:1']}
  - {id: fails, cmd: '{base} sh -c \"exit 7\"', ignoreErrors: true}
";

/// Names from the beginning of the trace down to a span, with the services that sent them.
fn path(span: &Span, spans: &BTreeMap<String, Span>) -> String {
    let own = format!("{}: {}", span.service, span.name);
    match spans.get(&span.parent) {
        Some(parent) => format!("{} > {own}", path(parent, spans)),
        None => own,
    }
}

/// The trace, once a span of each of these services has arrived, by id.
fn spans(collector: &Collector, trace: &str, services: &[&str]) -> BTreeMap<String, Span> {
    let arrived = || {
        let spans = collector.trace(trace);
        let has = |service: &&str| spans.iter().any(|span| span.service == **service);
        services.iter().all(has).then_some(spans)
    };
    let spans = wait::until("spans have arrived", SOON, arrived);
    let count = spans.len();
    let spans: BTreeMap<String, Span> = spans.into_iter().map(|span| (span.id.clone(), span)).collect();
    assert_eq!(spans.len(), count, "each span is sent once: {spans:#?}");
    spans
}

/// Demands that every span but one is part of another, in whose time it lies, as far as one clock tells.
fn is_whole(spans: &BTreeMap<String, Span>) {
    let roots: Vec<&Span> = spans.values().filter(|span| span.parent.is_empty()).collect();
    assert_eq!(roots.len(), 1, "{roots:#?}");
    for span in spans.values().filter(|span| !span.parent.is_empty()) {
        let parent = spans.get(&span.parent).unwrap_or_else(|| panic!("the parent of {span:#?} is missing"));
        assert!(span.time.0 <= span.time.1, "{span:#?}");
        // Spans of the scheduler are in milliseconds.
        assert!(parent.time.0 <= span.time.0 + 1_000_000, "{span:#?} begins before {parent:#?}");
    }
}

#[test]
fn of_a_run_with_its_client_its_steps_and_the_calls_of_the_engine() {
    let collector = Collector::new();
    let mut fleet = Fleet::watched(collector.address());
    fleet.join("one", 2);
    let source = Source::new(&[
        ("acb.yaml", &fleet.text(TASK)),
        ("Dockerfile", &fleet.text("FROM {base}\nCOPY acb.yaml /who\n")),
    ]);
    let output = fleet.acre(&["run", source.arg()]);
    let run = output.ended(0).run_id();
    let shown = fleet.acre(&["show", &run]).ended(0).stdout.clone();
    let trace =
        shown.lines().find_map(|line| line.strip_prefix("Trace ")).expect("`acre show` tells the trace").to_owned();
    fleet.show(&run).ended("Succeeded");
    // What they have not sent yet, daemons send when they end.
    fleet.down();
    let spans = spans(&collector, &trace, &["acre", "acre-scheduler", "acre-agent"]);
    is_whole(&spans);
    let paths: BTreeSet<String> = spans.values().map(|span| path(span, &spans)).collect();
    let run_path = "acre: acre run > acre: acre.v1.Runs/Submit > acre-scheduler: RUN acb.yaml";
    for (unit, step, call) in [
        ("image@linux/amd64", "image", "build"),
        ("says@linux/amd64", "says", "start"),
        ("push@linux/amd64", "push", "push"),
        ("fails@linux/amd64", "fails", "start"),
    ] {
        let expected = format!(
            "{run_path} > acre-scheduler: {unit} > acre-agent: attempt 1 of {unit} > acre-agent: {step} > acre-agent: engine {call}"
        );
        assert!(paths.contains(&expected), "no {expected} in {paths:#?}");
    }
    let of =
        |name: &str| spans.values().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {paths:#?}"));
    let of_run = of("RUN acb.yaml");
    assert_eq!((of_run.attributes["cicd.pipeline.run.id"].as_str(), of_run.is_error), (run.as_str(), false));
    assert_eq!(of_run.attributes["cicd.pipeline.result"], "success");
    let failed = of("fails@linux/amd64");
    assert_eq!((failed.attributes["cicd.pipeline.task.run.result"].as_str(), failed.is_error), ("failure", true));
    assert_eq!(failed.attributes["cicd.worker.name"], "one");
}

#[test]
fn of_a_run_that_nobody_traces_begins_with_the_run() {
    let collector = Collector::new();
    let mut fleet = Fleet::watched(collector.address());
    fleet.join("one", 1);
    let task = "steps: [{id: only, cmd: '{base} true'}]\n";
    let output = fleet.start_untraced(&["run", "-f", "-", "/dev/null"], task).end();
    let run = output.ended(0).run_id();
    let trace = fleet.over(&run).ended("Succeeded").trace().to_owned();
    fleet.down();
    let spans = spans(&collector, &trace, &["acre-scheduler", "acre-agent"]);
    is_whole(&spans);
    let root = spans.values().find(|span| span.parent.is_empty()).expect("there is one");
    assert_eq!((root.name.as_str(), root.service.as_str()), ("RUN standard input", "acre-scheduler"));
}

#[test]
fn of_a_run_is_whole_though_its_scheduler_is_killed() {
    let (collector, farm) = (Collector::new(), Farm::new());
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address())];
    let up = || farm.acre_with(&environment, "", &["up"]).ended(0).code;
    up();
    let task = "steps: [{id: waits, cmd: '{base} sh -c \"echo waiting; until [ -e go ]; do sleep 0.05; done\"'}]\n";
    let mut client = farm.start_task(task, &[]);
    let run = farm.comes_to(&mut client, "waiting\n");
    client.kill();
    farm.kill(Part::Scheduler);
    up();
    engine::docker(&["exec", &engine::containers(&run)[0], "touch", "/workspace/go"]).ended(0);
    let report = farm.report(&run, SOON);
    assert_eq!(report["status"], "Succeeded", "{report:#}");
    let trace = farm.show(&run)["trace"].as_str().expect("the run is traced").to_owned();
    farm.down();
    let spans = spans(&collector, &trace, &["acre-scheduler", "acre-agent"]);
    is_whole(&spans);
    let paths: BTreeSet<String> = spans.values().map(|span| path(span, &spans)).collect();
    let unit = "waits@linux/amd64";
    let attempt =
        format!("acre-scheduler: RUN standard input > acre-scheduler: {unit} > acre-agent: attempt 1 of {unit}");
    assert!(paths.contains(&attempt), "no {attempt} in {paths:#?}");
}
