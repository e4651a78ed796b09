//! The first command in an empty home brings up a farm; those after it use that farm; `acre down` ends it.

use acre_e2e::{
    farm::{Farm, Part},
    source::Source,
};

const TASK: &str = "steps:\n  - cmd: {base} cat greeting\n";

fn greeting(farm: &Farm) -> Source {
    Source::new(&[("acb.yaml", &farm.text(TASK)), ("greeting", "hello\n")])
}

#[test]
fn a_first_command_brings_up_the_farm_and_the_second_uses_it() {
    let farm = Farm::new();
    let source = greeting(&farm);
    let first = farm.acre_in(source.path(), &["run", "-f", "acb.yaml", "."]);
    first.ended(0).says("acre: no farm is configured: started one on this machine, which stops after 30 idle minutes");
    assert_eq!(first.printed(), ["hello"]);
    let parts = || [Part::Scheduler, Part::Agent].map(|part| farm.pid(part));
    let started = parts();
    assert!(started.iter().all(Option::is_some), "{started:?}");

    let second = farm.acre_in(source.path(), &["run", "."]);
    second.ended(0).says_not("started");
    assert_eq!((second.printed(), parts()), (vec!["hello"], started));

    farm.acre(&["down"]).ended(0).says("stopped the farm of this machine");
    farm.is_gone();
    assert!(!farm.state().join("farm.sock").exists());
    farm.acre(&["down"]).ended(0).says("no farm runs on this machine");
}

#[test]
fn a_farm_that_comes_up_again_knows_its_runs() {
    let farm = Farm::new();
    let run = farm.shell("echo kept").ended(0).run_id();
    farm.down();
    farm.acre(&["up"]).ended(0).says("started a farm on this machine; `acre down` stops it");
    farm.acre(&["list"]).ended(0).says(&run);
    farm.acre(&["logs", &run]).ended(0).says("kept");
    assert_eq!(farm.show(&run)["status"], "Succeeded");
}

#[test]
fn commands_that_only_look_start_nothing() {
    let farm = Farm::new();
    for words in [&["list"][..], &["show"], &["logs"], &["agents"], &["cancel", "last"]] {
        farm.acre(words).ended(6).says("start a farm on this machine with `acre up`");
    }
    assert_eq!([farm.pid(Part::Scheduler), farm.pid(Part::Agent)], [None, None]);
}

#[test]
fn first_commands_at_one_time_share_one_farm() {
    let farm = Farm::new();
    let source = greeting(&farm);
    let clients: Vec<_> = (0..3).map(|_| farm.start(&["run", source.arg()])).collect();
    let outputs: Vec<_> = clients.into_iter().map(|client| client.end()).collect();
    let started = outputs.iter().filter(|output| output.stderr.contains("started one on this machine")).count();
    outputs.iter().for_each(|output| assert_eq!(output.ended(0).printed(), ["hello"]));
    assert_eq!(started, 1, "{outputs:#?}");
    let listed = farm.acre(&["list"]);
    for output in &outputs {
        listed.says(&output.run_id());
    }
}
