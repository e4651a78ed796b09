//! What holds of any fleet and any queue.

use super::{
    tests::{need, seat},
    *,
};
use acre_model::capability::Way;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn agents() -> impl Strategy<Value = Vec<String>> {
    let platforms = prop::sample::subsequence(
        vec!["linux/amd64", "linux/386", "~linux/arm64", "~linux/s390x", "windows/amd64"],
        1..4,
    );
    let arm = prop::sample::subsequence(vec!["linux/arm64", "linux/arm/v7", "~linux/amd64"], 1..3);
    let served = prop_oneof![platforms, arm].prop_map(|served| served.join(","));
    let options = prop::sample::subsequence(vec!["privileged", "socket", "classic"], 0..3);
    let state = prop::sample::select(vec!["", "", "", "", "full", "gone", "draining", "down"]);
    let pool = prop::sample::select(vec!["default", "default", "lab"]);
    let agent = (pool, 0..4u32, served, options, state).prop_map(|(pool, slots, served, options, state)| {
        format!("{pool} {slots} {served} {} {state}", options.join(" "))
    });
    prop::collection::vec(agent, 0..8)
        .prop_map(|agents| agents.into_iter().enumerate().map(|(number, rest)| format!("a{number} {rest}")).collect())
}

fn wants() -> impl Strategy<Value = Vec<(String, String)>> {
    let platform = prop::sample::select(vec![
        "linux/amd64",
        "linux/amd64",
        "linux/arm64",
        "linux/386",
        "linux/s390x",
        "windows/amd64",
        "any",
    ]);
    let emulate = prop::sample::select(vec!["", "never", "always"]);
    let options = prop::sample::subsequence(
        vec!["privileged", "socket", "cross", "milli=1500", "gib=3", "avoid=a0", "pool=lab"],
        0..3,
    );
    let project = prop::sample::select(vec!["p", "q", "r"]);
    let want = (project, platform, emulate, options).prop_map(|(project, platform, emulate, options)| {
        (project.to_owned(), format!("{platform} {emulate} {}", options.join(" ")))
    });
    prop::collection::vec(want, 0..24)
}

fn start(agents: &[String], wants: &[(String, String)]) -> (Fleet, Queue<usize>) {
    let (mut fleet, mut queue) = (Fleet::default(), Queue::default());
    agents.iter().map(|line| seat(line)).for_each(|(id, seat)| assert!(fleet.join(id, seat)));
    for (key, (project, line)) in wants.iter().enumerate() {
        let project = project.parse().unwrap();
        queue.insert(key, Want { project, need: need(line), warm: None });
    }
    (fleet, queue)
}

/// How each agent could take `need` now, found without any index.
fn able(fleet: &Fleet, need: &Need) -> Vec<(AgentId, Way)> {
    let refused: BTreeSet<AgentId> = fleet.explain(need).into_iter().map(|(id, _)| id).collect();
    let ways = fleet.ids().filter(|id| !refused.contains(*id)).map(|id| (id.clone(), fleet.way_of(id, need)));
    ways.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_go_to_agents_that_can_take_them(agents in agents(), wants in wants()) {
        let (mut fleet, mut queue) = start(&agents, &wants);
        let before = fleet.clone();
        let mut replayed = fleet.clone();
        let placed = place(&mut queue, &mut fleet);
        for Placed { key, agent, way, need } in &placed {
            let able = able(&replayed, need);
            prop_assert!(able.contains(&(agent.clone(), *way)), "{key}: {need:?} on {agent} as {way}, able: {able:?}");
            // Native or cross before emulated, but for the agent to be avoided.
            let better = able.iter().any(|(id, other)| *other != Way::Emulated && need.avoid.as_ref() != Some(id));
            prop_assert!(*way != Way::Emulated || !better, "{key}: emulated, able: {able:?}");
            prop_assert!(need.avoid.as_ref() != Some(agent) || able.len() == 1, "{key}: avoided, able: {able:?}");
            replayed.take(agent, &need.requirement);
        }
        // Whoever still waits could not have been placed: no starvation where there is room.
        for (need, keys) in queue.needs() {
            prop_assert!(able(&fleet, need).is_empty(), "{keys:?} wait, {need:?}");
        }
        for id in fleet.ids() {
            let (seat, load) = (fleet.seat(id).unwrap(), fleet.load(id));
            prop_assert!(load.groups <= seat.capability.slots);
            prop_assert!(load.nano_cpus <= 4_000_000_000 && load.memory <= 8 << 30, "{id}: {load:?}");
        }
        // The same again gives the same; and what is given back is as if it had never been taken.
        let (mut again, mut same) = start(&agents, &wants);
        prop_assert_eq!(&place(&mut same, &mut again), &placed);
        placed.iter().for_each(|placed| fleet.give_back(&placed.agent, &placed.need.requirement));
        prop_assert_eq!(fleet, before);
    }

    #[test]
    fn nobody_waits_who_could_be_placed_whatever_happens(
        agents in agents(),
        wants in wants(),
        events in prop::collection::vec((any::<u8>(), any::<u8>()), 0..12),
    ) {
        let (mut fleet, mut queue) = start(&agents, &wants);
        let mut working = place(&mut queue, &mut fleet);
        for (what, which) in events {
            match (agents.get(usize::from(which) % agents.len().max(1)), what % 3) {
                (Some(line), 0) => {
                    fleet.leave(&seat(line).0);
                }
                (Some(line), 1) => {
                    let (id, mut seat) = seat(line);
                    seat.capability.slots = u32::from(what) % 5;
                    fleet.join(id, seat);
                }
                _ if !working.is_empty() => {
                    let ended = working.swap_remove(usize::from(which) % working.len());
                    fleet.give_back(&ended.agent, &ended.need.requirement);
                }
                _ => {}
            }
            working.extend(place(&mut queue, &mut fleet));
            for (need, keys) in queue.needs() {
                prop_assert!(able(&fleet, need).is_empty(), "{keys:?} wait, {need:?}");
            }
        }
    }

    #[test]
    fn what_is_possible_is_placed_in_the_end(agents in agents(), wants in wants()) {
        let (mut fleet, mut queue) = start(&agents, &wants);
        for _ in 0..=wants.len() {
            // Whatever was placed ends, one pass after the other.
            for Placed { agent, need, .. } in place(&mut queue, &mut fleet) {
                fleet.give_back(&agent, &need.requirement);
            }
        }
        let empty = fleet;
        for (need, keys) in queue.needs() {
            prop_assert!(able(&empty, need).is_empty(), "{keys:?} never got an agent: {need:?}");
        }
    }
}

/// Ends come one at a time, and one project has always more to do: no other waits for more than its turn.
#[test]
fn a_busy_project_does_not_starve_another() {
    let agents = ["a0 default 1 linux/amd64,~linux/arm64".to_owned(), "a1 default 1 linux/arm64".to_owned()];
    let flood = |platform: &str| (0..200).map(|_| ("p".to_owned(), platform.to_owned())).collect::<Vec<_>>();
    let mut wants = [flood("linux/amd64"), flood("linux/arm64 always")].concat();
    let mine = wants.len();
    wants.extend(["linux/amd64", "linux/arm64", "linux/arm64 always"].map(|line| ("q".to_owned(), line.to_owned())));
    let (mut fleet, mut queue) = start(&agents, &wants);
    let (mut working, mut passed) = (Vec::new(), 0);
    while queue.keys().any(|key| *key >= mine) {
        working.extend(place(&mut queue, &mut fleet));
        let done = working.remove(0);
        fleet.give_back(&done.agent, &done.need.requirement);
        passed += 1;
        assert!(passed < 20, "q still waits after {passed} groups have ended");
    }
}
