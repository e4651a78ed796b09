//! What a step leaves in the workspace for the run's report: test results, coverage, and files that are kept.
//! Collected once, after the last try, also of a step that failed. What cannot be read is a warning with its name.

use super::{Done, Job, artifacts, coverage, files, junit};
use acre_model::{
    attempt::UnitResult,
    outcome::Outcome,
    plan::Action,
    report::{Coverage, TestSummary},
    text::clip,
};
use std::{collections::BTreeMap, time::Duration};

/// How long collecting may take. The step's own time limit does not cover it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Adds to the end of a step what it left.
pub(super) async fn after(job: &Job, mut done: Done) -> Done {
    let result = match &mut done {
        Ok(result) => result,
        Err(failure) if matches!(failure.outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. }) => {
            &mut failure.result
        }
        // Who stops a run does not want to wait.
        Err(_) => return done,
    };
    // Nothing was run where there is no exit code, or it goes on.
    if !matches!(job.attempt.unit.action, Action::Cmd(_)) || result.exit_code.is_none() {
        return done;
    }
    if tokio::time::timeout(PATIENCE, collect(job, result)).await.is_err() {
        let limit = PATIENCE.as_secs();
        result.warnings.push(format!("reports and artifacts were not all read within {limit} seconds"));
    }
    for warning in &result.warnings {
        job.say(&format!("warning: {warning}"));
    }
    done
}

async fn collect(job: &Job, result: &mut UnitResult) {
    let unit = &job.attempt.unit;
    for glob in &unit.reports.junit {
        let found = found(job, glob, result).await;
        for (name, text) in found {
            match junit::parse(&text) {
                Ok(summary) => result.tests.get_or_insert_with(TestSummary::default).add(&summary),
                Err(why) => result.warnings.push(format!("`{}` is not a JUnit report: {why}", clip(&name))),
            }
        }
    }
    for glob in &unit.reports.coverage {
        let found = found(job, glob, result).await;
        for (name, text) in found {
            match coverage::parse(&text) {
                Ok(summary) => result.coverage.get_or_insert_with(Coverage::default).add(&summary),
                Err(why) => result.warnings.push(format!("`{}` is no coverage report: {why}", clip(&name))),
            }
        }
    }
    if !unit.artifacts.is_empty() {
        artifacts::keep(job, result).await;
    }
}

/// The reports that a glob names.
async fn found(job: &Job, glob: &str, result: &mut UnitResult) -> BTreeMap<String, Vec<u8>> {
    let why = match files::read(job, glob).await {
        Ok(files) if !files.is_empty() => return files,
        Ok(_) => "no file matches".to_owned(),
        Err(why) => why,
    };
    result.warnings.push(format!("reports `{}`: {why}", clip(glob)));
    BTreeMap::new()
}
