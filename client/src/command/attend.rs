//! Seeing a run through to its end, or leaving it when the user does.

use crate::{
    args::Follow,
    error::Error,
    farm::FarmClient,
    follow::{Cursors, Follower, Logs, Seen},
    now,
    render::{text::sentence, view::View},
    system::Interrupts,
};
use acre_model::{
    ids::RunId,
    report::Report,
    run::{RunStatus, RunView, UnitPhase},
};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a live view shows that time goes by.
const TICK: Duration = Duration::from_millis(200);
/// How long a run may wait for its first agent before the user is told why.
const EXPLAIN: Duration = Duration::from_secs(5);
/// How many reasons are told.
const REASONS: usize = 10;
/// What may wait to be shown.
const WAITING: usize = 64;

/// How looking at a run ended.
pub(super) enum Attended {
    /// It is over.
    Over {
        /// The run.
        run: RunView,
        /// Its report, if it could be had.
        report: Option<Report>,
    },
    /// The user left; it goes on.
    Left,
}

/// Shows a run until it is over. Ctrl-C leaves it, or, where that is wished for, cancels it first.
pub(super) async fn attend(farm: &FarmClient, run: RunView, wish: &Follow, view: &mut View) -> Result<Attended, Error> {
    let logs = if wish.no_logs { Logs::None } else { Logs::All };
    let mut interrupts = Interrupts::listen().map_err(Error::file("cannot listen for Ctrl-C"))?;
    let (out, mut seen) = mpsc::channel(WAITING);
    let pump = Follower::new(farm.clone(), run.id.clone(), logs, Cursors::default()).pump(out);
    tokio::pin!(pump);
    let mut tick = tokio::time::interval(TICK);
    let (mut last, mut ended, mut canceled) = (run, None, false);
    let explain = tokio::time::sleep(EXPLAIN);
    tokio::pin!(explain);
    let mut explained = false;
    loop {
        tokio::select! {
            result = &mut pump, if ended.is_none() => ended = Some(result),
            item = seen.recv() => match item {
                Some(item) => {
                    if let Seen::Run(run) = &item {
                        last = (**run).clone();
                    }
                    view.seen(item, now())?;
                    // What no agent of the fleet could take, the farm says at once.
                    let why = if explained { Vec::new() } else { reasons_in(&last) };
                    explained |= !why.is_empty();
                    why.iter().for_each(|reason| view.note(reason));
                }
                None => break,
            },
            () = interrupts.next() => {
                if !wish.cancel_on_interrupt || canceled {
                    view.finish()?;
                    crate::tell(&left(&last.id));
                    return Ok(Attended::Left);
                }
                canceled = true;
                view.note(&format!("canceling run {}; Ctrl-C again stops looking", last.id));
                farm.cancel(&last.id).await?;
            }
            () = &mut explain, if !explained => {
                explained = true;
                if last.status == RunStatus::Queued {
                    reasons(farm, &last.id).await.iter().for_each(|reason| view.note(reason));
                }
            }
            _ = tick.tick(), if view.is_live() => view.draw(now()),
        }
    }
    view.finish()?;
    ended.unwrap_or(Ok(()))?;
    let report = report(farm, &last).await;
    Ok(Attended::Over { run: last, report })
}

/// Why units of a run wait for an agent; nothing where the farm does not say.
async fn reasons(farm: &FarmClient, run: &RunId) -> Vec<String> {
    farm.get(run, true).await.map(|run| reasons_in(&run)).unwrap_or_default()
}

/// The reasons that a view of a run carries.
fn reasons_in(run: &RunView) -> Vec<String> {
    let mut lines = Vec::new();
    for unit in &run.units {
        if let UnitPhase::Queued(reasons) = &unit.phase {
            lines.extend(reasons.iter().map(|reason| format!("{} waits: {}", unit.name, sentence(reason))));
        }
    }
    lines.truncate(REASONS);
    lines
}

/// What the user can do about a run that goes on.
fn left(run: &RunId) -> String {
    format!("run {run} goes on; `acre logs -f {run}` looks again, `acre cancel {run}` ends it")
}

/// The report of a run that is over. That it cannot be had is told, and changes nothing about the run.
pub(super) async fn report(farm: &FarmClient, run: &RunView) -> Option<Report> {
    let digest = run.report.as_ref()?;
    match farm.report(digest).await {
        Ok(report) => Some(report),
        Err(why) => {
            crate::tell(&format!("the report of run {} cannot be had: {why}", run.id));
            None
        }
    }
}
