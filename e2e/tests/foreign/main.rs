//! Programs of acre for other systems, as real programs of those systems: for Windows under wine, for arm64 under QEMU.
//! Their farm is of this machine's own programs, reached over mutual TLS. `infra/test --foreign` builds what they need.

mod arm64_agent;
mod windows_agent;
mod windows_client;

use acre_e2e::{network::NetworkFarm, program::Output, shown::Shown};
use std::path::Path;

/// A farm on the network with an agent of this machine's own, `own`.
fn farm_with_agent() -> (NetworkFarm, acre_e2e::program::Running) {
    let farm = NetworkFarm::new();
    let token = farm.token(&["agents", "token"]);
    let agent = farm.start_agent("own", &["--id", "own", "--token-file", text(&token)]);
    (farm, agent)
}

/// A run, as its owner is shown it.
fn shown(farm: &NetworkFarm, run: &str) -> Shown {
    Shown::of(&farm.owner(&["show", run, "-o", "json"]).ended(0).stdout)
}

/// Demands that each line ends with a line feed alone, as lines of logs do on every system.
#[track_caller]
fn has_plain_lines(output: &Output) {
    for said in [&output.stdout, &output.stderr] {
        assert!(!said.contains('\r'), "a carriage return is said by {output}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
