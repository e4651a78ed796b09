//! Client, agent and scheduler are killed in mid-run: the run ends with a recorded outcome and a log without gap or
//! repeat, and the engine is clean.

use acre_e2e::{
    engine,
    farm::{CLEAN, Farm, Part, SOON},
    program::{Running, is_notice},
    registry,
    source::Source,
    wait,
};

/// Lines that the step prints, in about 3 s.
const LINES: usize = 60;

const TASK: &str = "
steps:
  - id: service
    detach: true
    cmd: {base} sh -c 'trap exit TERM; sleep 1000 & wait'
  - id: counts
    cmd: {base} sh -c 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; sleep 0.05; done'
";

/// A client that follows a run of [`TASK`], which has come to line 10.
fn counting(farm: &Farm) -> (Running, String) {
    let mut client = farm.start_task(TASK, &[]);
    let run = farm.comes_to(&mut client, "line 10\n");
    (client, run)
}

/// Demands that every line is there once, in its order.
#[track_caller]
fn is_complete(log: &str) {
    let expected: Vec<String> = (1..=LINES).map(|number| format!("line {number}")).collect();
    let printed: Vec<&str> = log.lines().filter(|line| !is_notice(line)).collect();
    assert_eq!(printed, expected, "{log}");
}

/// Demands that the run succeeds, its log is complete, and nothing of it stays.
#[track_caller]
fn ends_well(farm: &Farm, run: &str) {
    let report = farm.report(run, SOON);
    assert_eq!(report["status"], "Succeeded", "{report:#}");
    assert!(
        report["units"].as_array().is_some_and(|units| units.iter().all(|unit| unit["attempt"] == 1)),
        "{report:#}"
    );
    is_complete(&farm.log(run, "counts"));
    farm.is_clean_within(CLEAN);
}

#[test]
fn the_client_is_killed() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    client.kill();
    is_complete(&farm.acre(&["logs", "-f", "--step", "counts", &run]).ended(0).stdout);
    ends_well(&farm, &run);
}

#[test]
fn the_agent_is_killed_and_started_again() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    farm.kill(Part::Agent);
    farm.acre(&["up"]).ended(0).says("started the agent of this machine's farm again");
    is_complete(&client.end().ended(0).stdout);
    ends_well(&farm, &run);
}

/// A run whose service has been detached, at work on its next step.
fn with_a_service(farm: &Farm) -> (Running, String) {
    let task = "
steps:
  - id: service
    detach: true
    cmd: {base} sh -c 'echo serving; trap \"echo going; exit 9\" TERM; while :; do sleep 0.05; done'
  - id: waits
    cmd: {base} sh -c 'echo waiting; until [ -e go ]; do sleep 0.05; done'
";
    let mut client = farm.start_task(task, &[]);
    let run = farm.comes_to(&mut client, "waiting\n");
    (client, run)
}

/// The id of a step's container.
fn container(run: &str, step: &str) -> String {
    let filters = [format!("label=acre.run={run}"), format!("name=-{step}-")];
    let words = ["container", "ls", "--all", "--quiet", "--filter", &filters[0], "--filter", &filters[1]];
    engine::docker(&words).ended(0).stdout.trim().to_owned()
}

/// Demands that the end of the service is told once, in its log and in the report of the run, which goes on to its end.
#[track_caller]
fn tells_of_the_service(farm: &Farm, run: &str, how: &str) {
    let says = format!("Container service {how} while the run went on");
    let log = wait::until("the end of the service is told", SOON, || {
        Some(farm.log(run, "service")).filter(|log| log.contains(&says))
    });
    assert_eq!(log.matches(&says).count(), 1, "{log}");
    assert_eq!(log.matches("serving\n").count(), 1, "{log}");
    engine::docker(&["exec", &container(run, "waits"), "touch", "/workspace/go"]).ended(0);
    let report = farm.report(run, SOON);
    assert_eq!(report["status"], "Succeeded", "{report:#}");
    farm.acre(&["show", run]).ended(0).says(&says);
}

#[test]
fn a_detached_container_is_followed_by_the_next_agent() {
    let farm = Farm::new();
    let (client, run) = with_a_service(&farm);
    client.kill();
    farm.kill(Part::Agent);
    farm.acre(&["up"]).ended(0);
    engine::docker(&["stop", &container(&run, "service")]).ended(0);
    tells_of_the_service(&farm, &run, "exited with code 9");
    assert!(farm.log(&run, "service").contains("going\n"), "its output goes on, too");
}

#[test]
fn what_became_of_a_detached_container_without_an_agent_is_told_by_the_next() {
    for (command, how) in [("stop", "exited with code 9"), ("rm", "was removed by someone")] {
        let farm = Farm::new();
        let (client, run) = with_a_service(&farm);
        client.kill();
        farm.kill(Part::Agent);
        let service = container(&run, "service");
        engine::docker(&["stop", &service]).ended(0);
        if command == "rm" {
            engine::docker(&["rm", &service]).ended(0);
        }
        farm.acre(&["up"]).ended(0);
        tells_of_the_service(&farm, &run, how);
    }
}

#[test]
fn the_scheduler_is_killed_and_the_client_brings_it_up() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    farm.kill(Part::Scheduler);
    let output = client.end();
    output
        .ended(0)
        .says("acre: started the scheduler of this machine's farm again")
        .says("acre: the farm answers again");
    is_complete(&output.stdout);
    ends_well(&farm, &run);
}

#[test]
fn client_and_scheduler_are_killed() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    client.kill();
    farm.kill(Part::Scheduler);
    farm.acre(&["up"]).ended(0).says("started the scheduler of this machine's farm again");
    ends_well(&farm, &run);
}

#[test]
fn everything_is_killed() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    client.kill();
    farm.kill(Part::Scheduler);
    farm.kill(Part::Agent);
    farm.acre(&["up"]).ended(0);
    ends_well(&farm, &run);
}

#[test]
fn everything_is_killed_and_the_step_ends_meanwhile() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    client.kill();
    farm.kill(Part::Scheduler);
    farm.kill(Part::Agent);
    wait::until("the step ends by itself", SOON, || (engine::containers(&run).len() == 1).then_some(()));
    farm.acre(&["up"]).ended(0);
    ends_well(&farm, &run);
}

#[test]
fn each_part_is_killed_again_and_again() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    client.kill();
    for part in [Part::Agent, Part::Scheduler, Part::Agent, Part::Scheduler] {
        farm.kill(part);
        farm.acre(&["up"]).ended(0);
    }
    ends_well(&farm, &run);
}

#[test]
fn a_killed_agent_that_does_not_come_back_loses_its_command() {
    let farm = Farm::new();
    let (client, run) = counting(&farm);
    farm.kill(Part::Agent);
    // Noticed within 16 s (promises S1); a command may not run twice.
    let output = client.end_within(SOON);
    output.ended(4).says("line 10\n").says("lost: its agent is gone");
    let report = farm.show(&run);
    assert_eq!(report["status"], "Error", "{report:#}");
    farm.acre(&["up"]).ended(0).says("started the agent of this machine's farm again");
    farm.is_clean_within(CLEAN);
    farm.shell("echo works again").ended(0).says("works again");
}

#[test]
fn an_agent_that_is_killed_in_a_build_builds_again() {
    let farm = Farm::new();
    let dockerfile = "FROM {base}\nRUN echo begins {{.}} && sleep 2\n".replace("{{.}}", &farm.image("x"));
    let source = Source::new(&[("Dockerfile", &farm.text(&dockerfile))]);
    let mut client = farm.start(&["build", "-t", "{repo}/built:1", source.arg()]);
    farm.comes_to(&mut client, "begins");
    farm.kill(Part::Agent);
    farm.acre(&["up"]).ended(0);
    client.end().ended(0).says("Successfully pushed image");
    farm.is_clean_within(CLEAN);
}

#[test]
fn an_agent_that_is_killed_between_a_build_and_its_push_publishes_what_was_built() {
    let farm = Farm::new();
    let task =
        "steps:\n  - {id: b, build: '-t {repo}/built:1 .'}\n  - {id: p, push: ['{repo}/built:1'], startDelay: 2}\n";
    let dockerfile = "FROM {base}\nRUN head -c 100 /dev/urandom >/{{.}}\n".replace("{{.}}", "unlike-any-other");
    let source = Source::new(&[("acb.yaml", &farm.text(task)), ("Dockerfile", &farm.text(&dockerfile))]);
    let mut client = farm.start(&["run", source.arg()]);
    let run = farm.comes_to(&mut client, "Step ID: b marked as successful");
    farm.kill(Part::Agent);
    farm.acre(&["up"]).ended(0);
    client.end().ended(0).says("Successfully pushed image");
    let shown = farm.show(&run);
    let [build, push] = shown["units"].as_array().expect("units").as_slice() else { panic!("two units: {shown:#}") };
    assert_eq!(build["attempt"], 1, "it is not built again: {shown:#}");
    let (image, published) = (&build["result"]["image"], &push["result"]["pushed"]);
    let repository = farm.image("built");
    let repository = repository.split_once('/').expect("it begins with the registry").1;
    assert_eq!(registry::digest(repository, "1").as_deref(), published.as_str(), "{shown:#}");
    if engine::exports() {
        assert_eq!(image, published, "what was exported is published");
        assert_eq!(engine::image_names(repository), [""; 0], "it was only to be pushed");
    }
    farm.is_clean_within(CLEAN);
}

#[test]
fn an_agent_that_is_killed_in_a_push_leaves_no_name_for_it() {
    let (farm, host) = (Farm::new(), registry::silent());
    let image = format!("{host}/held:1");
    engine::docker(&["pull", "--quiet", &registry::base()]).ended(0);
    engine::docker(&["tag", &registry::base(), &image]).ended(0);
    // What the push gate calls it.
    let names = || engine::image_names(&format!("/acre/{}/", host.replace(':', "__")));
    let mut client = farm.start_task(&format!("steps: [{{push: [\"{image}\"]}}]"), &[]);
    let run = farm.comes_to(&mut client, "Pushing image");
    wait::until("the image has a name for the push", SOON, || (!names().is_empty()).then_some(()));
    farm.kill(Part::Agent);
    farm.acre(&["up"]).ended(0);
    farm.acre(&["cancel", &run]).ended(0);
    client.end().ended(3);
    wait::until("the name is taken off", CLEAN, || names().is_empty().then_some(()));
    engine::docker(&["image", "rm", &image]).ended(0);
}
