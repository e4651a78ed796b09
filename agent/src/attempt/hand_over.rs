//! Handing over: the workspace as a command left it becomes a tree of the farm, for groups on other engines.

use super::{Done, Failure, Job, tries::Deadline, workspace};
use crate::{engine::EngineError, source};
use acre_model::{
    attempt::{UnitResult, Workspace},
    digest::Digest,
    outcome::Outcome,
    plan::Action,
    tree::Node,
};
use acre_tree::Packed;
use std::{collections::HashSet, time::Duration};
use tokio::{sync::MutexGuard, time::Instant};

/// How long it may take, in milliseconds. The step's own time limit does not cover it.
const PATIENCE_MS: u64 = 1_800_000;

/// Adds to the end of a step what it hands over, and gives the turn at which it did: of two steps of a sandbox that end
/// together, the one that ends later must have all that the other one has.
pub(super) async fn after<'j>(job: &'j Job, done: Done) -> (Done, Option<MutexGuard<'j, ()>>) {
    let unit = &job.attempt.unit;
    let is_command = matches!(&unit.action, Action::Cmd(cmd) if !cmd.detach);
    if !is_command || !unit.hands_over || !goes_on(&done, unit.rules.ignore_errors) {
        return (done, None);
    }
    let turn = job.attempt.sandbox.turn().await;
    let deadline = Deadline { at: Instant::now() + Duration::from_millis(PATIENCE_MS), limit_ms: PATIENCE_MS };
    let handed = match job.unless_interrupted(deadline, hand_over(job)).await {
        Ok(handed) => handed.map_err(|failure| failure.outcome),
        Err(interrupted) => Err(interrupted.into()),
    };
    (with(done, handed), Some(turn))
}

/// Whether what waits for the step will start.
const fn goes_on(done: &Done, ignore_errors: bool) -> bool {
    match done {
        Ok(_) => true,
        Err(Failure { outcome: Outcome::Failed { .. } | Outcome::TimedOut { .. }, .. }) => ignore_errors,
        Err(_) => false,
    }
}

/// A step that could not hand over has not succeeded.
fn with(done: Done, handed: Result<Workspace, Outcome>) -> Done {
    let add = |result: &mut UnitResult, workspace| result.workspace = Some(workspace);
    match (done, handed) {
        (Ok(mut result), Ok(workspace)) => {
            add(&mut result, workspace);
            Ok(result)
        }
        (Err(mut failure), Ok(workspace)) => {
            add(&mut failure.result, workspace);
            Err(failure)
        }
        (Ok(result) | Err(Failure { result, .. }), Err(outcome)) => Err(Failure { outcome, result }),
    }
}

async fn hand_over(job: &Job) -> Result<Workspace, Failure> {
    let before = job.attempt.sandbox.ready().await?;
    job.notice("Handing over the workspace to steps on other platforms...")?;
    let Some(tree) = workspace::read(job, "what is handed over").await? else {
        return Ok(Workspace { before, after: None });
    };
    check_size(job, before, &tree).await?;
    let after = source::put(&job.works, job.project(), &tree).await?;
    Ok(Workspace { before, after: Some(after) })
}

async fn check_size(job: &Job, before: Option<Digest>, after: &Packed) -> Result<(), Failure> {
    let known = match before {
        Some(tree) => source::contents(&job.works, job.project(), tree).await?,
        None => HashSet::new(),
    };
    let entries = after.entries().map_err(|why| EngineError::Refused(why.to_string()))?;
    let (bytes, limit) = (new_bytes(&entries, known), job.works.config.hand_over);
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "the files that it has changed go to steps on other platforms, and have {} MiB; limit {} MiB; write large files \
         outside of the workspace, or start the agent with a larger --hand-over-limit",
        bytes.div_ceil(1 << 20),
        limit >> 20
    );
    Err(Outcome::Failed { exit_code: None, message }.into())
}

/// Bytes of files whose contents are not known, each content once.
fn new_bytes(entries: &[(String, Node)], mut known: HashSet<Digest>) -> u64 {
    let new = entries.iter().filter_map(|(_, node)| match node {
        Node::File { digest, size, .. } => known.insert(*digest).then_some(*size),
        Node::Directory { .. } | Node::Symlink { .. } => None,
    });
    new.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(outcome: Outcome) -> Done {
        Err(Failure { outcome, result: UnitResult { exit_code: Some(3), ..UnitResult::default() } })
    }

    fn of_step() -> Outcome {
        Outcome::Failed { exit_code: Some(3), message: "exit code 3".to_owned() }
    }

    #[test]
    fn steps_hand_over_where_others_go_on() {
        let table = [
            (Ok(UnitResult::default()), false, true),
            (failed(of_step()), false, false),
            (failed(of_step()), true, true),
            (failed(Outcome::TimedOut { limit_ms: 1 }), true, true),
            (failed(Outcome::Canceled), true, false),
            (failed(Outcome::Lost), true, false),
        ];
        for (index, (done, ignore_errors, expected)) in table.into_iter().enumerate() {
            assert_eq!(goes_on(&done, ignore_errors), expected, "{index}");
        }
    }

    #[test]
    fn what_is_handed_over_is_part_of_the_end_and_so_is_its_failure() {
        let workspace = Workspace { before: None, after: Some(Digest::from_bytes([1; 32])) };
        let handed = |done, handed| match with(done, handed) {
            Ok(result) => (Outcome::Succeeded, result),
            Err(Failure { outcome, result }) => (outcome, result),
        };
        let (outcome, result) = handed(Ok(UnitResult::default()), Ok(workspace));
        assert_eq!((outcome, result.workspace), (Outcome::Succeeded, Some(workspace)));
        let (outcome, result) = handed(failed(of_step()), Ok(workspace));
        assert_eq!((outcome, result.workspace, result.exit_code), (of_step(), Some(workspace), Some(3)));
        for done in [Ok(UnitResult::default()), failed(of_step())] {
            let (outcome, result) = handed(done, Err(Outcome::Canceled));
            assert_eq!((outcome, result.workspace), (Outcome::Canceled, None));
        }
    }

    #[test]
    fn only_new_contents_count_and_once() {
        let file = |number, size| Node::File { digest: Digest::from_bytes([number; 32]), size, mode: 0o644 };
        let entries = [("a", file(1, 10)), ("b", file(2, 100)), ("c", file(2, 100)), ("d", file(3, 1000))];
        let entries = entries.map(|(name, node)| (name.to_owned(), node));
        assert_eq!(new_bytes(&entries, HashSet::from([Digest::from_bytes([3; 32])])), 110);
    }
}
