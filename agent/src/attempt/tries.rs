//! Tries: what retries, repeats, delays and the time limit of a step make of its work.

use super::{Done, Failure, Job, Stop, collect};
use acre_model::{
    attempt::UnitResult,
    outcome::Outcome,
    plan::{Action, Rules},
};
use std::time::Duration;
use tokio::{sync::watch, time::Instant};

/// Works until the unit has succeeded, or may not try again, or must stop; then takes what it left in the workspace.
pub(super) async fn run(job: &Job) -> Done {
    let rules = &job.attempt.unit.rules;
    let earlier = job.spool.started();
    let spent = match earlier {
        // Goes on after the agent was restarted.
        Some(started) => job.now().millis_since(started),
        None => job.sleep(rules.start_delay_ms).await.map(|()| 0)?,
    };
    let left = Duration::from_millis(rules.timeout_ms.saturating_sub(spent));
    let deadline = Deadline { at: Instant::now() + left, limit_ms: rules.timeout_ms };
    if earlier.is_none() {
        job.unless_interrupted(deadline, introduce(job)).await??;
    }
    let done = all_executions(job, rules, deadline).await;
    collect::after(job, done).await
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

/// The first lines of the log: what is set up for the step, and what the step is.
async fn introduce(job: &Job) -> Result<(), Failure> {
    let (unit, sandbox) = (&job.attempt.unit, &job.attempt.sandbox);
    let (mut directory, mut network) = ("/workspace", sandbox.network_name());
    if let Action::Cmd(cmd) = &unit.action {
        sandbox.open(cmd, |line| job.say(line)).await?;
        if cmd.registry_auth {
            job.notice("Setting up Docker configuration...")?;
        }
        directory = cmd.working_directory.as_deref().unwrap_or_default();
        network = cmd.network.as_deref().unwrap_or(network);
    }
    let line = format!(
        "Executing step ID: {}. Timeout(sec): {}, Working directory: '{directory}', Network: '{network}'",
        unit.step,
        unit.rules.timeout_ms / 1000,
    );
    Ok(job.notice(&line)?)
}

/// The execution that the step asks for, and its repeats. All of them are done; those that failed fail them together.
/// What is not the step's own failure (its time is over, it must stop, the farm failed it) ends them at once.
async fn all_executions(job: &Job, rules: &Rules, deadline: Deadline) -> Done {
    let mut tries = 0;
    let mut collected = Collected::default();
    for _ in 0..=rules.repeat {
        match execution(job, rules, deadline, &mut tries).await {
            Err(failure) if !is_of_step(&failure) => return Err(failure),
            done => collected.add(done),
        }
    }
    collected.done(rules.repeat)
}

/// How the executions of a step went: the last success, the first failure, and how many failed.
#[derive(Default)]
struct Collected {
    result: UnitResult,
    failure: Option<Failure>,
    failed: u32,
}

impl Collected {
    fn add(&mut self, done: Done) {
        match done {
            Ok(result) => self.result = result,
            Err(failure) => {
                self.failed += 1;
                self.failure.get_or_insert(failure);
            }
        }
    }

    fn done(self, repeats: u32) -> Done {
        let Some(mut failure) = self.failure else { return Ok(self.result) };
        if repeats > 0
            && let Outcome::Failed { message, .. } = &mut failure.outcome
        {
            *message = format!("{} of {} executions failed; the first: {message}", self.failed, u64::from(repeats) + 1);
        }
        Err(failure)
    }
}

/// One execution: tries until one succeeds or no retry is left.
async fn execution(job: &Job, rules: &Rules, deadline: Deadline, tries: &mut u32) -> Done {
    let mut retries = rules.retries;
    loop {
        *tries += 1;
        let seen = job.spool.end();
        let done = job.work(*tries, deadline).await;
        job.spool.output_ended(job.now())?;
        let Err(failure) = done else { return done };
        if !is_of_step(&failure) {
            return Err(failure);
        }
        let step = &job.attempt.unit.step;
        if retries == 0 || !is_worth_a_retry(job, rules, seen) {
            if matches!(job.attempt.unit.action, Action::Cmd(_) | Action::Build(_)) {
                job.notice(&format!("Container failed during run: {step}. No retries remaining."))?;
            }
            return Err(failure);
        }
        retries -= 1;
        let seconds = rules.retry_delay_ms / 1000;
        job.notice(&format!("Container failed during run: {step}, waiting {seconds} seconds before retrying..."))?;
        let waited = job.unless_interrupted(deadline, job.sleep(rules.retry_delay_ms)).await;
        if let Err(interrupted) = waited.and_then(|slept| slept) {
            return Err(Failure { outcome: interrupted.into(), result: failure.result });
        }
    }
}

/// Whether the step itself failed. What the farm failed is the scheduler's to repeat.
const fn is_of_step(failure: &Failure) -> bool {
    matches!(failure.outcome, Outcome::Failed { .. })
}

/// Whether the try's output holds what makes it worth another one.
fn is_worth_a_retry(job: &Job, rules: &Rules, from: u64) -> bool {
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

    fn failure(code: i64) -> Done {
        Err(Outcome::Failed { exit_code: Some(code), message: format!("exit code {code}") }.into())
    }

    #[test]
    fn executions_fail_together_with_the_first_failure() {
        let table = [
            (vec![Ok(UnitResult::default())], "succeeded"),
            (vec![failure(3)], "exit code 3"),
            (
                vec![failure(3), Ok(UnitResult::default()), failure(4)],
                "2 of 3 executions failed; the first: exit code 3",
            ),
        ];
        for (executions, expected) in table {
            let repeats = executions.len() as u32 - 1;
            let mut collected = Collected::default();
            executions.into_iter().for_each(|done| collected.add(done));
            let said = match collected.done(repeats) {
                Ok(_) => "succeeded".to_owned(),
                Err(Failure { outcome: Outcome::Failed { message, .. }, .. }) => message,
                Err(other) => panic!("{}", other.outcome),
            };
            assert_eq!(said, expected);
        }
    }
}
