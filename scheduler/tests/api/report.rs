//! What units leave comes together in the run's report.

use crate::farm::Farm;
use acre_model::{
    attempt::UnitResult,
    digest::Digest,
    outcome::Outcome,
    report::{Artifact, Coverage, FailedCase, Report, TestSummary},
    run::RunStatus,
    secret::Confidential,
};

const TASK: &str = "version: v1.1.0\nsteps:\n  - id: a\n    cmd: base:1 a\n  - id: b\n    cmd: base:1 b\n    when: [a]\n  \
    - id: c\n    cmd: base:1 c\n    when: [b]\n";

fn artifact(unit: &str, path: &str) -> Artifact {
    Artifact { unit: unit.to_owned(), path: path.to_owned(), digest: Digest::from_bytes([3; 32]), size: 5 }
}

fn coverage(lines: u64, lines_covered: u64, branches: u64, branches_covered: u64) -> Coverage {
    Coverage { lines, lines_covered, branches, branches_covered }
}

fn tests(passed: u32, failed: u32, name: &str) -> TestSummary {
    let failures = (0..failed).map(|_| FailedCase { name: name.to_owned(), message: "why".to_owned() }).collect();
    TestSummary { suites: 1, passed, failed, skipped: 1, time_ms: 7, failures }
}

/// The report of a run whose units `a` and `b` leave these, and whose `b` ends so.
async fn reported(a: UnitResult, b: UnitResult, outcome: Outcome) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    let run = farm.submit(TASK, Confidential::default()).await.unwrap();
    let mut agent = farm.agent().await;
    let ends = [("a", a, Outcome::Succeeded), ("b", b, outcome.clone())];
    for (step, result, outcome) in ends {
        let (_, attempt) = agent.wanted_unit(&format!("{step}@linux/amd64")).await;
        agent.ended(&attempt, outcome, result).await;
    }
    if outcome.succeeded() {
        let (_, attempt) = agent.wanted_unit("c@linux/amd64").await;
        agent.ended(&attempt, Outcome::Succeeded, UnitResult::default()).await;
    }
    let last = farm.over(&run).await;
    let report = farm.report(&last).await;
    assert_eq!((report.run.clone(), report.status), (run.id, last.status));
    farm.stop().await;
    report
}

#[tokio::test]
async fn coverage_and_tests_are_summed_and_artifacts_and_warnings_kept() {
    let a = UnitResult {
        exit_code: Some(0),
        tests: Some(tests(3, 0, "")),
        coverage: Some(coverage(10, 5, 4, 1)),
        artifacts: vec![artifact("a@linux/amd64", "out/a"), artifact("a@linux/amd64", "out/b")],
        warnings: vec!["out.xml: it is no report".to_owned()],
        ..UnitResult::default()
    };
    let b = UnitResult {
        tests: Some(tests(1, 2, "t")),
        coverage: Some(coverage(2, 2, 0, 0)),
        artifacts: vec![artifact("b@linux/amd64", "c")],
        afterwards: Some("it ended with exit code 3".to_owned()),
        ..UnitResult::default()
    };
    let report = reported(a, b, Outcome::Succeeded).await;
    assert_eq!(report.status, RunStatus::Succeeded);
    assert_eq!(report.coverage, Some(coverage(12, 7, 4, 1)));
    let summed = report.tests.unwrap();
    assert_eq!((summed.suites, summed.passed, summed.failed, summed.skipped, summed.time_ms), (2, 4, 2, 2, 14));
    assert_eq!(summed.failures.len(), 2);
    let kept: Vec<(&str, &str)> = report.artifacts.iter().map(|one| (one.unit.as_str(), one.path.as_str())).collect();
    assert_eq!(kept, [("a@linux/amd64", "out/a"), ("a@linux/amd64", "out/b"), ("b@linux/amd64", "c")]);
    let units: Vec<(&str, Vec<&str>, Option<i64>)> = report
        .units
        .iter()
        .map(|unit| (unit.name.as_str(), unit.warnings.iter().map(String::as_str).collect(), unit.exit_code))
        .collect();
    assert_eq!(
        units,
        [
            ("a@linux/amd64", vec!["out.xml: it is no report"], Some(0)),
            ("b@linux/amd64", vec!["it ended with exit code 3"], None),
            ("c@linux/amd64", vec![], None),
        ]
    );
}

#[tokio::test]
async fn a_run_that_fails_reports_what_its_units_left() {
    let message = "exit code 3".to_owned();
    let outcome = Outcome::Failed { exit_code: Some(3), message };
    let b = UnitResult {
        exit_code: Some(3),
        coverage: Some(coverage(4, 1, 0, 0)),
        tests: Some(tests(0, 1, "t")),
        artifacts: vec![artifact("b@linux/amd64", "core")],
        ..UnitResult::default()
    };
    let report = reported(UnitResult::default(), b, outcome).await;
    assert_eq!(report.status, RunStatus::Failed);
    assert!(report.error.as_deref().is_some_and(|error| error.contains("exit code 3")), "{:?}", report.error);
    assert_eq!((report.coverage, report.artifacts.len()), (Some(coverage(4, 1, 0, 0)), 1));
    assert_eq!(report.tests.map(|tests| tests.failed), Some(1));
    let ends: Vec<(u32, &str)> = report.units.iter().map(|unit| (unit.attempt, unit.outcome.as_str())).collect();
    assert_eq!(ends[..2], [(1, "succeeded"), (1, "exit code 3")]);
    assert!(ends[2].0 == 0 && ends[2].1.starts_with("skipped"), "{ends:?}");
}

#[tokio::test]
async fn a_run_without_reports_says_nothing_of_them() {
    let report = reported(UnitResult::default(), UnitResult::default(), Outcome::Succeeded).await;
    assert_eq!((report.coverage, report.tests, report.artifacts), (None, None, Vec::new()));
}
