//! Builds that go through the push gate while they are built, on engines that can.

use crate::{
    bed::{Bed, failed, listener, unique},
    builder::{built, output, request},
    folder::Folder,
    gate::{has, target, to},
    private::Private,
    runtime::logins,
    scripted::{Answer, Asked, Scripted},
};
use acre_agent::{
    Tasks,
    engine::{
        BuildRequest, Builder as _, Built, EngineError, Logins, Output,
        docker::{buildkit::BuildKit, classic::Classic},
    },
    gate::{By, Gate, Manifest, Stopped},
};
use acre_model::reference::Reference;
use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{pending, ready},
    sync::Arc,
};
use tempfile::TempDir;

struct Exports<'b> {
    bed: &'b Bed,
    builder: BuildKit,
    gate: Gate,
    _folder: TempDir,
}

type Exported = Result<(Built, Manifest), Stopped<Infallible>>;

impl<'b> Exports<'b> {
    /// `None` where the engine cannot.
    async fn open(bed: &'b Bed) -> Option<Self> {
        let builder = BuildKit::new(bed.docker.clone());
        if !builder.exports().await.unwrap() {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let runtime = Arc::new(bed.docker.clone());
        let gate = Gate::open(folder.path().join("gate"), runtime, Tasks::default()).await.unwrap();
        Some(Self { bed, builder, gate, _folder: folder })
    }

    /// What is built has content that nothing else has.
    fn request(&self, run: &str) -> BuildRequest {
        let dockerfile = format!("FROM BASE\nRUN head -c 300000 /dev/urandom >/{}; {run}\n", unique("export"));
        request(self.bed, &dockerfile, Folder::default())
    }

    /// Exports; also what was said meanwhile.
    async fn export(&self, reference: &Reference, request: &BuildRequest, logins: &Logins) -> (Exported, String) {
        self.export_until(pending(), reference, request, logins).await
    }

    async fn export_until(
        &self,
        late: impl Future<Output = ()>,
        reference: &Reference,
        request: &BuildRequest,
        logins: &Logins,
    ) -> (Exported, String) {
        let (say, heard) = listener();
        let build = |exporting: acre_agent::gate::Exporting| async move {
            let logins = Logins::from_iter([exporting.login]);
            let request = BuildRequest { output: Output::Repository(exporting.repository), logins, ..request.clone() };
            self.builder.build(&request, &exporting.say).await
        };
        let exported = self.gate.export(to(reference, logins), &say, late, build).await;
        drop(say);
        (exported, output(&heard.await.unwrap()))
    }
}

fn why(exported: Exported) -> EngineError {
    match exported {
        Err(Stopped::Failed(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn an_engine_that_cannot_export_says_so(bed: &Bed) {
    let request = BuildRequest {
        output: Output::Repository(target(&bed.registry, "classic")),
        ..request(bed, "FROM BASE\n", Folder::default())
    };
    let classic = Classic::new(bed.docker.clone());
    assert!(!classic.exports().await.unwrap());
    let error = failed(classic.build(&request, &crate::bed::deaf()).await);
    assert!(matches!(error, EngineError::NotExported(_)), "{error:?}");
}

pub(crate) async fn an_exported_image_is_in_its_repository_once_its_manifest_is(bed: &Bed) {
    let Some(exports) = Exports::open(bed).await else { return };
    let registry = Scripted::before(&bed.registry, |_| None).await;
    let (reference, nobody) = (target(&registry.address, "exported"), Logins::default());
    let request = exports.request("true");
    let (exported, said) = exports.export(&reference, &request, &nobody).await;
    let (built, manifest) = exported.unwrap_or_else(|why| panic!("{why:?}\n{said}"));
    assert_eq!(manifest.digest(), built.image);
    assert!(said.contains("handing over the manifest") && !said.contains("/acre/"), "{said}");
    assert!(built.used.iter().any(|used| used.reference == bed.base && used.digest.is_some()), "{:?}", built.used);
    let on_engine = bed.answer("GET", &format!("/images/{}/json", built.image)).await;
    assert!(on_engine.contains("404 Not Found"), "{on_engine}");
    assert_eq!(has(&reference, &built.image.to_string()).await.0, 404, "published before anybody wanted it");

    // The same again: nothing is sent.
    let before = registry.seen().len();
    let (again, said) = exports.export(&reference, &request, &nobody).await;
    assert_eq!(again.unwrap_or_else(|why| panic!("{why:?}\n{said}")).1, manifest);
    let asked = registry.seen()[before..].to_vec();
    assert!(asked.iter().all(|line| line.starts_with("HEAD")), "{asked:#?}");

    for (by, name) in [(By::Digest, built.image.to_string()), (By::Tag, "1".to_owned())] {
        assert_eq!(has(&reference, &name).await.0, 404);
        let pushed = exports.gate.publish(to(&reference, &nobody), by, &manifest).await.unwrap();
        assert_eq!(pushed.digest, built.image);
        assert_eq!(has(&reference, &name).await, (200, built.image.to_string(), pushed.media_type));
    }

    // It can be stored all the same, as the same image.
    assert_eq!(crate::builder::built(bed, &exports.builder, &request).await.image, built.image);
}

pub(crate) async fn an_export_shows_the_registry_the_login(bed: &Bed) {
    let Some(exports) = Exports::open(bed).await else { return };
    let registry = Private::start();
    let reference = target(&registry.address, "private");
    let right = logins(&registry.address, Private::PASSWORD);
    for _ in 0..2 {
        let (exported, said) = exports.export(&reference, &exports.request("true"), &right).await;
        let (_, manifest) = exported.unwrap_or_else(|why| panic!("{why:?}\n{said}"));
        exports.gate.publish(to(&reference, &right), By::Tag, &manifest).await.unwrap();
    }
    let (exported, said) = exports.export(&reference, &exports.request("true"), &Logins::default()).await;
    let error = why(exported);
    assert!(matches!(&error, EngineError::NotExported(why) if why.contains("401")), "{error:?}\n{said}");
}

pub(crate) async fn what_stops_an_export_is_told_apart(bed: &Bed) {
    let Some(exports) = Exports::open(bed).await else { return };
    let no = |asked: &Asked<'_>| (asked.method == "POST").then(|| Answer::error(403, "quota is used up"));
    let registry = Scripted::before(&bed.registry, no).await;
    let reference = target(&registry.address, "no");
    let (exported, _) = exports.export(&reference, &exports.request("true"), &Logins::default()).await;
    let error = why(exported);
    assert!(matches!(&error, EngineError::NotExported(why) if why.contains("quota is used up")), "{error:?}");

    let (exported, _) = exports.export(&reference, &exports.request("exit 3"), &Logins::default()).await;
    let error = why(exported);
    assert!(matches!(&error, EngineError::BuildFailed { exit_code: Some(3), .. }), "{error:?}");

    let lost = Answer {
        status: 404,
        headers: Vec::new(),
        body: r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#.to_owned(),
    };
    let lost = std::sync::Mutex::new(Some(lost));
    let script = move |asked: &Asked<'_>| (asked.method == "PUT").then(|| lost.lock().unwrap().take()).flatten();
    let registry = Scripted::before(&bed.registry, script).await;
    let manifest = Manifest { media_type: "a/b".to_owned(), content: "{}".into() };
    let reference = target(&registry.address, "lost");
    let error = exports.gate.publish(to(&reference, &Logins::default()), By::Tag, &manifest).await.unwrap_err();
    assert!(matches!(error, EngineError::Transfer(_)), "{error:?}");
}

pub(crate) async fn exports_at_one_time_do_not_meet(bed: &Bed) {
    let Some(exports) = Exports::open(bed).await else { return };
    let registry = Private::start();
    let (right, nobody) = (logins(&registry.address, Private::PASSWORD), Logins::default());
    let (closed, open) = (target(&registry.address, "closed"), target(&bed.registry, "open"));
    let requests = [exports.request("true"), exports.request("true")];
    let all =
        [(&closed, &right, 0), (&open, &nobody, 0), (&closed, &right, 1), (&open, &nobody, 1), (&open, &nobody, 1)];
    let made = all.map(|(reference, logins, number)| {
        let (exports, request) = (&exports, &requests[number]);
        async move {
            let (exported, said) = exports.export(reference, request, logins).await;
            let (built, manifest) = exported.unwrap_or_else(|why| panic!("{reference} {number}: {why:?}\n{said}"));
            exports.gate.publish(to(reference, logins), By::Digest, &manifest).await.unwrap();
            (number, built.image)
        }
    });
    let made = futures::future::join_all(made).await;
    assert!(made.iter().all(|(number, image)| made.iter().all(|other| (other.0 == *number) == (other.1 == *image))));
}

pub(crate) async fn what_was_not_exported_in_time_is_stored_from_the_cache(bed: &Bed) {
    let Some(exports) = Exports::open(bed).await else { return };
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reference = target(&silent.local_addr().unwrap().to_string(), "silent");
    // What has run tells so, with a number of its own. `CACHED` does not: a builder that has not let go of the first build
    // shows the second one how it went.
    let mut request = exports.request("cat /proc/sys/kernel/random/uuid");
    request.build.no_cache = true;
    let nobody = Logins::default();
    let (exported, first) = exports.export_until(ready(()), &reference, &request, &nobody).await;
    let error = why(exported);
    assert!(matches!(&error, EngineError::NotExported(why) if why.contains("time")), "{error:?}\n{first}");
    request.build.no_cache = false;
    let (say, heard) = listener();
    let made = exports.builder.build(&request, &say).await.unwrap();
    drop(say);
    bed.forget(made.image);
    let then = output(&heard.await.unwrap());
    let (ran, ran_then) = (numbers(&first), numbers(&then));
    assert!(ran.len() == 1 && ran_then.is_subset(&ran), "{first}\n{then}");
}

/// The numbers that commands have told of themselves: lines that end in 36 characters with four `-`.
fn numbers(said: &str) -> BTreeSet<&str> {
    let words = said.lines().filter_map(|line| line.split_whitespace().next_back());
    words.filter(|word| word.len() == 36 && word.matches('-').count() == 4).collect()
}

/// An engine that does not come to the gate, as one in a virtual machine.
pub(crate) async fn an_engine_that_does_not_come_is_told(bed: &Bed) {
    let Some(exports) = Exports::open(bed).await else { return };
    let request = exports.request("true");
    let away: Reference = "127.0.0.1:1/acre/r/a".parse().unwrap();
    let (nobody, reference) = (Logins::default(), target(&bed.registry, "away"));
    let build = |exporting: acre_agent::gate::Exporting| {
        let request = BuildRequest { output: Output::Repository(away), ..request.clone() };
        async move { BuildKit::new(bed.docker.clone()).build(&request, &exporting.say).await }
    };
    let exported = exports.gate.export(to(&reference, &nobody), &crate::bed::deaf(), pending(), build).await;
    assert!(matches!(exported, Err(Stopped::Unreached(EngineError::NotExported(_)))), "{exported:?}");
    built(bed, &exports.builder, &request).await;
}
