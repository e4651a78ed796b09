//! What people and programs see of fixed runs, agents and reports.

use crate::support::views;
use acre_client::render::{
    self, agents,
    live::{self, Live},
    plain, report, run,
};
use acre_model::{
    capability::{Capability, Engine, Mode, Privileges, Served},
    fleet::{AgentView, Readiness},
    ids::UnitId,
    outcome::Outcome,
    report::Coverage,
    run::{RunStatus, UnitPhase},
    time::Timestamp,
};
use indicatif::{InMemoryTerm, ProgressDrawTarget};
use insta::assert_snapshot;

const NOW: Timestamp = views::START.plus_millis(65_000);

const ENDS: [RunStatus; 5] =
    [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Canceled, RunStatus::Error, RunStatus::Timeout];

#[test]
fn runs_in_a_list() {
    let runs: Vec<_> = ENDS.into_iter().map(views::run).chain([views::busy_run()]).collect();
    assert_snapshot!(run::list(&runs, NOW));
    assert_snapshot!("an_empty_list", run::list(&[], NOW));
}

#[test]
fn a_run_and_its_units() {
    assert_snapshot!("a_run_at_work", run::show(&views::busy_run(), NOW));
    assert_snapshot!("a_run_that_failed", run::show(&views::run(RunStatus::Failed), NOW));
}

#[test]
fn foreign_text_steers_no_terminal() {
    let mut hostile = views::run(RunStatus::Failed);
    let text = "\u{1b}[2Jx\u{7}\n\u{9b}31m".to_owned() + &"y".repeat(1000);
    hostile.error = Some(text.clone());
    hostile.source.clone_from(&text);
    hostile.task.clone_from(&text);
    hostile.units[0].result.warnings = vec![text];
    let shown = run::show(&hostile, NOW) + &run::list(&[hostile], NOW);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

#[test]
fn a_run_for_programs() {
    let view = views::run(RunStatus::Failed);
    assert_snapshot!("run_as_json", render::json(&view));
    assert_snapshot!("run_as_yaml", render::yaml(&view));
    let report = views::report(&view);
    assert_snapshot!("report_as_json", render::json(&report));
    assert_snapshot!("report_as_yaml", render::yaml(&report));
    assert_snapshot!("metadata_file", render::json(&report::metadata(&report)));
}

#[test]
fn a_report() {
    assert_snapshot!(report::show(&views::report(&views::run(RunStatus::Failed))));
}

#[test]
fn a_report_of_several_platforms() {
    let report = views::report_of_platforms();
    assert_snapshot!("platforms_in_words", report::show(&report));
    assert_snapshot!("platforms_as_yaml", render::yaml(&report.images));
    assert_eq!(report::metadata(&report)["containerimage.digest"], views::digest(0x11).to_string());
}

#[test]
fn the_end_of_a_log() {
    for status in ENDS {
        let mut run = views::run(status);
        run.warnings = vec!["warning: unknown key `comand`, did you mean `cmd`?".to_owned()];
        let report = views::report(&run);
        assert_snapshot!(format!("ending-{status}"), plain::ending(&run, Some(&report)).join("\n"));
    }
    let busy = views::busy_run();
    assert_snapshot!("ending-with-asides", plain::ending(&busy, None).join("\n"));
    assert_snapshot!("ending-without-report", plain::ending(&views::run(RunStatus::Succeeded), None).join("\n"));
}

#[test]
fn coverage_is_told_where_something_counts() {
    let coverage = |lines, lines_covered, branches, branches_covered| {
        plain::coverage(&Coverage { lines, lines_covered, branches, branches_covered })
    };
    let table = [
        (coverage(0, 0, 0, 0), None),
        (coverage(190, 160, 0, 0), Some("Coverage: 84.2 % of lines (160 of 190)")),
        (coverage(1, 1, 3, 2), Some("Coverage: 100.0 % of lines (1 of 1), 66.6 % of branches (2 of 3)")),
        (
            coverage(u64::MAX, u64::MAX, 0, 0),
            Some("Coverage: 100.0 % of lines (18446744073709551615 of 18446744073709551615)"),
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found.as_deref(), expected);
    }
}

#[test]
fn lines_of_a_live_view() {
    let run = views::busy_run();
    let lines = run.units.iter().map(|unit| match &unit.phase {
        UnitPhase::Ended(outcome) => live::ended_line(unit, outcome).unwrap_or_default(),
        _ => live::unit_line(unit, "what it said last", NOW),
    });
    let lines: Vec<String> = [live::run_line(&run, 3, NOW)].into_iter().chain(lines).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_run_on_a_terminal() {
    let terminal = InMemoryTerm::new(30, 100);
    let mut live = Live::new(ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 255));
    live.line("Queued a run with ID: 2qk3f00001").unwrap();
    let mut lasting = views::busy_run();
    live.run(lasting.clone(), NOW).unwrap();
    live.log(UnitId(3), b"compiling\x1b[2J\x1b[1;1H\n\x1b[31mhalf a line");
    live.status(UnitId(1), "exporting layers 3/7");
    live.draw(NOW);
    assert_snapshot!("live_at_work", terminal.contents());
    let message = "the command exited with code 7".to_owned();
    lasting.units[3].phase = UnitPhase::Ended(Outcome::Failed { exit_code: Some(7), message });
    lasting.units[3].ended_at = Some(NOW);
    live.run(lasting, NOW).unwrap();
    live.finish().unwrap();
    assert_snapshot!("live_at_the_end", terminal.contents());
}

#[test]
fn agents_in_a_table() {
    let served = |platform: &str, mode| Served { platform: platform.parse().unwrap(), mode };
    let ready = AgentView {
        id: "laptop".parse().unwrap(),
        capability: Capability {
            platforms: vec![served("linux/amd64", Mode::Native), served("linux/arm64", Mode::Emulated)],
            pool: "default".parse().unwrap(),
            slots: 4,
            cpus: 4,
            memory: 16 << 30,
            engine: Engine::Ready {
                name: "docker".to_owned(),
                version: "20.10.24".to_owned(),
                buildkit: true,
                containerd_store: false,
            },
            version: "0.1.0".to_owned(),
            allows: Privileges::default(),
            labels: [("zone".to_owned(), "west".to_owned()), ("disk".to_owned(), "ssd".to_owned())].into(),
            disk_free: 48 << 30,
            disk_size: 252 << 30,
            windows: None,
        },
        readiness: Readiness::Ready,
        busy: 1,
        connected_at: Some(views::START),
    };
    let mut down = ready.clone();
    down.id = "other".parse().unwrap();
    down.readiness = Readiness::EngineDown;
    down.capability.engine = Engine::Down("cannot connect to unix:///var/run/docker.sock".to_owned());
    down.connected_at = None;
    let mut full = ready.clone();
    full.id = "full".parse().unwrap();
    full.capability.disk_free = 3 << 30;
    if let Engine::Ready { containerd_store, .. } = &mut full.capability.engine {
        *containerd_store = true;
    }
    let agents = [ready, down, full];
    assert_snapshot!(agents::agents(&agents, NOW));
    assert_snapshot!("agents_in_a_wide_table", agents::wide(&agents, NOW));
}
