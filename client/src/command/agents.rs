//! `acre agents`: the fleet, and taking an agent out of it.

use super::{farm::print_token, print_as};
use crate::{
    args::{AgentsArgs, AgentsCommand},
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now,
    render::agents,
};
use acre_model::joining::Admits;

/// Lists the agents, after one was drained or given work again where that is asked for.
pub(super) async fn agents(wish: &Wish, args: AgentsArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    if let Some(AgentsCommand::Token { pool, ttl }) = args.command {
        print_token(
            &farm.create_token(Admits::Agent(pool), ttl).await?,
            "acre-agent --farm https://HOST:PORT --token-file FILE",
        )?;
        return Ok(ExitCode::Success);
    }
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
