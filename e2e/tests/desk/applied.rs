//! Tasks as files.

use crate::desk::Desk;
use insta::assert_snapshot;

const TASKS: &str = "\
name: web
context: https://git.example/team/web.git#main
image: [\"r.example/web:{{.Run.ID}}\"]
arg: {V: \"1\"}
setSecret: {token: env:TOKEN}
schedule: [\"night:0 21 * * * Europe/Berlin\"]
---
name: sweep
cmd: r.example/tools:1 sweep
registry: myRegistry
values: [values.yaml]
credential: [{loginServer: r.example, username: robot, password: file:password}]
";

#[test]
fn files_become_tasks_and_are_then_unchanged() {
    let desk = Desk::new();
    desk.write("values.yaml", "a: 1\n");
    desk.write("password", "pass\n");
    desk.write("tasks.yaml", TASKS);
    desk.write(
        "changed.yaml",
        &TASKS.replace("#main", "#next").replace("V: \"1\"", "V: \"2\"").replace("registry: myRegistry\n", ""),
    );
    let secret = TASKS.replace("env:TOKEN", "file:password");
    desk.write("secret.yaml", secret.split("---").next().unwrap());
    assert_snapshot!(
        "apply",
        desk.types(&[
            "task apply -f tasks.yaml --dry-run",
            "task list",
            "task apply -f tasks.yaml",
            "task apply -f tasks.yaml",
            "task apply -f changed.yaml --dry-run",
            "task apply -f changed.yaml --dry-run -o json",
            "task apply -f - < changed.yaml",
            "task apply -f changed.yaml -o json",
            "task show -n sweep -o yaml",
            "task apply -f tasks.yaml",
            "task apply -f secret.yaml --dry-run",
            "task apply -f secret.yaml",
            "task apply -f secret.yaml",
        ])
    );
}

/// Every task that can be made comes back from what is shown of it as it is.
#[test]
fn what_is_shown_is_taken_back_unchanged() {
    let desk = Desk::new();
    desk.write("text.yaml", "version: v1.1.0\nsteps:\n  - cmd: \"a: #b\"\n\n  - id: x\n    cmd: c\n");
    desk.write("values.yaml", "a: ~\nb: |\n  two\n  lines\n");
    desk.write("password", "pass\n");
    let git = "-c https://git.example/team/web.git#main:sub";
    let made = [
        format!("task create -n a {git}"),
        format!("task create -n b {git} -f ci/acb.yaml --values values.yaml --set a=null --set 'b= x: # y' --set c="),
        format!("task create -n c {git} -t r.example/x:{{{{.Run.ID}}}} -t y -f Dockerfile.x --target t --arg A=1.0 --secret-arg TOKEN --no-cache"),
        format!("task create -n d {git} -f Dockerfile --no-push --timeout 90061 --agent-pool big --emulation fallback:5m"),
        format!("task create -n e {git} --commit-trigger-enabled false --pull-request-trigger-enabled true --path '!docs/**' --tag-trigger 'v*'"),
        "task create -n f --cmd 'r.example/t:1 sh -c \"echo a\"' --set-secret TOKEN -r Short --base-image-trigger-enabled false".to_owned(),
        "task create -n g -c /dev/null -f - --schedule '0 1 * * *' --schedule 'x:*/5 * * * * Asia/Tokyo' --status Disabled < text.yaml".to_owned(),
        format!("task create -n h {git} --platform linux/arm/v7,windows/amd64 --base-image-trigger-type All"),
        "task timer update -n g --timer-name x --status Disabled".to_owned(),
        "task credential add -n a --login-server r.example -u me --password-stdin < password".to_owned(),
    ];
    let said = desk.types(&made.each_ref().map(String::as_str));
    assert!(!said.contains("exit code"), "{said}");
    let shown = desk.types(&["task list -o yaml"]);
    let (_, yaml) = shown.split_once('\n').unwrap();
    desk.write("all.yaml", yaml);
    let taken = desk.types(&["task apply -f all.yaml"]);
    let expected: String =
        ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| format!("task {name} unchanged\n")).concat();
    assert_eq!(taken, format!("$ acre task apply -f all.yaml\n{expected}"), "{yaml}");
    let elsewhere = desk.types(&["task apply -f all.yaml --project other"]);
    assert_snapshot!("apply-elsewhere", elsewhere);
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let desk = Desk::new();
    desk.write(
        "keys.yaml",
        "name: web\ncmd: x\nno-push: true\nshedule: 0 1 * * *\n---\nname: web\ncmd: y\nplatform: linux\n",
    );
    desk.write("good.yaml", "name: good\ncmd: x\n");
    desk.write("again.yaml", "name: good\ncmd: y\n");
    desk.write("secret.yaml", "name: web\ncmd: x\nsetSecret: {a: s3cret-in-a-file, b: 'env:NOBODY'}\n");
    desk.write("env.yaml", "name: web\ncmd: x\nsetSecret: {b: 'env:NOBODY', c: 'file:none'}\n");
    desk.write("cron.yaml", "name: web\ncmd: x\nschedule: ['n:0 25 * * *']\n");
    desk.write("kept.yaml", "name: web\ncmd: x\nsetSecret: [a]\n");
    assert_snapshot!(
        "apply-refused",
        desk.types(&[
            "task apply -f keys.yaml good.yaml",
            "task apply -f good.yaml again.yaml",
            "task apply -f secret.yaml",
            "task apply -f env.yaml",
            "task apply -f none.yaml",
            "task apply -f kept.yaml",
            "task list",
            "task apply -f cron.yaml good.yaml --dry-run",
            "task apply -f cron.yaml good.yaml",
            "task apply",
        ])
    );
}
