//! A farm on the network: who belongs to it joins by a token, who does not is refused, and an agent goes in good order.

use acre_e2e::{
    network::NetworkFarm,
    program::{Running, run_id},
    wait,
};
use rustix::process::Signal;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

const SOON: Duration = Duration::from_secs(20);

/// A farm with agent `m1` (in folder `a1`) and person `ann`, who calls it `ci`.
fn joined() -> (NetworkFarm, Running) {
    let farm = NetworkFarm::new();
    let token = farm.token(&["agents", "token"]);
    let agent = farm.start_agent("a1", &["--id", "m1", "--token-file", text(&token)]);
    let token = farm.token(&["farm", "token", "--ttl", "1h"]);
    let added = farm.person("ann", &["farm", "add", "ci", farm.address(), "--token-file", text(&token)]);
    added.ended(0).says(&format!("farm ci is at {}, as person:ann", farm.address()));
    (farm, agent)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

#[test]
fn an_agent_and_a_person_join_and_a_run_goes_over_the_network() {
    let (farm, agent) = joined();
    let run = farm.person("ann", &["--farm", "ci", "run", "--cmd", "{base} echo hello", "/dev/null"]);
    assert_eq!(run.ended(0).printed(), ["hello"]);
    farm.person("ann", &["farm", "use", "ci"]).ended(0);
    farm.person("ann", &["farm", "list"]).ended(0).says_all(&["ci*", farm.address()]);
    farm.person("ann", &["list"]).ended(0).says(&run.run_id());
    farm.person("ann", &["--farm", farm.address(), "agents"]).ended(0).says("m1");
    for kept in ["a1/membership.json", "home-ann/.config/acre/farms/ci.json"] {
        assert_eq!(fs::metadata(farm.home().join(kept)).unwrap().mode() & 0o7777, 0o600, "{kept}");
    }
    NetworkFarm::stop(agent);
    // It has joined: no token is needed any more, and another name or pool is not its own.
    let again = farm.start_agent("a1", &[]);
    NetworkFarm::stop(again);
    for (words, expected) in [(["--id", "m2"], "has joined as `m1`"), (["--pool", "gpu"], "has joined pool `default`")]
    {
        Running::start(farm.agent("a1", &words)).end().ended(1).says(expected);
    }
    farm.person("ann", &["farm", "remove", "ci"]).ended(0);
    let forgotten = farm.person("ann", &["--farm", farm.address(), "list"]);
    forgotten.ended(2).says("this machine has not joined");
}

#[test]
fn a_token_is_good_once_for_a_time_and_for_its_farm() {
    let farm = NetworkFarm::new();
    let token = farm.token(&["agents", "token"]);
    NetworkFarm::stop(farm.start_agent("a1", &["--id", "m1", "--token-file", text(&token)]));
    let used = Running::start(farm.agent("a2", &["--id", "m2", "--token-file", text(&token)])).end();
    used.ended(1).says("used already, by agent:m1:default");

    // Shown by a person it is refused without being used up, so that it can be seen to expire.
    let token = farm.token(&["agents", "token", "--ttl", "1s"]);
    let show = || farm.person("eve", &["farm", "add", "ci", farm.address(), "--token-file", text(&token)]);
    show().ended(2);
    wait::until("the token expires", SOON, || show().stderr.contains("this token expired at").then_some(()));

    let other = NetworkFarm::new();
    let token = other.token(&["farm", "token"]);
    let wrong = farm.person("eve", &["farm", "add", "ci", farm.address(), "--token-file", text(&token)]);
    wrong.ended(6).says("is not the farm that the token is from").says("nothing was sent to it");
    // Nothing was: it is still good.
    other.person("eve", &["farm", "add", "ci", other.address(), "--token-file", text(&token)]).ended(0);
    // Who trusts one farm does not trust another.
    let moved = other.person("eve", &["farm", "add", "ci", farm.address(), "--token-file", text(&token)]);
    moved.ended(2).says("known already");

    for (content, expected) in [("", "this is not a token"), ("acre1-x-y-z", "this is not a token")] {
        let file = farm.home().join("bad");
        fs::write(&file, content).unwrap();
        let bad = Running::start(farm.agent("a3", &["--token-file", text(&file)])).end();
        bad.ended(1).says(expected);
    }
    Running::start(farm.agent("a3", &[])).end().ended(1).says("has not joined").says("acre agents token");
}

#[test]
fn plain_text_is_refused_and_nobody_speaks_for_another() {
    let (farm, agent) = joined();
    let plain = farm.address().replace("https://", "http://");
    farm.person("eve", &["farm", "add", "ci", &plain, "--token-file", "-"]).ended(2).says("not reached in plain text");
    farm.person("eve", &["--farm", farm.address(), "list"]).ended(2).says("this machine has not joined");
    let mut stream = TcpStream::connect(farm.address().trim_start_matches("https://")).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: farm\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // It hangs up, politely or not.
    drop(stream.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    NetworkFarm::stop(agent);

    // An agent that says it is another, with a certificate of its own.
    let kept = farm.home().join("a1/membership.json");
    let honest = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, honest.replace("agent:m1:default", "agent:m2:default")).unwrap();
    let mut liar = Running::start(farm.agent("a1", &[]));
    liar.wait_for("of agent `m1`, which cannot speak as agent `m2`");
    NetworkFarm::stop(liar);
    fs::write(&kept, honest.replace("agent:m1:default", "agent:m1:gpu")).unwrap();
    let mut liar = Running::start(farm.agent("a1", &[]));
    liar.wait_for("is for pool `default`, not for `gpu`");
    NetworkFarm::stop(liar);
}

#[test]
fn an_agent_that_is_told_to_go_finishes_what_it_has() {
    let (farm, mut agent) = joined();
    let start = |script: &str| {
        let command = format!("{{base}} sh -c '{script}'");
        farm.start_person("ann", &["--farm", "ci", "run", "--cmd", &command, "/dev/null"])
    };
    let mut run = start("echo begun; sleep 3; echo finished");
    run.wait_for("\nbegun");
    agent.signal(Signal::TERM);
    agent.wait_for("finishing what runs");
    let agents = || farm.person("ann", &["--farm", "ci", "agents"]).stdout.contains("draining").then_some(());
    wait::until("the agent is seen to drain", SOON, agents);
    assert_eq!(run.end().ended(0).printed(), ["begun", "finished"]);
    agent.end_within(SOON).ended(0);

    // A second signal does not wait.
    let mut agent = farm.start_agent("a1", &[]);
    let mut run = start("echo begun; sleep 600");
    let said = run.wait_for("\nbegun");
    agent.signal(Signal::TERM);
    agent.wait_for("finishing what runs");
    agent.signal(Signal::TERM);
    agent.end_within(SOON).ended(0);
    // What it left on the engine is its own again when it is back.
    let agent = farm.start_agent("a1", &[]);
    let id = run_id(&said).unwrap();
    farm.person("ann", &["--farm", "ci", "cancel", &id]).ended(0);
    run.end().ended(3);
    NetworkFarm::stop(agent);
}
