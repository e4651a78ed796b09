//! `acre man`: manual pages.

use super::print;
use crate::{
    args::{Cli, ManArgs},
    error::Error,
    exit_code::ExitCode,
};
use clap_mangen::Man;
use std::fs;

/// Prints the page of `acre`, or writes a page per command into a folder.
pub(super) fn man(args: &ManArgs) -> Result<ExitCode, Error> {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        Man::new(Cli::described()).render(&mut page)?;
        print(&String::from_utf8_lossy(&page))?;
        return Ok(ExitCode::Success);
    };
    let what = || format!("cannot write manual pages into {}", folder.display());
    fs::create_dir_all(folder).map_err(Error::file(what()))?;
    clap_mangen::generate_to(Cli::described(), folder).map_err(Error::file(what()))?;
    Ok(ExitCode::Success)
}
