//! Configuration and certificates are read again on SIGHUP, while work goes on.

use acre_e2e::{farm::SOON, network::NetworkFarm, wait};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;

/// An agent as its farm knows it.
fn agent(farm: &NetworkFarm) -> Value {
    let output = farm.owner(&["agents", "-o", "json"]);
    let agents: Value = serde_json::from_str(&output.ended(0).stdout).expect("it prints JSON");
    agents[0].clone()
}

#[test]
fn an_agent_takes_what_may_change_and_says_what_may_not() {
    let farm = NetworkFarm::new();
    let token = farm.token(&["agents", "token"]);
    let file = farm.home().join("agent.env");
    let configure = |text: &str| fs::write(&file, text).expect("a file can be written");
    configure("ACRE_AGENT_SLOTS=1\nACRE_AGENT_LABEL=rack=7\n");
    let words =
        ["--token-file", token.to_str().expect("a plain name"), "--config", file.to_str().expect("a plain name")];
    let mut running = farm.start_agent("one", &words);
    let slots = |wanted: u64| {
        wait::until("the farm knows it", SOON, || (agent(&farm)["capability"]["slots"] == wanted).then_some(()));
    };
    slots(1);
    configure("ACRE_AGENT_SLOTS=3\nACRE_AGENT_LABEL=rack=8\nACRE_AGENT_STOP_AFTER=90s\n");
    running.signal(Signal::HUP);
    running.wait_for("these take effect when the program is started again options=\"--stop-after\"");
    slots(3);
    assert_eq!(agent(&farm)["capability"]["labels"]["rack"], "8");
    configure("ACRE_AGENT_SLOT=5\n");
    running.signal(Signal::HUP);
    running.wait_for("line 1: no option has the variable ACRE_AGENT_SLOT");
    slots(3);
    configure("ACRE_AGENT_SLOTS=2\nACRE_LOG=off\n");
    running.signal(Signal::HUP);
    slots(2);
    let said = NetworkFarm::stop(running);
    said.says_not("finishing what runs");
}

#[test]
fn a_scheduler_shows_itself_by_another_name() {
    let mut farm = NetworkFarm::configured("ACRE_SCHEDULER_NAME=127.0.0.1\n");
    let elsewhere = farm.address().replace("127.0.0.1", "localhost");
    let token = farm.token(&["farm", "token", "--name", "ann"]);
    let join = ["farm", "add", "there", &elsewhere, "--token-file", token.to_str().expect("a plain name")];
    farm.person("ann", &join).ended(6).says("is not for");
    farm.configure(
        "ACRE_SCHEDULER_NAME=127.0.0.1,localhost\n",
        "configuration and certificates read again changed=\"--name\"",
    );
    farm.person("ann", &join).ended(0);
    farm.person("ann", &["--farm", "there", "list"]).ended(0);
    farm.configure("ACRE_SCHEDULER_KEEP=soon\n", "the configuration is wrong; what was so before goes on");
    farm.person("ann", &["--farm", "there", "list"]).ended(0);
}
