//! `acre check`: the plan of a task, or all that is wrong with it, without a farm.

use super::{gather::task_in, print, print_as, takers::of_plan};
use crate::{
    args::{CheckArgs, checked},
    error::Error,
    exit_code::ExitCode,
    now,
    source::{self, Choice, FolderFiles, Local, PackedFiles, Recorded, WholeFolder},
};
use acre_model::{
    ids::RunId,
    plan::{Action, Fetch, Plan},
    secret::Nonce,
    submission::{NamedText, TaskSource},
    text::clip,
};
use acre_task::{Compiled, Files, Input, NoFiles, RunFacts, address, compile, plan};
use serde::Serialize;
use std::{collections::BTreeSet, io::Write, path::Path};

/// Compiles the task and prints its plan; warnings go to standard error.
pub(super) async fn check(args: CheckArgs) -> Result<ExitCode, Error> {
    let (format, strict, graph) = (args.format, args.strict, args.graph);
    let request = checked::request(&args.source, args.task, args.shared)?;
    let archive = match &request.source {
        Choice::Archive => source::pack(&request.source, &[]).await?,
        Choice::None | Choice::Folder(_) | Choice::Address(_) => None,
    };
    let compiled = compiled_here(&request, archive.as_ref())?;
    let mut err = std::io::stderr();
    for warning in &compiled.plan.warnings {
        // If nobody listens there, the plan is worth printing all the same.
        let _ = writeln!(err, "{warning}\n");
    }
    if strict && !compiled.plan.warnings.is_empty() {
        return Err(Error::Usage(format!("{} warnings, and --strict", compiled.plan.warnings.len())));
    }
    if graph {
        print(&plan::graph(&compiled.plan))?;
        return Ok(ExitCode::Success);
    }
    let text = plan::dump(&compiled.plan);
    print_as(format, &Shown::of(compiled.plan), || text)?;
    Ok(ExitCode::Success)
}

/// What the task of a request compiles to, with what of its source is on this machine.
fn compiled_here(request: &checked::Request, archive: Option<&Local>) -> Result<Compiled, Error> {
    let packed = archive.map(|archive| PackedFiles(&archive.tree));
    let task = match (&request.submission.task, archive) {
        (TaskSource::Text(task), _) => task.clone(),
        (TaskSource::File(name), Some(archive)) => task_in(&archive.tree, name.as_deref())?,
        (TaskSource::File(_), None) => return Err(Error::Usage(not_here(&request.source))),
    };
    match (&request.source, &packed) {
        (Choice::Folder(folder), _) => of_folder(request, &task, folder),
        (_, Some(packed)) => compiled(request, &task, packed),
        (_, None) => compiled(request, &task, &NoFiles),
    }
}

/// What is sent of a folder follows from the plan, and the plan from what is sent. Compiling is pure: where what is sent
/// gives the same answers as all of the folder, so does it.
fn of_folder(request: &checked::Request, task: &NamedText, folder: &Path) -> Result<Compiled, Error> {
    let whole = Recorded::new(WholeFolder(folder));
    let first = compiled(request, task, &whole);
    let files = FolderFiles::new(folder, &of_plan(first.as_ref().ok().map(|compiled| &compiled.plan)))?;
    match first {
        Ok(compiled) if whole.are_like(&files) => Ok(compiled),
        _ => compiled(request, task, &files),
    }
}

/// What can be done about a task file in a source that only a farm fetches.
fn not_here(source: &Choice) -> String {
    let shown = source.shown();
    let fetched = match source {
        Choice::Address(address) => address::parse(address).ok(),
        Choice::None | Choice::Folder(_) | Choice::Archive => None,
    };
    let way = match fetched {
        Some(Fetch::Tar(_)) => "pipe the archive in, as in `curl -L ADDRESS | acre check -`",
        Some(Fetch::Oci(_)) => "pull the artifact, and check its folder",
        Some(Fetch::Git(_) | Fetch::Aliases(_)) | None => "clone it, and check its folder",
    };
    format!(
        "the task file in `{}` is not at hand: a farm fetches it, and check asks none; {way}, or give a task file of \
         this machine with `-f - <FILE`",
        clip(&shown)
    )
}

/// A plan as `-o json` and `-o yaml` print it: whole, with the images that it builds and pushes in one list.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    plan: Plan,
    /// References with their tags, sorted, without doubles.
    images: Vec<String>,
}

impl Shown {
    fn of(plan: Plan) -> Self {
        let images = plan.units.iter().flat_map(|unit| match &unit.action {
            Action::Build(build) => build.tags.clone(),
            Action::Push(push) => vec![push.reference.clone()],
            Action::Index(index) => vec![index.reference.clone()],
            Action::Source(_) | Action::Cmd(_) => Vec::new(),
        });
        let images: BTreeSet<String> = images.map(|image| image.with_default_tag().to_string()).collect();
        Self { images: images.into_iter().collect(), plan: plan::for_people(plan) }
    }
}

/// What the task of a request compiles to; `files` are those of its source.
pub(super) fn compiled(request: &checked::Request, task: &NamedText, files: &dyn Files) -> Result<Compiled, Error> {
    let now = now();
    let facts = RunFacts {
        // What the run's own id would be is not known before it is handed in.
        id: RunId::new(now.as_millis() / 1000, 0, 0),
        now,
        commit: None,
        branch: None,
        repository: None,
        git_tag: None,
        triggered_by: "Manual".to_owned(),
        task_name: None,
        nonce: Nonce::default(),
    };
    let fetch = match &request.source {
        Choice::Address(text) => address::parse(text).ok(),
        Choice::None | Choice::Folder(_) | Choice::Archive => None,
    };
    let input = Input {
        file: &task.name,
        text: &task.text,
        values: &request.submission.values,
        sets: &request.submission.sets,
        secret_sets: &request.submission.secret_sets,
        platforms: &request.submission.platforms,
        registry: request.submission.registry.as_deref(),
        facts: &facts,
        presets: &acre_task::Presets::default(),
        files,
        has_tree: request.source != Choice::None,
        source: fetch.as_ref(),
    };
    let mut compiled = compile(&input).map_err(|diagnostics| Error::Task(diagnostics.to_string()))?;
    if request.submission.allow_partial {
        plan::allow_partial(&mut compiled.plan);
    }
    Ok(compiled)
}
