//! `common.proto`: attempts, outcomes, results.

use super::{Invalid, parsed, parsed_or_none, shown, some};
use crate::v1::{self, outcome::Kind};
use acre_model::{
    attempt::{AttemptId, UnitResult, UsedImage, Workspace},
    ids::UnitId,
    outcome::{Cause, Outcome, Skip},
    plan::ResolvedSource,
    report::{Artifact, Coverage, FailedCase, TestSummary},
    secret::{Login, SecretValue},
};

impl From<&AttemptId> for v1::AttemptId {
    fn from(id: &AttemptId) -> Self {
        Self { run: id.run.to_string(), unit: id.unit.0, number: id.number }
    }
}

impl TryFrom<v1::AttemptId> for AttemptId {
    type Error = Invalid;

    fn try_from(wire: v1::AttemptId) -> Result<Self, Invalid> {
        let v1::AttemptId { run, unit, number } = wire;
        Ok(Self { run: parsed("attempt.run", &run)?, unit: UnitId(unit), number })
    }
}

/// An attempt that must be named.
pub(super) fn attempt(wire: Option<v1::AttemptId>) -> Result<AttemptId, Invalid> {
    wire.ok_or_else(|| Invalid::missing("attempt"))?.try_into()
}

impl From<&Outcome> for v1::Outcome {
    fn from(outcome: &Outcome) -> Self {
        use v1::outcome::{Canceled, Failed, Infrastructure, Lost, Skipped, Succeeded, TimedOut};
        let kind = match outcome.clone() {
            Outcome::Succeeded => Kind::Succeeded(Succeeded {}),
            Outcome::Failed { exit_code, message } => Kind::Failed(Failed { exit_code, message }),
            Outcome::Infrastructure { cause, message } => {
                Kind::Infrastructure(Infrastructure { cause: v1::Cause::from(cause).into(), message })
            }
            Outcome::Canceled => Kind::Canceled(Canceled {}),
            Outcome::TimedOut { limit_ms } => Kind::TimedOut(TimedOut { limit_ms }),
            Outcome::Lost => Kind::Lost(Lost {}),
            Outcome::Skipped(Skip::RunEnded) => Kind::Skipped(Skipped::default()),
            Outcome::Skipped(Skip::Predecessor(predecessor)) => {
                Kind::Skipped(Skipped { predecessor, condition: false })
            }
            Outcome::Skipped(Skip::Condition) => Kind::Skipped(Skipped { predecessor: String::new(), condition: true }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::Outcome> for Outcome {
    type Error = Invalid;

    fn try_from(wire: v1::Outcome) -> Result<Self, Invalid> {
        Ok(match wire.kind.ok_or_else(|| Invalid::missing("outcome.kind"))? {
            Kind::Succeeded(_) => Self::Succeeded,
            Kind::Failed(failed) => Self::Failed { exit_code: failed.exit_code, message: failed.message },
            Kind::Infrastructure(infrastructure) => {
                Self::Infrastructure { cause: infrastructure.cause().try_into()?, message: infrastructure.message }
            }
            Kind::Canceled(_) => Self::Canceled,
            Kind::TimedOut(timed_out) => Self::TimedOut { limit_ms: timed_out.limit_ms },
            Kind::Lost(_) => Self::Lost,
            Kind::Skipped(v1::outcome::Skipped { condition: true, .. }) => Self::Skipped(Skip::Condition),
            Kind::Skipped(skipped) => {
                Self::Skipped(some(skipped.predecessor).map_or(Skip::RunEnded, Skip::Predecessor))
            }
        })
    }
}

impl From<Cause> for v1::Cause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::AgentLost => Self::AgentLost,
            Cause::Engine => Self::Engine,
            Cause::DiskFull => Self::DiskFull,
            Cause::Emulator => Self::Emulator,
            Cause::Registry => Self::Registry,
            Cause::Transfer => Self::Transfer,
            Cause::Placement => Self::Placement,
        }
    }
}

impl TryFrom<v1::Cause> for Cause {
    type Error = Invalid;

    fn try_from(wire: v1::Cause) -> Result<Self, Invalid> {
        Ok(match wire {
            v1::Cause::Unspecified => return Err(Invalid::new("outcome.cause", "must be one of the known causes")),
            v1::Cause::AgentLost => Self::AgentLost,
            v1::Cause::Engine => Self::Engine,
            v1::Cause::DiskFull => Self::DiskFull,
            v1::Cause::Emulator => Self::Emulator,
            v1::Cause::Registry => Self::Registry,
            v1::Cause::Transfer => Self::Transfer,
            v1::Cause::Placement => Self::Placement,
        })
    }
}

impl From<&UnitResult> for v1::UnitResult {
    fn from(result: &UnitResult) -> Self {
        let UnitResult {
            source,
            image,
            used,
            dockerfile,
            pushed,
            media_type,
            exit_code,
            tests,
            coverage,
            artifacts,
            afterwards,
            warnings,
            workspace,
        } = result.clone();
        Self {
            source: source.map(Into::into),
            image: shown(image.as_ref()),
            used: used.into_iter().map(Into::into).collect(),
            dockerfile,
            pushed: shown(pushed.as_ref()),
            exit_code,
            tests: tests.map(Into::into),
            warnings,
            coverage: coverage.map(Into::into),
            artifacts: artifacts.into_iter().map(Into::into).collect(),
            afterwards: afterwards.unwrap_or_default(),
            workspace: workspace.map(|Workspace { before, after }| v1::Workspace {
                before: shown(before.as_ref()),
                after: shown(after.as_ref()),
            }),
            media_type: media_type.unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::UnitResult> for UnitResult {
    type Error = Invalid;

    fn try_from(wire: v1::UnitResult) -> Result<Self, Invalid> {
        let v1::UnitResult {
            source,
            image,
            used,
            dockerfile,
            pushed,
            exit_code,
            tests,
            warnings,
            coverage,
            artifacts,
            afterwards,
            workspace,
            media_type,
        } = wire;
        let workspace = workspace.map(|v1::Workspace { before, after }| {
            Ok(Workspace {
                before: parsed_or_none("result.workspace.before", &before)?,
                after: parsed_or_none("result.workspace.after", &after)?,
            })
        });
        Ok(Self {
            source: source.map(TryInto::try_into).transpose()?,
            image: parsed_or_none("result.image", &image)?,
            used: used.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            dockerfile,
            pushed: parsed_or_none("result.pushed", &pushed)?,
            exit_code,
            tests: tests.map(Into::into),
            coverage: coverage.map(Into::into),
            artifacts: artifacts.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            afterwards: some(afterwards),
            warnings,
            workspace: workspace.transpose()?,
            media_type: some(media_type),
        })
    }
}

impl From<Coverage> for v1::Coverage {
    fn from(coverage: Coverage) -> Self {
        let Coverage { lines, lines_covered, branches, branches_covered } = coverage;
        Self { lines, lines_covered, branches, branches_covered }
    }
}

impl From<v1::Coverage> for Coverage {
    fn from(wire: v1::Coverage) -> Self {
        let v1::Coverage { lines, lines_covered, branches, branches_covered } = wire;
        Self { lines, lines_covered, branches, branches_covered }
    }
}

impl From<Artifact> for v1::Artifact {
    fn from(artifact: Artifact) -> Self {
        let Artifact { unit, path, digest, size } = artifact;
        Self { unit, path, digest: digest.to_string(), size }
    }
}

impl TryFrom<v1::Artifact> for Artifact {
    type Error = Invalid;

    fn try_from(wire: v1::Artifact) -> Result<Self, Invalid> {
        let v1::Artifact { unit, path, digest, size } = wire;
        Ok(Self { unit, path, digest: parsed("result.artifacts.digest", &digest)?, size })
    }
}

impl From<Login> for v1::Login {
    fn from(login: Login) -> Self {
        let Login { registry, username, password } = login;
        Self { registry, username, password: password.expose().to_vec() }
    }
}

impl From<v1::Login> for Login {
    fn from(wire: v1::Login) -> Self {
        let v1::Login { registry, username, password } = wire;
        Self { registry, username, password: SecretValue::new(password) }
    }
}

impl From<ResolvedSource> for v1::ResolvedSource {
    fn from(source: ResolvedSource) -> Self {
        let ResolvedSource { tree, commit, reference } = source;
        Self {
            tree: shown(tree.as_ref()),
            commit: commit.unwrap_or_default(),
            reference: reference.unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::ResolvedSource> for ResolvedSource {
    type Error = Invalid;

    fn try_from(wire: v1::ResolvedSource) -> Result<Self, Invalid> {
        let v1::ResolvedSource { tree, commit, reference } = wire;
        Ok(Self { tree: parsed_or_none("source.tree", &tree)?, commit: some(commit), reference: some(reference) })
    }
}

impl From<UsedImage> for v1::UsedImage {
    fn from(used: UsedImage) -> Self {
        Self { reference: used.reference.to_string(), digest: shown(used.digest.as_ref()) }
    }
}

impl TryFrom<v1::UsedImage> for UsedImage {
    type Error = Invalid;

    fn try_from(wire: v1::UsedImage) -> Result<Self, Invalid> {
        let v1::UsedImage { reference, digest } = wire;
        Ok(Self { reference: parsed("used.reference", &reference)?, digest: parsed_or_none("used.digest", &digest)? })
    }
}

impl From<TestSummary> for v1::TestSummary {
    fn from(tests: TestSummary) -> Self {
        let TestSummary { suites, passed, failed, skipped, time_ms, failures } = tests;
        let failures = failures.into_iter().map(|FailedCase { name, message }| v1::FailedCase { name, message });
        Self { suites, passed, failed, skipped, time_ms, failures: failures.collect() }
    }
}

impl From<v1::TestSummary> for TestSummary {
    fn from(wire: v1::TestSummary) -> Self {
        let v1::TestSummary { suites, passed, failed, skipped, time_ms, failures } = wire;
        let failures = failures.into_iter().take(Self::SHOWN);
        let failures = failures.map(|v1::FailedCase { name, message }| FailedCase { name, message });
        Self { suites, passed, failed, skipped, time_ms, failures: failures.collect() }
    }
}
