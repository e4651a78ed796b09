//! The units of every step.

use crate::{
    diagnostic::Faults,
    task::{Step, StepAction, Task},
};
use acre_model::{
    ids::{GroupId, StepId, UnitId},
    plan::{Action, Fetch, Index, Push, Reports, Rules, Unit},
    platform::Platform,
    reference::Reference,
};

/// Time that fetching a source may take, in milliseconds.
const SOURCE_TIMEOUT_MS: u64 = 1_800_000;

/// The unit that fetches an address.
pub(crate) fn source_unit(fetch: &Fetch) -> Unit {
    // `source` is a valid step id, so there is always one.
    let step: StepId = "source".parse().expect("`source` is a step id");
    let rules = Rules {
        timeout_ms: SOURCE_TIMEOUT_MS,
        start_delay_ms: 0,
        retries: 0,
        retry_delay_ms: 0,
        retry_on_errors: Vec::new(),
        repeat: 0,
        ignore_errors: false,
        always: false,
        may_run_again: true,
    };
    Unit {
        id: UnitId(0),
        // No platform in its name: so it differs from the units of a step that is called `source`.
        name: "source".to_owned(),
        step,
        line: 0,
        platform: Platform::linux_amd64(),
        group: GroupId(0),
        after: Vec::new(),
        action: Action::Source(fetch.clone()),
        rules,
        reports: Reports::default(),
    }
}

/// The units of all steps in the order of the file, without edges and groups, after that of the source.
pub(super) fn units(
    task: &Task,
    platforms: &[Platform],
    source: Option<&Fetch>,
    waits: &[Vec<bool>],
    faults: &mut Faults<'_>,
) -> Vec<Unit> {
    let mut units: Vec<Unit> = source.map(source_unit).into_iter().collect();
    for (index, step) in task.steps.iter().enumerate() {
        match &step.action {
            StepAction::Build(build) => {
                for platform in platforms_of_build(step, platforms) {
                    add(&mut units, step, "", platform, Action::Build(build.clone()));
                }
            }
            StepAction::Cmd(cmd) => {
                let own = if step.platforms.is_empty() { &platforms[..1] } else { &step.platforms };
                for platform in own {
                    let mut cmd = cmd.clone();
                    if !step.platforms.is_empty() {
                        cmd.env.retain(|(name, _)| name != PLATFORM);
                        cmd.env.push((PLATFORM.to_owned(), platform.to_string()));
                    }
                    warn_of_platform(task, index, step, &cmd.image, platform, platforms, waits, faults);
                    add(&mut units, step, "", platform, Action::Cmd(cmd));
                }
            }
            StepAction::Push(references) => {
                for (number, reference) in references.iter().enumerate() {
                    let suffix = if references.len() > 1 { format!("[{}]", number + 1) } else { String::new() };
                    let built = platforms_of_push(task, index, reference, platforms, waits, faults);
                    push(&mut units, step, &suffix, reference, &built);
                }
            }
        }
    }
    units
}

/// The variable that tells a `cmd` of several platforms on which of them it is.
const PLATFORM: &str = "ACRE_PLATFORM";

fn platforms_of_build<'a>(step: &'a Step, platforms: &'a [Platform]) -> &'a [Platform] {
    if step.platforms.is_empty() { platforms } else { &step.platforms }
}

/// The platforms of the builds that make a reference before it is pushed; the first of the run where none does.
fn platforms_of_push(
    task: &Task,
    index: usize,
    reference: &Reference,
    platforms: &[Platform],
    waits: &[Vec<bool>],
    faults: &mut Faults<'_>,
) -> Vec<Platform> {
    let makers = || task.steps.iter().enumerate().filter(|(_, step)| step.makes().any(|made| made == *reference));
    let mut built: Vec<Platform> = Vec::new();
    for (_, step) in makers().filter(|(maker, _)| waits[index][*maker]) {
        for platform in platforms_of_build(step, platforms) {
            if !built.contains(platform) {
                built.push(platform.clone());
            }
        }
    }
    if built.is_empty() {
        if let Some((_, maker)) = makers().next() {
            let step = &task.steps[index];
            let message = format!(
                "step `{}` pushes `{reference}` without waiting for step `{}`, which builds it",
                step.id, maker.id
            );
            faults.warning(step.at, message).help = Some(format!("add `{}` to its `when`", maker.id));
        }
        built.push(platforms[0].clone());
    }
    built
}

/// Warns where the image of a `cmd` is built, but for other platforms than the one it runs on.
#[expect(clippy::too_many_arguments, reason = "the whole task is looked at for one sentence")]
fn warn_of_platform(
    task: &Task,
    index: usize,
    step: &Step,
    image: &str,
    platform: &Platform,
    platforms: &[Platform],
    waits: &[Vec<bool>],
    faults: &mut Faults<'_>,
) {
    let Ok(reference) = image.parse::<Reference>().map(Reference::with_default_tag) else { return };
    let earlier = task.steps.iter().enumerate().filter(|(maker, _)| waits[index][*maker]).map(|(_, step)| step);
    let makers: Vec<&Step> = earlier.filter(|step| step.makes().any(|made| made == reference)).collect();
    let fits = |maker: &&Step| platforms_of_build(maker, platforms).contains(platform);
    if let (Some(maker), false) = (makers.first(), makers.iter().any(fits)) {
        let built = &platforms_of_build(maker, platforms)[0];
        let message = format!("step `{}` runs on {platform}, and `{image}` is built for other platforms only", step.id);
        faults.warning(step.at, message).help = Some(format!("write `platform: {built}` in the step"));
    }
}

fn push(units: &mut Vec<Unit>, step: &Step, suffix: &str, reference: &Reference, platforms: &[Platform]) {
    let as_child = platforms.len() > 1;
    let first = units.len();
    for platform in platforms {
        add(units, step, suffix, platform, Action::Push(Push { reference: reference.clone(), as_child }));
    }
    if as_child {
        let children: Vec<UnitId> = units[first..].iter().map(|unit| unit.id).collect();
        add(
            units,
            step,
            suffix,
            &platforms[0],
            Action::Index(Index { reference: reference.clone(), children: children.clone() }),
        );
        if let Some(index) = units.last_mut() {
            index.name = format!("{}{suffix}@index", step.id);
            index.after = children;
        }
    }
}

fn add(units: &mut Vec<Unit>, step: &Step, suffix: &str, platform: &Platform, action: Action) {
    units.push(Unit {
        id: UnitId(u32::try_from(units.len()).unwrap_or(u32::MAX)),
        name: format!("{}{suffix}@{platform}", step.id),
        step: step.id.clone(),
        line: step.line,
        platform: platform.clone(),
        group: GroupId(0),
        after: Vec::new(),
        action,
        rules: step.rules.clone(),
        reports: step.reports.clone(),
    });
}
