//! Requests as the hosts document them. The commit, owner and repository are those of GitHub's documentation, the project
//! and ids those of GitLab's.

use super::*;
use crate::tell::examples::{COMMIT, WHY, accepted, ended};
use serde_json::json;

fn asked(host: StatusHost, address: &str, about: &Tiding) -> Option<Request> {
    request(host, address, &SecretValue::new(b"t0ken".to_vec()), &COMMIT.parse().unwrap(), about)
}

#[test]
fn every_host_is_asked_where_it_wants_to_be() {
    use StatusHost::{Gitea, Github, Gitlab};
    let hub = format!("https://api.github.com/repos/octocat/Hello-World/statuses/{COMMIT}");
    let lab = format!("https://gitlab.example.com/api/v4/projects/diaspora%2Fdiaspora/statuses/{COMMIT}");
    let tea = format!("https://codeberg.example/api/v1/repos/o/r/statuses/{COMMIT}");
    let table = [
        (Github, "https://github.com/octocat/Hello-World.git#main", Some(hub.clone())),
        (Github, "https://github.com/octocat/Hello-World/", Some(hub.clone())),
        (Github, "git@github.com:octocat/Hello-World.git", Some(hub.clone())),
        (Github, "ssh://git@github.com:22/octocat/Hello-World.git", Some(hub)),
        (
            Github,
            "https://ghe.example:8443/o/r.git",
            Some(format!("https://ghe.example:8443/api/v3/repos/o/r/statuses/{COMMIT}")),
        ),
        (
            Github,
            "https://github.com.example/o/r",
            Some(format!("https://github.com.example/api/v3/repos/o/r/statuses/{COMMIT}")),
        ),
        (Github, "https://github.com/o", None),
        (Github, "https://github.com/a/o/r", None),
        (Gitlab, "https://gitlab.example.com/diaspora/diaspora.git#main:sub", Some(lab)),
        (
            Gitlab,
            "https://gitlab.example.com/a/b/c.git",
            Some(format!("https://gitlab.example.com/api/v4/projects/a%2Fb%2Fc/statuses/{COMMIT}")),
        ),
        (Gitea, "https://codeberg.example/o/r.git", Some(tea)),
        (
            Gitea,
            "http://127.0.0.1:3000/o/r.git",
            Some(format!("http://127.0.0.1:3000/api/v1/repos/o/r/statuses/{COMMIT}")),
        ),
        (
            Gitea,
            "https://h.example/git/o/r.git",
            Some(format!("https://h.example/git/api/v1/repos/o/r/statuses/{COMMIT}")),
        ),
        (Gitea, "https://h.example/o/..", None),
        (
            Gitea,
            "https://h.example/o/r?x=1",
            Some(format!("https://h.example/api/v1/repos/o/r%3Fx=1/statuses/{COMMIT}")),
        ),
        (Gitea, "file:///etc/passwd", None),
        (Gitea, "oci://h.example/o/r", None),
        (Gitea, "/dev/null", None),
    ];
    for (host, address, expected) in table {
        let found = asked(host, address, &accepted()).map(|request| request.url.to_string());
        assert_eq!(found, expected, "{host:?} {address}");
    }
}

#[test]
fn every_host_gets_its_words() {
    use StatusHost::{Gitea, Github, Gitlab};
    let address = "https://h.example/o/r.git";
    let failed = ended(RunStatus::Failed, Some(WHY));
    let succeeded = ended(RunStatus::Succeeded, None);
    let started = Tiding { news: News::Started, ..accepted() };
    let queued = format!("Queued as run {}", accepted().run);
    let running = format!("Running as run {}", accepted().run);
    let why = format!("Failed after 2m05s: {WHY}");
    let fine = "Succeeded in 2m05s, 12 tests passed";
    let canceled = ended(RunStatus::Canceled, Some("superseded by run 0x"));
    let out = "Canceled after 2m05s: superseded by run 0x";
    let farm = ended(RunStatus::Error, None);
    let context = |state: &str, text: &str| json!({"state": state, "context": "acre/web", "description": text});
    let name =
        |state: &str, text: &str| json!({"state": state, "name": "acre/web", "description": text, "ref": "main"});
    let table = [
        (Github, &accepted(), context("pending", &queued)),
        (Github, &started, context("pending", &running)),
        (Github, &succeeded, context("success", fine)),
        (Github, &failed, context("failure", &why)),
        (Github, &canceled, context("error", out)),
        (Github, &farm, context("error", "The farm failed after 2m05s")),
        (Gitlab, &accepted(), name("pending", &queued)),
        (Gitlab, &started, name("running", &running)),
        (Gitlab, &succeeded, name("success", fine)),
        (Gitlab, &failed, name("failed", &why)),
        (Gitlab, &canceled, name("canceled", out)),
        (Gitlab, &farm, name("failed", "The farm failed after 2m05s")),
        (Gitea, &accepted(), context("pending", &queued)),
        (Gitea, &started, context("pending", &running)),
        (Gitea, &succeeded, context("success", fine)),
        (Gitea, &failed, context("failure", &why)),
        (Gitea, &canceled, context("error", out)),
        (Gitea, &farm, context("error", "The farm failed after 2m05s")),
    ];
    for (host, about, expected) in table {
        let request = asked(host, address, about).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), expected, "{host:?}");
    }
}

#[test]
fn every_host_is_told_who_asks_and_nobody_else_is() {
    let address = "https://h.example/o/r.git";
    let table = [
        (StatusHost::Github, "authorization", "Bearer t0ken"),
        (StatusHost::Gitlab, "private-token", "t0ken"),
        (StatusHost::Gitea, "authorization", "token t0ken"),
    ];
    for (host, name, expected) in table {
        let request = asked(host, address, &accepted()).unwrap();
        assert_eq!(request.headers[name], expected);
        assert!(!format!("{request:?}").contains("t0ken"), "it is not for messages");
    }
    let bad = SecretValue::new(b"a\r\nx: y".to_vec());
    assert_eq!(request(StatusHost::Github, address, &bad, &COMMIT.parse().unwrap(), &accepted()), None);
}

#[test]
fn a_description_is_as_short_as_the_strictest_host_wants_it() {
    let long = ended(RunStatus::Failed, Some(&"ü".repeat(1000)));
    let request = asked(StatusHost::Github, "https://h.example/o/r", &long).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["description"].as_str().unwrap().chars().count(), 140);
}
