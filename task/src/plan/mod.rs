//! From a checked task to a plan: every step into units, one per platform; the edges between them; the groups that
//! must share an engine (design notes, "Units, groups, placement").

mod cross;
mod dump;
mod edges;
mod graph;
mod groups;
mod hand_over;
mod narrow;
mod only_pushed;
mod size;
mod sources;
mod units;

pub use dump::dump;
pub use graph::graph;
pub use narrow::narrow;
pub use sources::first_plan;

use crate::{
    Input,
    diagnostic::{At, Class, Faults},
    dockerfile,
    task::{Step, StepAction, Task},
};
use acre_model::{
    plan::{Action, Build, Context, Dependency, Plan, Unit},
    platform::Platform,
    reference::Reference,
    secret::{SecretDecl, SecretSource},
};
use edges::Reach;
use sources::Fetched;
use std::collections::BTreeSet;

/// A plan for people: secrets by their names instead of as tokens, addresses without their passwords.
pub fn for_people(mut plan: Plan) -> Plan {
    let nonce = std::mem::take(&mut plan.nonce);
    for unit in &mut plan.units {
        if let Action::Source(fetch) = &mut unit.action {
            fetch.addresses_mut().for_each(|text| *text = crate::address::shown(text));
        }
    }
    let texts = plan.units.iter_mut().flat_map(|unit| unit.action.texts_mut());
    let files = plan.volumes.iter_mut().flat_map(|volume| volume.files.iter_mut().map(|(_, content)| content));
    texts.chain(files).for_each(|text| *text = crate::tokens::for_people(text, &nonce));
    plan
}

/// Lets every build leave its image on the engine.
pub fn leave_images(plan: &mut Plan) {
    for unit in &mut plan.units {
        if let Action::Build(build) = &mut unit.action {
            build.only_pushed = false;
        }
    }
}

/// Lets every build ask registries for what it is built on, whatever its engine has under these names; but for what the
/// plan builds itself.
pub fn pull_bases(plan: &mut Plan) {
    let tags = |build: &Build| build.tags.clone().into_iter().map(Reference::with_default_tag).collect::<BTreeSet<_>>();
    let builds = plan.units.iter().filter_map(|unit| match &unit.action {
        Action::Build(build) => Some(tags(build)),
        _ => None,
    });
    let own: BTreeSet<Reference> = builds.flatten().collect();
    for unit in &mut plan.units {
        if let Action::Build(build) = &mut unit.action {
            let is_own = |named: &Dependency| own.contains(&named.reference.clone().with_default_tag());
            build.pull |= match &build.dependencies {
                Some(dependencies) => !dependencies.iter().any(is_own),
                // What it is built on may be its own.
                None => own == tags(build),
            };
        }
    }
}

/// Lets every index be published with the platforms that succeeded, if others fail.
pub fn allow_partial(plan: &mut Plan) {
    for unit in &mut plan.units {
        if let Action::Index(index) = &mut unit.action {
            index.allow_partial = true;
        }
    }
}

/// Most units of a plan.
const UNITS: usize = 4096;
/// Most bytes of Dockerfiles that are read for one plan, each counted for each of its platforms.
const READ: usize = 64 << 20;

/// The plan of `task`, whose builds go to `platforms` where they do not say otherwise; never empty, the first is that
/// of the `cmd`s; `aliases` are the addresses of its files of aliases. Faults go to `faults`.
pub(crate) fn plan(
    task: &Task,
    platforms: Vec<Platform>,
    (input, aliases): (&Input<'_>, &[String]),
    faults: &mut Faults<'_>,
) -> Option<Plan> {
    let waits = edges::transitive(&task.steps);
    let fetched = Fetched::new(task, input.source, aliases);
    if size::is_too_large(task, &platforms, faults) {
        return None;
    }
    let mut units = units::units(task, &platforms, &fetched, &waits, faults);
    if units.len() > UNITS {
        let message = format!("the task has more than {UNITS} steps on platforms");
        faults.error(At::FILE, message).class = Class::TooLarge;
        return None;
    }
    edges::connect(&task.steps, &waits, &fetched, &mut units);
    let still = contexts(task, &waits, (input, &fetched), &mut units, faults);
    let reach = Reach::new(&units);
    let mut groups = groups::groups(&mut units, &reach, &still);
    only_pushed::mark(&mut units, &reach);
    for unseen in hand_over::hand_over(&mut units, &mut groups, &reach) {
        warn_of_unseen(task, &units, unseen, faults);
    }
    for (index, group) in groups.iter_mut().enumerate() {
        group.network = groups::needs_network(&units, group, &reach);
        if let Some(last) = groups::last_cmd(&units, group, &reach) {
            let last = &mut units[last];
            add(&mut last.reports.junit, &task.reports.junit);
            add(&mut last.reports.coverage, &task.reports.coverage);
            add(&mut last.artifacts, &task.artifacts);
        }
        debug_assert!(group.units.iter().all(|unit| units[unit.index()].group.index() == index));
    }
    Some(Plan {
        platforms,
        units,
        groups,
        networks: task.networks.clone(),
        volumes: task.volumes.clone(),
        secrets: secrets(task, input),
        nonce: input.facts.nonce.clone(),
        warnings: Vec::new(),
    })
}

/// Says that a unit does not see the files of one that it waits for.
fn warn_of_unseen(task: &Task, units: &[Unit], unseen: hand_over::Unseen, faults: &mut Faults<'_>) {
    let hand_over::Unseen { unit, left_by, since, comes_back } = unseen;
    let [unit, left_by, since] = [unit, left_by, since].map(|index| &units[index]);
    let at = task.steps.iter().find(|step| step.id == unit.step).map_or(At::FILE, |step| step.at);
    let message = format!(
        "step `{}` on {} does not see the files that step `{}` leaves on {}: step `{}` begins on {} without waiting for it",
        unit.step, unit.platform, left_by.step, left_by.platform, since.step, since.platform
    );
    let one_platform = format!("run `{}` and `{}` on one platform", left_by.step, unit.step);
    let help = if comes_back {
        one_platform
    } else {
        format!("add `{}` to the `when` of step `{}`, or {one_platform}", left_by.step, since.step)
    };
    faults.warning(at, message).help = Some(help);
}

/// The globs with those of the task that are not among them.
fn add(globs: &mut Vec<String>, of_task: &[String]) {
    let more: Vec<String> = of_task.iter().filter(|glob| !globs.contains(glob)).cloned().collect();
    globs.extend(more);
}

/// The secrets that the task declares, then those that came by name with the submission.
fn secrets(task: &Task, input: &Input<'_>) -> Vec<SecretDecl> {
    let sets = input.secret_sets.iter().filter_map(|name| acre_model::ids::SecretId::of_set(name).ok());
    let mut secrets = task.secrets.clone();
    for id in sets {
        if secrets.iter().all(|known| known.id != id) {
            secrets.push(SecretDecl { id, from: SecretSource::Submission, line: 0 });
        }
    }
    secrets
}

/// Where every build takes its files from, and what its Dockerfile builds on. Returns the builds of which nothing
/// executes on their platforms.
fn contexts(
    task: &Task,
    waits: &[Vec<bool>],
    (input, fetched): (&Input<'_>, &Fetched),
    units: &mut [Unit],
    faults: &mut Faults<'_>,
) -> cross::Still {
    let mut still = cross::Still::new();
    let mut left = READ;
    for (index, step) in task.steps.iter().enumerate() {
        let StepAction::Build(build, fetch) = &step.action else { continue };
        let after_cmd = (0..task.steps.len()).any(|other| waits[index][other] && task.steps[other].is_cmd());
        let source = fetch.as_ref().and_then(|fetch| fetched.unit(fetch));
        let context = match (source, &build.context, after_cmd) {
            (Some(source), ..) => Context::Fetched { source, folder: String::new() },
            (None, Context::Tree(folder), true) => Context::Workspace(folder.clone()),
            (None, Context::Tree(_), false) if !input.has_tree => Context::Empty,
            (None, context, _) => context.clone(),
        };
        let bytes = dockerfile_bytes(build, &context, input, step, faults);
        for unit in units.iter_mut().filter(|unit| unit.step == step.id) {
            let platform = unit.platform.clone();
            if let Action::Build(own) = &mut unit.action {
                own.context = context.clone();
                left = left.saturating_sub(bytes.as_ref().map_or(0, Vec::len));
                if left == 0 {
                    let message =
                        format!("the Dockerfiles of all steps and platforms have more than {} MiB", READ >> 20);
                    faults.error(step.at, message).class = Class::TooLarge;
                    return still;
                }
                own.dependencies = bytes.as_deref().and_then(|bytes| read(bytes, own, &platform, step, faults));
                let executes = own.dependencies.is_none()
                    || bytes.as_deref().is_none_or(|bytes| dockerfile::executes(bytes, &given(own, &platform)));
                still.extend((!executes && !wants_windows(own, &platform)).then_some(unit.id));
            }
        }
    }
    still
}

/// Whether a build is an engine's on Windows, although nothing executes: Linux builders of older releases cannot make an
/// image for Windows, or lose its `os.version`. One with a stage on the builder's own platform can be nothing but theirs.
fn wants_windows(build: &Build, platform: &Platform) -> bool {
    platform.os() == "windows" && !build.dependencies.iter().flatten().any(|dependency| dependency.pinned)
}

/// What a build gives to the reading of its Dockerfile.
fn given<'a>(build: &'a Build, platform: &'a Platform) -> dockerfile::Given<'a> {
    dockerfile::Given { target: build.target.as_deref(), arguments: &build.arguments, platform }
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
    let path = &build.dockerfile;
    if !input.has_tree {
        // What it has is left by a step before it, fetched, or nothing.
        if let (Context::Empty, Context::Tree(_)) = (context, &build.context) {
            let message = format!("step `{}`: no Dockerfile at `{path}`; the run has no source", step.id);
            faults.error(step.at, message).class = Class::Missing;
        }
        return None;
    }
    if matches!(context, Context::Fetched { .. }) {
        return None;
    }
    let Some(bytes) = input.files.read(path) else {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let (Context::Tree(_), Some(names)) = (context, input.files.list(folder)) {
            let message = match input.files.left_out(path) {
                Some(why) => format!("step `{}`: the Dockerfile `{path}` is left out: {why}", step.id),
                None => format!("step `{}`: no Dockerfile at `{path}`; the context has: {}", step.id, some(&names)),
            };
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
    match dockerfile::dependencies(bytes, &given(build, platform)) {
        Ok(dependencies) => Some(dependencies),
        Err(why @ dockerfile::Unread::Stages(_)) => {
            let message = format!("step `{}`: `{}`: {why}", step.id, build.dockerfile);
            faults.error(step.at, message).class = Class::TooLarge;
            None
        }
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
