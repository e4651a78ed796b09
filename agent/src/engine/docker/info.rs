//! What the engine tells about itself, and how its end is noticed.

use super::{Docker, buildkit::channel, failure, windows};
use crate::engine::{EngineError, EngineInfo};
use acre_model::platform::Platform;
use bollard::{models::SystemInfo, query_parameters::EventsOptions};
use futures::StreamExt as _;
use std::{collections::HashMap, time::Duration};

/// How long an engine may take to tell what it is. A healthy one takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(15);

impl Docker {
    /// Asks the engine what it is.
    pub(super) async fn ask_info(&self) -> Result<EngineInfo, EngineError> {
        let asked = tokio::time::timeout(PATIENCE, self.client.info()).await;
        let late = |_| EngineError::BrokenOff(format!("it has not answered within {} s", PATIENCE.as_secs()));
        let info = asked.map_err(late)?.map_err(|error| self.failed(error))?;
        let native = native(&info)?;
        let buildkit = native.os() == "linux" && channel::answers(&self.host).await;
        Ok(EngineInfo {
            name: "docker".to_owned(),
            version: info.server_version.clone().unwrap_or_default(),
            native,
            cpus: info.ncpu.and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(1),
            memory: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            buildkit,
            containerd_store: has_containerd_store(&info),
            windows: windows::of(&info)?,
        })
    }

    /// Waits until the engine hangs up: its stream of events, of which none is asked for in truth, ends with it.
    pub(super) async fn hang_up(&self) -> EngineError {
        // Only a reload of the engine's configuration is such an event.
        let filters = HashMap::from([("type".to_owned(), vec!["daemon".to_owned()])]);
        let options = EventsOptions { filters: Some(filters), ..EventsOptions::default() };
        let mut events = std::pin::pin!(self.patient.events(Some(options)));
        loop {
            match events.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return failure::of_call(&self.host, error),
                None => return EngineError::BrokenOff("it hung up".to_owned()),
            }
        }
    }
}

fn native(info: &SystemInfo) -> Result<Platform, EngineError> {
    let os = info.os_type.as_deref().unwrap_or_default();
    // The kernel's names (`uname -m`), of which 32-bit arm has several.
    let arch = match info.architecture.as_deref().unwrap_or_default() {
        "armv7l" | "armv8l" => "arm/v7",
        "armv6l" => "arm/v6",
        other => other,
    };
    format!("{os}/{arch}")
        .parse()
        .map_err(|why| EngineError::BrokenOff(format!("it has a platform unknown to acre: {why}")))
}

fn has_containerd_store(info: &SystemInfo) -> bool {
    let status = info.driver_status.iter().flatten();
    status.into_iter().any(|pair| matches!(&pair[..], [key, value] if key == "driver-type" && value.starts_with("io.containerd.snapshotter")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_platform_is_that_of_the_kernel() {
        let table = [
            ("linux", "x86_64", Some("linux/amd64")),
            ("linux", "aarch64", Some("linux/arm64")),
            ("linux", "armv7l", Some("linux/arm/v7")),
            ("windows", "x86_64", Some("windows/amd64")),
            ("linux", "sparc", None),
        ];
        for (os, arch, expected) in table {
            let info = SystemInfo {
                os_type: Some(os.to_owned()),
                architecture: Some(arch.to_owned()),
                ..SystemInfo::default()
            };
            assert_eq!(native(&info).ok().map(|platform| platform.to_string()).as_deref(), expected, "{os} {arch}");
        }
    }

    #[test]
    fn the_store_is_told_by_the_driver() {
        let pair = |key: &str, value: &str| vec![key.to_owned(), value.to_owned()];
        let info = |pairs| SystemInfo { driver_status: Some(pairs), ..SystemInfo::default() };
        assert!(has_containerd_store(&info(vec![pair("driver-type", "io.containerd.snapshotter.v1")])));
        assert!(!has_containerd_store(&info(vec![pair("Backing Filesystem", "extfs")])));
        assert!(!has_containerd_store(&SystemInfo::default()));
    }
}
