//! `acre show`: a run, its units, and what it left.

use super::{attend::report, print_as, resolve};
use crate::{
    args::ShowArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now, render,
};

/// Shows the run; where it is over, its report too.
pub(super) async fn show(wish: &Wish, args: ShowArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    let id = resolve(&farm, &args.run).await?;
    let run = farm.get(&id, true).await?;
    let report = report(&farm, &run).await;
    print_as(args.format, &render::report::with_report(&run, report.as_ref()), || {
        let report = report.as_ref().map(render::report::show).unwrap_or_default();
        render::run::show(&run, now()) + &report
    })?;
    Ok(ExitCode::Success)
}
