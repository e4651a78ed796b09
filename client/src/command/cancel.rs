//! `acre cancel`: asks for the end of a run.

use super::{print_as, resolve};
use crate::{
    args::CancelArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, FarmClient, Wish},
    follow::{Cursors, Follower, Logs, Seen},
    render::plain::verdict,
};
use acre_model::run::RunView;
use tokio::sync::mpsc;

/// Asks, and with `--wait` waits until the run is over. That it ends canceled is what was asked for: exit code 0.
pub(super) async fn cancel(wish: &Wish, args: CancelArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    let id = resolve(&farm, &args.run).await?;
    let mut run = farm.cancel(&id).await?;
    if args.wait && !run.status.is_final() {
        run = ended(farm, run).await?;
    }
    print_as(args.format, &run, || said(&run))?;
    Ok(ExitCode::Success)
}

fn said(run: &RunView) -> String {
    let line = if run.status.is_final() { verdict(run) } else { format!("Run ID: {} is being canceled", run.id) };
    format!("{line}\n")
}

/// The run once it is over.
async fn ended(farm: FarmClient, run: RunView) -> Result<RunView, Error> {
    let (out, mut seen) = mpsc::channel(1);
    let pump = Follower::new(farm, run.id.clone(), Logs::None, Cursors::default()).pump(out);
    let last = async {
        let mut last = run;
        while let Some(item) = seen.recv().await {
            if let Seen::Run(run) = item {
                last = *run;
            }
        }
        Ok(last)
    };
    let ((), run) = tokio::try_join!(pump, last)?;
    Ok(run)
}
