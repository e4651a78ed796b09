//! `acre list`: the runs of a project.

use super::print_as;
use crate::{
    args::ListArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now,
    render::run,
};

/// Lists the newest runs.
pub(super) async fn list(wish: &Wish, args: ListArgs) -> Result<ExitCode, Error> {
    let runs = farm::connect_running(wish).await?.list(args.limit).await?;
    print_as(args.format, &runs, || run::list(&runs, now()))?;
    Ok(ExitCode::Success)
}
