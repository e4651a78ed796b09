//! Fleets and wants as small tables.

use super::*;
use acre_model::{
    capability::{Capability, Engine, Mode, Privileges, Served},
    fleet::Readiness,
};

/// `name pool slots platforms [option…]`: platforms by comma, an emulated one with `~` before it.
pub(super) fn seat(line: &str) -> (AgentId, Seat) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let served = words[3].split(',').map(|text| match text.strip_prefix('~') {
        Some(platform) => Served { platform: platform.parse().unwrap(), mode: Mode::Emulated },
        None => Served { platform: text.parse().unwrap(), mode: Mode::Native },
    });
    let has = |option: &str| words.contains(&option);
    let slots = words[2].parse().unwrap();
    let capability = Capability {
        platforms: served.collect(),
        pool: words[1].parse().unwrap(),
        slots,
        cpus: 4,
        memory: 8 << 30,
        engine: match has("down") {
            true => Engine::Down("does not answer".into()),
            false => Engine::Ready {
                name: "simulated".into(),
                version: "1".into(),
                buildkit: !has("classic"),
                containerd_store: false,
            },
        },
        version: "0.1.0".into(),
        allows: Privileges { privileged: has("privileged"), engine_socket: has("socket") },
        labels: Default::default(),
        disk_free: if has("full") { 1 << 30 } else { 1 << 40 },
        disk_size: 1 << 41,
        windows: None,
    };
    let readiness = match (has("gone"), has("draining"), has("down")) {
        (true, ..) => Readiness::Disconnected,
        (_, true, _) => Readiness::Draining,
        (.., true) => Readiness::EngineDown,
        _ => Readiness::Ready,
    };
    (words[0].parse().unwrap(), Seat { capability, readiness })
}

fn fleet(lines: &[&str]) -> Fleet {
    let mut fleet = Fleet::default();
    lines.iter().map(|line| seat(line)).for_each(|(id, seat)| assert!(fleet.join(id, seat)));
    fleet
}

/// `platform [option…]`, the platform `any` for any Linux.
pub(super) fn need(line: &str) -> Need {
    let words: Vec<&str> = line.split_whitespace().collect();
    let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let has = |option: &str| words.contains(&option);
    Need {
        requirement: Requirement {
            platform: (words[0] != "any").then(|| words[0].parse().unwrap()),
            pool: option("pool").unwrap_or("default").parse().unwrap(),
            asks: Privileges { privileged: has("privileged"), engine_socket: has("socket") },
            nano_cpus: option("milli").map_or(0, |milli| milli.parse::<u64>().unwrap() * 1_000_000),
            memory: option("gib").map_or(0, |gib| gib.parse::<u64>().unwrap() << 30),
        },
        cross: has("cross"),
        emulate: match (has("never"), has("always")) {
            (true, _) => Emulate::Never,
            (_, true) => Emulate::Yes,
            _ => Emulate::IfAlone,
        },
        avoid: option("avoid").map(|id| id.parse().unwrap()),
    }
}

fn want(project: &str, line: &str) -> Want {
    Want { project: project.parse().unwrap(), need: need(line), warm: None }
}

fn placed(fleet: &mut Fleet, wants: &[(&str, &str)]) -> Vec<String> {
    let mut queue = Queue::default();
    for (key, (project, line)) in wants.iter().enumerate() {
        queue.insert(key, want(project, line));
    }
    place(&mut queue, fleet).iter().map(|placed| format!("{} {} {}", placed.key, placed.agent, placed.way)).collect()
}

const MIXED: [&str; 7] = [
    "amd default 2 linux/amd64,linux/386,~linux/arm64",
    "arm default 1 linux/arm64",
    "full default 9 linux/amd64 full",
    "gone default 8 linux/amd64,~linux/s390x gone",
    "lab lab 4 linux/amd64 privileged",
    "old default 1 linux/riscv64 classic",
    "win default 4 windows/amd64",
];

#[test]
fn one_group_goes_where_the_rank_says() {
    let table = [
        ("linux/arm64", Some("arm native")),
        ("linux/arm64 always", Some("arm native")),
        ("linux/arm64 avoid=arm", Some("amd emulated")),
        ("linux/arm64 avoid=arm never", Some("arm native")),
        ("linux/386 never", Some("amd native")),
        ("linux/s390x always", None),
        ("linux/amd64", Some("amd native")),
        ("linux/amd64 pool=lab privileged", Some("lab native")),
        ("linux/amd64 privileged", None),
        ("linux/amd64 pool=lab socket", None),
        ("linux/amd64 milli=4000", Some("amd native")),
        ("linux/amd64 milli=4001", None),
        ("linux/amd64 gib=9", None),
        ("windows/amd64", Some("win native")),
        ("any", Some("amd native")),
        ("any avoid=amd", Some("arm native")),
        ("any cross", Some("amd cross")),
        ("linux/riscv64 cross", Some("old native")),
        ("linux/ppc64le cross never", Some("amd cross")),
        ("linux/arm64 cross never", Some("arm native")),
        ("windows/amd64 cross pool=lab never", Some("lab cross")),
    ];
    for (line, expected) in table {
        let found = fleet(&MIXED).pick(&need(line), None).map(|(agent, way)| format!("{agent} {way}"));
        assert_eq!(found.as_deref(), expected, "{line}");
    }
}

#[test]
fn a_native_agent_that_is_busy_is_waited_for() {
    let mut fleet = fleet(&MIXED);
    let wants = [("p", "linux/arm64"), ("p", "linux/arm64"), ("p", "linux/arm64 always"), ("p", "linux/arm64 never")];
    assert_eq!(placed(&mut fleet, &wants), ["0 arm native", "2 amd emulated"]);
    fleet.leave(&"arm".parse().unwrap());
    assert_eq!(placed(&mut fleet, &wants[..1]), ["0 amd emulated"]);
}

#[test]
fn a_warm_cache_comes_before_room_and_after_the_way() {
    let fleet = fleet(&["a default 1 ~linux/arm64", "b default 9 linux/arm64", "c default 2 linux/arm64"]);
    let pick = |line: &str, warm: &str| {
        fleet.pick(&need(line), Some(&warm.parse().unwrap())).map(|(agent, _)| agent.to_string())
    };
    assert_eq!(pick("linux/arm64", "c").as_deref(), Some("c"));
    assert_eq!(pick("linux/arm64 always", "a").as_deref(), Some("b"));
    assert_eq!(pick("linux/arm64 avoid=c", "c").as_deref(), Some("b"));
    assert_eq!(pick("linux/arm64", "nobody").as_deref(), Some("b"));
}

#[test]
fn cores_and_memory_of_groups_add_up() {
    let mut fleet = fleet(&["a default 9 linux/amd64"]);
    let wants =
        [("p", "linux/amd64 milli=3000 gib=4"), ("p", "linux/amd64 milli=1500"), ("p", "linux/amd64 milli=1000")];
    assert_eq!(placed(&mut fleet, &wants), ["0 a native", "2 a native"]);
    assert_eq!(placed(&mut fleet, &[("p", "linux/amd64 gib=5"), ("p", "linux/amd64 gib=4")]), ["1 a native"]);
    let asked = need("linux/amd64 milli=3000 gib=4").requirement;
    fleet.give_back(&"a".parse().unwrap(), &asked);
    assert_eq!(placed(&mut fleet, &[("p", "linux/amd64 milli=3000 gib=4")]), ["0 a native"]);
}

#[test]
fn projects_take_turns_and_what_is_dear_waits_longer() {
    let mut four = fleet(&["a default 4 linux/amd64"]);
    let wants = ["p", "p", "p", "q", "q"].map(|project| (project, "linux/amd64"));
    assert_eq!(placed(&mut four, &wants), ["0 a native", "3 a native", "1 a native", "4 a native"]);
    let mut dear = fleet(&["a default 9 linux/amd64"]);
    let wants = [("p", "linux/amd64 milli=2000"), ("q", "linux/amd64"), ("q", "linux/amd64"), ("q", "linux/amd64")];
    assert_eq!(placed(&mut dear, &wants), ["1 a native", "0 a native", "2 a native", "3 a native"]);
}

#[test]
fn turns_go_on_from_one_pass_to_the_next() {
    let mut fleet = fleet(&["a default 1 linux/amd64"]);
    let mut queue = Queue::default();
    for (key, project) in ["p", "p", "p", "q", "q", "q"].into_iter().enumerate() {
        queue.insert(key, want(project, "linux/amd64"));
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        for placed in place(&mut queue, &mut fleet) {
            fleet.give_back(&placed.agent, &placed.need.requirement);
            order.push(placed.key);
        }
    }
    assert_eq!(order, [0, 3, 1, 4, 2, 5]);
}

#[test]
fn every_agent_has_its_reason() {
    let mut fleet = fleet(&MIXED);
    fleet.join("down".parse().unwrap(), seat("down default 1 linux/arm64 down").1);
    fleet.join("leaving".parse().unwrap(), seat("leaving default 1 linux/arm64 draining").1);
    placed(&mut fleet, &[("p", "linux/arm64")]);
    let table = [
        (
            "linux/arm64",
            "amd: only emulates linux/arm64, and a native agent is waited for; arm: busy (1 of 1 slots); \
             down: does not answer; full: does not serve linux/arm64; gone: does not serve linux/arm64; lab: in pool lab; \
             leaving: draining; old: does not serve linux/arm64; win: other OS",
        ),
        (
            "linux/amd64 milli=8500 privileged",
            "amd: does not allow privileged steps; arm: does not serve linux/amd64; down: does not answer; \
             full: does not allow privileged steps; gone: does not allow privileged steps; lab: in pool lab; \
             leaving: does not serve linux/amd64; old: does not serve linux/amd64; win: other OS",
        ),
        (
            "linux/s390x never cross",
            "arm: busy (1 of 1 slots); down: does not answer; full: disk full (1.0 GiB free); gone: not connected; \
             lab: in pool lab; leaving: draining; old: has no BuildKit, so it builds for its own platforms only; \
             win: other OS",
        ),
        ("linux/amd64 pool=lab milli=8500", "lab: needs 8.5 cpus, has 4"),
        ("linux/amd64 pool=lab gib=9", "lab: needs 9.0 GiB of memory, has 8.0 GiB"),
    ];
    for (line, expected) in table {
        let why = fleet.explain(&need(line)).into_iter().map(|(agent, why)| format!("{agent}: {why}"));
        let why = why.filter(|why| !line.contains("pool=lab") || why.starts_with("lab"));
        assert_eq!(why.collect::<Vec<_>>().join("; "), expected, "{line}");
    }
    placed(&mut fleet, &[("p", "linux/amd64 milli=3500 gib=8")]);
    let why = |line: &str| fleet.explain(&need(line))[0].1.to_string();
    assert_eq!(why("linux/amd64 milli=1000"), "busy (3.5 of 4 cpus)");
    assert_eq!(why("linux/amd64 gib=1"), "busy (8.0 GiB of 8.0 GiB of memory)");
}

#[test]
fn an_agent_is_news_if_placement_could_tell() {
    let known = "a default 2 linux/amd64,~linux/arm64";
    let table = [
        ("a default 2 linux/amd64,~linux/arm64", false),
        ("a default 2 ~linux/arm64,linux/amd64", false),
        ("a default 3 linux/amd64,~linux/arm64", true),
        ("a default 2 linux/amd64,linux/arm64", true),
        ("a default 2 linux/amd64,~linux/arm64 socket", true),
        ("a default 2 linux/amd64,~linux/arm64 classic", true),
        ("a default 2 linux/amd64,~linux/arm64 draining", true),
        ("a default 2 linux/amd64,~linux/arm64 full", true),
        ("a lab 2 linux/amd64,~linux/arm64", true),
    ];
    for (line, expected) in table {
        let mut fleet = fleet(&[known]);
        let (id, mut seat) = seat(line);
        seat.capability.disk_free -= 1;
        assert_eq!(fleet.join(id.clone(), seat.clone()), expected, "{line}");
        assert_eq!(fleet.seat(&id), Some(&seat), "{line}");
    }
}

#[test]
fn what_no_agent_could_take_is_known() {
    let fleet = fleet(&MIXED);
    let table = [
        ("linux/s390x always", true),
        ("linux/s390x never", false),
        ("linux/ppc64le", false),
        ("linux/ppc64le cross", true),
        ("linux/amd64 privileged", false),
        ("linux/amd64 milli=5000", false),
        ("linux/amd64 pool=none", false),
        ("linux/arm64 never avoid=arm", true),
    ];
    for (line, expected) in table {
        assert_eq!(fleet.is_possible(&need(line)), expected, "{line}");
    }
}
