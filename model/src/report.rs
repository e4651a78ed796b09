//! The report of a run: what was built from what, what was tested, what it took. Field names are those of its YAML.

use crate::{
    capability::Way,
    digest::Digest,
    ids::{AgentId, ProjectName, RunId},
    platform::Platform,
    reference::{DOCKER_HUB, Reference},
    run::RunStatus,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything a run leaves to be read by people and programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// Its owner.
    pub project: ProjectName,
    /// How it ended.
    pub status: RunStatus,
    /// Why, where it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Where its source came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// The images it built, by step and platform; those of an index below it.
    pub images: Vec<Image>,
    /// Its units.
    pub units: Vec<UnitReport>,
    /// Test results of all units together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestSummary>,
    /// Coverage of all units together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// Files that were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
}

/// Lines and branches that tests went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Coverage {
    /// Lines that count.
    pub lines: u64,
    /// Of them, those that were gone through.
    pub lines_covered: u64,
    /// Branches that count.
    pub branches: u64,
    /// Of them, those that were taken.
    pub branches_covered: u64,
}

impl Coverage {
    /// Adds what another report counted.
    pub const fn add(&mut self, other: &Self) {
        self.lines = self.lines.saturating_add(other.lines);
        self.lines_covered = self.lines_covered.saturating_add(other.lines_covered);
        self.branches = self.branches.saturating_add(other.branches);
        self.branches_covered = self.branches_covered.saturating_add(other.branches_covered);
    }
}

/// A file of the workspace that is kept with the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Artifact {
    /// `step@os/arch` that left it.
    pub unit: String,
    /// Relative to the workspace.
    pub path: String,
    /// Of its content, which is a blob of the farm.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// An image that was built, and what it depends on (task language §10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Image {
    /// The image itself.
    pub image: ImageName,
    /// The base of its final stage; absent for `FROM scratch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_dependency: Option<ImageName>,
    /// Everything else its Dockerfile names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buildtime_dependency: Vec<ImageName>,
    /// The commit of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// Of a child of an index: the agent that built it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Of a child of an index: how its platform was served there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// Of an index: the image of each platform, as far as it was built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Image>,
}

/// An image by its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageName {
    /// The registry; Docker Hub where the reference names none.
    pub registry: String,
    /// The repository.
    pub repository: String,
    /// The tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest; absent where it could not be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The platform, for what was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Of a dependency: its stage asks for a platform of its own, which need not be the one that was built for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

impl ImageName {
    /// The parts of `reference`, with the digest that was found for it.
    pub fn new(reference: &Reference, digest: Option<Digest>, platform: Option<Platform>) -> Self {
        let full = reference.clone().with_default_tag();
        Self {
            registry: full.registry_or_hub().to_owned(),
            repository: full.full_repository(),
            tag: full.tag().map(str::to_owned),
            digest: digest.or(full.digest()),
            platform,
            pinned: false,
        }
    }

    /// Whether it is the image that `wanted` names: in any registry if that names none, of any tag if it names none.
    pub fn is_named(&self, wanted: &Reference) -> bool {
        let is_place = match wanted.registry() {
            // Official images are named without the folder that they are in.
            None if self.registry == DOCKER_HUB && self.repository == wanted.full_repository() => true,
            None => self.repository == wanted.repository(),
            Some(registry) => self.registry == registry && self.repository == wanted.full_repository(),
        };
        let is_tag = wanted.tag().is_none_or(|tag| self.tag.as_deref() == Some(tag));
        is_place && is_tag && wanted.digest().is_none_or(|digest| self.digest == Some(digest))
    }
}

/// The commit of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Git {
    /// 40 hexadecimal digits.
    pub git_head_revision: String,
}

/// How one unit went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnitReport {
    /// `step@os/arch`.
    pub name: String,
    /// `source`, `build`, `push`, `index` or `cmd`.
    pub kind: String,
    /// The agent of its last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// How that agent served it: natively, as a cross build, or by an emulator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// Number of its last attempt; 0: never started.
    pub attempt: u32,
    /// Milliseconds that its work took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_ms: Option<u64>,
    /// Its outcome in one line.
    pub outcome: String,
    /// Of a `cmd`: the container's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Of a push or index: the reference and its digest in the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<String>,
    /// What went wrong without failing it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Counts of test cases, and the cases that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestSummary {
    /// Suites read.
    pub suites: u32,
    /// Cases that passed.
    pub passed: u32,
    /// Cases that failed or broke off.
    pub failed: u32,
    /// Cases that were left out.
    pub skipped: u32,
    /// Milliseconds that the cases took, by their own account.
    pub time_ms: u64,
    /// The failed cases (at most [`TestSummary::SHOWN`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailedCase>,
}

/// A test case that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailedCase {
    /// `suite` or class, and name.
    pub name: String,
    /// What the test says, at most 4 KiB.
    pub message: String,
}

impl TestSummary {
    /// Failed cases that a summary keeps by name.
    pub const SHOWN: usize = 50;

    /// Adds what another report counted.
    pub fn add(&mut self, other: &Self) {
        self.suites += other.suites;
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.time_ms += other.time_ms;
        let room = Self::SHOWN.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.iter().take(room).cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_asked_for_with_and_without_its_registry_and_tag() {
        let digest = |byte| Digest::from_bytes([byte; 32]);
        let named = |reference: &str| ImageName::new(&reference.parse().unwrap(), Some(digest(1)), None);
        let own = |wanted: &str| wanted.replace("DIGEST", &digest(1).to_string());
        let table = [
            ("r.example:5000/team/web:1", "web", false),
            ("r.example:5000/team/web:1", "team/web", true),
            ("r.example:5000/team/web:1", "team/web:1", true),
            ("r.example:5000/team/web:1", "team/web:2", false),
            ("r.example:5000/team/web:1", "r.example:5000/team/web", true),
            ("r.example:5000/team/web:1", "other.example/team/web", false),
            ("r.example:5000/team/web:1", "team/web@DIGEST", true),
            ("r.example:5000/team/web:1", "team/web:1@DIGEST", true),
            ("busybox", "busybox:latest", true),
            ("busybox", "library/busybox", true),
            ("r.example/busybox", "busybox", true),
        ];
        for (image, wanted, expected) in table {
            assert_eq!(named(image).is_named(&own(wanted).parse().unwrap()), expected, "{image} {wanted}");
        }
        let other = format!("team/web@{}", digest(2)).parse().unwrap();
        assert!(!named("r.example/team/web:1").is_named(&other));
    }
}
