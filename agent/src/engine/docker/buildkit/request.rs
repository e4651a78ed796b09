//! A build in BuildKit's words: `Control.Solve` with the frontend `dockerfile.v0` and the exporter `moby`, which puts the
//! image into the engine's store. Pure.

use crate::engine::{BuildRequest, EngineError};
use acre_model::{plan::Build, text::clip};
use bollard_buildkit_proto::moby::buildkit::v1::{Exporter, SolveRequest};
use std::collections::HashMap;

/// Puts images into the store of the engine that BuildKit is part of.
const EXPORTER: &str = "moby";

/// The request for a build under this reference, with files from this session.
pub(super) fn solve(request: &BuildRequest, reference: &str, session: &str) -> Result<SolveRequest, EngineError> {
    let exporter = exporter(&request.build);
    Ok(SolveRequest {
        r#ref: reference.to_owned(),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: frontend(request)?,
        // Engines up to 20.10 know the one, newer ones take the other.
        exporter_deprecated: EXPORTER.to_owned(),
        exporter_attrs_deprecated: exporter.clone(),
        exporters: vec![Exporter { r#type: EXPORTER.to_owned(), attrs: exporter }],
        // No record in the engine's build history: acre keeps its own.
        internal: true,
        ..SolveRequest::default()
    })
}

fn exporter(build: &Build) -> HashMap<String, String> {
    let names: Vec<String> = build.tags.iter().map(|tag| tag.clone().with_default_tag().to_string()).collect();
    let name = (!names.is_empty()).then(|| ("name".to_owned(), names.join(",")));
    name.into_iter().collect()
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
