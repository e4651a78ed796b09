//! Builds by the engine's own builder of old (`POST /build`, version 1), for engines without BuildKit: Windows, and those
//! that only speak Docker's API. The context goes as one tar, after `.dockerignore`.

mod pack;

use super::{
    Docker, blame::Dockerfile, buildkit::cache_images, failure, images::login_to, layers::Layers, logins_for_url,
};
use crate::engine::{Asked, BuildRequest, Builder, Built, EngineError, Output, Said, Saying};
use acre_model::{attempt::UsedImage, digest::Digest, log::Stream, plan::Build, reference::Reference};
use bollard::{errors::Error, models::BuildInfo, query_parameters::BuildImageOptions};
use bytes::Bytes;
use futures::{FutureExt as _, TryStreamExt as _};
use pack::{DOCKERFILE, Fault, pack};
use std::sync::Arc;

/// The classic builder of an engine.
#[derive(Clone, Debug)]
pub struct Classic {
    docker: Docker,
}

impl Classic {
    /// The classic builder of this engine.
    pub const fn new(docker: Docker) -> Self {
        Self { docker }
    }

    async fn run(&self, request: &BuildRequest, say: &Saying) -> Result<Built, EngineError> {
        only_buildkit(&request.build)?;
        let fault = Fault::default();
        let context = bollard::body_try_stream(pack(request, Arc::clone(&fault)).await?);
        let options = options(request)?;
        let logins = request.logins.iter().map(|(registry, login)| login_to(registry, login)).collect();
        let client = self.client(request);
        let mut events = client.build_image(options, Some(logins), Some(context));
        let mut seen = Seen::default();
        loop {
            match events.try_next().await {
                Ok(Some(event)) => seen.take(event, say).await,
                Ok(None) => break,
                Err(error) => {
                    let why = fault.get().map(|why| EngineError::Transfer(why.clone()));
                    return Err(why.unwrap_or_else(|| failed(&self.docker.host, error, &seen, Dockerfile::of(request))));
                }
            }
        }
        self.built(request, seen).await
    }

    /// A client whose call to build says how what is run is kept apart (Engine API, "Build an image": `isolation`, which
    /// bollard leaves out).
    fn client(&self, request: &BuildRequest) -> bollard::Docker {
        let client = self.docker.patient.clone();
        let Some(isolation) = request.isolation else { return client };
        client.with_request_modifier(move |mut request| {
            let with = format!("{}&isolation={isolation}", request.uri());
            if let Some(with) = with.parse().ok().filter(|_| request.uri().query().is_some()) {
                *request.uri_mut() = with;
            }
            logins_for_url(request)
        })
    }

    async fn built(&self, request: &BuildRequest, seen: Seen) -> Result<Built, EngineError> {
        let Some(image) = seen.image else {
            return Err(EngineError::BrokenOff("it did not tell the id of the image it built".to_owned()));
        };
        // The call takes one name only.
        for tag in request.build.tags.iter().skip(1) {
            self.docker.tag_image(&image.to_string(), tag).await?;
        }
        let named = request.build.dependencies.iter().flatten().map(|dependency| dependency.reference.clone());
        let mut used: Vec<UsedImage> = Vec::new();
        for reference in named.chain(seen.bases) {
            if !used.iter().any(|image| image.reference == reference) {
                used.push(UsedImage { digest: reference.digest(), reference });
            }
        }
        Ok(Built { image, used: self.docker.with_digests(used).await })
    }
}

impl Builder for Classic {
    fn exports(&self) -> Asked<'_, bool> {
        std::future::ready(Ok(false)).boxed()
    }

    fn build<'a>(&'a self, request: &'a BuildRequest, say: &'a Saying) -> Asked<'a, Built> {
        match request.output {
            Output::Store => self.run(request, say).boxed(),
            Output::Repository(_) => {
                let why = "the classic builder knows the engine's store alone".to_owned();
                std::future::ready(Err(EngineError::NotExported(why))).boxed()
            }
        }
    }
}

/// What the builder has told so far.
#[derive(Debug)]
struct Seen {
    image: Option<Digest>,
    /// What `FROM` names.
    bases: Vec<Reference>,
    /// The step at hand: `RUN make`.
    step: String,
    layers: Layers,
}

impl Default for Seen {
    fn default() -> Self {
        Self { image: None, bases: Vec::new(), step: String::new(), layers: Layers::new("pulling") }
    }
}

impl Seen {
    async fn take(&mut self, event: BuildInfo, say: &Saying) {
        if let Some(id) = event.aux.and_then(|aux| aux.id) {
            self.image = id.parse().ok();
        }
        if let Some(text) = event.stream {
            if let Some((place, step)) = step(&text) {
                self.begin(step);
                say.send(Said::Status(format!("{place} {step}"))).await.ok();
            }
            say.send(Said::Output(Stream::Stdout, Bytes::from(text))).await.ok();
        }
        self.layers.tell(event.id, event.status, event.progress_detail, say).await;
    }

    fn begin(&mut self, step: &str) {
        step.clone_into(&mut self.step);
        self.bases.extend(base(step));
    }
}

/// `Step 2/6 : RUN make`, as `[2/6]` and `RUN make`.
fn step(text: &str) -> Option<(String, &str)> {
    let (number, step) = text.strip_prefix("Step ")?.trim_end().split_once(" : ")?;
    Some((format!("[{number}]"), step))
}

/// The image that a step begins with or copies from, unless it is an earlier stage's name, which has no tag.
fn base(step: &str) -> Option<Reference> {
    let name = match step.strip_prefix("FROM ") {
        Some(rest) => rest.split_whitespace().find(|word| !word.starts_with("--"))?,
        None => {
            let flags = step.strip_prefix("COPY ")?.split_whitespace().take_while(|word| word.starts_with("--"));
            flags.filter_map(|flag| flag.strip_prefix("--from=")).next()?
        }
    };
    name.parse().ok().filter(|reference: &Reference| reference.tag().is_some() || reference.digest().is_some())
}

fn failed(host: &str, error: Error, seen: &Seen, dockerfile: Dockerfile<'_>) -> EngineError {
    let text = match &error {
        Error::DockerStreamError { error } => error.trim().to_owned(),
        Error::DockerResponseServerError { status_code, message } if *status_code < 500 => message.trim().to_owned(),
        _ => return failure::of_call(host, error),
    };
    let code = text.rsplit_once("returned a non-zero code: ").and_then(|(_, code)| code.trim().parse().ok());
    let step = Some(seen.step.as_str()).filter(|step| !step.is_empty());
    if let Some(code) = code {
        return EngineError::BuildFailed { message: dockerfile.exited(step, code), exit_code: Some(code) };
    }
    if failure::is_disk_full(&text) {
        return EngineError::DiskFull(text);
    }
    match base(&seen.step) {
        Some(reference) => failure::of_registry_text(&reference, text, |why| EngineError::NotPullable {
            reference: reference.to_string(),
            why,
        }),
        None => EngineError::BuildFailed { message: dockerfile.failed(step, &text), exit_code: None },
    }
}

/// What this builder cannot do is refused, rather than left out without a word.
fn only_buildkit(build: &Build) -> Result<(), EngineError> {
    let wanted = [
        ("build secrets", !build.secrets.is_empty()),
        ("ssh keys", !build.ssh.is_empty()),
        // An image is its own cache here.
        ("a cache in a registry", build.cache_to.iter().any(|cache| cache != "type=inline")),
    ];
    let wanted: Vec<&str> = wanted.iter().filter(|(_, is_wanted)| *is_wanted).map(|(what, _)| *what).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    Err(EngineError::Refused(format!(
        "only BuildKit has {}, and the agent's engine builds without; run the step on an engine with BuildKit",
        wanted.join(", ")
    )))
}

fn options(request: &BuildRequest) -> Result<BuildImageOptions, EngineError> {
    let build = &request.build;
    let pairs = |pairs: &[(String, String)]| (!pairs.is_empty()).then(|| pairs.iter().cloned().collect());
    if build.add_hosts.len() > 1 {
        return Err(EngineError::Refused(
            "the classic builder takes one --add-host; give one, or use an engine with BuildKit".to_owned(),
        ));
    }
    Ok(BuildImageOptions {
        dockerfile: DOCKERFILE.to_owned(),
        t: build.tags.first().map(|tag| tag.clone().with_default_tag().to_string()),
        extrahosts: build.add_hosts.first().cloned(),
        nocache: build.no_cache,
        cachefrom: (!build.cache_from.is_empty()).then(|| cache_images(build)).transpose()?,
        pull: build.pull.then(|| "1".to_owned()),
        rm: true,
        forcerm: true,
        buildargs: pairs(&build.arguments),
        labels: pairs(&build.labels),
        shmsize: shm_size(build)?,
        networkmode: build.network.clone(),
        platform: request.platform.to_string(),
        target: build.target.clone().unwrap_or_default(),
        ..BuildImageOptions::default()
    })
}

fn shm_size(build: &Build) -> Result<Option<i32>, EngineError> {
    let too_large = |_| EngineError::Refused("the classic builder takes a --shm-size below 2 GiB".to_owned());
    build.shm_size.map(|bytes| i32::try_from(bytes).map_err(too_large)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_buildkit_has_is_refused_by_name() {
        let mut build = crate::engine::docker::buildkit::tests::build();
        assert_eq!(only_buildkit(&build), Ok(()));
        build.cache_to = vec!["type=inline".to_owned()];
        assert_eq!(only_buildkit(&build), Ok(()));
        build.cache_to = vec!["type=registry,ref=a".to_owned()];
        build.secrets = vec![("a".to_owned(), "hush".to_owned())];
        build.ssh = vec![("a".to_owned(), "hush".to_owned())];
        let why = only_buildkit(&build).unwrap_err().to_string();
        assert!(why.starts_with("only BuildKit has build secrets, ssh keys, a cache in a registry"), "{why}");
        assert!(!why.contains("hush"), "{why}");
    }

    #[test]
    fn steps_are_read_from_what_is_told() {
        assert_eq!(step("Step 2/6 : RUN make\n"), Some(("[2/6]".to_owned(), "RUN make")));
        assert_eq!(step(" ---> Running in 1234\n"), None);
    }

    #[test]
    fn bases_are_read_from_steps() {
        let table = [
            ("FROM busybox:1 AS build", Some("busybox:1")),
            ("FROM --platform=linux/amd64 h:5000/a:1", Some("h:5000/a:1")),
            ("FROM build", None),
            ("RUN echo FROM a:1", None),
            ("COPY --chown=1:1 --from=h:5000/a:1 /x /y", Some("h:5000/a:1")),
            ("COPY --from=build /x --from=a:1", None),
            ("COPY --from=0 /x /y", None),
        ];
        for (step, expected) in table {
            assert_eq!(base(step).map(|reference| reference.to_string()).as_deref(), expected, "{step}");
        }
    }

    #[test]
    fn failures_are_told_apart() {
        let of = |step: &str, text: &str| {
            let mut seen = Seen::default();
            seen.begin(step);
            let dockerfile = Dockerfile::new("Dockerfile", b"FROM h:1/x:1\nRUN exit 7\nCOPY x /\n");
            failed("h", Error::DockerStreamError { error: text.to_owned() }, &seen, dockerfile)
        };
        let run = of("RUN exit 7", "The command '/bin/sh -c exit 7' returned a non-zero code: 7");
        assert!(
            matches!(&run, EngineError::BuildFailed { exit_code: Some(7), message }
            if message == "RUN exit 7: exit code 7 (Dockerfile:2)"),
            "{run:?}"
        );
        let base = of("FROM h:5000/nope:1", "manifest for h:5000/nope:1 not found: manifest unknown");
        assert!(matches!(base, EngineError::NotPullable { .. }), "{base:?}");
        let away = of("FROM h:1/x:1", "Get \"http://h:1/v2/\": dial tcp: connect: connection refused");
        assert!(away.may_pass(), "{away:?}");
        let copy = of("COPY x /", "COPY failed: file not found in build context");
        assert!(
            matches!(&copy, EngineError::BuildFailed { exit_code: None, message }
            if message == "COPY x /: COPY failed: file not found in build context (Dockerfile:3)"),
            "{copy:?}"
        );
    }
}
