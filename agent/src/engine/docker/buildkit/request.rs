//! A build in BuildKit's words: `Control.Solve` with the frontend `dockerfile.v0`, and the exporter `moby`, which puts the
//! image into the engine's store, or `image`, which pushes it. Pure.

use super::cache::Caches;
use crate::engine::{BuildRequest, EngineError, Output};
use acre_model::text::clip;
use bollard_buildkit_proto::moby::buildkit::v1::{Exporter, SolveRequest};
use std::collections::HashMap;

/// The exporter that puts images into the store of the engine that BuildKit is part of.
const STORE: &str = "moby";
/// The exporter that can leave that out.
const IMAGE: &str = "image";

/// The request for a build under this reference, with files from this session.
pub(super) fn solve(
    request: &BuildRequest,
    caches: &Caches,
    reference: &str,
    session: &str,
) -> Result<SolveRequest, EngineError> {
    let mut attrs = frontend(request)?;
    attrs.extend(caches.frontend());
    let (exporter, exported) = exporter(request);
    Ok(SolveRequest {
        r#ref: reference.to_owned(),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attrs,
        cache: Some(caches.options()),
        // Engines up to 20.10 know the one, newer ones take the other.
        exporter_deprecated: exporter.to_owned(),
        exporter_attrs_deprecated: exported.clone(),
        exporters: vec![Exporter { r#type: exporter.to_owned(), attrs: exported }],
        // No record in the engine's build history: acre keeps its own.
        internal: true,
        ..SolveRequest::default()
    })
}

/// The exporter, and its options (BuildKit, `exporter/containerimage/exptypes/keys.go`).
fn exporter(request: &BuildRequest) -> (&'static str, HashMap<String, String>) {
    let attrs = |attrs: Vec<(&str, String)>| attrs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    match &request.output {
        Output::Store => {
            let tags = request.build.tags.iter().map(|tag| tag.clone().with_default_tag().to_string());
            let names = tags.collect::<Vec<_>>().join(",");
            (STORE, attrs(if names.is_empty() { Vec::new() } else { vec![("name", names)] }))
        }
        Output::Repository(repository) => {
            let yes = ["push", "push-by-digest"].map(|key| (key, "true".to_owned()));
            let no = ["store", "unpack"].map(|key| (key, "false".to_owned()));
            (IMAGE, attrs([("name", repository.name())].into_iter().chain(yes).chain(no).collect()))
        }
    }
}

/// The options of `dockerfile.v0` (BuildKit, `frontend/dockerui/config.go`).
fn frontend(request: &BuildRequest) -> Result<HashMap<String, String>, EngineError> {
    let build = &request.build;
    let mut attrs = HashMap::new();
    let mut set = |key: &str, value: String| attrs.insert(key.to_owned(), value);
    set("filename", "Dockerfile".to_owned());
    set("platform", request.platform.to_string());
    if let Some(target) = &build.target {
        set("target", target.clone());
    }
    if build.no_cache {
        // Empty: of all stages.
        set("no-cache", String::new());
    }
    if build.pull {
        set("image-resolve-mode", "pull".to_owned());
    }
    for (name, value) in &build.arguments {
        set(&format!("build-arg:{name}"), value.clone());
    }
    for (name, value) in &build.labels {
        set(&format!("label:{name}"), value.clone());
    }
    if !build.add_hosts.is_empty() {
        let hosts = build.add_hosts.iter().map(|host| extra_host(host)).collect::<Result<Vec<_>, _>>()?;
        set("add-hosts", hosts.join(","));
    }
    match build.network.as_deref() {
        None | Some("default") => {}
        Some("none") => drop(set("force-network-mode", "none".to_owned())),
        Some(other) => {
            return Err(EngineError::Refused(format!(
                "a build has no network `{}`; write `none` or `default`",
                clip(other)
            )));
        }
    }
    if let Some(bytes) = build.shm_size {
        set("shm-size", bytes.to_string());
    }
    Ok(attrs)
}

/// `name:address`, which BuildKit writes with `=`.
fn extra_host(text: &str) -> Result<String, EngineError> {
    let (name, address) = text.split_once(':').or_else(|| text.split_once('=')).unwrap_or((text, ""));
    if name.is_empty() || address.is_empty() || text.contains([',', '"']) {
        return Err(EngineError::Refused(format!("host `{}`: write name:address", clip(text))));
    }
    Ok(format!("{name}={}", address.trim_start_matches('[').trim_end_matches(']')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Content, DockerfileText, Logins, Snapshot};
    use acre_model::{digest::Digest, plan::Build};
    use futures::{FutureExt as _, future::BoxFuture};
    use std::{io, path::PathBuf, sync::Arc};

    type Change = Box<dyn FnOnce(&mut Build)>;

    struct Nothing;

    impl Content for Nothing {
        fn open<'a>(&'a self, _digest: &'a Digest) -> BoxFuture<'a, io::Result<PathBuf>> {
            async { Err(io::ErrorKind::NotFound.into()) }.boxed()
        }
    }

    fn request(change: impl FnOnce(&mut Build)) -> BuildRequest {
        let mut build = super::super::tests::build();
        change(&mut build);
        BuildRequest {
            build,
            platform: "linux/arm/v7".parse().unwrap(),
            context: Arc::new(Snapshot::new(Vec::new(), Arc::new(Nothing))),
            dockerfile: DockerfileText { text: "FROM scratch".into(), ignore: None },
            shared_key: "key".to_owned(),
            logins: Logins::default(),
            output: Output::Store,
            isolation: None,
        }
    }

    /// The options besides those that every build has.
    fn options(change: impl FnOnce(&mut Build)) -> Result<Vec<String>, EngineError> {
        let attrs = frontend(&request(change))?;
        assert_eq!((attrs["filename"].as_str(), attrs["platform"].as_str()), ("Dockerfile", "linux/arm/v7"));
        let rest = attrs.into_iter().filter(|(key, _)| !["filename", "platform"].contains(&key.as_str()));
        let mut rest: Vec<String> = rest.map(|(key, value)| format!("{key}={value}")).collect();
        rest.sort();
        Ok(rest)
    }

    #[test]
    fn flags_become_options_of_the_frontend() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let table: [(Change, &[&str]); 8] = [
            (Box::new(|_| {}), &[]),
            (Box::new(|build| build.target = Some("t".to_owned())), &["target=t"]),
            (Box::new(|build| build.no_cache = true), &["no-cache="]),
            (Box::new(|build| build.pull = true), &["image-resolve-mode=pull"]),
            (Box::new(move |build| build.arguments = vec![pair("A", "b=c")]), &["build-arg:A=b=c"]),
            (Box::new(|build| build.network = Some("none".to_owned())), &["force-network-mode=none"]),
            (Box::new(|build| build.shm_size = Some(1024)), &["shm-size=1024"]),
            (
                Box::new(|build| build.add_hosts = vec!["a:1.2.3.4".to_owned(), "b:::1".to_owned()]),
                &["add-hosts=a=1.2.3.4,b=::1"],
            ),
        ];
        for (change, expected) in table {
            assert_eq!(options(change).unwrap(), expected);
        }
    }

    #[test]
    fn what_a_build_cannot_have_is_refused() {
        for host in ["a", "a:", ":1.2.3.4", "a:1.2.3.4,b=5"] {
            assert!(options(|build| build.add_hosts = vec![host.to_owned()]).is_err(), "{host}");
        }
        assert!(options(|build| build.network = Some("host".to_owned())).is_err());
    }

    #[test]
    fn the_image_has_all_its_names() {
        let request = request(|build| build.tags = vec!["a:1".parse().unwrap(), "h:5000/b".parse().unwrap()]);
        let solve = solve(&request, &Caches::default(), "ref", "session").unwrap();
        assert_eq!(solve.exporter_attrs_deprecated["name"], "a:1,h:5000/b:latest");
        assert_eq!(solve.exporters[0].attrs, solve.exporter_attrs_deprecated);
        assert_eq!((solve.exporters[0].r#type.as_str(), solve.exporter_deprecated.as_str()), ("moby", "moby"));
    }

    #[test]
    fn what_goes_to_a_repository_goes_there_alone() {
        let mut request = request(|build| build.tags = vec!["h:5000/b:1".parse().unwrap()]);
        request.output = Output::Repository("127.0.0.1:1/acre/h__5000/b:1".parse().unwrap());
        let (exporter, attrs) = exporter(&request);
        let mut attrs: Vec<String> = attrs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        attrs.sort();
        let expected =
            ["name=127.0.0.1:1/acre/h__5000/b", "push-by-digest=true", "push=true", "store=false", "unpack=false"];
        assert_eq!((exporter, attrs), ("image", expected.map(str::to_owned).to_vec()));
    }
}
