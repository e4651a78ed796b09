//! `acre show`: a run, its units, and what it left.

use super::{attend::report, print_as, resolve};
use crate::{
    args::ShowArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now, render,
};
use acre_model::{report::Report, run::RunView};
use serde::Serialize;

/// What programs get.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    run: RunView,
    /// Absent until the run is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
}

/// Shows the run; where it is over, its report too.
pub(super) async fn show(wish: &Wish, args: ShowArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    let id = resolve(&farm, &args.run).await?;
    let run = farm.get(&id, true).await?;
    let report = report(&farm, &run).await;
    let shown = Shown { run, report };
    print_as(args.format, &shown, || {
        let report = shown.report.as_ref().map(render::report::show).unwrap_or_default();
        render::run::show(&shown.run, now()) + &report
    })?;
    Ok(ExitCode::Success)
}
