//! Files and the tasks they say, as tables.

use super::*;
use acre_model::{
    stored_task::{BaseImageTrigger, Definition, ImageBuild, SourceTrigger, TaskStatus, Timer, Triggers},
    submission::{Emulation, NamedText, Source},
    trigger::CommitStatus,
};

const GIT: &str = "https://git.example/team/web.git#main";

fn task(change: impl FnOnce(&mut StoredTask)) -> StoredTask {
    let mut task = StoredTask::new("web".parse().unwrap());
    task.source = Source::Address(GIT.to_owned());
    task.triggers.source.commits = true;
    change(&mut task);
    task
}

fn text(text: &str) -> NamedText {
    NamedText { name: "web.yaml".to_owned(), text: text.to_owned() }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A task of each kind, and one in which everything is said.
fn all() -> Vec<StoredTask> {
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let timer = |name: &str, schedule: &str| Timer::new(name.parse().unwrap(), schedule.to_owned());
    let build = ImageBuild {
        images: strings(&["r.example/web:{{.Run.ID}}", "web:1"]),
        dockerfile: Some("docker/Dockerfile".to_owned()),
        target: Some("final".to_owned()),
        arguments: pairs(&[("A", "1.10"), ("B", "null"), ("C", ""), ("D", "~"), ("E", " x: # y ")]),
        secret_arguments: strings(&["NPM"]),
        no_cache: true,
        push: false,
    };
    vec![
        task(|_| {}),
        task(|task| task.definition = Definition::File(Some("ci/acb.yaml".to_owned()))),
        task(|task| task.definition = Definition::Text(text("version: v1.1.0\nsteps:\n  - cmd: a\n\n  # b\n"))),
        task(|task| task.definition = Definition::Text(text("steps: []"))),
        task(|task| task.definition = Definition::Text(text("\n\ttabs \"and\" 'quotes' \\ \u{7}\u{fe0f}\r\n---\n"))),
        task(|task| task.definition = Definition::Cmd("r.example/tools:1 sh -c \"a: b\"".to_owned())),
        task(|task| (task.source, task.triggers.source.commits) = (Source::None, false)),
        task(|task| {
            task.definition =
                Definition::Build(ImageBuild { dockerfile: Some("Dockerfile".to_owned()), ..build.clone() });
        }),
        task(|task| {
            task.definition =
                Definition::Build(ImageBuild { images: strings(&["a"]), push: true, ..ImageBuild::default() });
        }),
        task(|task| task.triggers.base_image = BaseImageTrigger::Disabled),
        task(|task| task.triggers.source.commits = false),
        task(|task| task.sets = pairs(&[("a", "1"), ("a.b", "yes"), ("<<", "x")])),
        task(|task| {
            task.status = TaskStatus::Disabled;
            task.definition = Definition::Build(build);
            task.values =
                vec![text("a: 1\nb: |\n  x\n"), NamedText { name: "o: #.yaml".to_owned(), text: String::new() }];
            task.sets = pairs(&[("on", "off"), ("0x10", "1e3"), ("true", "false")]);
            task.secret_sets = strings(&["token", "key.pem"]);
            task.logins = strings(&["r.example:5000", "docker.io"]);
            task.platforms = vec!["linux/amd64".parse().unwrap(), "linux/arm/v7".parse().unwrap()];
            task.registry = Some("r.example/team".to_owned());
            task.timeout_ms = 5_430_250;
            task.pool = "big".parse().unwrap();
            task.emulation = Emulation::Fallback { wait_ms: 90_000 };
            task.triggers = Triggers {
                source: SourceTrigger {
                    commits: true,
                    pull_requests: true,
                    tags: strings(&["v*", "!v0*"]),
                    branches: strings(&["main", "release/*"]),
                    paths: strings(&["src/**", "!docs/**", "*"]),
                    commit_status: CommitStatus::Off,
                    cancel_superseded: true,
                    poll: true,
                },
                base_image: BaseImageTrigger::All,
                timers: vec![
                    timer("night", "0 21 * * * Europe/Berlin"),
                    Timer { status: TaskStatus::Disabled, ..timer("noon", "0 12 * * 1-5") },
                ],
            };
        }),
    ]
}

/// A task as YAML, as the client writes it.
fn written(task: &StoredTask) -> String {
    let fields = fields(task).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    serde_yaml::to_string(&Value::Map(fields)).unwrap()
}

#[test]
fn what_is_written_of_a_task_is_read_as_that_task() {
    for task in all() {
        let yaml = written(&task);
        let read = read("web.yaml", &yaml).unwrap_or_else(|why| panic!("{why}\n{yaml}"));
        assert_eq!(read.len(), 1, "{yaml}");
        assert_eq!(read[0].task, task, "{yaml}");
        assert!(read[0].secrets.is_empty() && read[0].logins.is_empty() && read[0].values.is_empty(), "{yaml}");
    }
    let together: String = all().iter().map(|task| format!("---\n{}", written(task))).collect();
    let faults = read("web.yaml", &together).unwrap_err().to_string();
    assert!(faults.contains("the task `web` is there twice, first in line 2"), "{faults}");
}

#[test]
fn keys_are_written_in_the_order_that_they_have() {
    for task in all() {
        let keys: Vec<_> = fields(&task).into_iter().map(|(key, _)| key).collect();
        let place = |key: &&str| TASK.known.iter().position(|known| known == key);
        let places: Vec<_> =
            keys.iter().map(|key| place(key).unwrap_or_else(|| panic!("{key} is not known"))).collect();
        assert!(places.is_sorted(), "{keys:?}");
    }
}

#[test]
fn a_file_may_say_it_in_several_ways() {
    let common = format!("name: web\ncontext: {GIT}\n");
    let table = [
        ("arg: [A=1, B=2, A=3]\nimage: a", "arg: {B: 2, A: 3}\nimage: [a]"),
        ("platform: linux/amd64, linux/arm64", "platform: [linux/amd64, linux/arm64, linux/amd64]"),
        ("schedule: 0 21 * * *", "schedule:\n  - t1:0 21 * * *"),
        ("schedule: ['n:0 1 * * *']", "schedule: [{timerName: n, schedule: 0 1 * * *, status: enabled}]"),
        ("setSecret: [a, b]", "setSecret: {a: , b: ~}"),
        ("timeout: 90", "timeout: 1m30s"),
        ("baseImageTriggerEnabled: true\nstatus: ENABLED", "baseImageTriggerType: runtime"),
    ];
    for (one, other) in table {
        let task =
            |text: &str| read("f", &format!("{common}{text}\n")).unwrap_or_else(|why| panic!("{why}")).remove(0).task;
        assert_eq!(task(one), task(other), "{one} {other}");
    }
}

#[test]
fn values_come_from_elsewhere() {
    let yaml = "name: a\ncmd: x\nsetSecret: {t: 'env:T', k: 'file:./k', stays: }\ngitAccessToken: file:/g\n\
                credential:\n  - r.example\n  - {loginServer: s.example, username: u, password: env:P}\n\
                values: [one.yaml, {name: two, text: 'a: 1'}, three.yaml]\n";
    let document = read("f", yaml).unwrap().remove(0);
    let env = |name: &str| ValueFrom::Env(name.to_owned());
    let file = |path: &str| ValueFrom::File(path.to_owned());
    let id = |name: &str| SecretId::of_set(name).unwrap();
    assert_eq!(document.secrets, [(id("t"), env("T")), (id("k"), file("./k"))]);
    assert_eq!(document.git_token, Some(file("/g")));
    let login = LoginFrom { registry: "s.example".to_owned(), username: "u".to_owned(), password: env("P") };
    assert_eq!(document.logins, [login]);
    assert_eq!(document.values, [(0, "one.yaml".to_owned()), (2, "three.yaml".to_owned())]);
    let StoredTask { secret_sets, logins, values, source, .. } = document.task;
    assert_eq!(
        (secret_sets.join(" "), logins.join(" "), values.len()),
        ("t k stays".into(), "r.example s.example".into(), 1)
    );
    assert_eq!(source, Source::None);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_would_be_right() {
    let table = [
        ("", "there is no task in it"),
        ("- a", "f:1:1"),
        ("cmd: x", "a task needs `name`"),
        ("name: a/b\ncmd: x", "f:1:7"),
        ("name: a", "a task without `cmd` needs `context`"),
        ("name: a\ncontext: ./src", "give an address, or /dev/null"),
        ("name: a\ncmd: x\nno-push: true", "did you mean `noPush`?"),
        ("name: a\ncmd: x\ntimers: x", "did you mean `schedule`?"),
        ("name: a\ncmd: x\nimage: b", "`image` cannot be used with `cmd`"),
        ("name: a\ncmd: x\nfile: b.yaml", "`file` cannot be used with `cmd`"),
        ("name: a\ncontext: /dev/null\nfile: b.yaml\ntarget: c", "`target` cannot be used with `file: *.yaml`"),
        ("name: a\ncmd: x\nplatform: linux", "f:3:11"),
        ("name: a\ncmd: x\nstatus: Off", "`status` is Enabled or Disabled, not `Off`"),
        ("name: a\ncmd: x\ntimeout: soon", "`timeout`: `soon` is not a duration"),
        ("name: a\ncmd: x\nemulation: maybe", "write never, fallback"),
        ("name: a\ncmd: x\nset: [A]", "`A` is not KEY=VALUE"),
        ("name: a\ncmd: x\nset: {A: [b]}", "`A` must have a text"),
        ("name: a\ncmd: x\nbaseImageTriggerType: Some", "is Runtime or All"),
        ("name: a\ncmd: x\nschedule: [{timerName: t}]", "a schedule needs `schedule`"),
        ("name: a\ncmd: x\nschedule: ['a b:0 1 * * *']", "is not a timer name"),
        ("name: a\ncmd: x\ncredential: [{loginServer: r}]", "a credential needs `username`"),
        ("name: a\ncmd: x\n---\nname: b\ncmd: y\nfoo: 1", "f:6:1"),
        ("name: a\ncmd: x\n---\nname: a\ncmd: y", "is there twice, first in line 1"),
        ("name: a\n\tcmd: x", "f:2:"),
    ];
    for (text, expected) in table {
        let faults = read("f", text).unwrap_err().to_string();
        assert!(faults.contains(expected), "{text:?}:\n{faults}");
    }
}

#[test]
fn a_value_that_stands_in_the_file_is_refused_and_not_shown() {
    for line in [
        "setSecret: {t: s3cret}",
        "setSecret: {t: 's3cret:x'}",
        "setSecret: ['s3cret!']",
        "gitAccessToken: s3cret",
        "credential: [{loginServer: r, username: u, password: s3cret}]",
    ] {
        let faults = read("f", &format!("name: a\ncmd: x\n{line}\n")).unwrap_err().to_string();
        assert!(!faults.contains("s3cret"), "{line}: {faults}");
        let is_told = faults.contains("env:NAME or file:PATH") || faults.contains("name of a secret");
        assert!(is_told && faults.contains("line 3"), "{line}: {faults}");
    }
}
