//! `acre down`: stops the farm of this machine.

use super::print;
use crate::{
    args::DownArgs,
    error::Error,
    exit_code::ExitCode,
    farm::local::{LocalFarm, paths::Home},
};

/// Lets what runs finish, then stops the farm.
pub(super) async fn down(args: DownArgs) -> Result<ExitCode, Error> {
    let line = LocalFarm::new(Home::from_env()?).down(args.now).await?;
    print(&format!("{line}\n"))?;
    Ok(ExitCode::Success)
}
