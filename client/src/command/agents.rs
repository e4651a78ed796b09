//! `acre agents`: the fleet, and taking an agent out of it.

use super::print_as;
use crate::{
    args::AgentsArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now,
    render::agents,
};

/// Lists the agents, after one was drained or given work again where that is asked for.
pub(super) async fn agents(wish: &Wish, args: AgentsArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    if let Some(agent) = &args.drain {
        farm.drain(agent, false).await?;
    }
    if let Some(agent) = &args.undrain {
        farm.drain(agent, true).await?;
    }
    let fleet = farm.fleet().await?;
    let table = if args.wide { agents::wide } else { agents::agents };
    print_as(args.format, &fleet.agents, || table(&fleet.agents, now()))?;
    Ok(ExitCode::Success)
}
