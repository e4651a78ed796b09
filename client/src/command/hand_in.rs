//! Handing in a run and seeing it through: what `run` and `build` share.

use super::{
    attend::{Attended, attend},
    gather::gather,
    print, print_as,
    takers::{of_plan, takers},
};
use crate::{
    args::{Follow, Format, checked::Request},
    error::Error,
    exit_code::ExitCode,
    farm::{self, FarmClient, Wish},
    follow::Patience,
    now,
    render::{self, plain, view::View},
    source::{self, Choice},
    trace,
};
use acre_model::{
    report::Report,
    run::RunView,
    secret::Confidential,
    submission::{Source, Submission},
};
use acre_tree::{Packed, upload::Progress};
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    io,
    time::{Duration, Instant},
};
use tracing::Instrument as _;

/// How long handing in is tried while the farm does not answer.
const SUBMIT: Duration = Duration::from_secs(30);

/// Sends the source and hands in the run. While a local source is packed, the farm of this machine comes up.
pub(super) async fn hand_in(
    wish: &Wish,
    mut request: Request,
    view: &mut View,
) -> Result<(FarmClient, RunView), Error> {
    let registry = request.submission.registry.clone();
    let prepare = async {
        let local = source::pack(&request.source, &takers(&request)).await?;
        let gathered = gather(&mut request, local.as_ref().map(|local| &local.tree)).await?;
        Ok((local, gathered))
    };
    let prepare = prepare.instrument(trace::of_part("pack the source"));
    let connect = farm::connect(wish).instrument(trace::of_part("connect"));
    let (farm, (local, gathered)) = tokio::try_join!(connect, prepare)?;
    gathered.warnings.iter().for_each(|warning| view.note(&format!("warning: {warning}")));
    if let Some(local) = &local {
        send(&farm, &local.tree, registry.as_deref(), view).await?;
    }
    let source = match (&request.source, &local) {
        (Choice::Address(address), _) => Source::Address(address.clone()),
        (_, Some(local)) => Source::Tree(local.tree.root()),
        (_, None) => Source::None,
    };
    let submission = request.submission(wish.project.clone(), source, key()?);
    let run = submit(&farm, &submission, &gathered.confidential, view).await?;
    view.line(&plain::stamped(now(), &plain::queued(&run.id)))?;
    Ok((farm, run))
}

/// A source as it is on the farm: what is on this machine is sent there, with whatever a task may want of it.
pub(super) async fn placed(farm: &FarmClient, choice: &Choice, view: &mut View) -> Result<Source, Error> {
    if let Some(local) = source::pack(choice, &of_plan(None)).await? {
        send(farm, &local.tree, None, view).await?;
        return Ok(Source::Tree(local.tree.root()));
    }
    Ok(match choice {
        Choice::Address(address) => Source::Address(address.clone()),
        Choice::None | Choice::Folder(_) | Choice::Archive => Source::None,
    })
}

/// Sends what the farm misses. That it misses nothing is said too.
async fn send(farm: &FarmClient, tree: &Packed, registry: Option<&str>, view: &mut View) -> Result<(), Error> {
    let mut told = None;
    let progress = |progress: Progress| {
        if told.is_none() {
            told = Some(view.line(&plain::stamped(now(), &plain::sending(progress.total_bytes, registry))));
        }
        if progress.total_bytes > 0 {
            view.sent(progress.sent_bytes, progress.total_bytes);
        }
    };
    source::send(farm, tree, progress).instrument(trace::of_part("send the source")).await?;
    Ok(told.unwrap_or(Ok(()))?)
}

/// Hands in the run. If the answer is lost, asking again with the same key gives the same run.
async fn submit(
    farm: &FarmClient,
    submission: &Submission,
    confidential: &Confidential,
    view: &View,
) -> Result<RunView, Error> {
    let mut patience = Patience::of(SUBMIT);
    let mut is_told = false;
    loop {
        let error = match farm.submit(submission.clone(), confidential.clone()).await {
            Err(error @ Error::Unreachable { .. }) => error,
            answered => return answered,
        };
        let Some(wait) = patience.failed(Instant::now()) else { return Err(error) };
        if !std::mem::replace(&mut is_told, true) {
            view.note(&format!("{error}; trying for {} s", SUBMIT.as_secs()));
        }
        tokio::time::sleep(wait).await;
        farm.revive().await?.iter().for_each(|line| view.note(line));
    }
}

/// A key that no other submission has: 128 random bits in hexadecimal digits.
pub(super) fn key() -> Result<String, Error> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::file("cannot have random numbers")(io::ErrorKind::Other.into()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Follows the run as the command line wishes and tells how it ended; `after` gives further lines for the end.
pub(super) async fn follow(
    farm: &FarmClient,
    run: RunView,
    wish: &Follow,
    mut view: View,
    after: impl FnOnce(&RunView, Option<&Report>) -> Result<Vec<String>, Error>,
) -> Result<ExitCode, Error> {
    if wish.no_wait {
        view.finish()?;
        print_as(wish.format, &run, || format!("{}\n", run.id))?;
        return Ok(ExitCode::Success);
    }
    view.line(&plain::stamped(now(), plain::WAITING))?;
    let (run, report) = match attend(farm, run, wish, &mut view).await? {
        Attended::Over { run, report } => (run, report),
        Attended::Left => return Ok(ExitCode::Interrupted),
    };
    let mut lines = plain::ending(&run, report.as_ref());
    let at = run.ended_at.unwrap_or(run.submitted_at);
    let verdict = lines.pop();
    lines.extend(after(&run, report.as_ref())?.iter().map(|line| plain::stamped(at, line)));
    lines.extend(verdict);
    match (wish.format, &report) {
        (Format::Table, _) => print(&(lines.join("\n") + "\n"))?,
        (format, report) => {
            lines.iter().try_for_each(|line| view.line(line))?;
            let text = |json: bool| match (report, json) {
                (Some(report), true) => render::json(report),
                (Some(report), false) => render::yaml(report),
                (None, true) => render::json(&run),
                (None, false) => render::yaml(&run),
            };
            print(&text(format == Format::Json))?;
        }
    }
    Ok(ExitCode::of_run(run.status))
}
