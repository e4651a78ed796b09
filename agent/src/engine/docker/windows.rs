//! What an engine on Windows tells of its machine. Pure.

use crate::engine::{EngineError, OnWindows};
use acre_model::{
    text::clip,
    windows::{Isolation, OsVersion},
};
use bollard::models::{SystemInfo, SystemInfoIsolationEnum};

/// What the engine has told, if it is on Windows.
pub(super) fn of(info: &SystemInfo) -> Result<Option<OnWindows>, EngineError> {
    if info.os_type.as_deref() != Some("windows") {
        return Ok(None);
    }
    let version = version(info).ok_or_else(|| {
        let told = info.operating_system.as_deref().unwrap_or_default();
        EngineError::BrokenOff(format!("it does not tell its version of Windows: `{}`", clip(told)))
    })?;
    let isolation = match info.isolation {
        Some(SystemInfoIsolationEnum::HYPERV) => Isolation::Hyperv,
        _ => Isolation::Process,
    };
    Ok(Some(OnWindows { version, isolation }))
}

/// The version, from where the engine's release has it: `OSVersion` (`10.0.20348`; in some releases the name of a feature
/// update, `21H2`), else the build in the name of the system (`… (OS Build 20348.707)`, `… (Build 20348)`) behind the
/// kernel's `10.0` (moby `pkg/parsers/operatingsystem/operatingsystem_windows.go`, `pkg/parsers/kernel`).
fn version(info: &SystemInfo) -> Option<OsVersion> {
    let told = info.os_version.as_deref().unwrap_or_default().parse::<OsVersion>().ok();
    let kernel = info.kernel_version.as_deref().unwrap_or_default();
    let release = kernel.split(' ').next().filter(|release| !release.is_empty()).unwrap_or("10.0");
    let name = info.operating_system.as_deref().unwrap_or_default();
    let build = || name.rsplit_once("Build ")?.1.split(')').next();
    // Its own number has no revision everywhere; that in the name may.
    let named: Option<OsVersion> = build().and_then(|build| format!("{release}.{build}").parse().ok());
    match (told, named) {
        (Some(told), Some(named)) if told.to_string().len() < named.to_string().len() => Some(named),
        (told, named) => told.or(named).or_else(|| format!("{release}.{}", kernel.split(' ').nth(1)?).parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(os_version: &str, name: &str, kernel: &str) -> SystemInfo {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        SystemInfo {
            os_type: text("windows"),
            os_version: text(os_version),
            operating_system: text(name),
            kernel_version: text(kernel),
            ..SystemInfo::default()
        }
    }

    /// The second row is Docker's own example of an engine on Windows (`docker system info`).
    #[test]
    fn the_version_is_read_wherever_it_is_told() {
        let kernel = "10.0 20348 (20348.1.amd64fre.fe_release.210507-1500)";
        let table = [
            ("10.0.20348.2227", "", "", Some("10.0.20348.2227")),
            ("21H2", "Microsoft Windows Server Version 21H2 (OS Build 20348.707)", kernel, Some("10.0.20348.707")),
            (
                "10.0.20348",
                "Microsoft Windows Server Version 21H2 (OS Build 20348.707)",
                kernel,
                Some("10.0.20348.707"),
            ),
            ("10.0.17763", "Microsoft Windows Server 2019 Datacenter (Build 17763)", "", Some("10.0.17763")),
            ("", "Microsoft Windows Server 2019 (Build 17763)", "10.0 17763 (17763.1.x)", Some("10.0.17763")),
            ("", "Unknown Operating System", kernel, Some("10.0.20348")),
            ("", "Unknown Operating System", "", None),
        ];
        for (os_version, name, kernel, expected) in table {
            let found = of(&info(os_version, name, kernel)).ok().flatten();
            assert_eq!(
                found.map(|found| found.version.to_string()).as_deref(),
                expected,
                "{os_version} {name} {kernel}"
            );
        }
    }

    #[test]
    fn the_isolation_is_the_engines_default() {
        let with = |isolation| SystemInfo { isolation: Some(isolation), ..info("10.0.1", "", "") };
        let table = [
            (SystemInfoIsolationEnum::PROCESS, Isolation::Process),
            (SystemInfoIsolationEnum::HYPERV, Isolation::Hyperv),
        ];
        for (told, expected) in table {
            assert_eq!(of(&with(told)).unwrap().unwrap().isolation, expected);
        }
        assert_eq!(of(&SystemInfo { os_type: Some("linux".to_owned()), ..SystemInfo::default() }), Ok(None));
    }
}
