//! `acre project notify`.

use crate::support::{
    acre::{World, end, end_with_input},
    farm::Scenario,
};
use acre_model::{
    notification::{Notification, Occasion, Receiver},
    run::RunStatus,
};

#[tokio::test]
async fn somebody_is_added_listed_tested_and_removed() {
    let world = World::default();
    world.write("secret", "whsec_given\n");
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let slack = ["project", "notify", "add", "ops", "--slack-file", "-", "--task", "web", "--task", "api"];
    let added = end_with_input(world.acre_on_farm(&slack), b" https://hooks.example/s3cret \n").await;
    assert_eq!((added.code, added.stdout.as_str()), (Some(0), "ops is notified by project default\n"), "{added:?}");
    let hook = ["project", "notify", "add", "hook", "--webhook", "https://h.example/x", "--on", "success,failure"];
    let drawn = end(world.acre_on_farm(&hook)).await;
    assert_eq!(drawn.stdout, "hook is notified by project default\nSecret    whsec_drawn\n", "{drawn:?}");
    let own = ["project", "notify", "add", "own", "--webhook", "https://h.example/y", "--secret-file", "secret"];
    let given = end(world.acre_on_farm(&own)).await;
    assert_eq!(given.stdout, "own is notified by project default\n", "{given:?}");
    let mail = end(world.acre_on_farm(&["project", "notify", "add", "me", "--email", "me@example.com"])).await;
    assert_eq!(mail.code, Some(0), "{mail:?}");

    let stored = |name: &str| farm.asked(|asked| asked.notifications[&("default".to_owned(), name.to_owned())].clone());
    let url = |notification: &Notification| match &notification.to {
        Receiver::Slack { url } | Receiver::Webhook { url, .. } => String::from_utf8(url.expose().to_vec()).unwrap(),
        Receiver::Email { address } => address.clone(),
    };
    let (ops, own) = (stored("ops"), stored("own"));
    assert_eq!(
        (url(&ops).as_str(), ops.on, ops.tasks.len()),
        ("https://hooks.example/s3cret", Notification::default_on(), 2)
    );
    let Receiver::Webhook { secret, .. } = own.to else { panic!("{own:?}") };
    assert_eq!(secret.expose(), b"whsec_given");
    assert!(stored("hook").on.contains(&Occasion::Success) && !stored("hook").on.contains(&Occasion::Recovery));

    let listed = end(world.acre_on_farm(&["project", "notify", "list"])).await;
    assert!(listed.stdout.starts_with("NAME  KIND     RECEIVER"), "{listed:?}");
    assert!(listed.stdout.contains("ops   slack    hooks.example   failure, recovery  api, web"), "{listed:?}");
    assert!(!listed.stdout.contains("s3cret"), "{listed:?}");
    let json = end(world.acre_on_farm(&["project", "notify", "list", "-o", "json"])).await;
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json[1]["receiver"], &json[1]["kind"]), (&"me@example.com".into(), &"email".into()));

    for (name, code, text) in
        [("ops", 0, "ops was told: it answers 200"), ("own", 1, "own was not told: it answers 404")]
    {
        let tested = end(world.acre_on_farm(&["project", "notify", "test", name])).await;
        assert!(tested.code == Some(code) && tested.stdout.starts_with(text), "{tested:?}");
    }
    let removed = end(world.acre_on_farm(&["project", "notify", "remove", "ops"])).await;
    assert_eq!(removed.stdout, "ops is notified no more by project default\n", "{removed:?}");
    let again = end(world.acre_on_farm(&["project", "notify", "remove", "ops"])).await;
    assert_eq!((again.code, again.stderr.as_str()), (Some(2), "error: project `default` notifies no `ops`\n"));
}

#[tokio::test]
async fn what_cannot_be_notified_is_refused_with_a_remedy() {
    let world = World::default();
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let table: [(&[&str], &str); 6] = [
        (&["add", "ops"], "--slack-file"),
        (&["add", "a b", "--email", "a@b.example"], "is not a notification's name"),
        (&["add", "ops", "--email", "a@b.example", "--webhook", "https://h.example"], "cannot be used with"),
        (&["add", "ops", "--email", "a@b.example", "--on", "always"], "none of failure, success, recovery"),
        (&["add", "ops", "--email", "a@b.example", "--secret-file", "x"], "cannot be used with"),
        (&["add", "ops", "--slack-file", "missing"], "missing"),
    ];
    for (words, expected) in table {
        let ended = end(world.acre_on_farm(&[&["project", "notify"], words].concat())).await;
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{words:?}: {ended:?}");
    }
    assert!(farm.asked(|asked| asked.notifications.is_empty()));
}
