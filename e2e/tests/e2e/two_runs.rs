//! Two runs at one time on one engine, with the same names for everything, do not meet.

use acre_e2e::{
    engine::{containers, docker},
    farm::{Farm, SOON},
    program::{Output, Running},
    source::Source,
};
use serde_json::Value;

/// The image, the service and the workspace say whose they are; the last step asks all three, again and again, for
/// long enough that the other run is at work too.
const TASK: &str = "
steps:
  - id: build
    build: -t {same} .
  - id: service
    detach: true
    cmd: {same} httpd -f -p 80 -h /
  - id: ask
    cmd: |
      {base} sh -c 'until wget -q -O /dev/null http://service/who; do sleep 0.1; done; for i in 1 2 3 4 5 6 7 8; do cat who; wget -q -O - http://service/who; sleep 0.2; done; cp who mine'
  - id: image
    cmd: {same} sh -c 'cat /who /workspace/mine; ls /workspace'
";

fn start(farm: &Farm, same: &str, who: &str) -> (Source, Running) {
    let dockerfile = farm.text("FROM {base}\nCOPY who /who\n");
    let source = Source::new(&[
        ("acb.yaml", &farm.text(&TASK.replace("{same}", same))),
        ("Dockerfile", &dockerfile),
        ("who", &format!("{who}\n")),
    ]);
    source.write(&format!("only-{who}"), "");
    let client = farm.start(&["run", "-o", "json", source.arg()]);
    (source, client)
}

/// Demands that the run saw its own things only; when it was handed in and when it ended, in milliseconds.
fn saw_itself(output: &Output, who: &str, other: &str) -> (u64, u64) {
    output.ended(0).says_not(&format!("{other}\n")).says(&format!("only-{who}\n"));
    let said = output.stderr.lines().filter(|line| *line == who).count();
    assert_eq!(said, 18, "of {who}: {output}");
    let report: Value = serde_json::from_str(&output.stdout).expect("standard output is the report alone");
    let time = |name: &str| report[name].as_u64().expect("it is a time");
    (time("submitted-at"), time("ended-at"))
}

fn do_not_meet(one: &Farm, two: &Farm) {
    let same = one.image("same:1");
    let (_one_source, one) = start(one, &same, "anna");
    let (_two_source, two) = start(two, &same, "bert");
    let one = saw_itself(&one.end_within(SOON), "anna", "bert");
    let two = saw_itself(&two.end_within(SOON), "bert", "anna");
    assert!(one.0 < two.1 && two.0 < one.1, "they were at work at one time: {one:?} {two:?}");
}

#[test]
fn of_one_farm() {
    let farm = Farm::new();
    farm.acre(&["up"]).ended(0);
    do_not_meet(&farm, &farm);
}

#[test]
fn of_two_farms() {
    let (one, two) = (Farm::new(), Farm::new());
    do_not_meet(&one, &two);
}

/// What another farm's end can do: the image is known under a further name, its own goes to another image, and the
/// further one is taken with force while no container of it runs.
#[test]
fn an_image_that_has_lost_its_name_is_used_all_the_same() {
    let farm = Farm::new();
    let (same, other) = (farm.image("same:1"), farm.image("other:1"));
    let task = "
steps:
  - build: -t {same} .
  - cmd: {base} sh -c 'echo waiting; until [ -e go ]; do sleep 0.05; done'
  - cmd: {same} cat /who
";
    let dockerfile = farm.text("FROM {base}\nCOPY who /who\n");
    let task = farm.text(&task.replace("{same}", &same));
    let source = Source::new(&[("acb.yaml", &task), ("Dockerfile", &dockerfile), ("who", &format!("{same}\n"))]);
    let mut client = farm.start(&["run", source.arg()]);
    let run = farm.comes_to(&mut client, "waiting\n");
    docker(&["tag", &same, &other]).ended(0);
    docker(&["tag", &farm.text("{base}"), &same]).ended(0);
    docker(&["image", "rm", "--force", &other]).ended(0);
    let waits = containers(&run);
    docker(&["exec", &waits[0], "touch", "/workspace/go"]).ended(0);
    client.end_within(SOON).ended(0).says(&format!("{same}\n"));
}
