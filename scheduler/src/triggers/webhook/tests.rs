//! Payloads as the providers document them, shortened, and what they mean; and what is no payload at all.

use super::*;
use acre_model::trigger::{Change, Origin, PullRequest, SourceEvent};
use data_encoding::{BASE64, HEXLOWER};
use proptest::prelude::*;

const SECRET: &[u8] = b"It's a Secret to Everybody";
/// 2026-11-20T18:03:01Z.
const NOW: Timestamp = Timestamp::from_millis(1_795_197_781_000);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".json"))
    };
}

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    list.iter().map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

/// The headers that prove `provider` to have sent `body`, and say that it is an `event`.
fn sent_by(provider: Provider, event: &str, body: &[u8]) -> HeaderMap {
    let hex = HEXLOWER.encode(&signature::code(SECRET, &[body]));
    let basic = format!("Basic {}", BASE64.encode(&[b"acre:", SECRET].concat()));
    let seconds = (NOW.as_millis() / 1000).to_string();
    let code = signature::code(SECRET, &[b"msg_1.", seconds.as_bytes(), b".", body]);
    let code = format!("v1a,other v1,{}", BASE64.encode(&code));
    match provider {
        Provider::Github => headers(&[
            ("x-hub-signature-256", &format!("sha256={hex}")),
            ("x-github-event", event),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ]),
        Provider::Gitlab => headers(&[
            ("x-gitlab-token", std::str::from_utf8(SECRET).unwrap()),
            ("x-gitlab-event", event),
            ("idempotency-key", "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"),
        ]),
        Provider::Gitea => headers(&[
            ("x-gitea-signature", &hex),
            ("x-gitea-event", event),
            ("x-gitea-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
        ]),
        Provider::AzureDevops => headers(&[("authorization", &basic)]),
        Provider::Bitbucket => headers(&[
            ("x-hub-signature", &format!("sha256={hex}")),
            ("x-event-key", event),
            ("x-request-uuid", "{9e3d1c38-0e4b-4a2c-9b1a-2f5b6a7c8d9e}"),
        ]),
        Provider::Generic => {
            headers(&[("webhook-id", "msg_1"), ("webhook-timestamp", &seconds), ("webhook-signature", &code)])
        }
    }
}

fn read_as(provider: Provider, headers: &HeaderMap, body: &[u8]) -> Result<Delivered, Refused> {
    read(provider, headers, body, &SecretValue::new(SECRET.to_vec()), NOW)
}

/// What was told, one line for each event.
fn tell(content: &Content) -> String {
    match content {
        Content::Ignored { why } => format!("ignored: {why}"),
        Content::Events(events) => events.iter().map(event).collect::<Vec<_>>().join("\n"),
    }
}

fn event(event: &SourceEvent) -> String {
    let change = match &event.change {
        Change::Commit { branch } => format!("branch {branch}"),
        Change::Tag { tag } => format!("tag {tag}"),
        Change::PullRequest(request) => pull_request(request),
    };
    let commit = event.commit.as_ref().map_or("?", |commit| &commit.as_str()[..7]);
    let by = event.by.as_deref().unwrap_or("?");
    let message = event.message.as_deref().unwrap_or("?");
    let paths = event.paths.as_ref().map_or_else(|| "?".to_owned(), |paths| paths.join(" "));
    format!("{change} @{commit} by {by}, `{message}`, paths {paths}, in {}", event.repository.join(" "))
}

fn pull_request(request: &PullRequest) -> String {
    let PullRequest { number, action, source, target, origin, reference } = request;
    let origin = match origin {
        Origin::SameRepository => String::new(),
        Origin::Fork { repository } => format!(" of fork [{}]", repository.join(" ")),
    };
    let reference = reference.as_deref().unwrap_or("?");
    format!("request {number} {action:?} {source}{origin} -> {target} ({reference})")
}

/// What `provider` sends (the event header, the payload), and what it means, where `HERE` stands for `here`.
fn check(provider: Provider, here: &str, cases: &[(&str, &str, &str)]) {
    for (event, body, expected) in cases {
        let headers = sent_by(provider, event, body.as_bytes());
        let delivered = read_as(provider, &headers, body.as_bytes());
        let told = delivered.as_ref().map_or_else(ToString::to_string, |delivered| tell(&delivered.content));
        assert_eq!(told, expected.replace("HERE", here), "{provider}, {event}: {body}");
    }
}

#[test]
fn github_tells_pushes_tags_and_pull_requests() {
    let here = "in https://github.com/Codertocat/Hello-World.git git@github.com:Codertocat/Hello-World.git";
    check(
        Provider::Github,
        here,
        &[
            (
                "push",
                fixture!("github-push"),
                "branch master @6113728 by Codertocat, `Update README.md`, paths README.md docs/new.md old.md, HERE",
            ),
            (
                "push",
                fixture!("github-push-forced"),
                "branch master @6113728 by Codertocat, `Update README.md`, paths ?, HERE",
            ),
            ("push", fixture!("github-tag"), "tag v1.0 @6113728 by Codertocat, `Update README.md`, paths ?, HERE"),
            (
                "pull_request",
                fixture!("github-pull-request"),
                "request 2 Opened changes -> master (refs/pull/2/head) @ec26c3e by Codertocat, \
                 `Update the README with new information.`, paths ?, HERE",
            ),
            (
                "pull_request",
                fixture!("github-pull-request-fork"),
                "request 2 Updated changes of fork [https://github.com/Octocat/Hello-World.git \
                 git@github.com:Octocat/Hello-World.git] -> master (refs/pull/2/head) @ec26c3e by Codertocat, \
                 `Update the README with new information.`, paths ?, HERE",
            ),
            (
                "pull_request",
                fixture!("github-pull-request-fork-gone"),
                "request 2 Reopened changes of fork [] -> master (refs/pull/2/head) @ec26c3e by Codertocat, \
                 `Update the README with new information.`, paths ?, HERE",
            ),
            (
                "pull_request",
                fixture!("github-pull-request-labeled"),
                "ignored: pull request: `labeled` changes no source",
            ),
            ("push", fixture!("github-deleted"), "ignored: a ref was deleted"),
            ("ping", fixture!("github-ping"), "ignored: ping"),
            ("create", fixture!("github-push"), "ignored: `create` starts no run"),
        ],
    );
}

#[test]
fn gitlab_tells_pushes_and_tags() {
    let here = "in http://example.com/mike/diaspora.git git@example.com:mike/diaspora.git";
    check(
        Provider::Gitlab,
        here,
        &[
            (
                "Push Hook",
                fixture!("gitlab-push"),
                "branch master @da15608 by jsmith, `fixed readme`, \
                 paths CHANGELOG app/controller/application.rb, HERE",
            ),
            (
                "Push Hook",
                fixture!("gitlab-push-cut-short"),
                "branch master @da15608 by jsmith, `fixed readme`, paths ?, HERE",
            ),
            ("Tag Push Hook", fixture!("gitlab-tag"), "tag v1.0.0 @82b3d5a by jsmith, `Release 1.0`, paths ?, HERE"),
            ("Push Hook", fixture!("gitlab-deleted"), "ignored: a ref was deleted"),
            ("Issue Hook", fixture!("gitlab-issue"), "ignored: `issue` starts no run"),
        ],
    );
}

#[test]
fn gitlab_tells_merge_requests() {
    let here = "in http://example.com/awesome_space/awesome_project.git \
                git@example.com:awesome_space/awesome_project.git";
    check(
        Provider::Gitlab,
        here,
        &[
            (
                "Merge Request Hook",
                fixture!("gitlab-merge-request"),
                "request 1 Opened ms-viewport -> master (refs/merge-requests/1/head) @da15608 by root, \
                 `MS-Viewport`, paths ?, HERE",
            ),
            (
                "Merge Request Hook",
                fixture!("gitlab-merge-request-fork"),
                "request 1 Updated ms-viewport of fork [http://example.com/eve/awesome_project.git \
                 git@example.com:eve/awesome_project.git] -> master (refs/merge-requests/1/head) @da15608 by root, \
                 `MS-Viewport`, paths ?, HERE",
            ),
            (
                "Merge Request Hook",
                fixture!("gitlab-merge-request-labeled"),
                "ignored: pull request: `update` changes no source",
            ),
        ],
    );
}

#[test]
fn gitea_tells_pushes_tags_and_pull_requests() {
    let here = "in http://localhost:3000/example/example.git git@localhost:example/example.git";
    check(
        Provider::Gitea,
        here,
        &[
            ("push", fixture!("gitea-push"), "branch master @67b5658 by example, `example`, paths example, HERE"),
            ("push", fixture!("gitea-push-old"), "branch master @67b5658 by example, `example`, paths ?, HERE"),
            ("push", fixture!("gitea-tag"), "tag v1 @67b5658 by example, `example`, paths ?, HERE"),
            ("push", fixture!("gitea-deleted"), "ignored: a ref was deleted"),
            (
                "pull_request",
                fixture!("gitea-pull-request"),
                "request 2 Opened master of fork [http://localhost:3000/example2/example.git \
                 git@localhost:example2/example.git] -> master (refs/pull/2/head) @48e773f by example2, \
                 `update`, paths ?, HERE",
            ),
            (
                "pull_request",
                fixture!("gitea-pull-request-sync"),
                "request 2 Updated topic -> master (refs/pull/2/head) @48e773f by example2, `update`, paths ?, HERE",
            ),
            ("create", fixture!("gitea-push"), "ignored: `create` starts no run"),
        ],
    );
}

#[test]
fn azure_devops_tells_pushes_and_tags() {
    let here = "in https://dev.azure.com/fabrikam-fiber-inc/DefaultCollection/_git/Fabrikam-Fiber-Git";
    check(
        Provider::AzureDevops,
        here,
        &[
            (
                "",
                fixture!("azure-devops-push"),
                "branch main @33b55f7 by Jamal Hartnett, `Fixed bug in web.config file`, paths ?, HERE",
            ),
            (
                "",
                fixture!("azure-devops-push-several"),
                "branch main @33b55f7 by Jamal Hartnett, `Fixed bug in web.config file`, paths ?, HERE\n\
                 tag v2 @33b55f7 by Jamal Hartnett, `Fixed bug in web.config file`, paths ?, HERE",
            ),
            ("", fixture!("azure-devops-push-of-101"), "ignored: a push of 101 refs at once; at most 100 are taken"),
            ("", fixture!("azure-devops-deleted"), "ignored: no branch or tag has a new commit"),
            ("", fixture!("azure-devops-build"), "ignored: `build.complete` starts no run"),
        ],
    );
}

#[test]
fn azure_devops_tells_pull_requests() {
    let here = "in https://dev.azure.com/fabrikam/DefaultCollection/_git/Fabrikam";
    check(
        Provider::AzureDevops,
        here,
        &[
            (
                "",
                fixture!("azure-devops-pull-request"),
                "request 1 Opened mytopic -> main (?) @53d54ac by Jamal Hartnett, `my first pull request`, \
                 paths ?, HERE",
            ),
            (
                "",
                fixture!("azure-devops-pull-request-updated"),
                "request 1 Updated mytopic of fork [https://dev.azure.com/fabrikam/_git/Fork] -> main (?) @53d54ac \
                 by Jamal Hartnett, `my first pull request`, paths ?, HERE",
            ),
            (
                "",
                fixture!("azure-devops-pull-request-approved"),
                "ignored: pull request: `Jamal Hartnett approved pull request 1 (my first pull request) in Fabrikam` \
                 changes no source",
            ),
            ("", fixture!("azure-devops-pull-request-completed"), "ignored: pull request: `closed` changes no source"),
        ],
    );
}

#[test]
fn bitbucket_tells_pushes_tags_and_pull_requests() {
    let here = "in https://bitbucket.org/team_name/repo_name";
    check(
        Provider::Bitbucket,
        here,
        &[
            (
                "repo:push",
                fixture!("bitbucket-push"),
                "branch name-of-branch @709d658 by emmap1, `new commit message`, paths ?, HERE\n\
                 tag v3 @709d658 by emmap1, `new commit message`, paths ?, HERE",
            ),
            (
                "pullrequest:created",
                fixture!("bitbucket-pull-request"),
                "request 1 Opened branch2 -> master (?) @? by emmap1, `Title of pull request`, paths ?, HERE",
            ),
            (
                "pullrequest:updated",
                fixture!("bitbucket-pull-request-fork"),
                "request 1 Updated branch2 of fork [https://bitbucket.org/eve/repo_name] -> master (?) @? by emmap1, \
                 `Title of pull request`, paths ?, HERE",
            ),
            (
                "pullrequest:approved",
                fixture!("bitbucket-pull-request"),
                "ignored: `pullrequest:approved` starts no run",
            ),
        ],
    );
}

#[test]
fn scripts_tell_pushes_tags_and_pull_requests() {
    let here = "in https://git.example.com/team/app.git";
    check(
        Provider::Generic,
        here,
        &[
            (
                "",
                fixture!("generic-commit"),
                "branch release/1 @da15608 by jane, `Fix the build`, paths Makefile src/main.c, HERE",
            ),
            ("", fixture!("generic-tag"), "tag v1 @da15608 by ?, `?`, paths ?, HERE"),
            (
                "",
                fixture!("generic-pull-request"),
                "request 7 Updated topic of fork [https://git.example.com/eve/app.git] -> main (?) @da15608 by ?, \
                 `?`, paths ?, HERE",
            ),
            ("", fixture!("generic-ping"), "ignored: ping"),
            ("", r#"{"kind":"merge"}"#, "the field `kind` is not one of commit, tag, pull-request and ping: `merge`"),
        ],
    );
}

/// A payload of each provider: the event that it is, the payload, and the name of the delivery.
const ONE_OF_EACH: [(Provider, &str, &str, &str); 6] = [
    (Provider::Github, "push", fixture!("github-push"), "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    (Provider::Gitlab, "Push Hook", fixture!("gitlab-push"), "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"),
    (Provider::Gitea, "push", fixture!("gitea-push"), "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
    (Provider::AzureDevops, "", fixture!("azure-devops-push"), "03c164c2-8912-4d5e-8009-3707d5f83734"),
    (Provider::Bitbucket, "repo:push", fixture!("bitbucket-push"), "9e3d1c38-0e4b-4a2c-9b1a-2f5b6a7c8d9e"),
    (Provider::Generic, "", fixture!("generic-commit"), "msg_1"),
];

#[test]
fn a_delivery_is_named_as_its_sender_names_it() {
    for (provider, event, body, expected) in ONE_OF_EACH {
        let headers = sent_by(provider, event, body.as_bytes());
        let delivered = read_as(provider, &headers, body.as_bytes()).unwrap();
        assert_eq!(delivered.delivery.as_str(), expected, "{provider}");
    }
}

/// The headers by which a sender proves what he knows.
const PROOFS: &[&str] = &[
    "authorization",
    "webhook-signature",
    "x-gitea-signature",
    "x-gitlab-token",
    "x-hub-signature",
    "x-hub-signature-256",
];

#[test]
fn what_is_not_signed_or_signed_otherwise_is_refused_with_one_text() {
    for (provider, event, body, _) in ONE_OF_EACH {
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        let encoded_again = serde_json::to_vec(&value).unwrap();
        let signed = sent_by(provider, event, body.as_bytes());
        let mut unsigned = signed.clone();
        for name in PROOFS {
            unsigned.remove(*name);
        }
        let other = SecretValue::new(b"another".to_vec());
        let empty = SecretValue::new(Vec::new());
        let refused = [
            read_as(provider, &unsigned, body.as_bytes()),
            read_as(provider, &HeaderMap::new(), body.as_bytes()),
            read(provider, &signed, body.as_bytes(), &other, NOW),
            read(provider, &signed, body.as_bytes(), &empty, NOW),
        ];
        for answer in refused {
            assert_eq!(answer, Err(Refused::Signature), "{provider}");
        }
        // Azure DevOps and the older way of GitLab sign nothing.
        if !matches!(provider, Provider::AzureDevops | Provider::Gitlab) {
            assert_eq!(read_as(provider, &signed, &encoded_again), Err(Refused::Signature), "{provider}");
        }
    }
}

#[test]
fn forgejo_and_gitea_sign_under_several_names() {
    let body = fixture!("gitea-push").as_bytes();
    let hex = HEXLOWER.encode(&signature::code(SECRET, &[body]));
    let prefixed = format!("sha256={hex}");
    let upper = hex.to_uppercase();
    let table = [
        (vec![("x-gitea-signature", hex.as_str()), ("x-gitea-event", "push")], true),
        (vec![("x-forgejo-signature", hex.as_str()), ("x-forgejo-event", "push")], true),
        (vec![("x-hub-signature-256", prefixed.as_str()), ("x-gitea-event", "push")], true),
        (vec![("x-gitea-signature", upper.as_str()), ("x-gitea-event", "push")], true),
        (vec![("x-gitea-signature", "00"), ("x-hub-signature-256", &prefixed), ("x-gitea-event", "push")], true),
        (vec![("x-gitea-signature", prefixed.as_str()), ("x-gitea-event", "push")], false),
        (vec![("x-hub-signature-256", hex.as_str()), ("x-gitea-event", "push")], false),
    ];
    for (list, accepted) in table {
        assert_eq!(read_as(Provider::Gitea, &headers(&list), body).is_ok(), accepted, "{list:?}");
    }
}

#[test]
fn gitlab_signs_where_the_secret_is_a_signing_token() {
    let body = fixture!("gitlab-push").as_bytes();
    let secret = format!("whsec_{}", BASE64.encode(&[7; 32]));
    let seconds = (NOW.as_millis() / 1000).to_string();
    let code = BASE64.encode(&signature::code(&[7; 32], &[b"id-1.", seconds.as_bytes(), b".", body]));
    let value = SecretValue::new(secret.clone().into_bytes());
    let signed = headers(&[
        ("webhook-id", "id-1"),
        ("webhook-timestamp", &seconds),
        ("webhook-signature", &format!("v1,{code}")),
    ]);
    let delivered = read(Provider::Gitlab, &signed, body, &value, NOW).unwrap();
    assert_eq!(delivered.delivery.as_str(), "id-1");

    let token = headers(&[("x-gitlab-token", &secret)]);
    assert_eq!(read(Provider::Gitlab, &token, body, &value, NOW), Err(Refused::Signature));
}

#[test]
fn a_signature_of_the_generic_kind_is_good_for_five_minutes() {
    let body = fixture!("generic-commit").as_bytes();
    let secret = SecretValue::new(SECRET.to_vec());
    let minutes = |minutes: i64| Timestamp::from_millis(NOW.as_millis().saturating_add_signed(minutes * 60_000));
    let signed = sent_by(Provider::Generic, "", body);
    for (now, accepted) in
        [(NOW, true), (minutes(5), true), (minutes(-5), true), (minutes(6), false), (minutes(-6), false)]
    {
        assert_eq!(read(Provider::Generic, &signed, body, &secret, now).is_ok(), accepted, "{now}");
    }
    for (name, value) in [("webhook-id", "msg_2"), ("webhook-timestamp", "1795197780"), ("webhook-timestamp", "soon")] {
        let mut changed = signed.clone();
        changed.insert(name, value.parse().unwrap());
        assert_eq!(read_as(Provider::Generic, &changed, body), Err(Refused::Signature), "{name}: {value}");
    }
}

#[test]
fn the_example_of_the_standard_is_accepted() {
    // standard-webhooks/standard-webhooks, "Signature scheme" and the vectors of its libraries.
    let secret = SecretValue::new(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec());
    let body = br#"{"test": 2432232314}"#;
    let headers = headers(&[
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]);
    let now = Timestamp::from_millis(1_614_265_330_000);
    let missing = Malformed::Missing("kind".to_owned());
    assert_eq!(read(Provider::Generic, &headers, body, &secret, now), Err(Refused::Malformed(missing)));
}

#[test]
fn what_cannot_be_understood_is_refused_with_the_field_that_is_missing() {
    let deep = "[".repeat(100_000);
    let table = [
        (
            Provider::Github,
            "push",
            deep.as_str(),
            "the body is not JSON: recursion limit exceeded at line 1 column 128",
        ),
        (Provider::Github, "push", "", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
        (Provider::Github, "push", "{}", "the field `after` is missing"),
        (Provider::Github, "pull_request", r#"{"action":"opened","number":1}"#, "the field `pull_request` is missing"),
        (
            Provider::Github,
            "pull_request",
            r#"{"action":"opened","number":1,"pull_request":{"head":{"sha":"HEAD"}}}"#,
            "the field `pull_request.head.sha` is not a commit of 40 lower-case hexadecimal digits: `HEAD`",
        ),
        (Provider::Gitlab, "", r#"{"object_kind":7}"#, "the field `object_kind` is not a text"),
        (Provider::Gitea, "push", r#"{"after":"1"}"#, "the field `ref` is missing"),
        (
            Provider::AzureDevops,
            "",
            r#"{"eventType":"git.push","resource":{"refUpdates":[{"name":"refs/heads/a"}]}}"#,
            "the field `resource.refUpdates[0].newObjectId` is missing",
        ),
        (Provider::Bitbucket, "repo:push", r#"{"push":[]}"#, "the field `push.changes` is missing"),
        (Provider::Generic, "", r#"{"kind":"tag"}"#, "the field `tag` is missing"),
        (
            Provider::Generic,
            "",
            r#"{"kind":"commit","branch":"--upload-pack=x"}"#,
            "the field `branch` is not the name of a ref: `--upload-pack=x`",
        ),
    ];
    for (provider, event, body, expected) in table {
        let refused = read_as(provider, &sent_by(provider, event, body.as_bytes()), body.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), expected, "{provider}");
    }
}

/// A payload of each provider with one of its values replaced by another.
fn changed() -> impl Strategy<Value = (Provider, &'static str, Vec<u8>)> {
    let other = prop_oneof![
        Just(serde_json::Value::Null),
        any::<u64>().prop_map(Into::into),
        any::<bool>().prop_map(Into::into),
        ".{0,40}".prop_map(Into::into),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
    ];
    (0..ONE_OF_EACH.len(), any::<prop::sample::Index>(), other).prop_map(|(case, index, other)| {
        let (provider, event, body, _) = ONE_OF_EACH[case];
        let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
        let places = places(&value, "");
        *value.pointer_mut(&places[index.index(places.len())]).unwrap() = other;
        (provider, event, serde_json::to_vec(&value).unwrap())
    })
}

/// The pointers (RFC 6901) to everything in a value.
fn places(value: &serde_json::Value, at: &str) -> Vec<String> {
    let below: Vec<String> = match value {
        serde_json::Value::Array(list) => {
            list.iter().enumerate().flat_map(|(index, value)| places(value, &format!("{at}/{index}"))).collect()
        }
        serde_json::Value::Object(map) => {
            map.iter().flat_map(|(name, value)| places(value, &format!("{at}/{name}"))).collect()
        }
        _ => Vec::new(),
    };
    std::iter::once(at.to_owned()).chain(below).collect()
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        provider in prop::sample::select(Provider::ALL.to_vec()),
        event in "(push|pull_request|repo:push|[a-z:_]{0,20})",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = read_as(provider, &sent_by(provider, &event, &body), &body);
        let unsigned = read_as(provider, &HeaderMap::new(), &body);
        prop_assert_eq!(unsigned, Err(Refused::Signature));
    }

    #[test]
    fn a_payload_with_one_thing_changed_never_panics((provider, event, body) in changed()) {
        let _ = read_as(provider, &sent_by(provider, event, &body), &body);
    }
}
