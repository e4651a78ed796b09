//! `agents.proto`: the session between agent and scheduler.

use super::{
    Invalid, common, parsed, parsed_or_default, parsed_or_none,
    plan::{pairs, settings},
    shown,
};
use crate::v1::{self, attempt_state, engine};
use acre_model::{
    attempt::{AttemptId, Ended, Fence, Progress, Workspace},
    capability::{Capability, Engine, Mode, Privileges, Served, Windows},
    ids::{GroupId, UnitId},
    plan::{Network, Volume},
    secret::SecretValue,
    session::{AgentState, AttemptState, Desired, DesiredAttempt, DesiredGroup, GroupKey, Hello, Intent, Opened},
};

/// Converts a list, ending at its first fault.
fn all<A, B: TryFrom<A, Error = Invalid>>(items: Vec<A>) -> Result<Vec<B>, Invalid> {
    items.into_iter().map(TryInto::try_into).collect()
}

impl From<Hello> for v1::Hello {
    fn from(hello: Hello) -> Self {
        let Hello { agent, epoch, capability } = hello;
        Self { agent: agent.to_string(), epoch, capability: Some(capability.into()) }
    }
}

impl TryFrom<v1::Hello> for Hello {
    type Error = Invalid;

    fn try_from(wire: v1::Hello) -> Result<Self, Invalid> {
        let v1::Hello { agent, epoch, capability } = wire;
        let capability = capability.ok_or_else(|| Invalid::missing("hello.capability"))?.try_into()?;
        Ok(Self { agent: parsed("hello.agent", &agent)?, epoch, capability })
    }
}

impl From<Capability> for v1::Capability {
    fn from(capability: Capability) -> Self {
        let Capability {
            platforms,
            pool,
            slots,
            cpus,
            memory,
            engine,
            version,
            allows,
            labels,
            disk_free,
            disk_size,
            windows,
        } = capability;
        let Privileges { privileged, engine_socket } = allows;
        let platforms = platforms.into_iter().map(|served| v1::Served {
            platform: served.platform.to_string(),
            emulated: served.mode == Mode::Emulated,
        });
        let kind = match engine {
            Engine::Ready { name, version, buildkit, containerd_store } => {
                engine::Kind::Ready(engine::Ready { name, version, buildkit, containerd_store })
            }
            Engine::Down(why) => engine::Kind::Down(why),
        };
        Self {
            platforms: platforms.collect(),
            pool: pool.to_string(),
            slots,
            cpus,
            memory,
            engine: Some(v1::Engine { kind: Some(kind) }),
            version,
            allows_privileged: privileged,
            allows_engine_socket: engine_socket,
            labels: settings(labels.into_iter().collect()),
            disk_free,
            disk_size,
            windows: windows.map(|Windows { build, process, hyperv }| v1::Windows { build, process, hyperv }),
        }
    }
}

impl TryFrom<v1::Capability> for Capability {
    type Error = Invalid;

    fn try_from(wire: v1::Capability) -> Result<Self, Invalid> {
        let v1::Capability {
            platforms,
            pool,
            slots,
            cpus,
            memory,
            engine,
            version,
            allows_privileged,
            allows_engine_socket,
            labels,
            disk_free,
            disk_size,
            windows,
        } = wire;
        let allows = Privileges { privileged: allows_privileged, engine_socket: allows_engine_socket };
        let engine = engine.and_then(|engine| engine.kind).ok_or_else(|| Invalid::missing("capability.engine"))?;
        let engine = match engine {
            engine::Kind::Ready(engine::Ready { name, version, buildkit, containerd_store }) => {
                Engine::Ready { name, version, buildkit, containerd_store }
            }
            engine::Kind::Down(why) => Engine::Down(why),
        };
        let pool = parsed_or_default("capability.pool", &pool)?;
        Ok(Self {
            platforms: all(platforms)?,
            pool,
            slots,
            cpus,
            memory,
            engine,
            version,
            allows,
            labels: pairs(labels).into_iter().collect(),
            disk_free,
            disk_size,
            windows: windows.map(|v1::Windows { build, process, hyperv }| Windows { build, process, hyperv }),
        })
    }
}

impl TryFrom<v1::Served> for Served {
    type Error = Invalid;

    fn try_from(wire: v1::Served) -> Result<Self, Invalid> {
        let mode = if wire.emulated { Mode::Emulated } else { Mode::Native };
        Ok(Self { platform: parsed("capability.platforms", &wire.platform)?, mode })
    }
}

impl From<AgentState> for v1::State {
    fn from(state: AgentState) -> Self {
        let AgentState { capability, attempts, groups, leaving } = state;
        Self {
            capability: Some(capability.into()),
            attempts: attempts.into_iter().map(Into::into).collect(),
            groups: groups.into_iter().map(Into::into).collect(),
            leaving,
        }
    }
}

impl TryFrom<v1::State> for AgentState {
    type Error = Invalid;

    fn try_from(wire: v1::State) -> Result<Self, Invalid> {
        let v1::State { capability, attempts, groups, leaving } = wire;
        let capability = capability.ok_or_else(|| Invalid::missing("state.capability"))?.try_into()?;
        Ok(Self { capability, attempts: all(attempts)?, groups: all(groups)?, leaving })
    }
}

impl From<AttemptState> for v1::AttemptState {
    fn from(state: AttemptState) -> Self {
        let AttemptState { attempt, fence, progress } = state;
        let progress = match progress {
            Progress::Preparing => attempt_state::Progress::Preparing(attempt_state::Preparing {}),
            Progress::Started { at } => attempt_state::Progress::Started(at.into()),
            Progress::Ended(ended) => attempt_state::Progress::Ended(ended.into()),
        };
        Self { attempt: Some((&attempt).into()), fence: fence.0, progress: Some(progress) }
    }
}

impl TryFrom<v1::AttemptState> for AttemptState {
    type Error = Invalid;

    fn try_from(wire: v1::AttemptState) -> Result<Self, Invalid> {
        let v1::AttemptState { attempt, fence, progress } = wire;
        let progress = match progress.ok_or_else(|| Invalid::missing("state.attempts.progress"))? {
            attempt_state::Progress::Preparing(_) => Progress::Preparing,
            attempt_state::Progress::Started(at) => Progress::Started { at: at.into() },
            attempt_state::Progress::Ended(ended) => Progress::Ended(ended.try_into()?),
        };
        Ok(Self { attempt: common::attempt(attempt)?, fence: Fence(fence), progress })
    }
}

impl From<Ended> for v1::Ended {
    fn from(ended: Ended) -> Self {
        let Ended { started_at, at, outcome, result, log_bytes } = ended;
        Self {
            started_at: started_at.map(Into::into),
            at: Some(at.into()),
            outcome: Some((&outcome).into()),
            result: Some((&result).into()),
            log_bytes,
        }
    }
}

impl TryFrom<v1::Ended> for Ended {
    type Error = Invalid;

    fn try_from(wire: v1::Ended) -> Result<Self, Invalid> {
        let v1::Ended { started_at, at, outcome, result, log_bytes } = wire;
        Ok(Self {
            started_at: started_at.map(Into::into),
            at: at.unwrap_or_default().into(),
            outcome: outcome.ok_or_else(|| Invalid::missing("ended.outcome"))?.try_into()?,
            result: result.unwrap_or_default().try_into()?,
            log_bytes,
        })
    }
}

impl From<GroupKey> for v1::GroupKey {
    fn from(key: GroupKey) -> Self {
        let GroupKey { run, group, incarnation } = key;
        Self { run: run.to_string(), group: group.0, incarnation }
    }
}

impl TryFrom<v1::GroupKey> for GroupKey {
    type Error = Invalid;

    fn try_from(wire: v1::GroupKey) -> Result<Self, Invalid> {
        let v1::GroupKey { run, group, incarnation } = wire;
        Ok(Self { run: parsed("group.run", &run)?, group: GroupId(group), incarnation })
    }
}

impl From<Desired> for v1::Desired {
    fn from(desired: Desired) -> Self {
        Self { groups: desired.groups.into_iter().map(Into::into).collect() }
    }
}

impl TryFrom<v1::Desired> for Desired {
    type Error = Invalid;

    fn try_from(wire: v1::Desired) -> Result<Self, Invalid> {
        Ok(Self { groups: all(wire.groups)? })
    }
}

impl From<DesiredGroup> for v1::DesiredGroup {
    fn from(group: DesiredGroup) -> Self {
        let DesiredGroup {
            key,
            project,
            platform,
            network,
            tree,
            source_key,
            fetched,
            networks,
            volumes,
            confidential: Opened { logins, masks },
            changes,
            images,
            attempts,
        } = group;
        let fetched = fetched.into_iter().map(|(unit, tree)| v1::FetchedTree { unit: unit.0, tree: tree.to_string() });
        let images = images.into_iter().map(|(reference, platform, id)| v1::BuiltImage {
            reference: reference.to_string(),
            id: id.to_string(),
            platform: platform.to_string(),
        });
        Self {
            key: Some(key.into()),
            project: project.to_string(),
            platform: platform.to_string(),
            network,
            tree: shown(tree.as_ref()),
            source_key,
            images: images.collect(),
            attempts: attempts.into_iter().map(Into::into).collect(),
            fetched: fetched.collect(),
            networks: networks.into_iter().map(Into::into).collect(),
            volumes: volumes.into_iter().map(Into::into).collect(),
            logins: logins.into_iter().map(Into::into).collect(),
            masks: masks.iter().map(|mask| mask.expose().to_vec()).collect(),
            changes: changes.into_iter().map(changed).collect(),
        }
    }
}

fn changed((unit, Workspace { before, after }): (String, Workspace)) -> v1::Changes {
    v1::Changes { unit, before: shown(before.as_ref()), after: shown(after.as_ref()) }
}

fn change(wire: v1::Changes) -> Result<(String, Workspace), Invalid> {
    let v1::Changes { unit, before, after } = wire;
    let before = parsed_or_none("group.changes.before", &before)?;
    Ok((unit, Workspace { before, after: parsed_or_none("group.changes.after", &after)? }))
}

impl From<Network> for v1::Network {
    fn from(network: Network) -> Self {
        let Network { name, driver, ipv6, skip_creation } = network;
        Self { name, driver, ipv6, skip_creation }
    }
}

impl From<v1::Network> for Network {
    fn from(wire: v1::Network) -> Self {
        let v1::Network { name, driver, ipv6, skip_creation } = wire;
        Self { name, driver, ipv6, skip_creation }
    }
}

impl From<Volume> for v1::Volume {
    fn from(volume: Volume) -> Self {
        let Volume { name, files } = volume;
        Self { name, files: settings(files) }
    }
}

impl From<v1::Volume> for Volume {
    fn from(wire: v1::Volume) -> Self {
        let v1::Volume { name, files } = wire;
        Self { name, files: pairs(files) }
    }
}

impl TryFrom<v1::DesiredGroup> for DesiredGroup {
    type Error = Invalid;

    fn try_from(wire: v1::DesiredGroup) -> Result<Self, Invalid> {
        let v1::DesiredGroup {
            key,
            project,
            platform,
            network,
            tree,
            source_key,
            images,
            attempts,
            fetched,
            networks,
            volumes,
            logins,
            masks,
            changes,
        } = wire;
        let fetched =
            fetched.iter().map(|fetched| Ok((UnitId(fetched.unit), parsed("group.fetched.tree", &fetched.tree)?)));
        let images = images.iter().map(|image| {
            let platform = parsed("group.images.platform", &image.platform)?;
            let id = parsed("group.images.id", &image.id)?;
            Ok((parsed("group.images.reference", &image.reference)?, platform, id))
        });
        Ok(Self {
            key: key.ok_or_else(|| Invalid::missing("group.key"))?.try_into()?,
            project: parsed("group.project", &project)?,
            platform: parsed("group.platform", &platform)?,
            network,
            tree: parsed_or_none("group.tree", &tree)?,
            source_key,
            fetched: fetched.collect::<Result<_, Invalid>>()?,
            networks: networks.into_iter().map(Into::into).collect(),
            volumes: volumes.into_iter().map(Into::into).collect(),
            confidential: Opened {
                logins: logins.into_iter().map(Into::into).collect(),
                masks: masks.into_iter().map(SecretValue::new).collect(),
            },
            changes: changes.into_iter().map(change).collect::<Result<_, _>>()?,
            images: images.collect::<Result<_, Invalid>>()?,
            attempts: all(attempts)?,
        })
    }
}

impl From<DesiredAttempt> for v1::DesiredAttempt {
    fn from(desired: DesiredAttempt) -> Self {
        let DesiredAttempt { attempt, fence, unit, intent, trace } = desired;
        let stop = match intent {
            Intent::Run => None,
            Intent::Stop { grace_ms } => Some(v1::Stop { grace_ms }),
        };
        let traceparent = shown(trace.as_ref());
        Self { attempt: Some((&attempt).into()), fence: fence.0, unit: Some(unit.into()), stop, traceparent }
    }
}

impl TryFrom<v1::DesiredAttempt> for DesiredAttempt {
    type Error = Invalid;

    fn try_from(wire: v1::DesiredAttempt) -> Result<Self, Invalid> {
        let v1::DesiredAttempt { attempt, fence, unit, stop, traceparent } = wire;
        let attempt: AttemptId = common::attempt(attempt)?;
        let unit = unit.ok_or_else(|| Invalid::missing("attempt.unit"))?.try_into()?;
        let intent = stop.map_or(Intent::Run, |stop| Intent::Stop { grace_ms: stop.grace_ms });
        let trace = parsed_or_none("attempt.traceparent", &traceparent)?;
        Ok(Self { attempt, fence: Fence(fence), unit, intent, trace })
    }
}
