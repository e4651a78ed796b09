//! What an engine on Windows refuses of a container's configuration, in its words: moby `runconfig/hostconfig_windows.go`,
//! `daemon/daemon_windows.go` (`verifyPlatformContainerResources`), `volume/mounts/windows_parser.go`. Pure.

use crate::answer::{Asked, bad};
use serde_json::Value;

/// Limits that Windows does not know, as the API names them.
const LIMITS: [&str; 9] = [
    "BlkioWeight",
    "CpuPeriod",
    "CpuQuota",
    "CpusetCpus",
    "CpusetMems",
    "KernelMemory",
    "MemoryReservation",
    "MemorySwap",
    "PidsLimit",
];

/// What else is of Linux alone: it is no error there, and would be left out without a word, which acre must not rely on.
const OF_LINUX: [&str; 6] = ["CapAdd", "CapDrop", "Tmpfs", "ShmSize", "Init", "SecurityOpt"];

/// Refuses what Windows does not have.
pub(crate) fn check(host: &Value) -> Asked<()> {
    let is_set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
        Value::Bool(true) => true,
    };
    if is_set(&host["Privileged"]) {
        return Err(bad("Windows does not support privileged mode"));
    }
    if is_set(&host["ReadonlyRootfs"]) {
        return Err(bad("Windows does not support root filesystem in read-only mode"));
    }
    let limits = LIMITS.iter().chain(&["Ulimits"]).chain(&OF_LINUX);
    if let Some(limit) = limits.into_iter().find(|limit| is_set(&host[**limit])) {
        return Err(bad(format!("invalid option: Windows does not support {limit}")));
    }
    if !["", "default", "process", "hyperv"].contains(&host["Isolation"].as_str().unwrap_or_default()) {
        let text =
            format!("invalid isolation {}: Windows supports 'default', 'process', or 'hyperv'", host["Isolation"]);
        return Err(bad(text));
    }
    host["Mounts"].as_array().into_iter().flatten().try_for_each(mount)
}

fn mount(mount: &Value) -> Asked<()> {
    let (kind, target) = (mount["Type"].as_str().unwrap_or_default(), mount["Target"].as_str().unwrap_or_default());
    if !["volume", "bind", "npipe"].contains(&kind) {
        return Err(bad("invalid mount config: mount type unknown"));
    }
    if is_pipe(target) && kind == "npipe" {
        return Ok(());
    }
    let lower = target.to_ascii_lowercase().replace('/', "\\");
    if lower == "c:" || lower == "c:\\" {
        return Err(bad(format!("invalid mount config: destination path cannot be `c:` or `c:\\`: {target}")));
    }
    let is_absolute = matches!(lower.as_bytes(), [drive, b':', rest @ ..] if drive.is_ascii_lowercase() && rest.first().is_none_or(|byte| *byte == b'\\'));
    if !is_absolute || lower[2..].contains([':', '*', '?', '"', '<', '>']) {
        return Err(bad(format!("invalid mount config: invalid mount path: '{target}'")));
    }
    Ok(())
}

fn is_pipe(path: &str) -> bool {
    path.replace('/', "\\").to_ascii_lowercase().starts_with("\\\\.\\pipe\\")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_windows_does_not_have_is_refused_in_its_words() {
        let at = |target: &str| json!({ "Mounts": [{ "Type": "volume", "Source": "v", "Target": target }] });
        let table = [
            (json!({}), None),
            (json!({ "Isolation": "hyperv", "Memory": 1 << 20, "Ulimits": [], "Privileged": false }), None),
            (json!({ "Privileged": true }), Some("privileged mode")),
            (json!({ "ReadonlyRootfs": true }), Some("read-only mode")),
            (json!({ "Ulimits": [{ "Name": "nofile" }] }), Some("does not support Ulimits")),
            (json!({ "ShmSize": 1 }), Some("does not support ShmSize")),
            (json!({ "CapDrop": ["ALL"] }), Some("does not support CapDrop")),
            (json!({ "Isolation": "jail" }), Some("invalid isolation \"jail\"")),
            (at("c:\\workspace"), None),
            (at("D:/x"), None),
            (at("/workspace"), Some("invalid mount path: '/workspace'")),
            (at("c:\\"), Some("destination path cannot be")),
            (json!({ "Mounts": [{ "Type": "tmpfs", "Target": "c:\\t" }] }), Some("mount type unknown")),
            (json!({ "Mounts": [{ "Type": "npipe", "Target": "\\\\.\\pipe\\docker_engine" }] }), None),
        ];
        for (host, expected) in table {
            let found = check(&host).err().map(|refusal| refusal.message);
            assert_eq!(found.is_some(), expected.is_some(), "{host}: {found:?}");
            assert!(expected.is_none_or(|part| found.as_ref().unwrap().contains(part)), "{host}: {found:?}");
        }
    }
}
