//! How much a plan takes, before it is made: every unit has a copy of what its step says.

use crate::{
    diagnostic::{Class, Faults},
    task::{Step, StepAction, Task},
};
use acre_model::platform::Platform;

/// Most bytes of all units.
const PLAN: usize = 32 << 20;
/// What a text takes besides itself.
const TEXT: usize = 32;

/// Whether the units of a task would be too large together; then that is among the faults.
pub(super) fn is_too_large(task: &Task, platforms: &[Platform], faults: &mut Faults<'_>) -> bool {
    let mut left = PLAN;
    for step in &task.steps {
        let units = match (&step.action, step.platforms.len()) {
            (StepAction::Build(..), 0) => platforms.len(),
            (_, listed) => listed.max(1),
        };
        match left.checked_sub(weight(step).saturating_mul(units)) {
            Some(rest) => left = rest,
            None => {
                let message = format!(
                    "step `{}`: with it, the texts of all steps on their platforms have more than {} MiB",
                    step.id,
                    PLAN >> 20
                );
                faults.error(step.at, message).class = Class::TooLarge;
                return true;
            }
        }
    }
    false
}

/// The bytes of what a step can have much of.
fn weight(step: &Step) -> usize {
    let pairs =
        |pairs: &[(String, String)]| pairs.iter().map(|(name, value)| name.len() + value.len() + 2 * TEXT).sum();
    let texts = |texts: &[String]| texts.iter().map(|text| text.len() + TEXT).sum();
    let own: usize = match &step.action {
        StepAction::Build(build, _) => {
            [&build.arguments, &build.labels, &build.secrets, &build.ssh].map(|list| pairs(list)).iter().sum::<usize>()
                + build.tags.len() * 4 * TEXT
                + [&build.cache_from, &build.cache_to, &build.add_hosts].map(|list| texts(list)).iter().sum::<usize>()
        }
        StepAction::Cmd(cmd) => {
            [&cmd.env, &cmd.labels, &cmd.volumes].map(|list| pairs(list)).iter().sum::<usize>()
                + [&cmd.arguments, &cmd.tmpfs, &cmd.ulimits].map(|list| texts(list)).iter().sum::<usize>()
        }
        // A push has a reference for each unit.
        StepAction::Push(_) => 0,
    };
    let reports: usize = texts(&step.reports.junit) + texts(&step.reports.coverage);
    let rules: usize = texts(&step.rules.retry_on_errors) + texts(&step.artifacts);
    own + reports + rules
}
