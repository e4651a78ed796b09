//! Windows images on a Windows engine: how what is made of one, or run from it, is kept apart, which its version and the
//! machine's decide (`acre_model::windows`). What does not go together here may elsewhere: the farm looks for another agent.

use super::{Failure, Job, build::listening};
use crate::{
    capability,
    engine::{EngineError, OnWindows},
    registry::{Manifests, index},
};
use acre_model::{
    capability::Windows,
    outcome::{Cause, Outcome},
    plan::Build,
    reference::Reference,
    windows::{self, Isolation, OsVersion, Unfit},
};
use acre_web::Web;

/// The Windows machine of this agent's engine.
struct Machine {
    engine: OnWindows,
    gives: Windows,
}

/// `None`: the engine is not on Windows.
async fn machine(job: &Job) -> Result<Option<Machine>, EngineError> {
    let info = job.works.parts.runtime.info().await?;
    let gives = capability::windows(&job.works.config, &info);
    Ok(info.windows.zip(gives).map(|(engine, gives)| Machine { engine, gives }))
}

impl Machine {
    /// How an image is run that asks for this.
    fn judge(&self, image: OsVersion, asked: Option<Isolation>) -> Result<Isolation, Unfit> {
        // An engine whose default is Hyper-V has its reasons.
        let default = Some(self.engine.isolation).filter(|mode| *mode == Isolation::Hyperv);
        windows::isolation(self.engine.version, &self.gives, image, asked.or(default))
    }
}

/// How a container of an image that is on the engine is kept apart, where that is not left to the engine.
pub(super) async fn of_container(job: &Job, image: &str, asked: Option<&str>) -> Result<Option<Isolation>, Failure> {
    let asked = asked.and_then(|mode| mode.parse().ok());
    let Some(machine) = machine(job).await? else { return Ok(None) };
    let Some(version) = job.works.parts.runtime.image(image).await?.and_then(|image| image.os_version) else {
        return Ok(asked);
    };
    let mode = machine.judge(version, asked).map_err(|why| unfit(job, image, &why))?;
    told(job, &machine, version, asked, mode)
}

/// How what a build runs is kept apart, where that is not left to the engine. Its bases are pulled if they are not there:
/// what they are for is not known before.
pub(super) async fn of_build(job: &Job, build: &Build) -> Result<Option<Isolation>, Failure> {
    let Some(machine) = machine(job).await? else { return Ok(None) };
    let mut chosen = None;
    for dependency in build.dependencies.iter().flatten() {
        let reference = dependency.reference.clone().with_default_tag();
        let Some(version) = version_of(job, &reference, build.pull, &machine).await? else { continue };
        let mode = machine.judge(version, None).map_err(|why| unfit(job, &reference.to_string(), &why))?;
        // One that needs it is enough.
        chosen = told(job, &machine, version, None, mode)?.or(chosen);
    }
    Ok(chosen)
}

async fn version_of(
    job: &Job,
    reference: &Reference,
    anew: bool,
    machine: &Machine,
) -> Result<Option<OsVersion>, Failure> {
    let (runtime, name) = (&job.works.parts.runtime, reference.to_string());
    let mut local = runtime.image(&name).await?;
    // What the run has built stands in no registry yet.
    let is_own = job.attempt.sandbox.image(reference, &job.attempt.unit.platform).is_some();
    if local.is_none() || (anew && !is_own) {
        job.notice(&format!("Pulling image: {reference}"))?;
        let logins = job.logins();
        let pulled = listening(job, |say| {
            let (logins, platform) = (&logins, &job.attempt.unit.platform);
            async move { runtime.pull(reference, Some(platform), logins, &say).await }
        });
        if let Err(error) = pulled.await? {
            return Err(not_pulled(job, reference, machine, error).await);
        }
        local = runtime.image(&name).await?;
    }
    Ok(local.and_then(|image| image.os_version))
}

/// Why the engine found nothing to pull: there may be images for other versions of Windows only.
pub(super) async fn not_pulled_by(job: &Job, reference: &Reference, error: EngineError) -> Failure {
    match machine(job).await {
        Ok(Some(machine)) => not_pulled(job, reference, &machine, error).await,
        _ => error.into(),
    }
}

async fn not_pulled(job: &Job, reference: &Reference, machine: &Machine, error: EngineError) -> Failure {
    if !matches!(error, EngineError::NotPullable { .. }) {
        return error.into();
    }
    let (web, logins) = (Web::new(job.works.config.plain_http.clone()), job.logins());
    let name =
        reference.digest().map_or_else(|| reference.tag().unwrap_or("latest").to_owned(), |digest| digest.to_string());
    let text = match Manifests::read(&web, reference, &logins).await {
        Ok(mut manifests) => manifests.tagged(&name).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    match windows::choose(machine.engine.version, &machine.gives, &index::windows_versions(&text), None) {
        Err(Some(why)) => unfit(job, &reference.to_string(), &why),
        _ => error.into(),
    }
}

/// The log says what people would not guess: that a kernel of its own was chosen.
fn told(
    job: &Job,
    machine: &Machine,
    image: OsVersion,
    asked: Option<Isolation>,
    mode: Isolation,
) -> Result<Option<Isolation>, Failure> {
    if asked.is_none() && mode == machine.engine.isolation {
        return Ok(None);
    }
    if asked.is_none() {
        let host = machine.engine.version;
        job.notice(&format!("Isolation: {mode}, since the image is for Windows {image}, and the machine has {host}"))?;
    }
    Ok(Some(mode))
}

/// Another agent may have another Windows.
fn unfit(job: &Job, image: &str, why: &Unfit) -> Failure {
    let message = format!("{image} does not run on agent {}: {why}", job.works.config.id);
    Outcome::Infrastructure { cause: Cause::Placement, message }.into()
}
