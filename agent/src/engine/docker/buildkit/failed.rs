//! Why a build failed, from the error of `Control.Solve` and the step that failed. Nearly every error has the code
//! `Unknown`, so the texts decide; they are those of BuildKit in Docker Engine 20.10 to 28. Pure.

use super::{
    super::{blame::Dockerfile, failure},
    broken_off,
};
use crate::engine::EngineError;
use acre_model::reference::Reference;
use tonic::{Code, Status};

/// Whose fault it was that the build of a Dockerfile failed. `step` is the name and the error of the step that failed, if
/// one did.
pub(super) fn why(status: &Status, step: Option<(&str, &str)>, dockerfile: Dockerfile<'_>) -> EngineError {
    let text = status.message().trim().to_owned();
    if failure::is_disk_full(&text) {
        return EngineError::DiskFull(text);
    }
    if matches!(status.code(), Code::Unavailable | Code::Cancelled) || connection_is_lost(&text) {
        return broken_off(status);
    }
    let name = step.map(|(name, _)| name);
    if let Some(code) = exit_code(&text) {
        return EngineError::BuildFailed { message: dockerfile.exited(name, code), exit_code: Some(code) };
    }
    match step.and_then(|(name, error)| Some((image_of(name)?, error))) {
        Some((reference, error)) => {
            let refused = |why| EngineError::NotPullable { reference: reference.to_string(), why };
            failure::of_registry_text(&reference, error.to_owned(), refused)
        }
        None => EngineError::BuildFailed { message: dockerfile.failed(name, &text), exit_code: None },
    }
}

/// Whether what failed is the export of the image (`Name` in BuildKit's `exporter/containerimage/export.go`).
pub(super) fn is_export(step: Option<(&str, &str)>) -> bool {
    step.is_some_and(|(name, _)| name == "exporting to image")
}

/// The HTTP/2 connection broke under the call.
fn connection_is_lost(text: &str) -> bool {
    ["transport error", "h2 protocol error", "error reading a body from connection", "connection closed"]
        .iter()
        .any(|part| text.contains(part))
}

/// `… did not complete successfully: exit code: 7`, `executor failed running [/bin/sh -c exit 7]: exit code: 7`.
fn exit_code(text: &str) -> Option<i64> {
    let (_, rest) = text.rsplit_once("exit code: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The image that a step was to look up or pull.
fn image_of(step: &str) -> Option<Reference> {
    let step = step.split_once("] ").map_or(step, |(_, step)| step);
    let text = step.strip_prefix("load metadata for ").or_else(|| step.strip_prefix("FROM "))?;
    text.split_whitespace().find(|word| !word.starts_with("--"))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKERFILE: Dockerfile<'_> = Dockerfile::new("Dockerfile", b"FROM base\nRUN exit 7\n");

    fn of(text: &str, step: Option<(&str, &str)>) -> EngineError {
        why(&Status::unknown(text), step, DOCKERFILE)
    }

    #[test]
    fn a_run_that_fails_has_an_exit_code() {
        for text in [
            "executor failed running [/bin/sh -c exit 7]: exit code: 7",
            "failed to solve: process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7",
        ] {
            let EngineError::BuildFailed { message, exit_code } = of(text, Some(("[2/2] RUN exit 7", text))) else {
                panic!("{text}")
            };
            assert_eq!((message.as_str(), exit_code), ("RUN exit 7: exit code 7 (Dockerfile:2)", Some(7)));
        }
    }

    #[test]
    fn a_base_that_cannot_be_had_is_the_references_or_the_registrys_fault() {
        let step = "[internal] load metadata for 127.0.0.1:5000/nope:1";
        let table = [
            ("127.0.0.1:5000/nope:1: not found", true),
            ("failed to do request: Head \"http://h/v2\": dial tcp: connect: connection refused", false),
            ("failed with status code [manifests 1]: 401 Unauthorized", true),
            ("unexpected status: 503 Service Unavailable", false),
        ];
        for (text, is_final) in table {
            let error = of(&format!("failed to solve: {text}"), Some((step, text)));
            assert_eq!(matches!(error, EngineError::NotPullable { .. }), is_final, "{text}");
            assert_eq!(error.may_pass(), !is_final, "{text}");
        }
    }

    #[test]
    fn other_failures_are_told_apart() {
        assert!(matches!(of("write /x: no space left on device", None), EngineError::DiskFull(_)));
        assert!(matches!(why(&Status::unavailable("transport error"), None, DOCKERFILE), EngineError::BrokenOff(_)));
        let parse = "dockerfile parse error line 2: unknown instruction: FRMO";
        assert_eq!(of(parse, None), EngineError::BuildFailed { message: parse.to_owned(), exit_code: None });
        let missing = "failed to compute cache key: \"/x\" not found: not found";
        assert!(matches!(of(missing, Some(("[2/2] COPY x /", missing))), EngineError::BuildFailed { .. }));
    }
}
