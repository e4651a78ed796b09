//! The program `acre`.

use acre_client::{args::Cli, command, error::Error, exit_code::ExitCode, farm::local::launcher, trace};
use std::{io::Write, time::Duration};

/// How long the program waits for its own threads at its end. Idle ones end at once; one that blocks, as on a lock that
/// another acre holds, must not keep the program from ending. Without the wait, wine may kill a thread while it holds the
/// lock of the dynamic loader, for which the program's own end then waits.
const LAST_THREADS: Duration = Duration::from_millis(100);

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
    runtime.shutdown_timeout(LAST_THREADS);
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
