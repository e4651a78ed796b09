//! Fleets and wants as small tables.

use super::*;
use acre_model::{
    capability::{Engine, Mode, Privileges, Served},
    platform::Platform,
};

fn capability(pool: &str, slots: u32, platforms: &[(&str, Mode)]) -> Capability {
    let platforms =
        platforms.iter().map(|(platform, mode)| Served { platform: platform.parse().unwrap(), mode: *mode });
    Capability {
        platforms: platforms.collect(),
        pool: pool.parse().unwrap(),
        slots,
        cpus: slots,
        memory: 1 << 30,
        engine: Engine::Ready {
            name: "simulated".into(),
            version: "1".into(),
            buildkit: true,
            containerd_store: false,
        },
        version: "0.1.0".into(),
        allows: Privileges::default(),
        labels: Default::default(),
        disk_free: 0,
        disk_size: 0,
        windows: None,
    }
}

struct Fleet(Vec<(AgentId, Capability, Readiness, u32)>);

impl Fleet {
    fn mixed() -> Self {
        let agent = |id: &str, capability, readiness, busy| (id.parse().unwrap(), capability, readiness, busy);
        Self(vec![
            agent(
                "amd",
                capability("default", 2, &[("linux/amd64", Mode::Native), ("linux/arm64", Mode::Emulated)]),
                Readiness::Ready,
                0,
            ),
            agent("arm", capability("default", 1, &[("linux/arm64", Mode::Native)]), Readiness::Ready, 0),
            agent("gone", capability("default", 8, &[("linux/amd64", Mode::Native)]), Readiness::Disconnected, 0),
            agent("lab", capability("lab", 4, &[("linux/amd64", Mode::Native)]), Readiness::Ready, 0),
        ])
    }

    fn problem<'a>(&'a self, wants: Vec<Want<'a, u32>>) -> Problem<'a, u32> {
        let agents = self.0.iter().map(|(id, capability, readiness, busy)| Candidate {
            id,
            capability,
            readiness: *readiness,
            busy: *busy,
        });
        Problem { agents: agents.collect(), wants }
    }
}

fn want<'a>(key: u32, project: &'a ProjectName, platform: &str, emulation: Emulation) -> Want<'a, u32> {
    let platform: Platform = platform.parse().unwrap();
    let requirement = Requirement {
        platform: Some(platform),
        pool: "default".parse().unwrap(),
        asks: Privileges::default(),
        nano_cpus: 0,
        memory: 0,
    };
    Want { key, project, requirement, emulation, avoid: None }
}

fn placed(problem: &Problem<'_, u32>) -> Vec<(u32, String)> {
    place(problem).into_iter().map(|(key, agent)| (key, agent.to_string())).collect()
}

#[test]
fn native_before_emulated_and_never_over_the_slots() {
    let (fleet, project) = (Fleet::mixed(), ProjectName::default());
    let wants = (0..4).map(|key| want(key, &project, "linux/arm64", Emulation::default())).collect();
    let expected = [(0, "arm"), (1, "amd"), (2, "amd")].map(|(key, agent)| (key, agent.to_owned()));
    assert_eq!(placed(&fleet.problem(wants)), expected);
}

#[test]
fn an_emulator_is_not_used_where_the_run_forbids_it() {
    let (fleet, project) = (Fleet::mixed(), ProjectName::default());
    let wants = (0..2).map(|key| want(key, &project, "linux/arm64", Emulation::Never)).collect();
    let problem = fleet.problem(wants);
    assert_eq!(placed(&problem), [(0, "arm".to_owned())]);
    let reasons: Vec<String> =
        explain(&problem, &problem.wants[1]).into_iter().map(|(agent, reason)| format!("{agent}: {reason}")).collect();
    assert_eq!(
        reasons,
        [
            "amd: only emulates linux/arm64, which the run forbids",
            "gone: does not serve linux/arm64",
            "lab: in pool lab"
        ]
    );
}

#[test]
fn projects_take_turns() {
    let fleet = Fleet::mixed();
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    let wants = vec![
        want(0, &a, "linux/amd64", Emulation::Never),
        want(1, &a, "linux/amd64", Emulation::Never),
        want(2, &b, "linux/amd64", Emulation::Never),
    ];
    assert_eq!(placed(&fleet.problem(wants)), [(0, "amd".to_owned()), (2, "amd".to_owned())]);
}

#[test]
fn the_agent_it_failed_on_is_the_last_resort() {
    let (fleet, project) = (Fleet::mixed(), ProjectName::default());
    let arm: AgentId = "arm".parse().unwrap();
    let mut avoiding = want(0, &project, "linux/arm64", Emulation::default());
    avoiding.avoid = Some(&arm);
    assert_eq!(placed(&fleet.problem(vec![avoiding.clone()])), [(0, "amd".to_owned())]);
    avoiding.emulation = Emulation::Never;
    assert_eq!(placed(&fleet.problem(vec![avoiding])), [(0, "arm".to_owned())]);
}

#[test]
fn what_no_agent_serves_is_known_to_be_impossible() {
    let (fleet, project) = (Fleet::mixed(), ProjectName::default());
    let problem = fleet.problem(vec![
        want(0, &project, "linux/s390x", Emulation::Always),
        want(1, &project, "linux/amd64", Emulation::Always),
    ]);
    assert!(!is_possible(&problem, &problem.wants[0]));
    assert!(is_possible(&problem, &problem.wants[1]));
}
