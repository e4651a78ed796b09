//! Which steps of a task take files of the source folder: each has its own say in what is sent.

use super::check::compiled;
use crate::{
    args::checked::Request,
    source::{Choice, WholeFolder},
};
use acre_model::{
    plan::{Action, Context, Plan},
    submission::TaskSource,
};
use acre_tree::walk::Taker;

/// Who takes files of the folder that is the request's source.
pub(super) fn takers(request: &Request) -> Vec<Taker> {
    match (&request.dockerfile, &request.source, &request.submission.task) {
        (Some(dockerfile), ..) => vec![Taker::of_root(dockerfile)],
        (None, Choice::Folder(folder), TaskSource::Text(task)) => {
            let compiled = compiled(request, task, &WholeFolder(folder));
            of_plan(compiled.as_ref().ok().map(|compiled| &compiled.plan))
        }
        (None, ..) => of_plan(None),
    }
}

/// Who takes files by the plan. Of a task that does not compile the farm says what is wrong; it must not miss a
/// Dockerfile besides.
pub(super) fn of_plan(plan: Option<&Plan>) -> Vec<Taker> {
    let Some(plan) = plan else { return vec![Taker::of_root("Dockerfile"), Taker::Other] };
    let mut takers = Vec::new();
    for taker in plan.units.iter().filter_map(|unit| taker(&unit.action)) {
        if !takers.contains(&taker) {
            takers.push(taker);
        }
    }
    takers
}

/// What a unit takes of the source, if anything.
fn taker(action: &Action) -> Option<Taker> {
    match action {
        Action::Cmd(_) => Some(Taker::Other),
        Action::Build(build) => match &build.context {
            Context::Tree(folder) | Context::Workspace(folder) => {
                Some(Taker::Build { folder: folder.clone(), dockerfile: build.dockerfile.clone() })
            }
            Context::Fetched { .. } | Context::Empty => None,
        },
        Action::Source(_) | Action::Push(_) | Action::Index(_) => None,
    }
}
