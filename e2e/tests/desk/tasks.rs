//! Tasks that are made, looked at, changed and forgotten.

use crate::desk::Desk;
use insta::assert_snapshot;

const CREATED: [&str; 4] = [
    "task create -n web -c https://git.example/team/web.git#main -f acb.yaml --path 'src/**' --timeout 15m",
    "task create -n api -c https://git.example/team/api.git#main -t r.example/api:{{.Run.ID}} --platform linux/amd64,linux/arm64 --arg V=1 --set-secret TOKEN",
    "task create -n nightly --cmd 'r.example/tools:1 sweep' -c /dev/null --schedule 'night:0 21 * * * Europe/Berlin' --schedule '0 6 * * 1-5'",
    "task create -n text -f - -c /dev/null < task.yaml",
];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("task.yaml", "steps:\n  - cmd: r.example/tools:1 sweep\n");
    desk
}

#[test]
fn tasks_are_created_listed_and_shown() {
    let desk = desk();
    assert_snapshot!("create", desk.types(&CREATED));
    assert_snapshot!("list", desk.types(&["task list", "task list -o json", "task list -o yaml"]));
    for name in ["web", "api", "nightly", "text"] {
        let lines = ["", " -o json", " -o yaml"].map(|format| format!("task show -n {name}{format}"));
        assert_snapshot!(format!("show-{name}"), desk.types(&lines.each_ref().map(String::as_str)));
    }
}

#[test]
fn tasks_are_changed_and_forgotten() {
    let desk = desk();
    desk.types(&CREATED);
    assert_snapshot!(
        "update",
        desk.types(&[
            "task update -n web --status Disabled --branch next --base-image-trigger-type All",
            "task update -n web --status Disabled -o json",
            "task update -n api --image r.example/api:2 --no-push",
            "task show -n api",
            "task delete -n web",
            "task delete -n api -o json",
            "task delete -n web",
            "task list",
        ])
    );
}

#[test]
fn what_is_created_is_told_to_programs() {
    let desk = desk();
    let web = format!("{} -o json", CREATED[0]);
    let text = CREATED[3].replace(" < ", " -o yaml < ");
    assert_snapshot!("created", desk.types(&[&web, &text]));
}

#[test]
fn timers_say_when_they_are_next() {
    let desk = desk();
    desk.types(&CREATED);
    assert_snapshot!(
        "timers",
        desk.types(&[
            "task timer list -n nightly",
            "task timer list -n nightly -o json",
            "task timer add -n nightly --timer-name noon --schedule '30 12 1 JAN *'",
            "task timer update -n nightly --timer-name night --status Disabled",
            "task timer update -n nightly --timer-name t2 --schedule '*/20 * * * *'",
            "task timer add -n nightly --timer-name leap --schedule '0 0 29 2 *' -o json",
            "task timer update -n nightly --timer-name leap --schedule '0 0 1 3 *' -o json",
            "task timer remove -n nightly --timer-name noon",
            "task timer remove -n nightly --timer-name leap -o json",
            "task timer list -n web",
        ])
    );
}

#[test]
fn credentials_and_webhooks() {
    let desk = desk();
    desk.types(&CREATED);
    desk.write("password", "pass\n");
    assert_snapshot!(
        "credentials",
        desk.types(&[
            "task credential add -n web --login-server r.example -u robot --password-stdin < password",
            "task credential add -n web --login-server s.example -u robot --password-stdin -o json < password",
            "task credential update -n web --login-server r.example -u other --password-stdin < password",
            "task credential update -n web --login-server r.example -u other --password-stdin -o json < password",
            "task credential remove -n web --login-server r.example",
            "task credential remove -n web --login-server s.example -o json",
            "task credential list -n web",
            "task credential list -n web -o json",
            "task webhook -n web",
            "task webhook -n web -o json",
            "task webhook --registries --rotate",
        ])
    );
}
