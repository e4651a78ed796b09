//! An agent for arm64, a true process of arm64 under QEMU, next to an engine that says it is of an arm64 machine: it
//! stands in for a machine of arm64, which it is not, and says so in its name.

use super::{shown, text};
use acre_e2e::{
    engine, foreign::arm64, network::NetworkFarm, program::Running, registry, source::Source, stand_in::StandIn, wait,
};
use std::time::Duration;

const NAME: &str = "arm64-under-qemu";
const SOON: Duration = Duration::from_secs(60);

#[test]
fn an_agent_of_arm64_is_taken_as_native_and_builds_and_runs_an_image() {
    let (farm, stand_in) = (NetworkFarm::new(), StandIn::for_arm64_machine());
    let token = farm.token(&["agents", "token"]);
    let mut command = arm64("acre-agent");
    command.args(["--farm", farm.address(), "--data", text(&farm.home().join(NAME)), "--id", NAME]);
    command.args(["--token-file", text(&token), "--engine", &stand_in.address(), "--label", "machine=stand-in"]);
    let mut agent = Running::start(command);
    agent.wait_for(": ready");
    agent.wait_for("tried all platforms");
    let told = || farm.owner(&["agents"]).stdout.contains("linux/arm64,").then_some(());
    wait::until("its engine's platform is native", SOON, told);

    let image = format!("acre-arm64-agent-{}:1", std::process::id());
    let dockerfile = format!("FROM {}\nRUN uname -m >/machine\n", registry::base());
    let task = format!(
        "steps:\n  - id: make\n    build: -t {image} --no-cache .\n  - id: run\n    cmd: {image} cat /machine\n"
    );
    let source = Source::new(&[("Dockerfile", &dockerfile), ("acb.yaml", &task)]);
    let run = farm.owner(&["run", "--platform", "linux/arm64", source.arg()]);
    assert!(run.ended(0).printed().contains(&"aarch64"), "{run}");
    let shown = shown(&farm, &run.run_id());
    assert_eq!(shown.served("make"), format!("{NAME} native"));
    assert_eq!(shown.served("run"), format!("{NAME} native"));
    engine::remove_images(&image);
    NetworkFarm::stop(agent);
}
