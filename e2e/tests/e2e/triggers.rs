//! What starts runs without a person: commits, told by webhooks, and patched images, told by their registry.

use acre_e2e::{
    farm::{Farm, Part},
    git::GitServer,
    hooks::{self, Door, Telling},
    registry,
    source::Source,
    wait,
};
use serde_json::Value;
use std::{thread, time::Duration};

/// How soon a run that something started has ended.
const STARTED: Duration = Duration::from_secs(60);

/// The runs of a task, newest first, once there are so many and all are over.
fn runs(farm: &Farm, task: &str, count: usize) -> Vec<Value> {
    let all = || -> Vec<Value> {
        let output = farm.acre(&["task", "list-runs", "-n", task, "-o", "json"]);
        serde_json::from_str(&output.ended(0).stdout).expect("it is JSON")
    };
    let over = |run: &Value| !["Queued", "Started", "Running"].contains(&run["status"].as_str().unwrap_or_default());
    wait::until(&format!("{count} runs of {task}"), STARTED, || {
        Some(all()).filter(|runs| runs.len() >= count && runs.iter().all(over))
    })
}

fn ids(runs: &[Value]) -> Vec<&str> {
    runs.iter().filter_map(|run| run["id"].as_str()).collect()
}

/// What GitHub tells of a push to `main`, as far as it is looked at.
fn pushed(server: &GitServer, commit: &str, path: &str) -> String {
    pushed_to(&server.url(), commit, path)
}

fn pushed_to(address: &str, commit: &str, path: &str) -> String {
    format!(
        r#"{{"ref":"refs/heads/main","after":"{commit}","repository":{{"clone_url":"{address}","ssh_url":"git@h.example:r.git"}},"commits":[{{"id":"{commit}","added":["{path}"],"removed":[],"modified":[]}}],"head_commit":{{"id":"{commit}","message":"m"}},"pusher":{{"name":"p"}}}}"#
    )
}

#[test]
fn a_push_starts_one_run_of_exactly_that_commit() {
    let farm = Farm::new();
    let door = Door::of(&farm);
    let server = GitServer::new();
    let task = |word: &str| {
        farm.text(&format!("steps:\n  - cmd: {{base}} echo {word} {{{{.Run.Branch}}}} {{{{.Run.TriggeredBy}}}}\n"))
    };
    server.commit("main", &[("acb.yaml", &task("first"))]);
    let context = format!("{}#main", server.url());
    farm.acre(&["task", "create", "-n", "app", "-c", &context, "-f", "acb.yaml", "--path", "src/**"]).ended(0);
    let secret = hooks::secret(&farm, &["-n", "app"]);
    let commit = server.commit("main", &[("acb.yaml", &task("second"))]);
    // What is built is the commit that was told, not what the branch has become.
    server.commit("main", &[("acb.yaml", &task("third"))]);

    let body = pushed(&server, &commit, "src/a");
    for (task, secret, body, status) in [
        ("app", "wrong", body.as_str(), 401),
        ("none", secret.as_str(), &body, 404),
        ("app", &secret, "{}", 400),
        ("app", &secret, &pushed(&server, &commit, "docs/a"), 200),
    ] {
        assert_eq!(door.push(task, secret, body).map(|answer| answer.0), Some(status), "{task} {body}");
    }
    let tell = || door.push("app", &secret, &body);
    thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|_| scope.spawn(tell)).collect();
        for one in all {
            let (status, text) = one.join().expect("it was told").expect("it is answered");
            assert!([200, 202].contains(&status), "{status} {text}");
        }
    });
    let first = runs(&farm, "app", 1);
    assert_eq!(farm.acre(&["logs", first[0]["id"].as_str().unwrap()]).ended(0).printed(), ["second main Commit"]);

    farm.kill(Part::Scheduler);
    farm.acre(&["up"]).ended(0);
    let (status, text) = wait::until("the door is open again", STARTED, tell);
    assert!(status == 200 && text.contains(first[0]["id"].as_str().unwrap()), "{status} {text}");
    assert_eq!(ids(&runs(&farm, "app", 1)), ids(&first));
    farm.acre(&["task", "list-runs", "-n", "app"]).ended(0).says("Commit").says("Succeeded");
}

#[test]
fn a_commit_gets_its_statuses_in_order_whoever_dies_meanwhile() {
    let farm = Farm::new();
    let door = Door::of(&farm);
    let server = GitServer::new();
    let task = farm.text("steps:\n  - cmd: {base} true\n");
    let commit = server.commit("main", &[("acb.yaml", &task)]);
    let (address, context) = (server.url_with_owner(), format!("{}#main", server.url_with_owner()));
    let words = ["task", "create", "-n", "app", "-c", &context, "-f", "acb.yaml", "--git-access-token", "t0ken"];
    farm.acre(&words).ended(0);
    let secret = hooks::secret(&farm, &["-n", "app"]);

    // The host is in trouble: what the run comes to waits.
    server.answers_statuses_with(503);
    let push = door.push("app", &secret, &pushed_to(&address, &commit, "src/a"));
    assert_eq!(push.map(|answer| answer.0), Some(202));
    let run = runs(&farm, "app", 1);
    assert_eq!(run[0]["status"], "Succeeded", "{run:?}");
    wait::until("the host is told", STARTED, || (!server.told().is_empty()).then_some(()));
    farm.kill(Part::Scheduler);
    server.answers_statuses_with(201);
    farm.acre(&["up"]).ended(0);

    let taken = || server.told().into_iter().filter(|told| told["status"] == 201).collect::<Vec<_>>();
    let taken = wait::until("all statuses are taken", STARTED, || Some(taken()).filter(|taken| taken.len() >= 3));
    for told in &taken {
        assert_eq!(told["path"], format!("/api/v3/repos/team/repo/statuses/{commit}"));
        assert_eq!((&told["authorization"], &told["body"]["context"]), (&"Bearer t0ken".into(), &"acre/app".into()));
    }
    let states: Vec<String> = taken
        .iter()
        .map(|told| format!("{} {}", told["body"]["state"], told["body"]["description"]).replace('"', ""))
        .map(|text| text.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(states, ["pending Queued", "pending Running", "success Succeeded"], "{taken:?}");
    assert!(server.told().iter().all(|told| told["status"] == 201 || told["body"]["state"] == "pending"));
}

#[test]
fn a_repository_that_is_asked_shows_its_commits_and_each_starts_one_run() {
    let farm = Farm::new();
    farm.acre(&["up", "--poll", "1s"]).ended(0);
    let server = GitServer::new();
    let task = |word: &str| farm.text(&format!("steps:\n  - cmd: {{base}} echo {word} {{{{.Run.Branch}}}}\n"));
    server.commit("main", &[("acb.yaml", &task("first"))]);
    let context = format!("{}#main", server.url());
    let words = ["task", "create", "-n", "app", "-c", &context, "-f", "acb.yaml", "--poll-source", "true"];
    farm.acre(&words).ended(0);
    // What it has when it is first looked at starts nothing; only then is there something to compare with.
    wait::until("the repository was looked at", STARTED, || {
        server.commit("main", &[("acb.yaml", &task("second"))]);
        let output = farm.acre(&["task", "list-runs", "-n", "app", "-o", "json"]);
        serde_json::from_str::<Vec<Value>>(&output.ended(0).stdout).expect("it is JSON").pop()
    });
    let last = server.commit("main", &[("acb.yaml", &task("last"))]);
    server.commit("other", &[("acb.yaml", &task("other"))]);
    let of_last = |run: &Value| run["origin"]["cause"]["commit"]["commit"] == last.as_str();
    let all = wait::until("the last commit has run", STARTED, || {
        Some(runs(&farm, "app", 1)).filter(|runs| runs.iter().any(of_last))
    });
    let newest = all[0]["id"].as_str().expect("an id");
    assert_eq!(farm.acre(&["logs", newest]).ended(0).printed(), ["last main"]);
    let commits: std::collections::BTreeSet<_> =
        all.iter().map(|run| run["origin"]["cause"]["commit"]["commit"].to_string()).collect();
    assert_eq!(commits.len(), all.len(), "each commit once: {all:?}");
}

#[test]
fn a_patched_image_rebuilds_what_is_built_on_it_in_order_and_once() {
    let farm = Farm::new();
    let door = Door::of(&farm);
    let registry = Telling::to(&door, &hooks::secret(&farm, &["--registries"]));
    let host = registry.address();
    let server = GitServer::new();
    let of = |base: &str| format!("FROM {base}\nARG V=1\nRUN echo $V > /v\n");
    let base = farm.text("{base}");
    server.commit(
        "main",
        &[
            ("base/Dockerfile", &of(&base)),
            ("a/Dockerfile", &of(&format!("{host}/base:1"))),
            ("b/Dockerfile", &of(&format!("{host}/base:1"))),
            ("top/Dockerfile", &format!("FROM {host}/a:1\nCOPY --from={host}/b:1 /v /b\n")),
            ("other/Dockerfile", &of(&base)),
        ],
    );
    for name in ["base", "a", "b", "top", "other"] {
        let (context, image) = (format!("{}#main:{name}", server.url()), format!("{host}/{name}:1"));
        let words = ["task", "create", "-n", name, "-c", &context, "-t", &image, "--base-image-trigger-type", "All"];
        farm.acre(&words).ended(0);
        farm.acre(&["task", "run", "-n", name]).ended(0);
    }
    farm.acre(&["graph", "--if", &format!("{host}/base:1")])
        .ended(0)
        .says("A new")
        .says("  a\n  b\n  top, after a, b\n");
    farm.acre(&["task", "run", "-n", "base", "--arg", "V=2"]).ended(0);

    let top = runs(&farm, "top", 2);
    let (a, b) = (runs(&farm, "a", 2), runs(&farm, "b", 2));
    for runs in [&a, &b, &top] {
        assert_eq!(runs.len(), 2, "{runs:?}");
        assert_eq!(runs[0]["status"], "Succeeded", "{runs:?}");
        assert!(runs[0]["origin"]["cause"]["image-update"].is_object(), "{runs:?}");
    }
    let time = |run: &Value, key: &str| run[key].as_u64().expect("a time");
    for before in [&a, &b] {
        assert!(time(&before[0], "ended-at") <= time(&top[0], "submitted-at"), "{before:?} {top:?}");
    }
    assert_eq!((runs(&farm, "other", 1).len(), runs(&farm, "base", 2).len()), (1, 2));
}

/// The digests of an index by platform, as the registry has it.
fn children(image: &str) -> Vec<(String, String)> {
    let repository = image.strip_prefix(&format!("{}/", registry::address())).expect("it is in the tests' registry");
    let (repository, tag) = repository.rsplit_once(':').expect("it has a tag");
    let content = registry::content(repository, &format!("manifests/{tag}"));
    let index: Value = serde_json::from_slice(&content).expect("an index");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let child = |child: &Value| (text(&child["platform"]["architecture"]), text(&child["digest"]));
    let mut children: Vec<_> = index["manifests"].as_array().expect("children").iter().map(child).collect();
    children.sort();
    children
}

#[test]
fn asked_registries_show_a_patched_image_and_only_its_changed_platforms_are_rebuilt() {
    const BOTH: &str = "linux/amd64,linux/arm64";
    let farm = Farm::new();
    farm.acre(&["up", "--poll", "2s"]).ended(0);
    let [patched, both, top] = ["patched:1", "both:1", "top:1"].map(|name| farm.image(name));
    let server = GitServer::new();
    let on = |image: &str| format!("FROM {image}\nCOPY own /own\n");
    let (on_patched, on_both) = (on(&patched), on(&both));
    server.commit(
        "main",
        &[
            ("both/Dockerfile", on_patched.as_str()),
            ("both/own", "both"),
            ("one/Dockerfile", &on_patched),
            ("one/own", "one"),
            ("top/Dockerfile", &on_both),
            ("top/own", "top"),
        ],
    );
    let source = Source::new(&[("of-amd64", "1"), ("of-arm64", "1")]);
    source.write("Dockerfile", &farm.text("FROM {base}\nARG TARGETARCH\nCOPY of-$TARGETARCH /of\n"));
    let push = || {
        farm.acre(&["build", "-t", &patched, "--push", "--platform", BOTH, source.arg()]).ended(0);
    };
    push();
    for (name, image, platforms) in
        [("both", &both, BOTH), ("one", &farm.image("one:1"), "linux/amd64"), ("top", &top, BOTH)]
    {
        let context = format!("{}#main:{name}", server.url());
        farm.acre(&["task", "create", "-n", name, "-c", &context, "-t", image, "--platform", platforms]).ended(0);
        farm.acre(&["task", "run", "-n", name]).ended(0);
    }
    let before = [children(&both), children(&top)];

    source.write("of-arm64", "2");
    push();
    for (task, run) in [("both", &runs(&farm, "both", 2)[0]), ("top", &runs(&farm, "top", 2)[0])] {
        assert_eq!(run["status"], "Succeeded", "{task}: {run}");
        let shown = farm.show(run["id"].as_str().expect("an id"));
        let units = shown["units"].as_array().expect("units").iter().map(|unit| unit["name"].as_str().expect("a name"));
        let units: Vec<&str> = units.filter(|unit| !unit.starts_with("source")).collect();
        assert!(units.len() == 3 && units.iter().all(|unit| !unit.ends_with("@linux/amd64")), "{task}: {units:?}");
    }
    let after = [children(&both), children(&top)];
    for (then, now) in before.iter().zip(&after) {
        assert_eq!((now.len(), &now[0]), (2, &then[0]), "the other platform is as it was");
        assert_ne!(now[1], then[1]);
    }

    // What was left as it was counts as built on what it would have been: only the other platform is built anew now.
    source.write("of-amd64", "2");
    push();
    let counts = [("both", 3), ("one", 2), ("top", 3)].map(|(task, count)| runs(&farm, task, count).len());
    assert_eq!(counts, [3, 2, 3]);
    assert_eq!([&children(&both)[1], &children(&top)[1]], [&after[0][1], &after[1][1]]);
}
