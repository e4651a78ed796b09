//! What a run is one of, and what started it.

use super::{Invalid, parsed, parsed_or_none, shown, some};
use crate::v1::{self, origin};
use acre_model::origin::{Origin, Start};

impl From<Origin> for v1::Origin {
    fn from(Origin { task, cause }: Origin) -> Self {
        let start = match cause {
            Start::Manual => origin::Start::Manual(origin::Manual {}),
            Start::Commit { commit, branch, tag, provider } => origin::Start::Commit(origin::Commit {
                commit,
                branch: branch.unwrap_or_default(),
                tag: tag.unwrap_or_default(),
                provider: shown(provider.as_ref()),
            }),
            Start::PullRequest { number, commit, branch, provider } => {
                let provider = shown(provider.as_ref());
                origin::Start::PullRequest(origin::PullRequest { number, commit, branch, provider })
            }
            Start::ImageUpdate { image, digest } => {
                origin::Start::ImageUpdate(origin::ImageUpdate { image, digest: digest.to_string() })
            }
            Start::Timer { timer, at } => {
                origin::Start::Timer(origin::TimerFired { timer: timer.to_string(), at: Some(at.into()) })
            }
        };
        Self { task: shown(task.as_ref()), start: Some(start) }
    }
}

impl TryFrom<v1::Origin> for Origin {
    type Error = Invalid;

    fn try_from(wire: v1::Origin) -> Result<Self, Invalid> {
        // An older farm says nothing; its runs were all asked for.
        let start = wire.start.unwrap_or(origin::Start::Manual(origin::Manual {}));
        let cause = match start {
            origin::Start::Manual(_) => Start::Manual,
            origin::Start::Commit(origin::Commit { commit, branch, tag, provider }) => {
                let provider = parsed_or_none("origin.provider", &provider)?;
                Start::Commit { commit, branch: some(branch), tag: some(tag), provider }
            }
            origin::Start::PullRequest(origin::PullRequest { number, commit, branch, provider }) => {
                let provider = parsed_or_none("origin.provider", &provider)?;
                Start::PullRequest { number, commit, branch, provider }
            }
            origin::Start::ImageUpdate(origin::ImageUpdate { image, digest }) => {
                Start::ImageUpdate { image, digest: parsed("origin.digest", &digest)? }
            }
            origin::Start::Timer(origin::TimerFired { timer, at }) => {
                Start::Timer { timer: parsed("origin.timer", &timer)?, at: at.unwrap_or_default().into() }
            }
        };
        Ok(Self { task: parsed_or_none("origin.task", &wire.task)?, cause })
    }
}
