//! `acre-agent.exe` under wine, next to the engine of the tests, which it reaches by TCP: joins, works, goes.

use super::{shown, text};
use acre_e2e::{
    engine,
    foreign::{self, engine_over_tcp, windows_path},
    network::NetworkFarm,
    program::Running,
    registry,
    source::Source,
    wait,
    windows::{self, SimulatedWindows, VERSION},
};
use rustix::process::Signal;
use serde_json::Value;
use std::{path::Path, time::Duration};

const SOON: Duration = Duration::from_secs(20);

/// The agent with its data in this folder.
fn agent(farm: &NetworkFarm, data: &Path, engine: &str, words: &[&str]) -> Running {
    let mut command = foreign::windows("acre-agent");
    command.args(["--farm", farm.address(), "--data", &windows_path(data), "--engine", engine]).args(words);
    let mut agent = Running::start(command);
    agent.wait_for(": ready");
    agent
}

#[test]
fn acre_agent_exe_joins_works_and_goes_when_it_is_told_to() {
    let (farm, engine) = (NetworkFarm::new(), engine_over_tcp());
    let data = farm.home().join("wine-agent");
    let token = farm.token(&["agents", "token"]);
    let mut working = agent(&farm, &data, &engine, &["--id", "under-wine", "--token-file", &windows_path(&token)]);
    working.wait_for("tried all platforms");

    let dockerfile = format!("FROM {}\nCOPY acb.yaml /\nRUN echo built\n", registry::base());
    let image = format!("{}/acre-windows-agent-{}:1", registry::address(), std::process::id());
    let task = format!(
        "steps:\n  - build: -t {image} --no-cache .\n  - cmd: {image} sh -c 'echo hello; ls /acb.yaml'\n  - push: [{image}]\n"
    );
    let source = Source::new(&[("Dockerfile", &dockerfile), ("acb.yaml", &task)]);
    let run = farm.owner(&["run", source.arg()]);
    run.ended(0).says_all(&["RUN echo built", "hello\n/acb.yaml\n"]);
    let (repository, tag) = image.split_once('/').and_then(|(_, name)| name.rsplit_once(':')).unwrap();
    assert!(registry::digest(repository, tag).is_some(), "what was pushed is in the registry");
    assert_eq!(shown(&farm, &run.run_id()).served("acb_step_1"), "under-wine native");
    engine::remove_images(&image);
    let base = registry::base();
    farm.owner(&["run", "--cmd", &format!("{base} sh -c 'exit 5'"), "/dev/null"]).ended(1).says("exit code 5");

    // What wine makes of SIGINT is Ctrl-C.
    let mut run =
        farm.start_owner(&["run", "--cmd", &format!("{base} sh -c 'echo begun; sleep 3; echo over'"), "/dev/null"]);
    run.wait_for("\nbegun");
    working.signal(Signal::INT);
    working.wait_for("finishing what runs");
    assert_eq!(run.end().ended(0).printed(), ["begun", "over"]);
    let said = working.end_within(SOON);
    said.ended(0).says_not("was not deleted");

    // It is known by its certificate now.
    let again = agent(&farm, &data, &engine, &[]);
    let is_empty = || data.join("attempts").read_dir().is_ok_and(|mut left| left.next().is_none()).then_some(());
    wait::until("the logs of what is over are gone", SOON, is_empty);
    again.signal(Signal::INT);
    again.end_within(SOON).ended(0);
}

/// As on a Windows machine, but for Windows: the program is a true one, the engine is simulated, and its images are real.
#[test]
fn acre_agent_exe_builds_and_pushes_for_windows_on_a_simulated_engine() {
    let (farm, engine) = (NetworkFarm::new(), SimulatedWindows::for_wine("process"));
    let token = farm.token(&["agents", "token"]);
    let words = ["--id", "under-wine", "--token-file", &windows_path(&token)];
    let working = agent(&farm, &farm.home().join("wine-agent"), &engine.address(), &words);

    let base = windows::base("ltsc2022");
    let image = format!("{}/acre-exe-{}:1", registry::address(), std::process::id());
    let dockerfile = format!("FROM {base}\nCOPY made.txt /made.txt\n");
    let task = format!(
        "steps:\n  - id: make\n    build: -t {image} .\n  - id: say\n    cmd: {base} cmd /c ver\n  - id: push\n    push: [{image}]\n"
    );
    let source = Source::new(&[("Dockerfile", &dockerfile), ("made.txt", "here\r\n"), ("acb.yaml", &task)]);
    let run = farm.owner(&["run", "--platform", "windows/amd64", source.arg()]);
    run.ended(0).says("nothing was run by a Windows kernel");
    assert_eq!(shown(&farm, &run.run_id()).served("make"), "under-wine native");
    assert_eq!(os_version(&image).as_deref(), Some(VERSION));
    working.signal(Signal::INT);
    working.end_within(SOON).ended(0);
}

/// The version of Windows that an image in the registry is for.
fn os_version(image: &str) -> Option<String> {
    let (repository, tag) = image.split_once('/').and_then(|(_, name)| name.rsplit_once(':'))?;
    let json = |path: &str| serde_json::from_slice::<Value>(&registry::content(repository, path)).expect("it is JSON");
    let manifest = json(&format!("manifests/{tag}"));
    let configuration = json(&format!("blobs/{}", manifest["config"]["digest"].as_str()?));
    configuration["os.version"].as_str().map(str::to_owned)
}

#[test]
fn acre_agent_exe_reaches_no_farm_at_a_socket() {
    let farm = NetworkFarm::new();
    let mut command = foreign::windows("acre-agent");
    let socket = format!("unix:{}", text(&farm.home().join("farm.sock")));
    command.args(["--farm", &socket, "--data", &windows_path(&farm.home().join("a"))]);
    Running::start(command).end().ended(1).says("on Windows a farm is reached over the network");
}
