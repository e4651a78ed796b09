//! Tries: what retries, repeats, delays and the time limit of a step make of its work.

use super::{Done, Failure, Job, Stop};
use acre_model::{
    outcome::Outcome,
    plan::{Action, Rules},
};
use std::time::Duration;
use tokio::{sync::watch, time::Instant};

/// What is done after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Work again, after this many milliseconds.
    Again { delay_ms: u64 },
    /// It is over.
    Over,
}

/// Works until the unit has succeeded, or may not try again, or must stop.
pub(super) async fn run(job: &Job) -> Done {
    let rules = &job.attempt.unit.rules;
    job.sleep(rules.start_delay_ms).await?;
    let spent = match job.spool.started() {
        // Goes on after the agent was restarted.
        Some(started) => job.now().millis_since(started),
        None => announce(job).map(|()| 0)?,
    };
    let left = Duration::from_millis(rules.timeout_ms.saturating_sub(spent));
    all_tries(job, rules, Deadline { at: Instant::now() + left, limit_ms: rules.timeout_ms }).await
}

/// When the unit's time is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// When.
    pub(crate) at: Instant,
    /// The limit it comes from, in milliseconds.
    pub(crate) limit_ms: u64,
}

/// Why work was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The attempt should stop.
    Stopped(Stop),
    /// Its time is over.
    TimedOut {
        /// Milliseconds.
        limit_ms: u64,
    },
}

impl Interrupted {
    /// Milliseconds between TERM and KILL.
    pub(crate) const fn grace_ms(self) -> u64 {
        match self {
            Self::Stopped(stop) => stop.grace_ms(),
            Self::TimedOut { .. } => 0,
        }
    }
}

impl From<Interrupted> for Outcome {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Stopped(stop) => stop.outcome(),
            Interrupted::TimedOut { limit_ms } => Self::TimedOut { limit_ms },
        }
    }
}

impl Job {
    /// Works unless the attempt should stop or its time is over; then the work is dropped.
    pub(crate) async fn unless_interrupted<T>(
        &self,
        deadline: Deadline,
        work: impl Future<Output = T>,
    ) -> Result<T, Interrupted> {
        let mut stop = self.attempt.stop.clone();
        tokio::select! {
            biased;
            done = work => Ok(done),
            wish = stopped(&mut stop) => Err(Interrupted::Stopped(wish)),
            () = tokio::time::sleep_until(deadline.at) => {
                Err(Interrupted::TimedOut { limit_ms: deadline.limit_ms })
            }
        }
    }

    async fn sleep(&self, millis: u64) -> Result<(), Interrupted> {
        let mut stop = self.attempt.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(millis)) => Ok(()),
            wish = stopped(&mut stop) => Err(Interrupted::Stopped(wish)),
        }
    }
}

/// Resolves once the attempt should stop.
async fn stopped(stop: &mut watch::Receiver<Stop>) -> Stop {
    match stop.wait_for(|stop| *stop != Stop::No).await {
        Ok(stop) => *stop,
        Err(_) => Stop::Now,
    }
}

fn announce(job: &Job) -> Result<(), Failure> {
    let (unit, sandbox) = (&job.attempt.unit, &job.attempt.sandbox);
    let directory = match &unit.action {
        Action::Cmd(cmd) => cmd.working_directory.as_deref().unwrap_or_default(),
        _ => "/workspace",
    };
    let line = format!(
        "Executing step ID: {}. Timeout(sec): {}, Working directory: '{directory}', Network: '{}'",
        unit.step,
        unit.rules.timeout_ms / 1000,
        sandbox.network_name()
    );
    Ok(job.notice(&line)?)
}

async fn all_tries(job: &Job, rules: &Rules, deadline: Deadline) -> Done {
    let (mut number, mut failures, mut successes) = (0, 0, 0);
    let mut failed: Option<Failure> = None;
    loop {
        number += 1;
        let seen = job.spool.end();
        let done = job.work(number, deadline).await;
        let may_help = done.as_ref().is_err_and(|failure| is_worth_a_retry(job, rules, failure, seen));
        successes += u32::from(done.is_ok());
        let next = next(rules, done.is_ok(), may_help, failures, successes);
        failures += u32::from(done.is_err());
        let Next::Again { delay_ms } = next else {
            // Repeats are all executed; one that failed for good fails them together.
            return match (done, failed) {
                (Ok(_), Some(failure)) => Err(failure),
                (done, _) => done,
            };
        };
        if let Err(failure) = done {
            let step = &job.attempt.unit.step;
            let seconds = delay_ms / 1000;
            job.notice(&format!("Container failed during run: {step}, waiting {seconds} seconds before retrying..."))?;
            failed = (failures > rules.retries).then_some(failure);
        }
        job.unless_interrupted(deadline, job.sleep(delay_ms)).await??;
    }
}

/// The rules' answer to a try: retries after a failure, repeats after a success.
fn next(rules: &Rules, succeeded: bool, may_help: bool, failures: u32, successes: u32) -> Next {
    match succeeded {
        false if may_help && failures < rules.retries => Next::Again { delay_ms: rules.retry_delay_ms },
        true if successes <= rules.repeat => Next::Again { delay_ms: 0 },
        _ => Next::Over,
    }
}

/// Only the step's own failures are tried again here; the farm's are the scheduler's to repeat.
fn is_worth_a_retry(job: &Job, rules: &Rules, failure: &Failure, from: u64) -> bool {
    if !matches!(failure.outcome, Outcome::Failed { .. }) {
        return false;
    }
    if rules.retry_on_errors.is_empty() {
        return true;
    }
    let output = output_since(job, from);
    rules.retry_on_errors.iter().any(|text| output.contains(text))
}

/// The log from an offset on, as text.
fn output_since(job: &Job, mut offset: u64) -> String {
    let mut bytes = Vec::new();
    while let Ok(frames) = job.spool.read(offset)
        && let Some(last) = frames.last()
    {
        offset = last.end();
        frames.iter().for_each(|frame| bytes.extend_from_slice(&frame.data));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(retries: u32, repeat: u32) -> Rules {
        Rules {
            timeout_ms: 1,
            start_delay_ms: 0,
            retries,
            retry_delay_ms: 5,
            retry_on_errors: Vec::new(),
            repeat,
            ignore_errors: false,
            always: false,
            may_run_again: false,
        }
    }

    #[test]
    fn retries_follow_failures_and_repeats_follow_successes() {
        let table = [
            ((0, 0), (true, false, 0, 1), Next::Over),
            ((0, 0), (false, true, 0, 0), Next::Over),
            ((2, 0), (false, true, 1, 0), Next::Again { delay_ms: 5 }),
            ((2, 0), (false, true, 2, 0), Next::Over),
            ((2, 0), (false, false, 0, 0), Next::Over),
            ((0, 1), (true, false, 0, 1), Next::Again { delay_ms: 0 }),
            ((0, 1), (true, false, 0, 2), Next::Over),
        ];
        for ((retries, repeat), (succeeded, may_help, failures, successes), expected) in table {
            assert_eq!(next(&rules(retries, repeat), succeeded, may_help, failures, successes), expected);
        }
    }
}
