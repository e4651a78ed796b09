//! `acre check`: the plan of a task, or all that is wrong with it, without a farm.

use super::{print, print_as};
use crate::{
    args::{CheckArgs, checked},
    error::Error,
    exit_code::ExitCode,
    now,
    source::Choice,
};
use acre_model::{
    ids::RunId,
    plan::{Action, Plan},
    secret::Nonce,
    submission::{NamedText, TaskSource},
};
use acre_task::{Compiled, Files, Input, RunFacts, compile, plan};
use serde::Serialize;
use std::{collections::BTreeSet, io::Write};

/// Compiles the task and prints its plan; warnings go to standard error.
pub(super) fn check(args: CheckArgs) -> Result<ExitCode, Error> {
    let (format, strict, graph) = (args.format, args.strict, args.graph);
    let request = checked::request(&args.source, args.task, args.shared)?;
    let TaskSource::Text(task) = &request.submission.task else {
        let why = "the task file of a source at an address is not at hand; fetch it and check its folder";
        return Err(Error::Usage(why.to_owned()));
    };
    let files = request.source.files(&request.dockerfile)?;
    let compiled = compiled(&request, task, files.as_ref())?;
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
    let input = Input {
        file: &task.name,
        text: &task.text,
        values: &request.submission.values,
        sets: &request.submission.sets,
        secret_sets: &request.submission.secret_sets,
        platforms: &request.submission.platforms,
        registry: request.submission.registry.as_deref(),
        facts: &facts,
        files,
        has_tree: request.source != Choice::None,
        source: None,
    };
    let mut compiled = compile(&input).map_err(|diagnostics| Error::Task(diagnostics.to_string()))?;
    if request.submission.allow_partial {
        plan::allow_partial(&mut compiled.plan);
    }
    Ok(compiled)
}
