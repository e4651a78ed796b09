//! However a run ends, within 5 s the engine has nothing of it any more, and the exit code says how it ended.

use acre_e2e::{
    engine::Thing,
    farm::{CLEAN, Farm},
    program::Running,
    wait,
};
use rustix::process::Signal;

/// A service, and a step that finds it by its name: volumes, a network and two containers. `{script}` ends it.
const TASK: &str = "
steps:
  - id: service
    detach: true
    cmd: {base} sh -c 'trap exit TERM; echo serving; sleep 1000 & wait'
  - id: client
    timeout: 20
    cmd: {base} sh -c 'trap \"exit 143\" TERM; ping -c 1 -W 2 service >/dev/null && echo at work; {script}'
";

/// A run of [`TASK`] at work: the engine has things of it.
fn at_work(farm: &Farm, script: &str, words: &[&str]) -> (Running, String) {
    let mut client = farm.start_task(&TASK.replace("{script}", script), words);
    let run = farm.comes_to(&mut client, "at work\n");
    (client, run)
}

#[test]
fn after_success() {
    let farm = Farm::new();
    let (client, _) = at_work(&farm, "exit 0", &[]);
    client.end().ended(0).says("was successful after");
    farm.is_clean_within(CLEAN);
}

#[test]
fn a_spare_network_that_somebody_removes_is_not_missed() {
    let farm = Farm::new();
    let run = || at_work(&farm, "exit 0", &[]).0.end();
    run().ended(0);
    farm.is_clean_within(CLEAN);
    farm.on_engine().iter().for_each(Thing::remove);
    run().ended(0);
}

#[test]
fn after_failure() {
    let farm = Farm::new();
    let (client, _) = at_work(&farm, "exit 7", &[]);
    client.end().ended(1).says("Error: step `client` (line 6) on linux/amd64: exit code 7");
    farm.is_clean_within(CLEAN);
}

#[test]
fn after_cancel() {
    let farm = Farm::new();
    let (client, run) = at_work(&farm, "sleep 1000 & wait", &[]);
    assert!(farm.on_engine().len() >= 4, "two containers, volumes, a network: {:#?}", farm.on_engine());
    farm.acre(&["cancel", "--wait", &run]).ended(0).says("canceled by a user");
    client.end().ended(3).says("canceled by a user");
    farm.is_clean_within(CLEAN);
    assert_eq!(farm.show(&run)["status"], "Canceled");
}

#[test]
fn after_cancel_of_a_step_that_does_not_listen() {
    let farm = Farm::new();
    let (client, run) = at_work(&farm, "trap true TERM; while true; do sleep 1; done", &[]);
    farm.acre(&["cancel", &run]).ended(0).says("is being canceled");
    // TERM, 10 s, KILL (promises S23).
    client.end().ended(3);
    farm.is_clean_within(CLEAN);
}

#[test]
fn after_an_interrupt_that_cancels() {
    let farm = Farm::new();
    let (client, run) = at_work(&farm, "sleep 1000 & wait", &["--cancel-on-interrupt"]);
    client.signal(Signal::INT);
    client.end().ended(3).says(&format!("canceling run {run}; Ctrl-C again stops looking"));
    farm.is_clean_within(CLEAN);
}

#[test]
fn an_interrupt_alone_leaves_the_run_to_go_on() {
    let farm = Farm::new();
    let (client, run) = at_work(&farm, "sleep 1; echo went on", &[]);
    client.signal(Signal::INT);
    client.end().ended(130).says(&format!("run {run} goes on; `acre logs -f {run}` looks again"));
    farm.acre(&["logs", "-f", &run]).ended(0).says("went on");
    assert_eq!(farm.report(&run, CLEAN)["status"], "Succeeded");
    farm.is_clean_within(CLEAN);
}

#[test]
fn after_a_time_out_of_the_step() {
    let farm = Farm::new();
    let task = TASK.replace("timeout: 20", "timeout: 2").replace("{script}", "sleep 1000 & wait");
    let output = farm.task(&task);
    output.ended(5).says("step `client` (line 6) on linux/amd64: timed out after 2.0s");
    farm.is_clean_within(CLEAN);
}

#[test]
fn after_a_time_out_of_the_run() {
    let farm = Farm::new();
    let (client, run) = at_work(&farm, "sleep 1000 & wait", &["--timeout", "3s"]);
    client.end().ended(5);
    farm.is_clean_within(CLEAN);
    assert_eq!(farm.show(&run)["status"], "Timeout");
}

#[test]
fn after_a_farm_that_is_told_to_stop_at_once() {
    let farm = Farm::new();
    let (client, run) = at_work(&farm, "sleep 1000 & wait", &[]);
    farm.acre(&["down", "--now"]).ended(0).says("1 runs were canceled");
    farm.is_gone();
    drop(client);
    farm.acre(&["up"]).ended(0);
    assert_eq!(farm.show(&run)["status"], "Canceled");
}

#[test]
fn a_farm_that_is_told_to_stop_finishes_what_runs() {
    let farm = Farm::new();
    let (client, run) = at_work(&farm, "sleep 1; echo finished", &[]);
    farm.acre(&["down"]).ended(0).says("stopped the farm of this machine");
    client.end().ended(0).says("finished");
    farm.acre(&["up"]).ended(0);
    let shown = wait::until("the run is known", CLEAN, || Some(farm.show(&run)));
    assert_eq!(shown["status"], "Succeeded");
}
