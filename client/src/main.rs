//! The program `acre`.

use acre_client::{args::Cli, command, error::Error, exit_code::ExitCode, farm::local::launcher, trace};
use std::io::Write;

fn main() -> std::process::ExitCode {
    if launcher(std::env::args_os()).is_some() {
        return ExitCode::Usage.into();
    }
    let cli = Cli::of_process();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(why) => return ended(&format!("error: cannot start threads: {why}"), ExitCode::Usage),
    };
    let code = match runtime.block_on(traced(cli)) {
        Ok(code) => code.into(),
        Err(error) => ended(&error.shown().unwrap_or_default(), error.exit_code()),
    };
    // What may still block (a lock that another acre holds) must not keep the program from ending.
    runtime.shutdown_background();
    code
}

/// Does what the command line says; then the last spans are sent, if they go anywhere.
async fn traced(cli: Cli) -> Result<ExitCode, Error> {
    let exporter = trace::begin()?;
    let done = command::run(cli).await;
    if let Some(exporter) = exporter {
        exporter.finish().await;
    }
    done
}

fn ended(message: &str, code: ExitCode) -> std::process::ExitCode {
    if !message.is_empty() {
        // If nobody listens there, the exit code says it.
        let _ = writeln!(std::io::stderr(), "{message}");
    }
    code.into()
}
