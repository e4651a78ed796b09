//! Which platforms the fleet serves, how, and how to get those that it does not.

use super::Check;
use acre_model::{capability::Mode, fleet::AgentView, platform::Platform};

/// What has a Linux kernel run programs of other processors.
const REMEDY: &str = "for those that you need, have an agent's machine emulate them: \
    `apt-get install qemu-user-static binfmt-support` on Debian and Ubuntu; where the engine runs in a virtual machine, \
    `docker run --privileged --rm tonistiigi/binfmt --install all` does it there (restart the agent then); \
    or add an agent on a machine of that kind";

/// One line for each way in which platforms are served, and one for those that are not, on Linux.
pub(super) fn checks(agents: &[AgentView]) -> Vec<Check> {
    let served: Vec<_> = agents.iter().filter(|agent| agent.connected_at.is_some()).collect();
    let mode = |platform: &Platform| served.iter().filter_map(|agent| agent.capability.mode(platform)).min();
    let of = |wanted: Option<Mode>, platforms: &[Platform]| -> Vec<String> {
        platforms.iter().filter(|platform| mode(platform) == wanted).map(ToString::to_string).collect()
    };
    let mut known = Platform::tried();
    let others = served.iter().flat_map(|agent| agent.capability.platforms.iter().map(|served| &served.platform));
    for other in others {
        if !known.contains(other) {
            known.push(other.clone());
        }
    }
    if !known.iter().any(|platform| mode(platform).is_some()) {
        // Why is said of each agent.
        return Vec::new();
    }
    let lines = [
        (of(Some(Mode::Native), &known), "native platforms", None),
        (of(Some(Mode::Emulated), &known), "emulated platforms", None),
        (of(None, &known), "platforms that no agent serves", Some(REMEDY.to_owned())),
    ];
    let lines = lines.into_iter().filter(|(platforms, ..)| !platforms.is_empty());
    lines.map(|(platforms, name, remedy)| Check { remedy, ..Check::ok(name, platforms.join(", ")) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::{
        capability::{Capability, Engine, Privileges, Served},
        fleet::Readiness,
        time::Timestamp,
    };

    /// An agent that serves these; a star marks what is emulated.
    fn agent(platforms: &str) -> AgentView {
        let served = |text: &str| Served {
            platform: text.trim_end_matches('*').parse().unwrap(),
            mode: if text.ends_with('*') { Mode::Emulated } else { Mode::Native },
        };
        let engine = Engine::Ready {
            name: "docker".to_owned(),
            version: "28.5".to_owned(),
            buildkit: true,
            containerd_store: true,
        };
        let capability = Capability {
            platforms: platforms.split_whitespace().map(served).collect(),
            pool: Default::default(),
            slots: 1,
            cpus: 1,
            memory: 1 << 30,
            engine,
            version: "0.1.0".to_owned(),
            allows: Privileges::default(),
            labels: Default::default(),
            disk_free: 0,
            disk_size: 0,
            windows: None,
        };
        let id = "a".parse().unwrap();
        AgentView {
            id,
            capability,
            readiness: Readiness::Ready,
            busy: 0,
            connected_at: Some(Timestamp::from_millis(0)),
        }
    }

    #[test]
    fn a_platform_is_shown_in_the_best_way_it_is_served() {
        let fleet = [agent("linux/amd64 linux/386 linux/arm64*"), agent("linux/arm64 windows/amd64")];
        let shown: Vec<String> =
            checks(&fleet).iter().map(|check| format!("{}: {}", check.name, check.found)).collect();
        let expected = [
            "native platforms: linux/amd64, linux/arm64, linux/386, windows/amd64",
            "platforms that no agent serves: linux/arm/v7, linux/arm/v6, linux/arm/v5, linux/riscv64, linux/s390x, \
             linux/ppc64le, linux/mips64le, linux/loong64",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn how_to_get_what_is_missing_is_said_once() {
        let emulated = checks(&[agent("linux/amd64 linux/arm64*")]);
        let remedies: Vec<&str> = emulated.iter().filter_map(|check| check.remedy.as_deref()).collect();
        assert_eq!(remedies.len(), 1, "{emulated:?}");
        assert!(remedies[0].contains("apt-get install qemu-user-static binfmt-support"), "{remedies:?}");
        let mut away = agent("linux/amd64");
        away.connected_at = None;
        assert_eq!(checks(&[away]), []);
    }
}
