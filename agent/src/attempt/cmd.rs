//! `cmd` units: one container in the group's sandbox, from created to ended, whatever happens to the agent meanwhile.

use super::{Done, Failure, Job, build::listening, tries::Deadline, windows};
use crate::{
    engine::{ContainerSpec, EngineError, Running, SandboxSpec},
    labels,
    sandbox::docker_config,
};
use acre_model::{
    attempt::UnitResult,
    outcome::{Cause, Outcome},
    plan::Cmd,
    reference::Reference,
};
use futures::StreamExt as _;
use std::time::Duration;

pub(super) async fn run(job: &Job, cmd: &Cmd, try_number: u32, deadline: Deadline) -> Done {
    let arriving = job.works.traffic.arrive();
    let container = job.unless_interrupted(deadline, prepare(job, cmd, try_number)).await??;
    let started = start(job, container.running, &container.id, deadline).await;
    drop(arriving);
    // From its start on the container itself keeps what was held for it.
    container.docker_config.into_iter().for_each(|holder| remove(job, holder));
    let mut running = started?;
    if cmd.detach {
        job.detach(running);
        return Ok(UnitResult::default());
    }
    let done = finish(job, &container.id, &mut running, deadline).await;
    discard(job, cmd, container.id, running);
    done
}

async fn start(job: &Job, running: Option<Running>, id: &str, deadline: Deadline) -> Result<Running, Failure> {
    if let Some(running) = running {
        return Ok(running);
    }
    job.unless_interrupted(deadline, job.works.contact.fresh()).await?;
    job.works.traffic.may_start().await;
    job.started()?;
    Ok(job.works.parts.runtime.start(id).await?)
}

/// A container that is there: created, or still running from before the agent was restarted.
struct Container {
    id: String,
    running: Option<Running>,
    /// The container that holds its `$HOME/.docker`.
    docker_config: Option<String>,
}

async fn prepare(job: &Job, cmd: &Cmd, try_number: u32) -> Result<Container, Failure> {
    if try_number == 1
        && let Some(started) = job.spool.started()
    {
        tracing::info!(attempt = %job.attempt.id, %started, "looking for the container of an earlier process");
        return adopt(job).await;
    }
    let sandbox = job.attempt.sandbox.open(cmd, |line| job.say(line)).await?;
    let step = &job.attempt.unit.step;
    job.notice(&format!("Launching container with name: {step}"))?;
    let spec = spec(job, cmd, try_number, sandbox);
    let ready = async {
        job.attempt.sandbox.ready_for(cmd).await?;
        hold_docker_config(job, &spec).await.map_err(Failure::from)
    };
    let (id, docker_config) = futures::try_join!(create(job, cmd, &spec), ready)?;
    Ok(Container { id, running: None, docker_config })
}

/// Has the run's logins in memory, for this container alone.
async fn hold_docker_config(job: &Job, spec: &ContainerSpec) -> Result<Option<String>, EngineError> {
    let Some(name) = spec.docker_config.clone() else { return Ok(None) };
    let held = docker_config(name, &job.attempt.sandbox.logins());
    job.works.parts.runtime.hold(&spec.sandbox, &held).await?;
    Ok(Some(held.name))
}

/// Creates the container, with its image pulled if it is not there.
async fn create(job: &Job, cmd: &Cmd, spec: &ContainerSpec) -> Result<String, Failure> {
    if cmd.pull {
        pull(job, cmd).await?;
    }
    match create_once(job, spec).await? {
        Err(EngineError::NoImage(_)) if !cmd.pull => {
            pull(job, cmd).await?;
            Ok(create_once(job, spec).await??)
        }
        created => Ok(created?),
    }
}

/// The outer error is that of an image which the engine's Windows does not run, the inner one the engine's.
async fn create_once(job: &Job, spec: &ContainerSpec) -> Result<Result<String, EngineError>, Failure> {
    let runtime = &job.works.parts.runtime;
    let Some(isolation) = windows::of_container(job, &spec.image, spec.cmd.isolation.as_deref()).await? else {
        return Ok(runtime.create(spec).await);
    };
    let cmd = Cmd { isolation: Some(isolation.to_string()), ..spec.cmd.clone() };
    Ok(runtime.create(&ContainerSpec { cmd, ..spec.clone() }).await)
}

/// The container that an earlier process started. If it is gone, nobody knows how the command went.
async fn adopt(job: &Job) -> Result<Container, Failure> {
    let runtime = &job.works.parts.runtime;
    let labels = labels::of_attempt(&job.attempt.sandbox.spec.labels, &job.attempt.id);
    let found = runtime.find_containers(&labels).await?;
    match found.into_iter().max_by_key(|container| container.started) {
        // The agent ended between its note that it starts the container and the start.
        Some(found) if !found.started => Ok(Container { id: found.id, running: None, docker_config: None }),
        Some(found) => {
            let running = runtime.reattach(&found.id, job.spool.read_again()).await?;
            Ok(Container { id: found.id, running: Some(running), docker_config: None })
        }
        None if job.attempt.unit.rules.may_run_again => {
            let message = "the agent was restarted, and the container is gone".to_owned();
            Err(Outcome::Infrastructure { cause: Cause::AgentLost, message }.into())
        }
        None => Err(Outcome::Lost.into()),
    }
}

fn spec(job: &Job, cmd: &Cmd, try_number: u32, ready: SandboxSpec) -> ContainerSpec {
    let (attempt, sandbox) = (&job.attempt, &job.attempt.sandbox);
    let built =
        cmd.image.parse::<Reference>().ok().and_then(|reference| sandbox.image(&reference, &job.attempt.unit.platform));
    let mut name = format!("{}-{}-{}", sandbox.spec.name, attempt.unit.step, attempt.id.number);
    if try_number > 1 {
        name.push_str(&format!("-{try_number}"));
    }
    let aliases = [attempt.unit.step.to_string()].into_iter().chain(cmd.name.clone());
    ContainerSpec {
        allows: job.works.config.allows,
        docker_config: cmd.registry_auth.then(|| format!("{name}-docker")),
        name,
        labels: labels::of_attempt(&sandbox.spec.labels, &attempt.id),
        image: built.map_or_else(|| cmd.image.clone(), |id| id.to_string()),
        cmd: cmd.clone(),
        // A name may have moved to an image of another platform meanwhile: the engine compares.
        platform: Some(attempt.unit.platform.clone()),
        aliases: aliases.collect(),
        sandbox: ready,
    }
}

/// Pulls the image with the run's logins, again after a failure as the step says.
async fn pull(job: &Job, cmd: &Cmd) -> Result<(), Failure> {
    let reference: Reference = cmd.image.parse().map_err(|why: acre_model::reference::BadReference| {
        Failure::from(Outcome::Failed { exit_code: None, message: why.to_string() })
    })?;
    let reference = reference.with_default_tag();
    let mut left = cmd.pull_retries;
    loop {
        job.notice(&format!("Pulling image: {reference}"))?;
        match pull_once(job, &reference).await? {
            Err(error) if left > 0 => {
                let wait = cmd.pull_retry_delay_ms;
                let line =
                    format!("Failed to pull image: {reference}: {error}; trying again in {} seconds", wait / 1000);
                job.notice(&line)?;
                left -= 1;
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            Err(error) => return Err(windows::not_pulled_by(job, &reference, error).await),
            Ok(()) => return Ok(()),
        }
    }
}

/// The outer error is the log's, the inner one the engine's.
async fn pull_once(job: &Job, reference: &Reference) -> Result<Result<(), EngineError>, Failure> {
    let (runtime, logins) = (&job.works.parts.runtime, job.attempt.sandbox.logins());
    let platform = &job.attempt.unit.platform;
    listening(job, |say| {
        let logins = &logins;
        async move { runtime.pull(reference, Some(platform), logins, &say).await }
    })
    .await
}

/// Waits for the container's end and takes its output meanwhile. One that must stop gets TERM, then KILL.
async fn finish(job: &Job, id: &str, running: &mut Running, deadline: Deadline) -> Done {
    let runtime = &job.works.parts.runtime;
    let output = copy_output(job, running);
    let interrupted = match job.unless_interrupted(deadline, output).await {
        Ok(copied) => {
            copied?;
            None
        }
        Err(interrupted) => {
            let stop = runtime.stop(id, interrupted.grace_ms());
            let (stopped, copied) = tokio::join!(stop, copy_output(job, running));
            stopped?;
            copied?;
            Some(interrupted)
        }
    };
    job.spool.output_ended(job.now())?;
    let exit_code = (&mut running.exit).await?;
    let result = UnitResult { exit_code: Some(exit_code), ..UnitResult::default() };
    let step = &job.attempt.unit.step;
    match interrupted {
        Some(interrupted) => Err(Failure { outcome: interrupted.into(), result }),
        None if exit_code == 0 => {
            job.notice(&format!("Successfully executed container: {step}"))?;
            Ok(result)
        }
        None => {
            let message = failure(exit_code);
            Err(Failure { outcome: Outcome::Failed { exit_code: Some(exit_code), message }, result })
        }
    }
}

/// What an exit code says to people (128 + n: ended by signal n).
fn failure(exit_code: i64) -> String {
    match exit_code {
        137 => "exit code 137 (killed; out of memory, or by someone)".to_owned(),
        143 => "exit code 143 (ended by TERM)".to_owned(),
        126 => "exit code 126 (the command is not executable)".to_owned(),
        127 => "exit code 127 (the command was not found in the image)".to_owned(),
        code => format!("exit code {code}"),
    }
}

async fn copy_output(job: &Job, running: &mut Running) -> Result<(), Failure> {
    while let Some(piece) = running.output.next().await {
        let (stream, bytes) = piece?;
        job.spool.write(job.now(), stream, &bytes)?;
    }
    Ok(())
}

/// A container that has ended is removed while the run goes on, unless the step keeps it; its group's end removes it in
/// any case.
fn discard(job: &Job, cmd: &Cmd, id: String, running: Running) {
    let traffic = job.works.traffic.clone();
    let left = traffic.leave(running.released);
    let removal = (!cmd.keep).then(|| removal(job, id));
    job.works.tasks.spawn("remove container", async move {
        left.await;
        if let Some(removal) = removal {
            removal.await;
        }
    });
}

fn remove(job: &Job, id: String) {
    job.works.tasks.spawn("remove container", removal(job, id));
}

fn removal(job: &Job, id: String) -> impl Future<Output = ()> + use<> {
    let (runtime, traffic) = (job.works.parts.runtime.clone(), job.works.traffic.clone());
    async move {
        traffic.may_remove().await;
        if let Err(why) = runtime.remove(&id).await {
            tracing::debug!(id, %why, "a container was not removed yet");
        }
    }
}
