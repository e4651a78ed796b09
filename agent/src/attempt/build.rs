//! Build units: files and Dockerfile are found, the engine's builder builds.

use super::{
    Done, Failure, Job, export,
    naming::{Bases, Naming},
    tries::Deadline,
    windows, workspace,
};
use crate::{
    engine::{BuildRequest, Built, DockerfileText, EngineError, Output, Said},
    logs::Spool,
    source::Files,
};
use acre_model::{
    attempt::{UnitResult, UsedImage},
    outcome::Outcome,
    plan::{Build, Context},
    text::clip,
};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The largest Dockerfile, in bytes.
const DOCKERFILE_LIMIT: u64 = 1024 * 1024;
/// The most stages of one (that the task's own reader takes as many is no accident).
const STAGES: usize = 1000;
/// What the builder has said and is not written yet.
const SAID: usize = 64;

pub(super) async fn run(job: &Job, build: &Build, deadline: Deadline) -> Done {
    let step = &job.attempt.unit.step;
    let (files, folder) = files(job, build).await?;
    job.notice("Scanning for dependencies...")?;
    let dockerfile = dockerfile(&files, build, &folder).await?;
    job.notice("Successfully scanned dependencies")?;
    let text = build.dependencies.is_none().then(|| String::from_utf8_lossy(&dockerfile.text).into_owned());
    let request = BuildRequest {
        build: build.clone(),
        platform: job.attempt.unit.platform.clone(),
        context: Arc::new(files.below(&folder)),
        dockerfile,
        shared_key: shared_key(job, &folder),
        logins: job.attempt.sandbox.logins(),
        output: Output::Store,
        isolation: None,
    };
    job.works.contact.fresh().await;
    job.started()?;
    job.notice(&format!("Launching container with name: {step}"))?;
    let bases = Bases::lend(job, build).await?;
    let made = async {
        let isolation = windows::of_build(job, build).await?;
        make(job, BuildRequest { isolation, ..request }, deadline).await
    };
    let made = made.await;
    bases.give_back().await;
    let (built, naming) = made?;
    if let Some(naming) = naming {
        naming.give(job, built.image).await?;
    }
    job.notice(&format!("Successfully executed container: {step}"))?;
    job.notice(&format!("Populating digests for step ID: {step}..."))?;
    job.notice(&format!("Successfully populated digests for step ID: {step}"))?;
    let used = with_pushed(job, built.used).await;
    Ok(UnitResult { image: Some(built.image), used, dockerfile: text, ..UnitResult::default() })
}

/// Builds, into the repository that the image is pushed to where that is all that is wanted of it, else into the engine's
/// store; there it has names.
async fn make(job: &Job, mut request: BuildRequest, deadline: Deadline) -> Result<(Built, Option<Naming>), Failure> {
    if let Some(built) = export::run(job, &mut request, deadline).await? {
        return Ok((built, None));
    }
    let naming = Naming::of(job, &request.build).await?;
    let build = Build { tags: naming.exported.clone(), ..request.build };
    let request = BuildRequest { build, ..request };
    let built = listening(job, |say| {
        let (builder, request) = (&job.works.parts.builder, &request);
        async move { builder.build(request, &say).await }
    });
    Ok((built.await??, Some(naming)))
}

/// The images with the digests of those that went to their registry through the push gate, of which the engine knows none.
async fn with_pushed(job: &Job, mut used: Vec<UsedImage>) -> Vec<UsedImage> {
    let (gate, runtime) = (job.works.gate.gate(), &job.works.parts.runtime);
    for image in used.iter_mut().filter(|image| image.digest.is_none()) {
        let local = runtime.image(&image.reference.to_string()).await.ok().flatten();
        image.digest = local.and_then(|local| gate.digest(local.id, &image.reference));
    }
    used
}

/// The files that the build's paths are relative to, and the folder in them that is the context.
async fn files(job: &Job, build: &Build) -> Result<(Files, String), Failure> {
    let sandbox = &job.attempt.sandbox;
    let of_tree = |tree| Files::of_tree(&job.works, &sandbox.project, tree);
    let (files, folder) = match &build.context {
        Context::Tree(folder) => match sandbox.tree {
            Some(tree) => (of_tree(tree).await?, folder.clone()),
            None => (Files::none(), folder.clone()),
        },
        Context::Fetched { source, folder } => match sandbox.fetched(*source) {
            Some(tree) => (of_tree(tree).await?, folder.clone()),
            None => return Err(EngineError::Transfer("the context that was fetched is not known".to_owned()).into()),
        },
        Context::Workspace(folder) => (from_workspace(job).await?, folder.clone()),
        Context::Empty => (Files::none(), String::new()),
    };
    if files.has_folder(&folder) {
        return Ok((files, folder));
    }
    let has = files.names("").join(", ");
    let message = format!("the source has no folder `{}` to build from; it has: {has}", clip(&folder));
    Err(Outcome::Failed { exit_code: None, message }.into())
}

/// The workspace as the steps before left it.
async fn from_workspace(job: &Job) -> Result<Files, Failure> {
    job.attempt.sandbox.ready().await?;
    match workspace::read(job, "the build").await? {
        Some(tree) => Ok(Files::of_packed(tree)?),
        None => Ok(Files::none()),
    }
}

/// The Dockerfile, and the `.dockerignore` of its own.
async fn dockerfile(files: &Files, build: &Build, folder: &str) -> Result<DockerfileText, Failure> {
    let path = build.dockerfile.trim_start_matches("./");
    let Some(text) = files.read(path, DOCKERFILE_LIMIT).await? else {
        let shown = if folder.is_empty() { "context" } else { folder };
        let names = files.names(folder);
        let has = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let message = format!("no Dockerfile at `{}`; the {shown} has: {has}", clip(path));
        return Err(Outcome::Failed { exit_code: None, message }.into());
    };
    let stages = stages(&text);
    if stages > STAGES {
        let message = format!("`{}` has {stages} stages; limit {STAGES}", clip(path));
        return Err(Outcome::Failed { exit_code: None, message }.into());
    }
    let ignore = files.read(&format!("{path}.dockerignore"), DOCKERFILE_LIMIT).await?;
    Ok(DockerfileText { text, ignore })
}

/// How many lines of a Dockerfile begin a stage; those in a heredoc that look so count, too.
fn stages(text: &[u8]) -> usize {
    let begins = |line: &&[u8]| {
        let word = line.trim_ascii_start().split(u8::is_ascii_whitespace).next();
        word.is_some_and(|word| word.eq_ignore_ascii_case(b"FROM"))
    };
    text.split(|byte| *byte == b'\n').filter(begins).count()
}

/// Tells contexts apart across runs, without telling what they are.
fn shared_key(job: &Job, folder: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(job.attempt.sandbox.source_key.as_bytes());
    hash.update([0]);
    hash.update(folder.as_bytes());
    data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
}

/// Makes a long call of the engine, and writes what it says into the log while it works.
pub(super) async fn listening<T, F>(job: &Job, call: impl FnOnce(mpsc::Sender<Said>) -> F) -> Result<T, Failure>
where
    F: Future<Output = T>,
{
    let (say, mut said) = mpsc::channel(SAID);
    let write = async {
        while let Some(said) = said.recv().await {
            take(&job.spool, job, said)?;
        }
        Ok::<(), Failure>(())
    };
    let (done, written) = tokio::join!(call(say), write);
    written.map(|()| done)
}

fn take(spool: &Spool, job: &Job, said: Said) -> Result<(), Failure> {
    match said {
        Said::Output(stream, bytes) => Ok(spool.write(job.now(), stream, &bytes)?),
        Said::Status(text) => {
            spool.set_status(text);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::stages;

    #[test]
    fn stages_are_counted() {
        let table: [(&[u8], usize); 5] = [
            (b"", 0),
            (b"FROM a\n  from b AS c\n\tFrom\td", 3),
            (b"# FROM a\nRUN echo \\\n  x FROM\nFROMAGE\nCOPY --from=a b c", 0),
            (b"FROM a\r\nRUN x\r\nFROM b\r\n", 2),
            (b"\xff\xfe\n", 0),
        ];
        for (text, expected) in table {
            assert_eq!(stages(text), expected, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(stages("FROM a\n".repeat(5000).as_bytes()), 5000);
    }
}
