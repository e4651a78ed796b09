//! Artifacts of a run, for people.

use super::{
    table::{bytes, table},
    text::sentence,
};
use acre_model::{ids::RunId, report::Artifact};

/// The table of `acre artifacts`.
pub fn artifacts(artifacts: &[&Artifact]) -> String {
    let row = |artifact: &&Artifact| {
        let digest = format!("sha256:{}", artifact.digest.short());
        [sentence(&artifact.path), sentence(&artifact.unit), bytes(artifact.size), digest]
    };
    table(["PATH", "UNIT", "SIZE", "DIGEST"], artifacts.iter().map(row))
}

/// How many a run has, and how to get them; nothing where it has none.
pub fn count(artifacts: &[Artifact], run: &RunId) -> Option<String> {
    let size = artifacts.iter().fold(0_u64, |sum, artifact| sum.saturating_add(artifact.size));
    let files = match artifacts.len() {
        0 => return None,
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    Some(format!("Artifacts: {files} ({}); `acre artifacts {run} --get` fetches them", bytes(size)))
}
