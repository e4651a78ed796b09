//! Tasks that projects keep.

use super::{
    Invalid, parsed, parsed_or_default,
    runs::{emulation_in, emulation_out, pairs_in, pairs_out, platforms_in},
    some,
};
use crate::v1::{self, definition};
use acre_model::{
    platform::Platform,
    stored_task::{
        BaseImageTrigger, Definition, ImageBuild, Overrides, SourceTrigger, StoredTask, TaskStatus, Timer, Triggers,
    },
};

impl From<StoredTask> for v1::StoredTask {
    fn from(task: StoredTask) -> Self {
        let (emulation, emulation_wait_ms) = emulation_out(task.emulation);
        Self {
            project: task.project.to_string(),
            name: task.name.to_string(),
            disabled: task.status == TaskStatus::Disabled,
            source: Some(task.source.into()),
            definition: Some(task.definition.into()),
            values: task.values.into_iter().map(Into::into).collect(),
            sets: pairs_out(task.sets),
            secret_sets: task.secret_sets,
            logins: task.logins,
            platforms: task.platforms.iter().map(Platform::to_string).collect(),
            registry: task.registry.unwrap_or_default(),
            timeout_ms: task.timeout_ms,
            pool: task.pool.to_string(),
            emulation: emulation.into(),
            emulation_wait_ms,
            triggers: Some(task.triggers.into()),
            created_at: Some(task.created_at.into()),
            updated_at: Some(task.updated_at.into()),
        }
    }
}

impl TryFrom<v1::StoredTask> for StoredTask {
    type Error = Invalid;

    fn try_from(wire: v1::StoredTask) -> Result<Self, Invalid> {
        Ok(Self {
            emulation: emulation_in(wire.emulation(), wire.emulation_wait_ms)?,
            project: parsed_or_default("task.project", &wire.project)?,
            name: parsed("task.name", &wire.name)?,
            status: status(wire.disabled),
            source: wire.source.ok_or_else(|| Invalid::missing("task.source"))?.try_into()?,
            definition: wire.definition.ok_or_else(|| Invalid::missing("task.definition"))?.try_into()?,
            values: wire.values.into_iter().map(Into::into).collect(),
            sets: pairs_in(wire.sets),
            secret_sets: wire.secret_sets,
            logins: wire.logins,
            platforms: platforms_in(&wire.platforms)?,
            registry: some(wire.registry),
            timeout_ms: if wire.timeout_ms == 0 { Self::TIMEOUT_MS } else { wire.timeout_ms },
            pool: parsed_or_default("task.pool", &wire.pool)?,
            triggers: wire.triggers.unwrap_or_default().try_into()?,
            created_at: wire.created_at.unwrap_or_default().into(),
            updated_at: wire.updated_at.unwrap_or_default().into(),
        })
    }
}

const fn status(disabled: bool) -> TaskStatus {
    if disabled { TaskStatus::Disabled } else { TaskStatus::Enabled }
}

impl From<Definition> for v1::Definition {
    fn from(definition: Definition) -> Self {
        let kind = match definition {
            Definition::File(name) => definition::Kind::File(name.unwrap_or_default()),
            Definition::Text(text) => definition::Kind::Text(text.into()),
            Definition::Cmd(cmd) => definition::Kind::Cmd(cmd),
            Definition::Build(build) => definition::Kind::Build(build.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::Definition> for Definition {
    type Error = Invalid;

    fn try_from(wire: v1::Definition) -> Result<Self, Invalid> {
        Ok(match wire.kind.ok_or_else(|| Invalid::missing("task.definition"))? {
            definition::Kind::File(name) => Self::File(some(name)),
            definition::Kind::Text(text) => Self::Text(text.into()),
            definition::Kind::Cmd(cmd) => Self::Cmd(cmd),
            definition::Kind::Build(build) => Self::Build(build.into()),
        })
    }
}

impl From<ImageBuild> for v1::ImageBuild {
    fn from(build: ImageBuild) -> Self {
        let ImageBuild { images, dockerfile, target, arguments, secret_arguments, no_cache, push } = build;
        Self {
            images,
            dockerfile: dockerfile.unwrap_or_default(),
            target: target.unwrap_or_default(),
            arguments: pairs_out(arguments),
            secret_arguments,
            no_cache,
            push,
        }
    }
}

impl From<v1::ImageBuild> for ImageBuild {
    fn from(wire: v1::ImageBuild) -> Self {
        let v1::ImageBuild { images, dockerfile, target, arguments, secret_arguments, no_cache, push } = wire;
        let (dockerfile, target, arguments) = (some(dockerfile), some(target), pairs_in(arguments));
        Self { images, dockerfile, target, arguments, secret_arguments, no_cache, push }
    }
}

impl From<Triggers> for v1::Triggers {
    fn from(Triggers { source, base_image, timers }: Triggers) -> Self {
        let SourceTrigger { commits, pull_requests, tags, branches, paths, commit_status, cancel_superseded, poll } =
            source;
        let commit_status = commit_status.to_string();
        let base_image = match base_image {
            BaseImageTrigger::Disabled => v1::BaseImageTrigger::Disabled,
            BaseImageTrigger::Runtime => v1::BaseImageTrigger::Runtime,
            BaseImageTrigger::All => v1::BaseImageTrigger::All,
        };
        let timers = timers.into_iter().map(|Timer { name, schedule, status, next }| v1::Timer {
            name: name.to_string(),
            schedule,
            disabled: status == TaskStatus::Disabled,
            next,
        });
        Self {
            source: Some(v1::SourceTrigger {
                commits,
                pull_requests,
                tags,
                branches,
                paths,
                commit_status,
                cancel_superseded,
                poll,
            }),
            base_image: base_image.into(),
            timers: timers.collect(),
        }
    }
}

impl TryFrom<v1::Triggers> for Triggers {
    type Error = Invalid;

    fn try_from(wire: v1::Triggers) -> Result<Self, Invalid> {
        let base_image = match wire.base_image() {
            v1::BaseImageTrigger::Unspecified | v1::BaseImageTrigger::Runtime => BaseImageTrigger::Runtime,
            v1::BaseImageTrigger::Disabled => BaseImageTrigger::Disabled,
            v1::BaseImageTrigger::All => BaseImageTrigger::All,
        };
        let v1::SourceTrigger { commits, pull_requests, tags, branches, paths, commit_status, cancel_superseded, poll } =
            wire.source.unwrap_or_default();
        let commit_status = parsed_or_default("task.triggers.commit_status", &commit_status)?;
        let timer = |v1::Timer { name, schedule, disabled, next }| {
            Ok(Timer { name: parsed("task.timers.name", &name)?, schedule, status: status(disabled), next })
        };
        Ok(Self {
            source: SourceTrigger {
                commits,
                pull_requests,
                tags,
                branches,
                paths,
                commit_status,
                cancel_superseded,
                poll,
            },
            base_image,
            timers: wire.timers.into_iter().map(timer).collect::<Result<_, Invalid>>()?,
        })
    }
}

impl From<Overrides> for v1::RunOverrides {
    fn from(overrides: Overrides) -> Self {
        let Overrides { source, file, target, arguments, sets, secret_sets, secret_arguments, platforms, narrowing: _ } =
            overrides;
        Self {
            source: source.map(Into::into),
            file: file.unwrap_or_default(),
            target: target.unwrap_or_default(),
            arguments: pairs_out(arguments),
            sets: pairs_out(sets),
            secret_sets,
            secret_arguments,
            platforms: platforms.iter().map(Platform::to_string).collect(),
        }
    }
}

impl TryFrom<v1::RunOverrides> for Overrides {
    type Error = Invalid;

    fn try_from(wire: v1::RunOverrides) -> Result<Self, Invalid> {
        let v1::RunOverrides { source, file, target, arguments, sets, secret_sets, secret_arguments, platforms } = wire;
        Ok(Self {
            source: source.map(TryInto::try_into).transpose()?,
            file: some(file),
            target: some(target),
            arguments: pairs_in(arguments),
            sets: pairs_in(sets),
            secret_sets,
            secret_arguments,
            platforms: platforms_in(&platforms)?,
            // Only the farm narrows a run.
            narrowing: None,
        })
    }
}
