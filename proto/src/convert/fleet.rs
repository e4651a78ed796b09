//! `fleet.proto`: agents as people see them.

use super::{Invalid, parsed};
use crate::v1;
use acre_model::fleet::{AgentView, Readiness};

impl From<AgentView> for v1::AgentView {
    fn from(agent: AgentView) -> Self {
        let AgentView { id, capability, readiness, busy, connected_at } = agent;
        let readiness = match readiness {
            Readiness::Ready => v1::Readiness::Ready,
            Readiness::Draining => v1::Readiness::Draining,
            Readiness::EngineDown => v1::Readiness::EngineDown,
            Readiness::Disconnected => v1::Readiness::Disconnected,
        };
        Self {
            id: id.to_string(),
            capability: Some(capability.into()),
            readiness: readiness.into(),
            busy,
            connected_at: connected_at.map(Into::into),
        }
    }
}

impl TryFrom<v1::AgentView> for AgentView {
    type Error = Invalid;

    fn try_from(wire: v1::AgentView) -> Result<Self, Invalid> {
        let readiness = match wire.readiness() {
            v1::Readiness::Unspecified => return Err(Invalid::missing("agent.readiness")),
            v1::Readiness::Ready => Readiness::Ready,
            v1::Readiness::Draining => Readiness::Draining,
            v1::Readiness::EngineDown => Readiness::EngineDown,
            v1::Readiness::Disconnected => Readiness::Disconnected,
        };
        Ok(Self {
            id: parsed("agent.id", &wire.id)?,
            capability: wire.capability.ok_or_else(|| Invalid::missing("agent.capability"))?.try_into()?,
            readiness,
            busy: wire.busy,
            connected_at: wire.connected_at.map(Into::into),
        })
    }
}
