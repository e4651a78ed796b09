//! `acre-tidy`: reads the repository it is started in, prints what breaks a rule, and exits 1 if anything does.

mod gather;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use acre_tidy::{Finding, check};

const USAGE: &str = "acre-tidy         hold the repository around the current folder to its rules
                  exit code: 0 nothing found, 1 findings, 2 it could not be read";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(why) => {
            let _ = writeln!(io::stderr(), "error: {why:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    if env::args_os().len() > 1 {
        anyhow::bail!("no arguments are taken\n{USAGE}");
    }
    let tree = gather::tree()?;
    let findings = check(&tree);
    report(&findings, tree.files.len())?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Prints every finding on a line of its own, then how many there are.
fn report(findings: &[Finding], files: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    match findings.len() {
        0 => writeln!(out, "tidy: {files} files, no findings"),
        1 => writeln!(out, "1 finding"),
        many => writeln!(out, "{many} findings"),
    }
}
