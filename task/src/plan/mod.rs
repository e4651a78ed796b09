//! From a checked task to a plan: every step into units, one per platform; the edges between them; the groups that
//! must share an engine (design notes, "Units, groups, placement").

mod dump;
mod edges;
mod groups;
mod units;

pub use dump::dump;
pub(crate) use units::source_unit;

use crate::{
    Input,
    diagnostic::{At, Class, Faults},
    dockerfile,
    task::{Step, StepAction, Task},
};
use acre_model::{
    plan::{Build, Context, Dependency, Plan},
    platform::Platform,
};
use edges::Reach;

/// Most units of a plan.
const UNITS: usize = 4096;
/// Most bytes of Dockerfiles that are read for one plan, each counted for each of its platforms.
const READ: usize = 64 << 20;

/// The plan of `task`, whose builds go to `platforms` where they do not say otherwise; never empty, the first is that
/// of the `cmd`s. Faults go to `faults`.
pub(crate) fn plan(task: &Task, platforms: Vec<Platform>, input: &Input<'_>, faults: &mut Faults<'_>) -> Option<Plan> {
    let waits = edges::transitive(&task.steps);
    let mut units = units::units(task, &platforms, input.source, &waits, faults);
    if units.len() > UNITS {
        let message = format!("the task has {} steps on platforms; limit {UNITS}", units.len());
        faults.error(At::FILE, message).class = Class::TooLarge;
        return None;
    }
    edges::connect(&task.steps, &mut units);
    contexts(task, &waits, input, &mut units, faults);
    let reach = Reach::new(&units);
    let mut groups = groups::groups(&mut units, &reach);
    for (index, group) in groups.iter_mut().enumerate() {
        group.network = groups::needs_network(&units, group, &reach);
        if let Some(last) = groups::last_cmd(&units, group, &reach) {
            let junit = &mut units[last].reports.junit;
            junit.extend(task.reports.junit.iter().filter(|glob| !junit.contains(glob)).cloned().collect::<Vec<_>>());
        }
        debug_assert!(group.units.iter().all(|unit| units[unit.index()].group.index() == index));
    }
    Some(Plan { platforms, units, groups, ..Plan::default() })
}

/// Where every build takes its files from, and what its Dockerfile builds on.
fn contexts(
    task: &Task,
    waits: &[Vec<bool>],
    input: &Input<'_>,
    units: &mut [acre_model::plan::Unit],
    faults: &mut Faults<'_>,
) {
    let mut left = READ;
    for (index, step) in task.steps.iter().enumerate() {
        let StepAction::Build(build) = &step.action else { continue };
        let after_cmd = (0..task.steps.len()).any(|other| waits[index][other] && task.steps[other].is_cmd());
        let context = match (&build.context, after_cmd) {
            (Context::Tree(folder), true) => Context::Workspace(folder.clone()),
            (Context::Tree(_), false) if !input.has_tree => Context::Empty,
            (context, _) => context.clone(),
        };
        let bytes = dockerfile_bytes(build, &context, input, step, faults);
        for unit in units.iter_mut().filter(|unit| unit.step == step.id) {
            let platform = unit.platform.clone();
            if let acre_model::plan::Action::Build(own) = &mut unit.action {
                own.context = context.clone();
                left = left.saturating_sub(bytes.as_ref().map_or(0, Vec::len));
                if left == 0 {
                    let message =
                        format!("the Dockerfiles of all steps and platforms have more than {} MiB", READ >> 20);
                    faults.error(step.at, message).class = Class::TooLarge;
                    return;
                }
                own.dependencies = bytes.as_deref().and_then(|bytes| read(bytes, own, &platform, step, faults));
            }
        }
    }
}

/// The Dockerfile, where it can be known before the build. That it is missing is an error only where the folder's
/// files are known, and no `cmd` can have made it meanwhile.
fn dockerfile_bytes(
    build: &Build,
    context: &Context,
    input: &Input<'_>,
    step: &Step,
    faults: &mut Faults<'_>,
) -> Option<Vec<u8>> {
    if !input.has_tree {
        return None;
    }
    let path = &build.dockerfile;
    let Some(bytes) = input.files.read(path) else {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let (Context::Tree(_), Some(names)) = (context, input.files.list(folder)) {
            let message = format!("step `{}`: no Dockerfile at `{path}`; the context has: {}", step.id, some(&names));
            faults.error(step.at, message).class = Class::Missing;
        }
        return None;
    };
    if bytes.len() > dockerfile::SIZE {
        let message =
            format!("step `{}`: `{path}` has {} KiB; limit {} KiB", step.id, bytes.len() >> 10, dockerfile::SIZE >> 10);
        faults.error(step.at, message).class = Class::TooLarge;
        return None;
    }
    Some(bytes)
}

/// The first names of a folder, as a sentence shows them.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| acre_model::text::clip(name)).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        count if count > SHOWN => format!("{}, and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}

fn read(
    bytes: &[u8],
    build: &Build,
    platform: &Platform,
    step: &Step,
    faults: &mut Faults<'_>,
) -> Option<Vec<Dependency>> {
    let given = dockerfile::Given { target: build.target.as_deref(), arguments: &build.arguments, platform };
    match dockerfile::dependencies(bytes, &given) {
        Ok(dependencies) => Some(dependencies),
        Err(why) => {
            let message = format!(
                "step `{}`: what `{}` builds on is not known before the build: {why}",
                step.id, build.dockerfile
            );
            faults.warning(step.at, message);
            None
        }
    }
}
