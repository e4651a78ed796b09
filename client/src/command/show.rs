//! `acre show`: a run, its units, and what it left.

use super::{attend::report, print, print_as, resolve};
use crate::{
    args::{Format, ShowArgs},
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now,
    render::{report as render, run},
};

/// Shows the run; where it is over, its report too. For programs the run alone while it lasts, then its report.
pub(super) async fn show(wish: &Wish, args: ShowArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    let id = resolve(&farm, &args.run).await?;
    let view = farm.get(&id, true).await?;
    let report = report(&farm, &view).await;
    match (args.format, &report) {
        (Format::Table, report) => {
            let mut text = run::show(&view, now());
            text.push_str(&report.as_ref().map(render::show).unwrap_or_default());
            print(&text)?;
        }
        (format, Some(report)) => print_as(format, report, String::new)?,
        (format, None) => print_as(format, &view, String::new)?,
    }
    Ok(ExitCode::Success)
}
