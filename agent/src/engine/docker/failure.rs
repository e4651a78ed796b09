//! What bollard's errors and the engine's texts mean, told apart by whose fault it is. Pure; the texts are those of
//! Docker Engine 20.10 to 28.

use crate::{engine::EngineError, registry::answers::remedy};
use acre_model::{reference::Reference, text::clip};
use bollard::errors::Error;
use std::error::Error as StdError;

/// What a registry's answer means for trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Asking again gives the same answer.
    Final,
    /// 429, 5xx, cut or refused connections: another try may succeed.
    MayPass,
}

/// Parts of texts that say no for good.
const FINAL: [&str; 23] = [
    "denied",
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "not found",
    "manifest unknown",
    "name unknown",
    "no matching manifest",
    "does not match the specified platform",
    "was found but does not match",
    "invalid reference",
    "invalid tag",
    "forbidden",
    "x509:",
    "server gave http response to https client",
    "unsupported manifest media type",
    "status: 401",
    "status: 403",
    "status: 404",
    "]: 401",
    "]: 403",
    "]: 404",
    "no such image",
];

/// Parts of texts that say no only for now. They outweigh [`FINAL`], whose words may stand in the same text.
const MAY_PASS: [&str; 7] = [
    "toomanyrequests",
    "too many requests",
    "no such host",
    "connection refused",
    "connection reset",
    "status: 5",
    "]: 5",
];

fn verdict(text: &str) -> Verdict {
    let lower = text.to_ascii_lowercase();
    let holds = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if !holds(&MAY_PASS) && holds(&FINAL) { Verdict::Final } else { Verdict::MayPass }
}

/// What any call may fail with: the engine is away, broke off, is full, or refuses.
pub(super) fn of_call(host: &str, error: Error) -> EngineError {
    match said(error) {
        Said::Answer { status, text } => of_answer(status, text),
        Said::Stream(text) => of_answer(500, text),
        Said::NoConnection(why) => EngineError::Unreachable { address: host.to_owned(), why },
        Said::Broken(why) => EngineError::BrokenOff(why),
    }
}

/// What creating a container fails with: as [`of_call`], and an image that is not there.
pub(super) fn of_create(host: &str, image: &str, error: Error) -> EngineError {
    match &error {
        Error::DockerResponseServerError { status_code: 404, message } if speaks_of_image(message) => {
            EngineError::NoImage(clip(image))
        }
        _ => of_call(host, error),
    }
}

/// What starting a container fails with: as [`of_call`], and a command that cannot be run.
pub(super) fn of_start(host: &str, error: Error) -> EngineError {
    match error {
        Error::DockerResponseServerError { message, .. } if is_the_steps_fault(&message) => {
            EngineError::Refused(why_not_started(&message))
        }
        other => of_call(host, other),
    }
}

/// What pulling an image fails with.
pub(super) fn of_pull(host: &str, reference: &Reference, error: Error) -> EngineError {
    of_registry(host, reference, error, |why| EngineError::NotPullable { reference: reference.to_string(), why })
}

/// What pushing an image fails with.
pub(super) fn of_push(host: &str, reference: &Reference, error: Error) -> EngineError {
    let text = match &error {
        Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message } => message,
        _ => "",
    };
    if text.contains("does not exist locally") || text.contains("tag does not exist") {
        return EngineError::NoImage(reference.to_string());
    }
    // Docker Engine 25 and 26 with the containerd store: an index of which only some platforms were pulled.
    if text.contains("missing content") {
        return EngineError::Refused(format!(
            "the engine has {reference} for some of its platforms only, and before Docker 27 it can push nothing less than \
             all of them; build the image (`FROM {reference}`) and push that, or use a newer engine"
        ));
    }
    of_registry(host, reference, error, |why| EngineError::RegistryRefused {
        registry: reference.registry_or_hub().to_owned(),
        repository: reference.full_repository(),
        why,
    })
}

/// Tells a final answer of a registry, which becomes `refused`, from one that may pass.
fn of_registry(
    host: &str,
    reference: &Reference,
    error: Error,
    refused: impl FnOnce(String) -> EngineError,
) -> EngineError {
    let text = match said(error) {
        Said::Answer { text, .. } | Said::Stream(text) => text,
        Said::NoConnection(why) => return EngineError::Unreachable { address: host.to_owned(), why },
        Said::Broken(why) => return EngineError::BrokenOff(why),
    };
    of_registry_text(reference, text, refused)
}

/// The same for a text that a builder told.
pub(super) fn of_registry_text(
    reference: &Reference,
    text: String,
    refused: impl FnOnce(String) -> EngineError,
) -> EngineError {
    if is_disk_full(&text) {
        return EngineError::DiskFull(text);
    }
    match verdict(&text) {
        Verdict::Final => refused(with_remedy(reference, text)),
        Verdict::MayPass => EngineError::RegistryFailed {
            registry: reference.registry_or_hub().to_owned(),
            repository: reference.full_repository(),
            why: text,
        },
    }
}

/// A registry's no, with what to do about it where that is a login.
fn with_remedy(reference: &Reference, text: String) -> String {
    const OF_LOGINS: [&str; 6] =
        ["no basic auth credentials", "unauthorized", "authentication required", "]: 401", "status: 401", "denied"];
    let lower = text.to_ascii_lowercase();
    if !OF_LOGINS.iter().any(|part| lower.contains(part)) {
        return text;
    }
    // Which of the texts has the status differs from engine to engine; current ones say `denied` to who has no login too.
    let is_401 = !lower.contains("denied") || lower.contains("no basic auth credentials");
    let status = if !is_401 || lower.contains("401") { "" } else { " (401 Unauthorized)" };
    let registry = reference.registry().unwrap_or("docker.io");
    format!("{text}{status}; {}", remedy(registry))
}

/// Whether the engine answered that there is no such thing.
pub(super) const fn is_absent(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Whether the engine answered that the thing is there already, or is being removed already.
pub(super) const fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 409, .. })
}

/// Whether a text says that a disk is full.
pub(super) fn is_disk_full(text: &str) -> bool {
    text.contains("no space left on device") || text.contains("disk quota exceeded")
}

/// The four ways in which a call can end badly.
enum Said {
    Answer { status: u16, text: String },
    Stream(String),
    NoConnection(String),
    Broken(String),
}

fn said(error: Error) -> Said {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            Said::Answer { status: status_code, text: clean(&message) }
        }
        Error::DockerStreamError { error } => Said::Stream(clean(&error)),
        Error::SocketNotFoundError(_) => Said::NoConnection("no such socket".to_owned()),
        Error::HyperLegacyError { err } if err.is_connect() => Said::NoConnection(chain(&err)),
        Error::RequestTimeoutError => Said::Broken("it has not answered in time".to_owned()),
        other => Said::Broken(chain(&other)),
    }
}

/// What an answer with an error status means when nothing more is known.
fn of_answer(status: u16, text: String) -> EngineError {
    if is_disk_full(&text) {
        EngineError::DiskFull(text)
    } else if status < 500 {
        EngineError::Refused(text)
    } else {
        EngineError::BrokenOff(text)
    }
}

fn speaks_of_image(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    lower.contains("no such image") || lower.contains("image with reference") || lower.contains("manifest")
}

/// Texts of a failed start, with a 4xx or 5xx status, that are about what the step asked for, not about the engine.
fn is_the_steps_fault(text: &str) -> bool {
    const PARTS: [&str; 7] = [
        "OCI runtime create failed",
        "executable file not found",
        "exec format error",
        "port is already allocated",
        "address already in use",
        "unable to find user",
        "no matching entries in passwd file",
    ];
    !is_disk_full(text) && PARTS.iter().any(|part| text.contains(part))
}

/// Runtimes wrap what matters in half a dozen prefixes; the innermost cause is put first.
fn why_not_started(text: &str) -> String {
    let text = clean(text);
    if let Some(program) = quoted_after(&text, "exec: ").or_else(|| quoted_after(&text, "exec ")) {
        if text.contains("executable file not found") || text.contains("no such file or directory") {
            return format!(
                "the image has no program `{}` (exit code 127); name one that it has, or set entryPoint: {text}",
                clip(program)
            );
        }
        if text.contains("permission denied") {
            return format!("`{}` in the image is not executable (exit code 126): {text}", clip(program));
        }
    }
    if text.contains("exec format error") {
        return format!("the program is for another platform, and the engine has no emulator for it: {text}");
    }
    if text.contains("already allocated") || text.contains("address already in use") {
        return format!("a port of the agent's machine that the step publishes is taken: {text}");
    }
    text
}

/// The quoted word after `mark`.
fn quoted_after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(mark)?;
    rest.trim_start_matches('\\').strip_prefix('"')?.split(['"', '\\']).next()
}

/// One line, without the engine's own prefixes.
fn clean(text: &str) -> String {
    let text = text.trim().trim_start_matches("Error response from daemon: ");
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// An error and its sources in one line, each said once.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError { status_code, message: message.to_owned() }
    }

    fn reference() -> Reference {
        "127.0.0.1:5000/a/b:1".parse().unwrap()
    }

    #[test]
    fn a_pull_fails_by_the_reference_or_by_the_registry() {
        let table = [
            (404, "manifest for 127.0.0.1:5000/x:1 not found: manifest unknown: manifest unknown", true),
            (404, "pull access denied for x, repository does not exist or may require 'docker login'", true),
            (500, "Head \"http://h/v2/x/manifests/1\": no basic auth credentials", true),
            (404, "no matching manifest for linux/s390x in the manifest list entries", true),
            (500, "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", false),
            (500, "received unexpected HTTP status: 503 Service Unavailable", false),
            (500, "toomanyrequests: You have reached your pull rate limit", false),
            (500, "Get \"http://h/v2/\": EOF", false),
            (500, "Get \"https://h/v2/\": net/http: request canceled while waiting for connection", false),
        ];
        for (status, text, is_final) in table {
            let error = of_pull("unix:///s", &reference(), answer(status, text));
            assert_eq!(matches!(error, EngineError::NotPullable { .. }), is_final, "{text}");
            assert_eq!(error.may_pass(), !is_final, "{text}");
        }
    }

    #[test]
    fn a_refusal_names_registry_repository_status_and_remedy() {
        let push = |text: &str| {
            of_push("unix:///s", &reference(), Error::DockerStreamError { error: text.to_owned() }).to_string()
        };
        let remedy =
            "; the run has no login for 127.0.0.1:5000 that may do this: `acre login 127.0.0.1:5000` gives it one";
        assert_eq!(
            push("no basic auth credentials"),
            format!("registry 127.0.0.1:5000 refuses a/b: no basic auth credentials (401 Unauthorized){remedy}")
        );
        assert_eq!(
            push("denied: requested access to the resource is denied"),
            format!("registry 127.0.0.1:5000 refuses a/b: denied: requested access to the resource is denied{remedy}")
        );
        let current = "pull access denied, repository does not exist or may require authorization: authorization failed: no basic \
                       auth credentials";
        assert!(push(current).ends_with(&format!("credentials (401 Unauthorized){remedy}")), "{}", push(current));
        assert_eq!(push("name unknown: 404"), "registry 127.0.0.1:5000 refuses a/b: name unknown: 404");
    }

    #[test]
    fn a_push_fails_by_the_image_the_permission_or_the_registry() {
        let of = |text: &str| of_push("unix:///s", &reference(), Error::DockerStreamError { error: text.to_owned() });
        assert!(matches!(of("An image does not exist locally with the tag: a/b"), EngineError::NoImage(_)));
        assert!(matches!(
            of("denied: requested access to the resource is denied"),
            EngineError::RegistryRefused { .. }
        ));
        assert!(matches!(
            of("Put \"http://h/v2/a\": dial tcp: connect: connection refused"),
            EngineError::RegistryFailed { .. }
        ));
        assert!(matches!(of("write /var/lib/docker/tmp/x: no space left on device"), EngineError::DiskFull(_)));
        let partial = "missing content: content digest sha256:dce0: not found; Note: You're trying to push a manifest list/index \
                       which references multiple platform specific manifests, but not all of them are available locally";
        assert!(matches!(of(partial), EngineError::Refused(text) if text.contains("for some of its platforms only")));
    }

    #[test]
    fn a_start_fails_by_the_step_or_by_the_engine() {
        let runc = "OCI runtime create failed: runc create failed: unable to start container process: \
                    exec: \"nope\": executable file not found in $PATH: unknown";
        let EngineError::Refused(text) = of_start("h", answer(400, runc)) else { panic!("not refused") };
        assert!(text.starts_with("the image has no program `nope` (exit code 127)"), "{text}");
        let port = "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: \
                    port is already allocated";
        assert!(matches!(of_start("h", answer(500, port)), EngineError::Refused(_)));
        let shim = "failed to start shim: context deadline exceeded: unknown";
        assert!(matches!(of_start("h", answer(500, shim)), EngineError::BrokenOff(_)));
    }

    #[test]
    fn a_create_fails_by_the_image_or_otherwise() {
        let of = |status, text| of_create("h", "img:1", answer(status, text));
        assert_eq!(of(404, "No such image: img:1"), EngineError::NoImage("img:1".to_owned()));
        assert!(matches!(of(404, "network net not found"), EngineError::Refused(_)));
        assert!(matches!(of(400, "invalid CPU count"), EngineError::Refused(_)));
        assert!(matches!(of(500, "mkdir /x: no space left on device"), EngineError::DiskFull(_)));
    }
}
