//! `runs.proto`: submissions and runs as people see them.

use super::{Invalid, common, field, parsed, parsed_or_default, parsed_or_none, shown, some};
use crate::v1::{self, source, task_source, unit_phase};
use acre_model::{
    attempt::{AttemptId, Fence},
    capability::Way,
    ids::{AgentId, SecretId, UnitId},
    platform::Platform,
    report::ImageName,
    run::{RunStatus, RunView, UnitPhase, UnitView},
    secret::{Confidential, SECRET_SIZE, SecretValue},
    submission::{Emulation, NamedText, Source, Submission, TaskSource},
};

impl From<(Submission, Confidential)> for v1::SubmitRequest {
    fn from((submission, confidential): (Submission, Confidential)) -> Self {
        let Confidential { secrets, logins } = confidential;
        let secrets =
            secrets.iter().map(|(id, value)| v1::Secret { id: id.to_string(), value: value.expose().to_vec() });
        let Submission {
            project,
            source,
            source_shown,
            task,
            values,
            sets,
            secret_sets,
            platforms,
            registry,
            timeout_ms,
            pool,
            emulation,
            allow_partial,
            leave_images,
            idempotency_key,
            // What only the farm itself knows, and does.
            narrowing: _,
            origin: _,
            cancel_superseded: _,
        } = submission;
        let task = match task {
            TaskSource::File(name) => task_source::Kind::File(name.unwrap_or_default()),
            TaskSource::Text(text) => task_source::Kind::Text(text.into()),
        };
        let (emulation, emulation_wait_ms) = emulation_out(emulation);
        Self {
            project: project.to_string(),
            source: Some(source.into()),
            source_shown,
            task: Some(v1::TaskSource { kind: Some(task) }),
            values: values.into_iter().map(Into::into).collect(),
            sets: pairs_out(sets),
            platforms: platforms.iter().map(Platform::to_string).collect(),
            registry: registry.unwrap_or_default(),
            timeout_ms: timeout_ms.unwrap_or_default(),
            pool: pool.to_string(),
            emulation: emulation.into(),
            emulation_wait_ms,
            allow_partial,
            leave_images,
            idempotency_key: idempotency_key.unwrap_or_default(),
            secret_sets,
            secrets: secrets.collect(),
            logins: logins.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::SubmitRequest> for (Submission, Confidential) {
    type Error = Invalid;

    fn try_from(wire: v1::SubmitRequest) -> Result<Self, Invalid> {
        let emulation = emulation_in(wire.emulation(), wire.emulation_wait_ms)?;
        let source = wire.source.ok_or_else(|| Invalid::missing("source"))?.try_into()?;
        let task = match wire.task.and_then(|task| task.kind).ok_or_else(|| Invalid::missing("task"))? {
            task_source::Kind::File(name) => TaskSource::File(some(name)),
            task_source::Kind::Text(text) => TaskSource::Text(text.into()),
        };
        if wire.source_shown.len() > 1024 {
            return Err(Invalid::new("source_shown", "is longer than 1 KiB"));
        }
        let platforms = platforms_in(&wire.platforms)?;
        let confidential = Confidential {
            secrets: wire
                .secrets
                .into_iter()
                .map(|one| secret(one, ["secrets.id", "secrets.value"]))
                .collect::<Result<_, _>>()?,
            logins: wire.logins.into_iter().map(Into::into).collect(),
        };
        let submission = Submission {
            project: parsed_or_default("project", &wire.project)?,
            source,
            source_shown: wire.source_shown,
            task,
            values: wire.values.into_iter().map(Into::into).collect(),
            sets: pairs_in(wire.sets),
            secret_sets: wire.secret_sets,
            platforms,
            registry: some(wire.registry),
            timeout_ms: (wire.timeout_ms > 0).then_some(wire.timeout_ms),
            pool: parsed_or_default("pool", &wire.pool)?,
            emulation,
            allow_partial: wire.allow_partial,
            leave_images: wire.leave_images,
            idempotency_key: some(wire.idempotency_key),
            narrowing: None,
            origin: Default::default(),
            cancel_superseded: false,
        };
        Ok((submission, confidential))
    }
}

/// A policy of emulation, and the wait that belongs to it.
pub(super) fn emulation_out(emulation: Emulation) -> (v1::Emulation, Option<u64>) {
    match emulation {
        Emulation::Never => (v1::Emulation::Never, None),
        Emulation::Fallback { wait_ms } => (v1::Emulation::Fallback, Some(wait_ms)),
        Emulation::Always => (v1::Emulation::Always, None),
    }
}

pub(super) fn emulation_in(policy: v1::Emulation, wait_ms: Option<u64>) -> Result<Emulation, Invalid> {
    let wait_ms = wait_ms.unwrap_or(Emulation::WAIT_MS);
    if wait_ms > Emulation::LONGEST_WAIT_MS {
        return Err(Invalid::new("emulation_wait_ms", "is longer than a day"));
    }
    Ok(match policy {
        v1::Emulation::Never => Emulation::Never,
        v1::Emulation::Unspecified | v1::Emulation::Fallback => Emulation::Fallback { wait_ms },
        v1::Emulation::Always => Emulation::Always,
    })
}

pub(super) fn platforms_in(platforms: &[String]) -> Result<Vec<Platform>, Invalid> {
    platforms.iter().map(|text| parsed("platforms", text)).collect()
}

pub(super) fn pairs_out(pairs: Vec<(String, String)>) -> Vec<v1::Pair> {
    pairs.into_iter().map(|(key, value)| v1::Pair { key, value }).collect()
}

pub(super) fn pairs_in(pairs: Vec<v1::Pair>) -> Vec<(String, String)> {
    pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
}

impl From<Source> for v1::Source {
    fn from(source: Source) -> Self {
        Self {
            kind: Some(match source {
                Source::None => source::Kind::None(source::None {}),
                Source::Tree(digest) => source::Kind::Tree(digest.to_string()),
                Source::Address(address) => source::Kind::Address(address),
            }),
        }
    }
}

impl TryFrom<v1::Source> for Source {
    type Error = Invalid;

    fn try_from(wire: v1::Source) -> Result<Self, Invalid> {
        Ok(match wire.kind.ok_or_else(|| Invalid::missing("source"))? {
            source::Kind::None(_) => Self::None,
            source::Kind::Tree(digest) => Self::Tree(parsed("source.tree", &digest)?),
            source::Kind::Address(address) => Self::Address(address),
        })
    }
}

/// A secret within its limit, whose two fields are called so in the message that has it.
pub fn secret(
    wire: v1::Secret,
    [id_field, value_field]: [&'static str; 2],
) -> Result<(SecretId, SecretValue), Invalid> {
    let v1::Secret { id, value } = wire;
    let id: SecretId = parsed(id_field, &id)?;
    if value.len() > SECRET_SIZE {
        return Err(Invalid::new(value_field, format!("`{id}` is longer than {} KiB", SECRET_SIZE >> 10)));
    }
    Ok((id, SecretValue::new(value)))
}

impl From<NamedText> for v1::NamedText {
    fn from(text: NamedText) -> Self {
        Self { name: text.name, text: text.text }
    }
}

impl From<v1::NamedText> for NamedText {
    fn from(wire: v1::NamedText) -> Self {
        Self { name: wire.name, text: wire.text }
    }
}

impl From<RunStatus> for v1::RunStatus {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Queued => Self::Queued,
            RunStatus::Started => Self::Started,
            RunStatus::Running => Self::Running,
            RunStatus::Succeeded => Self::Succeeded,
            RunStatus::Failed => Self::Failed,
            RunStatus::Canceled => Self::Canceled,
            RunStatus::Error => Self::Error,
            RunStatus::Timeout => Self::Timeout,
        }
    }
}

impl TryFrom<v1::RunStatus> for RunStatus {
    type Error = Invalid;

    fn try_from(wire: v1::RunStatus) -> Result<Self, Invalid> {
        Ok(match wire {
            v1::RunStatus::Unspecified => return Err(Invalid::missing("status")),
            v1::RunStatus::Queued => Self::Queued,
            v1::RunStatus::Started => Self::Started,
            v1::RunStatus::Running => Self::Running,
            v1::RunStatus::Succeeded => Self::Succeeded,
            v1::RunStatus::Failed => Self::Failed,
            v1::RunStatus::Canceled => Self::Canceled,
            v1::RunStatus::Error => Self::Error,
            v1::RunStatus::Timeout => Self::Timeout,
        })
    }
}

impl From<RunView> for v1::Run {
    fn from(run: RunView) -> Self {
        let RunView {
            id,
            project,
            status,
            error,
            source,
            task,
            origin,
            platforms,
            submitted_at,
            started_at,
            ended_at,
            report,
            output_images,
            trace,
            is_archive_enabled,
            // For the farm alone.
            tree: _,
            warnings,
            units,
        } = run;
        Self {
            id: id.to_string(),
            project: project.to_string(),
            status: v1::RunStatus::from(status).into(),
            error: error.unwrap_or_default(),
            source,
            task,
            submitted_at: Some(submitted_at.into()),
            started_at: started_at.map(Into::into),
            ended_at: ended_at.map(Into::into),
            report: shown(report.as_ref()),
            warnings,
            origin: Some(origin.into()),
            platforms: platforms.iter().map(Platform::to_string).collect(),
            output_images: output_images.into_iter().map(Into::into).collect(),
            is_archive_enabled,
            trace: shown(trace.as_ref()),
            units: units.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Run> for RunView {
    type Error = Invalid;

    fn try_from(wire: v1::Run) -> Result<Self, Invalid> {
        Ok(Self {
            status: wire.status().try_into()?,
            id: parsed("run.id", &wire.id)?,
            project: parsed("run.project", &wire.project)?,
            error: some(wire.error),
            source: wire.source,
            task: wire.task,
            origin: wire.origin.unwrap_or_default().try_into()?,
            platforms: platforms_in(&wire.platforms)?,
            submitted_at: wire.submitted_at.unwrap_or_default().into(),
            started_at: wire.started_at.map(Into::into),
            ended_at: wire.ended_at.map(Into::into),
            report: parsed_or_none("run.report", &wire.report)?,
            output_images: wire.output_images.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            trace: parsed_or_none("run.trace", &wire.trace)?,
            is_archive_enabled: wire.is_archive_enabled,
            tree: None,
            warnings: wire.warnings,
            units: wire.units.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl From<ImageName> for v1::OutputImage {
    // Only a dependency is pinned, and this is what was built.
    fn from(ImageName { registry, repository, tag, digest, platform, pinned: _ }: ImageName) -> Self {
        let tag = tag.unwrap_or_default();
        Self { registry, repository, tag, digest: shown(digest.as_ref()), platform: shown(platform.as_ref()) }
    }
}

impl TryFrom<v1::OutputImage> for ImageName {
    type Error = Invalid;

    fn try_from(wire: v1::OutputImage) -> Result<Self, Invalid> {
        let v1::OutputImage { registry, repository, tag, digest, platform } = wire;
        let digest = parsed_or_none("run.output_images.digest", &digest)?;
        let platform = parsed_or_none("run.output_images.platform", &platform)?;
        Ok(Self { registry, repository, tag: some(tag), digest, platform, pinned: false })
    }
}

impl From<UnitView> for v1::Unit {
    fn from(unit: UnitView) -> Self {
        let UnitView {
            id,
            name,
            step,
            kind,
            platform,
            phase,
            agent,
            attempt,
            started_at,
            ended_at,
            result,
            log_bytes,
            way,
        } = unit;
        let phase = match phase {
            UnitPhase::Waiting => unit_phase::Kind::Waiting(unit_phase::Waiting {}),
            UnitPhase::Queued(reasons) => unit_phase::Kind::Queued(unit_phase::Queued { reasons }),
            UnitPhase::Assigned => unit_phase::Kind::Assigned(unit_phase::Assigned {}),
            UnitPhase::Running => unit_phase::Kind::Running(unit_phase::Running {}),
            UnitPhase::Ended(outcome) => unit_phase::Kind::Ended((&outcome).into()),
        };
        Self {
            id: id.0,
            name,
            step: step.to_string(),
            kind,
            platform: platform.to_string(),
            phase: Some(v1::UnitPhase { kind: Some(phase) }),
            agent: shown(agent.as_ref()),
            attempt,
            started_at: started_at.map(Into::into),
            ended_at: ended_at.map(Into::into),
            result: Some((&result).into()),
            log_bytes,
            way: way.map_or(v1::Way::Unspecified, Into::into).into(),
        }
    }
}

impl TryFrom<v1::Unit> for UnitView {
    type Error = Invalid;

    fn try_from(wire: v1::Unit) -> Result<Self, Invalid> {
        let way = match wire.way() {
            v1::Way::Unspecified => None,
            v1::Way::Native => Some(Way::Native),
            v1::Way::Cross => Some(Way::Cross),
            v1::Way::Emulated => Some(Way::Emulated),
        };
        let phase = wire.phase.and_then(|phase| phase.kind).ok_or_else(|| Invalid::missing("unit.phase"))?;
        let phase = match phase {
            unit_phase::Kind::Waiting(_) => UnitPhase::Waiting,
            unit_phase::Kind::Queued(queued) => UnitPhase::Queued(queued.reasons),
            unit_phase::Kind::Assigned(_) => UnitPhase::Assigned,
            unit_phase::Kind::Running(_) => UnitPhase::Running,
            unit_phase::Kind::Ended(outcome) => UnitPhase::Ended(outcome.try_into()?),
        };
        Ok(Self {
            id: UnitId(wire.id),
            name: wire.name,
            step: parsed("unit.step", &wire.step)?,
            kind: wire.kind,
            platform: parsed("unit.platform", &wire.platform)?,
            phase,
            agent: parsed_or_none("unit.agent", &wire.agent)?,
            attempt: wire.attempt,
            started_at: wire.started_at.map(Into::into),
            ended_at: wire.ended_at.map(Into::into),
            result: field("unit.result", wire.result.unwrap_or_default().try_into())?,
            log_bytes: wire.log_bytes,
            way,
        })
    }
}

impl From<Way> for v1::Way {
    fn from(way: Way) -> Self {
        match way {
            Way::Native => Self::Native,
            Way::Cross => Self::Cross,
            Way::Emulated => Self::Emulated,
        }
    }
}

impl v1::PermitRequest {
    /// Who asks, and for which attempt.
    pub fn into_parts(self) -> Result<(AgentId, AttemptId, Fence), Invalid> {
        Ok((parsed("agent", &self.agent)?, common::attempt(self.attempt)?, Fence(self.fence)))
    }
}

/// The attempt a message is about.
impl v1::LogOpen {
    /// Takes the message apart.
    pub fn into_parts(self) -> Result<(AttemptId, Fence), Invalid> {
        Ok((common::attempt(self.attempt)?, Fence(self.fence)))
    }
}
