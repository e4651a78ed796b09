//! `acre up`: starts the farm of this machine.

use super::print;
use crate::{
    args::UpArgs,
    error::Error,
    exit_code::ExitCode,
    farm::local::{IdleStop, LocalFarm, Wanted, paths::Home},
};

/// Starts what does not run and waits until it is ready.
pub(super) async fn up(args: UpArgs) -> Result<ExitCode, Error> {
    let idle_stop = if args.idle_stop { IdleStop::WhenIdle } else { IdleStop::Never };
    let wanted = Wanted { idle_stop, engine: args.engine, hooks: args.hooks, poll: args.poll };
    let (farm, mut lines) = LocalFarm::new(Home::from_env()?).ensure_up(wanted).await?;
    if lines.is_empty() {
        let by_itself =
            if farm.idle_stop() == Some(IdleStop::WhenIdle) { "; it stops after 30 idle minutes" } else { "" };
        lines.push(format!("the farm of this machine runs already, at {}{by_itself}", farm.address()));
    }
    print(&(lines.join("\n") + "\n"))?;
    Ok(ExitCode::Success)
}
