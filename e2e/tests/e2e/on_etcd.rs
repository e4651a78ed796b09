//! A farm with its records in etcd: its scheduler is killed in mid-run, a second one is refused, agents are registered.

use acre_e2e::{
    etcd::{EtcdFarm, kill, stop},
    farm::SOON,
    program::is_notice,
    wait,
};

/// Prints 60 lines in about 3 s.
const TASK: &str = "
steps:
  - id: counts
    cmd: {base} sh -c 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; sleep 0.05; done'
";

#[test]
fn a_scheduler_killed_in_mid_run_goes_on_after_its_restart() {
    let mut farm = EtcdFarm::new();
    let scheduler = farm.start_scheduler();
    farm.start_agent();
    let run = farm.hand_in(TASK);
    wait::until("the step works", SOON, || farm.log(&run, "counts").contains("line 10\n").then_some(()));
    kill(scheduler);
    assert_eq!(farm.keys("live/"), [run.as_str()], "the run goes on in the records");
    let scheduler = farm.start_scheduler();
    let report = farm.report(&run);
    assert_eq!((&report["status"], &report["units"][0]["attempt"]), (&"Succeeded".into(), &1.into()), "{report:#}");
    let log = farm.log(&run, "counts");
    let expected: Vec<String> = (1..=60).map(|number| format!("line {number}")).collect();
    assert_eq!(log.lines().filter(|line| !is_notice(line)).collect::<Vec<_>>(), expected, "{log}");
    assert_eq!((farm.keys("live/"), farm.keys("assignments/")), (Vec::new(), Vec::new()), "nothing is left of it");
    farm.wait_for_keys("agents/", &["one"]);
    stop(scheduler);
    assert_eq!((farm.keys("agents/"), farm.keys("leader")), (Vec::new(), Vec::new()), "the role is given back");
}

#[test]
fn agents_are_registered_while_they_have_a_session() {
    let mut farm = EtcdFarm::new();
    let scheduler = farm.start_scheduler();
    assert_eq!(farm.keys("agents/"), Vec::<String>::new());
    farm.start_agent();
    farm.kill_agent();
    farm.wait_for_keys("agents/", &[]);
    farm.start_agent();
    stop(scheduler);
    assert_eq!(farm.keys("agents/"), Vec::<String>::new());
}

#[test]
fn a_second_scheduler_is_refused_while_the_first_one_lives() {
    let farm = EtcdFarm::new();
    let first = farm.start_scheduler();
    let second = || farm.start_scheduler_in("other", &farm.other_socket()).end();
    second().ended(1).says("whose blobs and logs are not in this data folder");
    // Not even a copy of its data makes it another's farm.
    std::fs::create_dir_all(farm.home().join("other")).expect("a folder can be made");
    let copied = std::fs::copy(farm.home().join("scheduler/farm"), farm.home().join("other/farm"));
    copied.expect("the farm's mark is there");
    second().ended(1).says_all(&["etcd://", "is in use by another scheduler"]);
    assert_eq!(farm.acre(&["list"], "").ended(0).code, 0, "the first one works on");
    stop(first);
    let mut third = farm.start_scheduler_in("other", &farm.other_socket());
    third.wait_for("ready");
    stop(third);
}

#[test]
fn a_copy_of_its_folder_does_not_take_the_role_of_a_scheduler_that_lives() {
    let farm = EtcdFarm::new();
    let first = farm.start_scheduler();
    let copied = std::process::Command::new("cp").args(["-a", "scheduler", "copy"]).current_dir(farm.home()).status();
    assert!(copied.expect("cp runs").success());
    let refused = farm.start_scheduler_in("copy", &farm.other_socket()).end();
    refused.ended(1).says("is in use by another scheduler");
    farm.acre(&["list"], "").ended(0);
    stop(first);
}

#[test]
fn an_etcd_that_is_not_there_is_named() {
    let farm = EtcdFarm::new();
    let home = farm.home().display().to_string();
    let start = |words: &[&str]| {
        let mut command = std::process::Command::new(acre_e2e::program::binary("acre-scheduler"));
        command.args(["--data", &home, "--listen", &format!("unix:{home}/s.sock"), "--store"]).args(words);
        acre_e2e::program::Running::start(command).end()
    };
    let table: [(&[&str], i32, &str); 6] = [
        (&["etcd://127.0.0.1:1/acre"], 1, "state store unavailable, not accepted: etcd://127.0.0.1:1/acre"),
        (&["etcds://127.0.0.1:1/acre"], 2, "name the authorities of etcd's certificate with --store-ca FILE"),
        (&["etcds://127.0.0.1:1/acre", "--store-ca", "/nowhere"], 1, "cannot read /nowhere"),
        (&["etcd://127.0.0.1:1/acre", "--store-ca", "/nowhere"], 2, "write etcds://"),
        (&["http://127.0.0.1:1/acre"], 2, "is not an etcd; write etcd://"),
        (&["etcd://root:secret@a/acre"], 2, "a login in the address is visible"),
    ];
    for (words, code, text) in table {
        start(words).ended(code).says(text);
    }
}
