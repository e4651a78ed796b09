//! `acre secret`, `acre login`, `acre logout`: what a project keeps.

use crate::support::{
    acre::{World, end, end_with_input},
    farm::Scenario,
};
use acre_model::run::RunStatus;

#[tokio::test]
async fn a_secret_is_set_listed_and_deleted() {
    let world = World::default();
    world.write("value", "from a file\n");
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let typed = end_with_input(world.acre_on_farm(&["secret", "set", "npm", "--project", "web"]), b"s3cret\n").await;
    assert_eq!((typed.code, typed.stdout.as_str()), (Some(0), "secret npm is set in project web\n"), "{typed:?}");
    let file = end(world.acre_on_farm(&["secret", "set", "key", "--project", "web", "--from-file", "value"])).await;
    assert_eq!(file.code, Some(0), "{file:?}");
    let key = |id: &str| ("web".to_owned(), id.to_owned());
    let stored = farm.asked(|asked| asked.secrets.clone());
    assert_eq!((&stored[&key("npm")][..], &stored[&key("key")][..]), (&b"s3cret"[..], &b"from a file\n"[..]));

    let listed = end(world.acre_on_farm(&["secret", "list", "--project", "web"])).await;
    assert!(listed.stdout.starts_with("SECRET  SET\nkey     "), "{listed:?}");
    assert!(!listed.stdout.contains("s3cret"), "{listed:?}");
    let json = end(world.acre_on_farm(&["secret", "list", "--project", "web", "-o", "json"])).await;
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json[1], serde_json::json!({"id": "npm", "set-at": crate::support::views::START}));

    let deleted = end(world.acre_on_farm(&["secret", "delete", "npm", "--project", "web"])).await;
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    let again = end(world.acre_on_farm(&["secret", "delete", "npm", "--project", "web"])).await;
    assert_eq!((again.code, again.stderr.as_str()), (Some(2), "error: no secret npm in project web\n"));
}

#[tokio::test]
async fn a_login_is_kept_listed_and_forgotten() {
    let world = World::default();
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let words = ["login", "https://r.example:5000/v2/", "-u", "me", "--password-stdin"];
    let kept = end_with_input(world.acre_on_farm(&words), b"s3cret\r\n").await;
    assert_eq!((kept.code, kept.stdout.as_str()), (Some(0), "project default has a login to r.example:5000\n"));
    let login = farm.asked(|asked| asked.logins.values().next().cloned().unwrap());
    let parts = (login.registry.as_str(), login.username.as_str(), login.password.expose());
    assert_eq!(parts, ("r.example:5000", "me", &b"s3cret"[..]));

    let listed = end(world.acre_on_farm(&["login", "--list"])).await;
    assert!(listed.stdout.contains("r.example:5000  me") && !listed.stdout.contains("s3cret"), "{listed:?}");
    let forgotten = end(world.acre_on_farm(&["logout", "r.example:5000"])).await;
    assert_eq!((forgotten.code, farm.asked(|asked| asked.logins.len())), (Some(0), 0), "{forgotten:?}");
    let hub = end(world.acre_on_farm(&["logout"])).await;
    assert_eq!((hub.code, hub.stderr.as_str()), (Some(2), "error: no login to docker.io in project default\n"));
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_a_remedy() {
    let world = World::default();
    world.write("large", &"x".repeat((64 << 10) + 1));
    let farm = world.farm(Scenario::ending(RunStatus::Succeeded));
    let table: [(&[&str], &str); 7] = [
        (&["secret", "set", "a b"], "is not a secret id"),
        (&["secret", "set", "a"], "the value of secret `a` is empty"),
        (&["secret", "set", "a", "--from-file", "large"], "larger than 64 KiB"),
        (&["login", "r.example"], "--username"),
        (&["login", "r.example", "-u", "me"], "--password-stdin"),
        (&["login", "r.example", "-u", "a:b", "--password-stdin"], "has no colon"),
        (&["login", "team", "-u", "me", "--password-stdin"], "`team` is not a registry"),
    ];
    for (words, expected) in table {
        let ended = end(world.acre_on_farm(words)).await;
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{words:?}: {ended:?}");
    }
    assert!(farm.asked(|asked| asked.secrets.is_empty() && asked.logins.is_empty()));
}
