//! `acre completion`: a script that teaches a shell the command line.

use super::print;
use crate::{
    args::{Cli, CompletionArgs},
    error::Error,
    exit_code::ExitCode,
};

/// Prints the script.
pub(super) fn completion(args: &CompletionArgs) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::described(), "acre", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Success)
}
