//! What registries answer that is not as wished, and how the agent tells it.

use crate::engine::EngineError;
use acre_model::{reference::Reference, text::clip};
use acre_web::registry::patience;
use reqwest::StatusCode;
use serde::Deserialize;

/// A registry failed in a way that may pass.
pub(crate) fn failed(reference: &Reference, why: String) -> EngineError {
    let (registry, repository) = (reference.registry_or_hub().to_owned(), reference.full_repository());
    EngineError::RegistryFailed { registry, repository, why }
}

/// A registry says no, or has what it should not have.
pub(crate) fn refused(reference: &Reference, why: String) -> EngineError {
    let (registry, repository) = (reference.registry_or_hub().to_owned(), reference.full_repository());
    EngineError::RegistryRefused { registry, repository, why }
}

/// One of the two, by the answer's status.
pub(crate) fn judged(reference: &Reference, status: StatusCode, body: &[u8]) -> EngineError {
    let why = told(status, &said(body));
    if patience::may_pass(status) { failed(reference, why) } else { refused(reference, why) }
}

/// A status, with what the registry said besides.
pub(crate) fn told(status: StatusCode, said: &str) -> String {
    if said.is_empty() { status.to_string() } else { format!("{status}: {said}") }
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// What a registry said: the messages of its errors, or their codes (OCI distribution specification, "Error Codes"); a
/// text that has none as it is.
pub(crate) fn said(body: &[u8]) -> String {
    let Ok(Errors { errors }) = serde_json::from_slice(body) else {
        return clip(String::from_utf8_lossy(body).trim());
    };
    let texts = errors.into_iter().map(|Error { code, message }| if message.is_empty() { code } else { message });
    texts.filter(|text| !text.is_empty()).map(|text| clip(&text)).collect::<Vec<_>>().join("; ")
}

/// Whether a registry said that it does not have what a manifest names.
pub(crate) fn is_of_blobs(body: &[u8]) -> bool {
    let is_of_blobs = |error: &Error| ["BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"].contains(&error.code.as_str());
    serde_json::from_slice(body).is_ok_and(|Errors { errors }| errors.iter().any(is_of_blobs))
}

/// What to do about a no that a login might turn into a yes.
pub(crate) fn remedy(registry: &str) -> String {
    format!("the run has no login for {registry} that may do this: `acre login {registry}` gives it one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_told_in_its_words() {
        let table = [
            (r#"{"errors":[{"code":"DENIED","message":"not yours"},{"code":"QUOTA"}]}"#, "not yours; QUOTA"),
            (r#"{"errors":[]}"#, ""),
            (r#"{"other":1}"#, ""),
            ("busy, come back\n", "busy, come back"),
            ("", ""),
        ];
        for (body, expected) in table {
            assert_eq!(said(body.as_bytes()), expected, "{body}");
        }
        assert!(is_of_blobs(br#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#));
        assert!(!is_of_blobs(br#"{"errors":[{"code":"DENIED"}]}"#) && !is_of_blobs(b"BLOB_UNKNOWN"));
        assert_eq!(told(StatusCode::FORBIDDEN, ""), "403 Forbidden");
        assert_eq!(told(StatusCode::FORBIDDEN, "no"), "403 Forbidden: no");
    }
}
