//! What only this machine knows of a run: the text of a task in an archive, values of secrets, Docker's logins.

use super::check::compiled;
use crate::{
    args::checked::Request,
    error::Error,
    secret::{DockerConfig, Gathered, declared, registries},
    source::{Choice, PackedFiles},
};
use acre_model::{
    plan::Plan,
    submission::{NamedText, TaskSource},
    text::clip,
};
use acre_task::{Files, NoFiles, address};
use acre_tree::Packed;

/// Gathers it; `tree` is the source, where it is on this machine.
pub(super) async fn gather(request: &mut Request, tree: Option<&Packed>) -> Result<Gathered, Error> {
    if let (Choice::Archive, TaskSource::File(name), Some(tree)) = (&request.source, &request.submission.task, tree) {
        request.submission.task = TaskSource::Text(task_in(tree, name.as_deref())?);
    }
    let mut gathered = Gathered { confidential: std::mem::take(&mut request.confidential), ..Gathered::default() };
    let config = DockerConfig::of_user().unwrap_or_else(|why| {
        gathered.warnings.push(why);
        DockerConfig::default()
    });
    let plan = plan(request, tree, &config);
    if let (Some(plan), TaskSource::Text(task)) = (&plan, &request.submission.task) {
        declared(plan, &task.name, &mut gathered.confidential)?;
    }
    let source = match &request.source {
        Choice::Address(text) => address::parse(text).ok(),
        Choice::None | Choice::Folder(_) | Choice::Archive => None,
    };
    let registries = registries(request.submission.registry.as_deref(), source.as_ref(), plan.as_ref());
    gathered.log_in(&config, registries).await;
    Ok(gathered)
}

/// The plan, if something here depends on it and the task is at hand. Of one that does not compile nothing is said:
/// the farm says it, once.
fn plan(request: &Request, tree: Option<&Packed>, config: &DockerConfig) -> Option<Plan> {
    let TaskSource::Text(task) = &request.submission.task else { return None };
    if config.is_empty() && !task.text.contains("secrets") {
        return None;
    }
    let packed = tree.map(PackedFiles);
    let files: &dyn Files = packed.as_ref().map_or(&NoFiles, |packed| packed);
    compiled(request, task, files).ok().map(|compiled| compiled.plan)
}

/// The task file of an archive.
pub(super) fn task_in(tree: &Packed, name: Option<&str>) -> Result<NamedText, Error> {
    let tried = name.map_or_else(|| acre_task::DEFAULT_NAMES.to_vec(), |name| vec![name]);
    let found = tried.iter().find_map(|name| PackedFiles(tree).read(name).map(|bytes| (*name, bytes)));
    let Some((name, bytes)) = found else {
        let tried = clip(&tried.join(", "));
        return Err(Error::Usage(format!("the archive has no task file ({tried}); name one with --file")));
    };
    let text = acre_task::read(name, &bytes).map_err(|diagnostics| Error::Task(diagnostics.to_string()))?;
    Ok(NamedText { name: name.to_owned(), text: text.to_owned() })
}
