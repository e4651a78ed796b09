//! Payloads as the registries document them, shortened, and what they mean; and what is no payload at all.

use super::*;
use data_encoding::{BASE64, HEXLOWER};
use proptest::prelude::*;

const SECRET: &[u8] = b"It's a Secret to Everybody";

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".json"))
    };
}

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    list.iter().map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn secret() -> SecretValue {
    SecretValue::new(SECRET.to_vec())
}

/// Reads what is sent as it should be: signed where the registry signs, with the secret in the address where it can
/// stand nowhere else, and in `Authorization` elsewhere.
fn read_proven(kind: RegistryKind, event: &str, body: &[u8]) -> Result<ImagesPushed, Refused> {
    let text = std::str::from_utf8(SECRET).unwrap();
    let signature = format!("sha256={}", HEXLOWER.encode(&signature::code(SECRET, &[body])));
    let bearer = format!("Bearer {text}");
    let (list, in_address) = match kind {
        RegistryKind::Ghcr => (
            vec![("x-hub-signature-256", signature.as_str()), ("x-github-event", event), ("x-github-delivery", "d-1")],
            None,
        ),
        RegistryKind::DockerHub => (Vec::new(), Some(text)),
        _ => (vec![("authorization", bearer.as_str())], None),
    };
    read(kind, &headers(&list), body, &secret(), in_address)
}

fn image(image: &ImagePushed) -> String {
    let ImagePushed { registry, repository, tag, digest } = image;
    let digest = digest.map_or_else(|| "?".to_owned(), |digest| digest.short());
    format!("{} {repository}:{tag}@{digest}", registry.as_deref().unwrap_or("?"))
}

#[test]
fn registries_tell_the_tags_that_were_put() {
    let table: [(RegistryKind, &str, &str, &[&str]); 12] = [
        (
            RegistryKind::Distribution,
            "",
            fixture!("distribution"),
            &[
                "registry.example.com:5000 library/test:latest@fea8895f4509",
                "registrycluster team/app:1.2@fea8895f4509",
            ],
        ),
        (RegistryKind::Distribution, "", r#"{"events":[]}"#, &[]),
        (RegistryKind::DockerHub, "", fixture!("docker-hub"), &["? svendowideit/testhook:latest@?"]),
        (RegistryKind::Harbor, "", fixture!("harbor"), &["hub.harbor.com test-webhook/debian:latest@8a9e9863dbb6"]),
        (
            RegistryKind::Harbor,
            "",
            fixture!("harbor-cloud-events"),
            &["hub.harbor.com test-webhook/debian:latest@8a9e9863dbb6"],
        ),
        (RegistryKind::Harbor, "", fixture!("harbor-deleted"), &[]),
        (RegistryKind::Acr, "", fixture!("acr"), &["myregistry.azurecr.io hello-world:v1@80f0d5c8786b"]),
        (RegistryKind::Acr, "", fixture!("acr-ping"), &[]),
        (
            RegistryKind::Ghcr,
            "registry_package",
            fixture!("ghcr-registry-package"),
            &["ghcr.io codertocat/hello-world:v1.0@3da1996a8115"],
        ),
        (
            RegistryKind::Ghcr,
            "package",
            fixture!("ghcr-package"),
            &["ghcr.io codertocat/hello-world:v1.0@3da1996a8115"],
        ),
        (RegistryKind::Ghcr, "registry_package", fixture!("ghcr-untagged"), &[]),
        (RegistryKind::Ghcr, "package", fixture!("ghcr-npm"), &[]),
    ];
    for (kind, event, body, expected) in table {
        let pushed = read_proven(kind, event, body.as_bytes()).unwrap();
        assert_eq!(pushed.images.iter().map(image).collect::<Vec<_>>(), expected, "{kind}: {body}");
    }
}

#[test]
fn a_request_is_named_by_its_sender_or_by_its_content() {
    let named = read_proven(RegistryKind::Ghcr, "package", fixture!("ghcr-package").as_bytes()).unwrap();
    assert_eq!(named.delivery.as_str(), "d-1");
    let body = fixture!("acr").as_bytes();
    let delivery = |body: &[u8]| read_proven(RegistryKind::Acr, "", body).unwrap().delivery;
    assert_eq!(delivery(body), delivery(body));
    assert!(delivery(body).as_str().starts_with("sha256:"));
    assert_ne!(delivery(body), delivery(fixture!("acr-ping").as_bytes()));
}

#[test]
fn the_secret_stands_where_the_registry_can_put_it() {
    use RegistryKind::{Acr, Distribution, DockerHub, Ghcr, Harbor};
    let text = std::str::from_utf8(SECRET).unwrap();
    let bearer = format!("Bearer {text}");
    let basic = format!("Basic {}", BASE64.encode(&[b"acre:", SECRET].concat()));
    type Case<'a> = (Option<(&'static str, &'a str)>, Option<&'a str>, &'static [RegistryKind]);
    let table: [Case<'_>; 9] = [
        (Some(("authorization", &bearer)), None, &[Distribution, DockerHub, Harbor, Acr]),
        (Some(("authorization", &basic)), None, &[Distribution, DockerHub, Harbor, Acr]),
        (Some(("authorization", text)), None, &[Distribution, DockerHub, Harbor, Acr]),
        (Some(("x-auth", text)), None, &[Distribution, DockerHub, Harbor, Acr]),
        (None, Some(text), &[DockerHub, Acr]),
        (Some(("authorization", "Bearer other")), Some("other"), &[]),
        (Some(("x-hub-signature-256", text)), None, &[]),
        (None, Some(""), &[]),
        (None, None, &[]),
    ];
    for (header, in_address, accepted) in table {
        let headers = headers(header.as_slice());
        for kind in RegistryKind::ALL {
            let is_refused = read(kind, &headers, b"{}", &secret(), in_address) == Err(Refused::Signature);
            assert_eq!(!is_refused, accepted.contains(&kind), "{kind}: {header:?}, {in_address:?}");
            let empty = read(kind, &headers, b"{}", &SecretValue::new(Vec::new()), in_address);
            assert_eq!(empty, Err(Refused::Signature), "{kind}: an empty secret");
        }
    }
    let body = fixture!("ghcr-package").as_bytes();
    assert!(read_proven(Ghcr, "package", body).is_ok());
}

#[test]
fn what_cannot_be_understood_is_refused_with_the_field() {
    use RegistryKind::{Acr, Distribution, DockerHub, Ghcr, Harbor};
    let deep = r#"{"a":"#.repeat(100_000);
    let table = [
        (Distribution, deep.as_str(), "the body is not JSON: recursion limit exceeded at line 1 column 636"),
        (Distribution, "{}", "the field `events` is missing"),
        (
            Distribution,
            r#"{"events":[{"action":"push","target":{}}]}"#,
            "the field `events[0].target.repository` is missing",
        ),
        (
            Distribution,
            r#"{"events":[{"action":"push","target":{"repository":"../x","tag":"1"}}]}"#,
            "the field `events[0].target.repository` is not a repository: `../x`",
        ),
        (
            Distribution,
            r#"{"events":[{"action":"push","target":{"repository":"x","tag":"1"},"request":{"host":"a b"}}]}"#,
            "the field `events[0].request.host` is not a host, with or without a port: `a b`",
        ),
        (Acr, "[]", "the field `action` is missing"),
        (DockerHub, "{}", "the field `repository.repo_name` is missing"),
        (Harbor, r#"{"type":"PUSH_ARTIFACT","event_data":[]}"#, "the field `event_data` is not an object"),
        (
            Ghcr,
            r#"{"action":"published","package":{"package_version":{"package_url":"x","container_metadata":{"tag":{"name":"1"}}}}}"#,
            "the field `package.package_version.package_url` is not a tag of ghcr.io: `x`",
        ),
    ];
    for (kind, body, expected) in table {
        let refused = read_proven(kind, "package", body.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), expected, "{kind}");
    }
}

#[test]
fn more_tags_than_anybody_puts_at_once_are_refused() {
    let event = r#"{"action":"push","target":{"repository":"x","tag":"1"}}"#;
    let body = |count: usize| format!(r#"{{"events":[{}]}}"#, vec![event; count].join(","));
    assert_eq!(read_proven(RegistryKind::Distribution, "", body(1000).as_bytes()).unwrap().images.len(), 1000);
    assert!(read_proven(RegistryKind::Distribution, "", body(1001).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        kind in prop::sample::select(RegistryKind::ALL.to_vec()),
        body in prop::collection::vec(any::<u8>(), 0..200),
        text in "(ghcr.io/[a-zA-Z:/]{0,9}|.{0,20})",
    ) {
        let _ = read_proven(kind, "package", &body);
        let told = serde_json::json!({
            "action": "push", "type": "PUSH_ARTIFACT",
            "target": { "repository": text, "tag": text, "digest": text }, "request": { "host": text },
            "push_data": { "tag": text }, "repository": { "repo_name": text },
            "event_data": {
                "resources": [{ "tag": "1", "resource_url": text }], "repository": { "repo_full_name": text },
            },
        });
        let _ = read_proven(kind, "package", &serde_json::to_vec(&told).unwrap());
    }
}
