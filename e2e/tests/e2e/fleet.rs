//! A run on several agents: what is independent spreads, what needs something in common meets, files cross, and an agent
//! may die.

use acre_e2e::{
    farm::{CLEAN, SOON},
    fleet::Fleet,
    source::Source,
    stand_in::StandIn,
    watched::Watched,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Slots of an agent of [`fleet`].
const SLOTS: usize = 2;

/// How long a run of twenty builds may take, on a machine that has other work.
const MANY: Duration = Duration::from_secs(100);

/// A fleet of agents with these names.
fn fleet(ids: &[&str], slots: usize) -> Fleet {
    let mut fleet = Fleet::new();
    let slots = u32::try_from(slots).expect("a few slots");
    ids.iter().for_each(|id| fleet.join(id, slots));
    fleet
}

#[test]
fn twenty_builds_are_on_all_agents_at_one_time_and_one_step_tells_that_they_are_done() {
    let fleet = fleet(&["one", "two", "three"], SLOTS);
    let numbers = 1..=20;
    let build = |number: u32| {
        format!(
            "  - {{id: b{number}, when: ['-'], build: '-t {{repo}}/b{number} --build-arg number={number} -f Dockerfile .'}}\n"
        )
    };
    let builds: String = numbers.clone().map(build).collect();
    let all: Vec<String> = numbers.clone().map(|number| format!("b{number}")).collect();
    let notify = format!("  - {{id: notify, when: [{}], cmd: '{{base}} echo all are built'}}\n", all.join(", "));
    let dockerfile = "FROM scratch\nARG number\nLABEL of={repo} number=$number\nCOPY Dockerfile /\n";
    let source = Source::new(&[
        ("acb.yaml", &fleet.text(&format!("steps:\n{builds}{notify}"))),
        ("Dockerfile", &fleet.text(dockerfile)),
    ]);
    let output = fleet.start(&["run", source.arg()], "").end_within(MANY);
    output.ended(0).says("\nall are built\n");
    let shown = fleet.show(&output.run_id());
    let (agents, units) = shown.at_once();
    assert_eq!(agents, 3, "all work at one time");
    assert!(units <= SLOTS, "{units} units work on one agent at one time");
    for build in all {
        assert_eq!(shown.attempt(&build), 1, "{build}");
        let ended = shown.unit(&build)["ended-at"].as_u64().expect("it has ended");
        assert!(ended <= shown.began("notify"), "{build}");
    }
}

#[test]
fn presets_stand_for_the_images_that_the_farm_was_told() {
    let mut fleet = Fleet::with(&["--preset", "bash={base}"]);
    fleet.join("one", 1);
    let task = "version: v1.1.0\nsteps: [{cmd: bash sh -c 'echo in a preset'}]\n";
    fleet.start_task(task, &[]).end().ended(0).says("\nin a preset\n");
}

const SHARING: &str = "
steps:
  - {id: parent, when: ['-'], build: -t {repo}/parent:1 parent}
  - {id: child, when: [parent], build: -t {repo}/child:1 child}
  - {id: use, when: [child], cmd: '{repo}/child:1 cat /parent /child'}
  - {id: write, when: ['-'], cmd: '{base} sh -c \"echo written >written\"'}
  - {id: read, when: [write], cmd: '{base} cat written'}
  - {id: pack, when: [read], build: '-t {repo}/packed:1 -f pack/Dockerfile .'}
  - {id: push, when: [pack], push: ['{repo}/packed:1']}
  - {id: alone, when: ['-'], build: -t {repo}/alone:1 alone}
  - {id: apart, when: ['-'], build: -t {repo}/apart:1 apart}
";

#[test]
fn steps_that_share_a_workspace_or_an_image_meet_on_one_agent() {
    let fleet = fleet(&["one", "two", "three"], 1);
    let source = Source::new(&[
        ("acb.yaml", &fleet.text(SHARING)),
        ("parent/Dockerfile", &fleet.text("FROM {base}\nRUN echo parent {repo} >/parent\n")),
        ("child/Dockerfile", &fleet.text("FROM {repo}/parent:1\nRUN echo child >/child\n")),
        ("pack/Dockerfile", &fleet.text("FROM {base}\nCOPY written /written\nRUN grep written /written\n")),
        ("alone/Dockerfile", &fleet.text("FROM {base}\nRUN echo alone {repo}\n")),
        ("apart/Dockerfile", &fleet.text("FROM {base}\nRUN echo apart {repo}\n")),
    ]);
    let run = fleet.acre(&["run", source.arg()]).ended(0).says("\nwritten\n").says("\nchild\n").run_id();
    let shown = fleet.show(&run);
    let agent = |step: &str| shown.unit(step)["agent"].as_str().expect("an agent had it").to_owned();
    for step in ["child", "use", "write", "read", "pack", "push"] {
        assert_eq!(agent(step), agent("parent"), "{step} shares with others");
    }
    assert_eq!(shown.agents("build").len(), 3, "what shares nothing goes elsewhere: {shown:?}");
}

#[test]
fn an_arm64_step_reads_what_an_amd64_step_wrote_and_misses_what_it_removed() {
    let mut fleet = fleet(&["amd"], 1);
    fleet.join_on(StandIn::for_arm64_machine(), "arm", 1);
    let task = "
steps:
  - id: write
    cmd: {base} sh -c 'uname -m; echo written >file; rm gone'
  - id: read
    platform: linux/arm64
    cmd: {arm64} sh -c 'uname -m; cat file; ls'
";
    let source = Source::new(&[("acb.yaml", &fleet.text(task)), ("gone", "x")]);
    let output = fleet.acre(&["run", "--emulation", "never", source.arg()]);
    let printed = output.ended(0).printed();
    assert!(printed.contains(&"x86_64"), "{printed:?}");
    assert!(printed.ends_with(&["aarch64", "written", "acb.yaml", "file"]), "{printed:?}");
    let shown = fleet.show(&output.run_id());
    assert_eq!((shown.served("write"), shown.served("read")), ("amd native".to_owned(), "arm native".to_owned()));
}

#[test]
fn a_detached_server_and_its_test_fit_an_agent_with_one_slot() {
    let fleet = fleet(&["one"], 1);
    let task = "
steps:
  - id: server
    detach: true
    cmd: {base} sh -c 'mkdir /s; echo served >/s/p; exec httpd -f -p 80 -h /s'
  - id: test
    timeout: 20
    cmd: {base} sh -c 'until wget -q -O - http://server/p; do sleep 0.05; done'
";
    let output = fleet.start_task(task, &[]).end();
    assert_eq!(output.ended(0).printed(), ["served"]);
    assert_eq!(fleet.show(&output.run_id()).agents("cmd"), ["one"].into());
    assert_eq!(fleet.agent("one")["capability"]["slots"], 1);
}

const KILLED: &str = "
steps:
  - {id: parent, build: -t {watched}/parent:1 parent}
  - {id: push-parent, push: ['{watched}/parent:1']}
  - {id: child, build: -t {watched}/child:1 child}
  - {id: push-child, push: ['{watched}/child:1']}
";

#[test]
fn what_a_killed_agent_was_building_is_built_elsewhere_and_what_it_had_pushed_is_not_pushed_again() {
    let mut fleet = fleet(&["one", "two"], 1);
    let (watched, repository) = (Watched::new(), fleet.repository().to_owned());
    let begin = format!("{}/{repository}", watched.address());
    let text = |text: &str| fleet.text(&text.replace("{watched}", &begin));
    let source = Source::new(&[
        ("acb.yaml", &text(KILLED)),
        ("parent/Dockerfile", &text("FROM {base}\nRUN echo parent {repo} >/parent\n")),
        ("child/Dockerfile", &text("FROM {watched}/parent:1\nRUN echo child begins && sleep 2\n")),
    ]);
    let mut client = fleet.start(&["run", source.arg()], "");
    let said = client.wait_for("child begins");
    let run = acre_e2e::program::run_id(&said).expect("a run was handed in");
    let first = fleet.show(&run).unit("child")["agent"].as_str().expect("an agent builds it").to_owned();
    let other = if first == "one" { "two" } else { "one" };
    let killed_at = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    fleet.kill(&first);
    client.end().ended(0);

    let shown = fleet.show(&run);
    let builder = |step: &str| (shown.unit(step)["agent"].as_str().unwrap_or_default().to_owned(), shown.attempt(step));
    assert_eq!(builder("parent"), (other.to_owned(), 2), "the child is made from it");
    assert_eq!(builder("child"), (other.to_owned(), 2));
    assert_eq!(builder("push-parent"), (first.clone(), 1), "it had succeeded");
    let puts = ["parent", "child"].map(|image| watched.puts(&format!("{repository}/{image}"), "1"));
    assert_eq!(puts, [1, 1], "times that the manifest of each was put");
    let elsewhere = u128::from(shown.began("parent")) - killed_at;
    assert!(elsewhere <= 20_000, "its group began elsewhere after {elsewhere} ms (promise S1)");

    // It comes back, and has nothing to do but to clean up.
    fleet.join(&first, 1);
    fleet.is_clean_within(SOON + CLEAN);
}
