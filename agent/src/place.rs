//! The agent's place in its farm: at a socket of its machine, or by a membership over the network.

use crate::system;
use acre_agent::{Clock, SystemClock, connect};
use acre_link::{FarmAddress, Membership, read_token};
use acre_model::{
    ids::{AgentId, PoolName},
    joining::{Identity, Joiner},
};
use anyhow::{Context, anyhow, bail};
use std::path::{Path, PathBuf};
use tonic::transport::Channel;

/// What the command line says about the farm.
pub(crate) struct Wish {
    pub(crate) farm: String,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) id: Option<AgentId>,
    pub(crate) pool: Option<PoolName>,
}

/// The agent's place in its farm.
pub(crate) struct Place {
    pub(crate) id: AgentId,
    pub(crate) pool: PoolName,
    /// The way to the farm; connects by itself.
    pub(crate) channel: Channel,
    /// On the network: what is to be renewed.
    pub(crate) membership: Option<Membership>,
}

/// Finds the place that is wished for; joins the farm if the agent has not, and has a token.
pub(crate) async fn place(wish: Wish, data: &Path) -> anyhow::Result<Place> {
    match wish.farm.strip_prefix("unix:") {
        Some(socket) => on_this_machine(socket, &wish),
        None => on_the_network(wish, &data.join("membership.json")).await,
    }
}

fn on_this_machine(socket: &str, wish: &Wish) -> anyhow::Result<Place> {
    if !system::HAS_SOCKETS {
        bail!("--farm {}: on Windows a farm is reached over the network; write https://HOST:PORT", wish.farm);
    }
    if wish.token_file.is_some() {
        bail!("--token-file is for a farm on the network, https://HOST:PORT; one at a socket needs no token");
    }
    let id = wish.id.clone().map_or_else(machine_name, Ok)?;
    let channel = connect(socket).map_err(|why| anyhow!("--farm {}: {why}", wish.farm))?;
    Ok(Place { id, pool: wish.pool.clone().unwrap_or_default(), channel, membership: None })
}

async fn on_the_network(wish: Wish, kept: &Path) -> anyhow::Result<Place> {
    let farm: FarmAddress = wish.farm.parse().context("--farm")?;
    let membership = member(&wish, &farm, kept).await?;
    let Identity::Agent { id, pool } = membership.identity() else {
        bail!("{} is a person's membership; give this agent another --data", kept.display());
    };
    if let Some(other) = wish.id.filter(|other| *other != id) {
        bail!(
            "this agent has joined as `{id}` and cannot be `{other}`; use --id {id}, or another --data and a new token"
        );
    }
    if let Some(other) = wish.pool.filter(|other| *other != pool) {
        bail!(
            "this agent has joined pool `{pool}` and cannot be in `{other}`; use --pool {pool}, or another --data and a \
             token made with --pool {other}"
        );
    }
    let channel = membership.channel();
    Ok(Place { id, pool, channel, membership: Some(membership) })
}

/// The membership that is kept, as long as it is good; else a new one, for the token.
async fn member(wish: &Wish, farm: &FarmAddress, kept: &Path) -> anyhow::Result<Membership> {
    let now = || SystemClock.now();
    let found = Membership::load(kept)?;
    match (found, &wish.token_file) {
        (Some(membership), _) if !membership.has_expired(now()) => {
            membership.moved_to(farm.clone())?;
            Ok(membership)
        }
        (found, Some(file)) => {
            let token = read_token(file).context("--token-file")?;
            // An agent that comes back after its time keeps its name.
            let earlier = found.map(|membership| membership.identity());
            let id = match (wish.id.clone(), earlier) {
                (Some(id), _) | (None, Some(Identity::Agent { id, .. })) => id,
                (None, _) => machine_name()?,
            };
            Ok(Membership::join(kept, farm, &token, Joiner::Agent(id), now).await?)
        }
        (Some(membership), None) => {
            let until = membership.credentials().expires_at.as_log_time();
            bail!(
                "the certificate of this agent expired at {until} UTC; join anew with a token of `acre agents token`"
            );
        }
        (None, None) => {
            bail!("this agent has not joined {farm}; give it a token of `acre agents token` with --token-file")
        }
    }
}

fn machine_name() -> anyhow::Result<AgentId> {
    system::machine_name().parse().context("the machine's name cannot name an agent; give --id")
}
