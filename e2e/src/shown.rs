//! A run as `acre show -o json` gives it: who served it how, since when, and why it waits.

use serde_json::Value;
use std::collections::BTreeSet;

/// A run, as it was shown at one time.
#[derive(Debug)]
pub struct Shown(Value);

/// From when to when a unit worked, in milliseconds, and on which agent.
struct Work<'a> {
    agent: &'a str,
    begin: u64,
    end: u64,
}

impl Shown {
    /// What `acre show -o json` printed.
    pub fn of(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_else(|why| panic!("no JSON ({why}): {text}")))
    }

    /// How it stands.
    pub fn status(&self) -> &str {
        self.0["status"].as_str().expect("a run has a status")
    }

    /// The trace that it is part of.
    #[track_caller]
    pub fn trace(&self) -> &str {
        self.0["trace"].as_str().expect("the run is traced")
    }

    /// Whether it has a report, and so is over.
    pub fn is_over(&self) -> bool {
        !self.0["report"].is_null()
    }

    /// Demands how it has ended.
    #[track_caller]
    pub fn ended(&self, status: &str) -> &Self {
        assert_eq!(self.status(), status, "{:#}", self.0);
        self
    }

    /// What went wrong, if something did.
    pub fn error(&self) -> &str {
        self.0["error"].as_str().unwrap_or_default()
    }

    fn units(&self) -> &[Value] {
        self.0["units"].as_array().expect("a run has units")
    }

    /// The unit `step@os/arch`, or the first of the step.
    #[track_caller]
    pub fn unit(&self, name: &str) -> &Value {
        let found = self.units().iter().find(|unit| unit["name"] == name || unit["step"] == name);
        found.unwrap_or_else(|| panic!("no unit {name}: {:#}", self.0))
    }

    /// Which agent serves a unit, and how: `amd emulated`.
    #[track_caller]
    pub fn served(&self, name: &str) -> String {
        let unit = self.unit(name);
        let part = |part: &str| unit[part].as_str().unwrap_or("-").to_owned();
        format!("{} {}", part("agent"), part("way"))
    }

    /// The number of a unit's last attempt.
    #[track_caller]
    pub fn attempt(&self, name: &str) -> u64 {
        self.unit(name)["attempt"].as_u64().expect("a unit tells its attempts")
    }

    /// Every agent's reason why a unit waits; none if it does not wait for an agent.
    #[track_caller]
    pub fn reasons(&self, name: &str) -> Vec<&str> {
        let queued = self.unit(name)["phase"]["queued"].as_array();
        queued.into_iter().flatten().map(|reason| reason.as_str().expect("a reason is text")).collect()
    }

    /// The agents of units of this kind.
    pub fn agents(&self, kind: &str) -> BTreeSet<&str> {
        self.units().iter().filter(|unit| unit["kind"] == kind).filter_map(|unit| unit["agent"].as_str()).collect()
    }

    /// When it was handed in, in milliseconds since 1970.
    pub fn submitted_at(&self) -> u64 {
        self.0["submitted-at"].as_u64().expect("a run was handed in at some time")
    }

    /// When it ended, in milliseconds since 1970.
    pub fn ended_at(&self) -> u64 {
        self.0["ended-at"].as_u64().expect("it has ended")
    }

    /// When the work of a unit began, in milliseconds since 1970.
    #[track_caller]
    pub fn began(&self, name: &str) -> u64 {
        self.unit(name)["started-at"].as_u64().unwrap_or_else(|| panic!("{name} has not begun: {:#}", self.0))
    }

    /// The most agents that worked on it at one time, and the most units that worked on one agent at one time.
    pub fn at_once(&self) -> (usize, usize) {
        let work: Vec<Work<'_>> = self.units().iter().filter_map(work).collect();
        let moments = work.iter().map(|moment| {
            let then = || work.iter().filter(|other| (other.begin..other.end).contains(&moment.begin));
            let agents: BTreeSet<&str> = then().map(|other| other.agent).collect();
            (agents.len(), then().filter(|other| other.agent == moment.agent).count())
        });
        moments.fold((0, 0), |most, now| (most.0.max(now.0), most.1.max(now.1)))
    }
}

/// The work of a unit that has ended.
fn work(unit: &Value) -> Option<Work<'_>> {
    Some(Work { agent: unit["agent"].as_str()?, begin: unit["started-at"].as_u64()?, end: unit["ended-at"].as_u64()? })
}
