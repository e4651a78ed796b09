//! What a run fetches before its steps: its source and the files of aliases, without which the task is not compiled, and
//! what its builds name.

use crate::task::{StepAction, Task};
use acre_model::{
    ids::{GroupId, StepId, UnitId},
    plan::{Action, Condition, Fetch, Group, Plan, Reports, Rules, Unit},
    platform::Platform,
};

/// Time that fetching may take, in milliseconds.
const TIMEOUT_MS: u64 = 1_800_000;

/// The plan of what a run fetches before its task is compiled: its source, where that is an address, and the files of
/// aliases. The whole plan begins with the same units and groups.
pub fn first_plan(source: Option<&Fetch>, aliases: &[String]) -> Plan {
    let units = first_units(source, aliases);
    let groups = units.iter().map(|unit| Group {
        platform: unit.platform.clone(),
        units: vec![unit.id],
        network: false,
        cross: false,
        takes: Vec::new(),
    });
    Plan { platforms: vec![Platform::linux_amd64()], groups: groups.collect(), units, ..Plan::default() }
}

fn first_units(source: Option<&Fetch>, aliases: &[String]) -> Vec<Unit> {
    let named = source.map(|fetch| ("source", fetch.clone()));
    let aliases = (!aliases.is_empty()).then(|| ("aliases", Fetch::Aliases(aliases.to_vec())));
    let mut units: Vec<Unit> = Vec::new();
    for (name, fetch) in named.into_iter().chain(aliases) {
        let step = name.parse().expect("a word is a step id");
        units.push(unit(units.len(), step, fetch));
    }
    units
}

fn unit(place: usize, step: StepId, fetch: Fetch) -> Unit {
    let number = u32::try_from(place).unwrap_or(u32::MAX);
    let rules = Rules {
        timeout_ms: TIMEOUT_MS,
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
        id: UnitId(number),
        // No platform in its name: so it differs from the units of a step that is called so.
        name: step.to_string(),
        step,
        line: 0,
        platform: Platform::linux_amd64(),
        group: GroupId(number),
        after: Vec::new(),
        action: Action::Source(fetch),
        rules,
        reports: Reports::default(),
        artifacts: Vec::new(),
        condition: Condition::default(),
        hands_over: false,
    }
}

/// The units that fetch, which stand before all others.
pub(super) struct Fetched {
    units: Vec<Unit>,
    /// So many of them come before the task is compiled.
    first: usize,
}

impl Fetched {
    pub(super) fn new(task: &Task, source: Option<&Fetch>, aliases: &[String]) -> Self {
        let units = first_units(source, aliases);
        let mut fetched = Self { first: units.len(), units };
        for step in &task.steps {
            if let StepAction::Build(_, Some(fetch)) = &step.action
                && fetched.unit(fetch).is_none()
            {
                fetched.add(task, fetch);
            }
        }
        fetched
    }

    /// Named `source-N`, where no step has that name, after the first that is not the run's.
    fn add(&mut self, task: &Task, fetch: &Fetch) {
        let is_free = |id: &StepId| {
            task.steps.iter().all(|step| step.id != *id) && self.units.iter().all(|unit| unit.step != *id)
        };
        // So many of these names are taken at least.
        let taken = u32::try_from(self.units.len() - self.first).unwrap_or(u32::MAX);
        let mut names =
            (taken + 1..).map(|number| format!("source-{number}").parse().expect("`source-N` is a step id"));
        if let Some(step) = names.find(is_free) {
            self.units.push(unit(self.units.len(), step, fetch.clone()));
        }
    }

    /// The unit that fetches an address.
    pub(super) fn unit(&self, fetch: &Fetch) -> Option<UnitId> {
        let fetches = |unit: &&Unit| matches!(&unit.action, Action::Source(known) if known == fetch);
        self.units.iter().find(fetches).map(|unit| unit.id)
    }

    pub(super) fn units(&self) -> &[Unit] {
        &self.units
    }

    /// What every step waits for.
    pub(super) fn first(&self) -> impl Iterator<Item = UnitId> {
        self.units[..self.first].iter().map(|unit| unit.id)
    }
}
