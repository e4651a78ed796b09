//! The units of every step.

use super::sources::Fetched;
use crate::{
    diagnostic::Faults,
    task::{Step, StepAction, Task},
};
use acre_model::{
    ids::{GroupId, UnitId},
    plan::{Action, Build, Cmd, Index, Push, Unit},
    platform::Platform,
    reference::Reference,
};
use std::collections::BTreeMap;

/// The units of all steps in the order of the file, without edges and groups, after those of the sources.
pub(super) fn units(
    task: &Task,
    platforms: &[Platform],
    fetched: &Fetched,
    waits: &[Vec<bool>],
    faults: &mut Faults<'_>,
) -> Vec<Unit> {
    let steps = Steps::new(task, platforms, waits);
    let mut units: Vec<Unit> = fetched.units().to_vec();
    for (index, step) in task.steps.iter().enumerate() {
        // More are refused, and not made.
        if units.len() > super::UNITS {
            break;
        }
        match &step.action {
            StepAction::Build(build, fetch) => {
                let source = fetch.as_ref().and_then(|fetch| fetched.unit(fetch));
                let build = Build { one_of_several: steps.is_one_of_several(step), ..(**build).clone() };
                for platform in steps.of_build(step) {
                    add(&mut units, step, "", platform, Action::Build(build.clone()));
                    units.last_mut().into_iter().for_each(|unit| unit.after.extend(source));
                }
            }
            StepAction::Cmd(cmd) => {
                for platform in if step.platforms.is_empty() { &platforms[..1] } else { &step.platforms } {
                    steps.warn_of_image(index, &cmd.image, platform, faults);
                    check_isolation(step, cmd, platform, faults);
                    add(&mut units, step, "", platform, Action::Cmd(on_platform(cmd, step, platform)));
                }
            }
            StepAction::Push(references) => {
                for (number, reference) in references.iter().enumerate() {
                    let suffix = if references.len() > 1 { format!("[{}]", number + 1) } else { String::new() };
                    let built = steps.of_push(index, reference, faults);
                    push(&mut units, step, &suffix, reference, &built);
                }
            }
        }
    }
    units
}

/// Only Windows has isolations to choose from.
fn check_isolation(step: &Step, cmd: &Cmd, platform: &Platform, faults: &mut Faults<'_>) {
    if let Some(isolation) = cmd.isolation.as_ref().filter(|_| platform.os() != "windows") {
        let message =
            format!("step `{}`: isolation `{isolation}` is for Windows, and the step runs on {platform}", step.id);
        faults.error(step.at, message).help = Some("write `isolation: default`, or leave it out".to_owned());
    }
}

/// The variable that tells a `cmd` which lists platforms on which of them it is.
const PLATFORM: &str = "ACRE_PLATFORM";

fn on_platform(cmd: &Cmd, step: &Step, platform: &Platform) -> Cmd {
    let mut cmd = cmd.clone();
    if !step.platforms.is_empty() {
        cmd.env.retain(|(name, _)| name != PLATFORM);
        cmd.env.push((PLATFORM.to_owned(), platform.to_string()));
    }
    cmd
}

/// The steps, with who makes what.
struct Steps<'a> {
    steps: &'a [Step],
    /// Of the run.
    platforms: &'a [Platform],
    /// Whether the first waits for the second.
    waits: &'a [Vec<bool>],
    makers: BTreeMap<Reference, Vec<usize>>,
}

impl<'a> Steps<'a> {
    fn new(task: &'a Task, platforms: &'a [Platform], waits: &'a [Vec<bool>]) -> Self {
        let mut makers: BTreeMap<Reference, Vec<usize>> = BTreeMap::new();
        for (index, step) in task.steps.iter().enumerate() {
            step.makes().for_each(|made| makers.entry(made).or_default().push(index));
        }
        Self { steps: &task.steps, platforms, waits, makers }
    }

    fn of_build(&self, step: &'a Step) -> &'a [Platform] {
        if step.platforms.is_empty() { self.platforms } else { &step.platforms }
    }

    /// Whether a name that the step gives is one of several images, each for another platform.
    fn is_one_of_several(&self, step: &'a Step) -> bool {
        let own = self.of_build(step);
        let makers = step.makes().filter_map(|made| self.makers.get(&made)).flatten();
        let mut platforms = makers.flat_map(|maker| self.of_build(&self.steps[*maker]));
        own.len() > 1 || platforms.any(|platform| !own.contains(platform))
    }

    /// The builds of a reference that a step waits for.
    fn made_before(&self, index: usize, reference: &Reference) -> impl Iterator<Item = &'a Step> {
        let makers = self.makers.get(reference).into_iter().flatten();
        makers.filter(move |maker| self.waits[index][**maker]).map(|maker| &self.steps[*maker])
    }

    /// The platforms of the builds that make a reference before it is pushed; the first of the run where none does.
    fn of_push(&self, index: usize, reference: &Reference, faults: &mut Faults<'_>) -> Vec<Platform> {
        let mut built: Vec<Platform> = Vec::new();
        for platform in self.made_before(index, reference).flat_map(|step| self.of_build(step)) {
            if !built.contains(platform) {
                built.push(platform.clone());
            }
        }
        if built.is_empty() {
            if let Some(maker) = self.makers.get(reference).and_then(|makers| makers.first()) {
                let (id, step) = (&self.steps[*maker].id, &self.steps[index]);
                let message =
                    format!("step `{}` pushes `{reference}` without waiting for step `{id}`, which builds it", step.id);
                faults.warning(step.at, message).help = Some(format!("add `{id}` to its `when`"));
            }
            built.push(self.platforms[0].clone());
        }
        built
    }

    /// Warns where the image of a `cmd` is built, but for other platforms than the one it runs on.
    fn warn_of_image(&self, index: usize, image: &str, platform: &Platform, faults: &mut Faults<'_>) {
        let Ok(reference) = image.parse::<Reference>().map(Reference::with_default_tag) else { return };
        let built: Vec<&Platform> = self.made_before(index, &reference).flat_map(|step| self.of_build(step)).collect();
        if let Some(other) = built.first().filter(|_| !built.contains(&platform)) {
            let step = &self.steps[index];
            let message =
                format!("step `{}` runs on {platform}, and `{image}` is built for other platforms only", step.id);
            faults.warning(step.at, message).help = Some(format!("write `platform: {other}` in the step"));
        }
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
            Action::Index(Index {
                reference: reference.clone(),
                children: children.clone(),
                kept: Vec::new(),
                allow_partial: false,
            }),
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
        artifacts: step.artifacts.clone(),
        condition: step.condition.clone(),
        hands_over: false,
    });
}
