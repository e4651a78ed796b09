//! The push gate between an engine and registries of all sorts.

use crate::{
    bed::{Bed, deaf, unique},
    builder::{built, request},
    folder::Folder,
    private::Private,
    runtime::logins,
    scripted::{Answer, Asked, Scripted, reqwest_client},
};
use acre_agent::{
    Tasks,
    engine::{EngineError, Logins},
    gate::{By, Gate, Push, Pushed, Stopped, Target},
};
use acre_model::{digest::Digest, reference::Reference};
use sha2::{Digest as _, Sha256};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;

/// A gate, and an image that nobody else has.
struct Gated<'b> {
    bed: &'b Bed,
    gate: Gate,
    image: Digest,
    _folder: TempDir,
}

impl<'b> Gated<'b> {
    async fn open(bed: &'b Bed) -> Self {
        let folder = TempDir::new().unwrap();
        let runtime = Arc::new(bed.docker.clone());
        let gate = Gate::open(folder.path().join("gate"), runtime, Tasks::default()).await.unwrap();
        // Nobody's before, and nothing that could be packed.
        let content = (0..10_000_u32).flat_map(|part| Sha256::digest(format!("{} {part}", bed.sandbox.name)));
        let files = Folder::default().file("content", content.collect::<Vec<u8>>());
        let mut request = request(bed, "FROM BASE\nCOPY content /\n", files);
        // Untagging takes an image's last name, and so the image.
        request.build.tags = vec![format!("{}:kept", unique("gate")).parse().unwrap()];
        bed.forget(&request.build.tags[0]);
        let image = built(bed, &*bed.builder(), &request).await.image;
        Self { bed, gate, image, _folder: folder }
    }

    async fn push<D>(
        &self,
        target: &Reference,
        by: By,
        logins: &Logins,
        permit: impl AsyncFnOnce() -> Result<(), D>,
    ) -> Result<Pushed, Stopped<D>> {
        let image = self.image.to_string();
        let push = Push { image: &image, target: to(target, logins), by, note: &|_| Ok(()) };
        self.gate.push(push, permit, &deaf()).await
    }

    /// Pushes by tag, which is permitted.
    async fn pushed(&self, target: &Reference, logins: &Logins) -> Result<Pushed, EngineError> {
        self.push::<Infallible>(target, By::Tag, logins, async || Ok(())).await.map_err(|stopped| match stopped {
            Stopped::Failed(error) => error,
            other => panic!("{other:?}"),
        })
    }

    /// Waits until the image has no name at the gate any more.
    async fn is_unnamed(&self) {
        loop {
            let answer = self.bed.answer("GET", &format!("/images/{}/json", self.image)).await;
            assert!(answer.contains("200 OK"), "the image is gone: {answer}");
            if !answer.contains("/acre/") {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn to<'a>(reference: &'a Reference, logins: &'a Logins) -> Target<'a> {
    Target { reference, plain: false, logins }
}

pub(crate) fn target(registry: &str, name: &str) -> Reference {
    format!("{registry}/acre-test/{}:1", unique(name)).parse().unwrap()
}

/// Status, digest and type of what a registry has under a name.
pub(crate) async fn has(reference: &Reference, name: &str) -> (u16, String, String) {
    let url = format!("http://{}/v2/{}/manifests/{name}", reference.registry().unwrap(), reference.full_repository());
    let accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
    let answer = reqwest_client().head(url).header("accept", accept).send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    (answer.status().as_u16(), header("docker-content-digest"), header("content-type"))
}

pub(crate) async fn what_goes_through_the_gate_is_what_the_registry_has(bed: &Bed) {
    let gated = Gated::open(bed).await;
    let registry = Scripted::before(&bed.registry, |_| None).await;
    let to = target(&registry.address, "through");
    let pushed = gated.pushed(&to, &Logins::default()).await.unwrap();
    assert_eq!(has(&to, "1").await, (200, pushed.digest.to_string(), pushed.media_type.clone()));
    assert_eq!(gated.gate.digest(gated.image, &to), Some(pushed.digest));
    assert_eq!(gated.gate.digest(gated.image, &target(&bed.registry, "other")), None);
    gated.is_unnamed().await;

    let before = registry.seen().len();
    assert_eq!(gated.pushed(&to, &Logins::default()).await.unwrap(), pushed);
    let again = registry.seen()[before..].to_vec();
    let sends = |line: &&String| line.starts_with("PATCH") || line.starts_with("POST") || line.starts_with("PUT");
    let sent: Vec<_> = again.iter().filter(sends).collect();
    assert_eq!(sent.len(), 1, "nothing but the manifest is sent again: {again:#?}");

    let other = target(&registry.address, "mounted");
    let before = registry.seen().len();
    assert_eq!(gated.pushed(&other, &Logins::default()).await.unwrap(), pushed);
    let again = registry.seen()[before..].to_vec();
    assert!(again.iter().any(|line| line.contains("mount=")), "{again:#?}");
    assert!(!again.iter().any(|line| line.starts_with("PATCH")), "{again:#?}");
}

pub(crate) async fn a_manifest_is_held_until_it_is_permitted(bed: &Bed) {
    let gated = Gated::open(bed).await;
    for (by, name) in [(By::Tag, "tagged"), (By::Digest, "untagged")] {
        let to = target(&bed.registry, name);
        let was_asked = AtomicBool::new(false);
        let permit = async || {
            was_asked.store(true, Ordering::Relaxed);
            assert_eq!(has(&to, "1").await.0, 404, "published before it was permitted");
            Ok::<(), Infallible>(())
        };
        let pushed = gated.push(&to, by, &Logins::default(), permit).await.unwrap();
        assert!(was_asked.load(Ordering::Relaxed));
        assert_eq!(has(&to, &pushed.digest.to_string()).await.0, 200);
        assert_eq!(has(&to, "1").await.0, if by == By::Tag { 200 } else { 404 });
    }
    let to = target(&bed.registry, "denied");
    let denied = gated.push(&to, By::Tag, &Logins::default(), async || Err("no")).await;
    assert!(matches!(denied, Err(Stopped::Denied("no"))), "{denied:?}");
    assert_eq!(has(&to, "1").await.0, 404);
    gated.is_unnamed().await;
}

pub(crate) async fn registries_see_the_login_and_the_engine_does_not(bed: &Bed) {
    let gated = Gated::open(bed).await;
    let registry = Private::start();
    let to = target(&registry.address, "basic");
    let pushed = gated.pushed(&to, &logins(&registry.address, Private::PASSWORD)).await.unwrap();
    assert!(pushed.size > 100);
    for wrong in [Logins::default(), logins(&registry.address, "wrong")] {
        let error = gated.pushed(&to, &wrong).await.unwrap_err();
        assert!(matches!(error, EngineError::RegistryRefused { .. }), "{error:?}");
        assert!(error.to_string().contains("401") && !error.to_string().contains("wrong"), "{error}");
    }
}

pub(crate) async fn a_token_is_fetched_where_the_registry_says(bed: &Bed) {
    let gated = Gated::open(bed).await;
    let script = |asked: &Asked<'_>| match (asked.path, asked.authorization) {
        ("/token", "Basic c29tZW9uZTpwYXNz") if asked.query.contains("%3Apull%2Cpush") => {
            Some(Answer { status: 200, headers: Vec::new(), body: r#"{"token":"tok"}"#.to_owned() })
        }
        ("/token", _) => Some(Answer::error(401, "who are you")),
        (_, "Bearer tok") => None,
        _ => Some(Answer {
            headers: vec![("www-authenticate", "Bearer realm=\"http://HERE/token\",service=\"s\"".to_owned())],
            ..Answer::error(401, "show a token")
        }),
    };
    let registry = Scripted::before(&bed.registry, script).await;
    let to = target(&registry.address, "bearer");
    gated.pushed(&to, &logins(&registry.address, "pass")).await.unwrap();
    let tokens = registry.seen().iter().filter(|line| line.contains("/token")).count();
    assert_eq!(tokens, 1, "one token does for a push: {:#?}", registry.seen());
    let error = gated.pushed(&to, &logins(&registry.address, "wrong")).await.unwrap_err();
    assert!(matches!(error, EngineError::RegistryRefused { .. }), "{error:?}");
}

pub(crate) async fn a_registry_that_fails_once_is_asked_again(bed: &Bed) {
    let gated = Gated::open(bed).await;
    // In the middle of the first blob, and at the manifest.
    let script = |asked: &Asked<'_>| {
        let is_blob = asked.path.contains("/uploads/") && ["PATCH", "PUT"].contains(&asked.method.as_str());
        let is_manifest = asked.path.contains("/manifests/") && asked.method == "PUT";
        ((is_blob && asked.number == 1) || (is_manifest && asked.number < 3)).then(|| Answer::error(500, "not now"))
    };
    let registry = Scripted::before(&bed.registry, script).await;
    let to = target(&registry.address, "again");
    // An engine that does not try a blob again itself says what may pass, and is asked again.
    let pushed = match gated.pushed(&to, &Logins::default()).await {
        Err(error) if error.may_pass() => gated.pushed(&to, &Logins::default()).await.unwrap(),
        pushed => pushed.unwrap(),
    };
    assert_eq!(has(&to, "1").await.1, pushed.digest.to_string());
}

pub(crate) async fn a_registry_that_says_no_is_believed(bed: &Bed) {
    let gated = Gated::open(bed).await;
    let table: [(&str, &str, u16); 3] =
        [("POST", "/uploads/", 403), ("PUT", "/manifests/", 403), ("PUT", "/manifests/", 429)];
    for (method, path, status) in table {
        let script = move |asked: &Asked<'_>| {
            (asked.method == method && asked.path.contains(path)).then(|| Answer::error(status, "quota is used up"))
        };
        let registry = Scripted::before(&bed.registry, script).await;
        let error = gated.pushed(&target(&registry.address, "no"), &Logins::default()).await.unwrap_err();
        assert!(error.to_string().contains("quota is used up"), "{error}");
        assert_eq!(error.may_pass(), status == 429, "{error:?}");
        let asked = registry.seen().iter().filter(|line| line.starts_with(method) && line.contains(path)).count();
        assert!(if status == 429 { asked == 3 } else { asked <= 5 }, "{:#?}", registry.seen());
    }
}

pub(crate) async fn a_push_that_is_given_up_leaves_nothing(bed: &Bed) {
    let gated = Gated::open(bed).await;
    let (begun, begins) = tokio::sync::oneshot::channel();
    let begun = std::sync::Mutex::new(Some(begun));
    let script = move |asked: &Asked<'_>| {
        if asked.path.contains("/manifests/") {
            begun.lock().unwrap().take().map(|begun| begun.send(()));
            return Some(Answer::error(503, "wait"));
        }
        None
    };
    let registry = Scripted::before(&bed.registry, script).await;
    let to = target(&registry.address, "given-up");
    let nobody = Logins::default();
    tokio::select! {
        done = gated.pushed(&to, &nobody) => panic!("{done:?}"),
        _ = begins => {}
    }
    gated.is_unnamed().await;
    // The registry behind the script.
    let behind: Reference = format!("{}/{}:1", bed.registry, to.full_repository()).parse().unwrap();
    assert_eq!(has(&behind, "1").await.0, 404);
}
