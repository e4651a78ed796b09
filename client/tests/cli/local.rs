//! The farm of this machine, with programs in place of scheduler and agent that do nothing but become ready; the farm
//! behind the socket is played by this process.

use crate::support::{
    acre::{AtWork, World, end},
    farm::Scenario,
    views,
};
use acre_model::{log::Stream, run::RunStatus};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Says that it is ready, as the last argument tells, and waits for its end.
const READY: &str =
    "#!/bin/sh\nfor fd; do :; done\necho \"started $*\" >&2\neval \"echo ready >&$fd\"\nexec sleep 600\n";
/// Says why not, and ends.
const NOT_READY: &str = "#!/bin/sh\nfor fd; do :; done\neval \"echo 'error: port in use' >&$fd\"\nexit 1\n";

fn install(world: &World, name: &str, script: &str) {
    let path = world.write(&format!("bin/{name}"), script);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn world(scheduler: &str, agent: &str) -> World {
    let world = World::with_lonely_acre();
    install(&world, "acre-scheduler", scheduler);
    install(&world, "acre-agent", agent);
    world
}

/// The process that a record names.
fn pid(world: &World, part: &str) -> i32 {
    let record = fs::read(world.path(&format!("{part}.pid"))).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    i32::try_from(record["pid"].as_i64().unwrap()).unwrap()
}

/// A field of `/proc/PID/stat`, counted from 1 as proc_pid_stat(5) does; none where the process is gone.
fn stat(pid: i32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(field - 3).map(str::to_owned)
}

/// Kills a process, and waits until it is dead.
fn kill(pid: i32) {
    let process = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
    pidfd_send_signal(&process, Signal::KILL).unwrap();
    let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)), Ok(1), "{pid} dies in time");
}

fn is_alive(pid: i32) -> bool {
    stat(pid, 3).is_some_and(|state| state != "Z" && state != "X")
}

#[tokio::test]
async fn a_farm_comes_up_once_and_goes_down() {
    let world = world(READY, READY);
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let up = end(world.acre(&["up"])).await;
    assert_eq!(
        (up.code, up.stdout.as_str()),
        (Some(0), "started a farm on this machine; `acre down` stops it\n"),
        "{up:?}"
    );
    let pids = ["scheduler", "agent"].map(|part| pid(&world, part));
    for pid in pids {
        assert_eq!(stat(pid, 6), Some(pid.to_string()), "it leads a session of its own");
        assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    }
    let again = end(world.acre(&["up"])).await;
    assert!(again.stdout.starts_with("the farm of this machine runs already"), "{again:?}");
    assert_eq!(["scheduler", "agent"].map(|part| pid(&world, part)), pids);
    let list = end(world.acre(&["list"])).await;
    assert!(list.code == Some(0) && list.stdout.contains("2qk3f00001"), "{list:?}");
    let down = end(world.acre(&["down"])).await;
    assert_eq!((down.code, down.stdout.as_str()), (Some(0), "stopped the farm of this machine\n"), "{down:?}");
    assert_eq!(farm.asked(|asked| asked.stopped.clone()), [false]);
    assert!(!pids.into_iter().any(is_alive));
    let down = end(world.acre(&["down"])).await;
    assert_eq!((down.code, down.stdout.as_str()), (Some(0), "no farm runs on this machine\n"));
}

#[tokio::test]
async fn a_run_brings_the_farm_up_and_says_so() {
    let world = world(READY, READY);
    let _farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let run = end(world.acre(&["run", "--cmd", "bash", "--no-wait", "/dev/null"])).await;
    let line = "acre: no farm is configured: started one on this machine, which stops after 30 idle minutes\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), line));
    let log = fs::read_to_string(world.path("scheduler.log")).unwrap();
    let expected = format!(
        "--data {0}/scheduler --listen unix:{0}/farm.sock --idle-stop 30m --ready-fd",
        world.folder.path().display()
    );
    assert!(log.contains(&expected), "{log}");
    assert_eq!(end(world.acre(&["down", "--now"])).await.code, Some(0));
}

#[tokio::test]
async fn only_what_died_is_started_again() {
    let world = world(READY, READY);
    let _farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    assert_eq!(end(world.acre(&["up"])).await.code, Some(0));
    for (part, other) in [("agent", "scheduler"), ("scheduler", "agent")] {
        let (dead, alive) = (pid(&world, part), pid(&world, other));
        kill(dead);
        let up = end(world.acre(&["up"])).await;
        assert_eq!(up.stdout, format!("started the {part} of this machine's farm again\n"), "{up:?}");
        assert!(pid(&world, part) != dead && pid(&world, other) == alive && is_alive(pid(&world, part)));
    }
    assert_eq!(end(world.acre(&["down"])).await.code, Some(0));
}

#[tokio::test]
async fn a_run_is_followed_over_the_death_of_its_scheduler() {
    let world = world(READY, READY);
    let log = views::log(2, &[(Stream::Stdout, "first\n"), (Stream::Stdout, "second\n")]);
    let lasting = Scenario { ends: false, log: log[..1].to_vec(), ..Scenario::ending(RunStatus::Succeeded) };
    let farm = world.farm(lasting.clone());
    let mut run = AtWork::start(world.acre(&["run", "--cmd", "bash", "/dev/null"]));
    run.wait_for("first").await;
    let dead = pid(&world, "scheduler");
    kill(dead);
    // What the scheduler that is started now would serve: the rest of the log, and the end.
    let after = Scenario { ends: true, log, ..lasting };
    drop(farm);
    let _farm = world.farm(after);
    let ended = run.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("first\nsecond\n"), "{ended:?}");
    assert!(ended.stderr.contains("started the scheduler of this machine's farm again"), "{ended:?}");
    assert!(pid(&world, "scheduler") != dead && is_alive(pid(&world, "scheduler")));
}

#[tokio::test]
async fn a_part_that_does_not_start_says_why_and_leaves_nothing() {
    let world = world(READY, NOT_READY);
    let up = end(world.acre(&["up"])).await;
    let expected = "error: acre-agent did not start: port in use; its messages are in HOME/agent.log\n";
    assert_eq!((up.code, world.masked(&up.stderr).as_str()), (Some(6), expected));
    assert!(!world.path("scheduler.pid").exists() && !world.path("agent.pid").exists());
}

#[tokio::test]
async fn an_older_idle_farm_is_restarted() {
    let world = world(READY, READY);
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    assert_eq!(end(world.acre(&["up"])).await.code, Some(0));
    let old = pid(&world, "scheduler");
    let record = fs::read_to_string(world.path("scheduler.pid")).unwrap();
    world.write("scheduler.pid", &record.replace(env!("CARGO_PKG_VERSION"), "0.0.1"));
    let up = end(world.acre(&["up"])).await;
    assert!(up.stdout.starts_with("restarted the farm of this machine: it was 0.0.1"), "{up:?}");
    assert_eq!(farm.asked(|asked| asked.stopped.clone()), [false]);
    assert!(!is_alive(old) && is_alive(pid(&world, "scheduler")));
    assert_eq!(end(world.acre(&["down"])).await.code, Some(0));
}

#[tokio::test]
async fn without_farm_and_programs_the_remedy_is_named() {
    let world = World::with_lonely_acre();
    let run = end(world.acre(&["run", "--cmd", "bash", "/dev/null"])).await;
    let expected = "error: no farm is configured, and none can be started on this machine: `acre-scheduler` is neither \
                    in HOME/bin nor on PATH; install it beside `acre`, or name a farm with --farm\n";
    assert_eq!((run.code, world.masked(&run.stderr).as_str()), (Some(6), expected));
}

#[tokio::test]
async fn environments_that_do_not_do_are_refused_in_one_line() {
    let world = World::with_lonely_acre();
    let long = format!("/{}", "x".repeat(120));
    let homeless = |words: &[&str]| {
        let mut command = world.acre(words);
        command.env_remove("HOME").env_remove("ACRE_HOME");
        command
    };
    let with = |name: &str, value: &str| {
        let mut command = world.acre(&["list"]);
        command.env(name, value);
        command
    };
    let table = [
        (homeless(&["list"]), 6, "HOME is not set"),
        (with("ACRE_HOME", &long), 6, "may have 107 bytes, not 131"),
        (with("ACRE_HOME", "here"), 6, "must be an absolute path"),
        (with("ACRE_FARM", "unix:/nowhere/farm.sock"), 6, "farm unix:/nowhere/farm.sock does not answer"),
        (with("ACRE_FARM", "https://far.example"), 2, "this machine has not joined https://far.example:443"),
        (with("ACRE_FARM", "http://far.example"), 2, "not reached in plain text"),
        (with("ACRE_FARM", "ci"), 2, "no farm is named `ci`"),
        (world.acre(&["list"]), 6, "start a farm on this machine with `acre up`"),
    ];
    for (command, code, expected) in table {
        let ended = end(command).await;
        assert!(ended.code == Some(code) && ended.stderr.contains(expected), "{expected}: {ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.lines().count() == 1, "{ended:?}");
    }
}

#[tokio::test]
async fn farms_are_known_by_name() {
    let world = World::default();
    let _farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let config = format!("default-farm = \"ci\"\n[farms]\nci = \"unix:{}\"\n", world.path("farm.sock").display());
    world.write(".config/acre/config.toml", &config);
    let list = end(world.acre(&["farm", "list"])).await;
    assert_eq!(world.masked(&list.stdout), "FARM   ADDRESS\nci*    unix:HOME/farm.sock\nlocal  this machine\n");
    for words in [&["list"][..], &["list", "--farm", "ci"]] {
        assert_eq!(end(world.acre(words)).await.code, Some(0), "{words:?}");
    }
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong() {
    let world = World::with_lonely_acre();
    let mut command = world.acre(&["doctor"]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let shown = world.masked(&ended.stdout);
    for expected in [
        "FAIL  acre-scheduler: is neither beside acre nor on PATH; install it beside acre\n",
        "ok    state folder: HOME\n",
        "ok    socket: HOME/farm.sock\n",
        "warn  farm: none runs on this machine; `acre up` starts one, as `acre run` does\n",
        "FAIL  engine: /nowhere/docker.sock: ",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}
