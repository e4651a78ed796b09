//! `acre logs`: the log of a run, as it is stored or as it comes.

use super::resolve;
use crate::{
    args::LogsArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, FarmClient, Wish},
    follow::{Cursors, Follower, Logs, News, Seen},
    render::{
        lines::{Exact, Lines},
        view::reader,
    },
    system::Interrupts,
};
use acre_model::{
    ids::UnitId,
    log::{Followed, Stream},
    run::{RunView, UnitView},
    text::{clip, nearest},
};
use futures::StreamExt;
use std::io::{self, Stdout};
use tokio::sync::mpsc;

/// What may wait to be written.
const WAITING: usize = 64;

/// Where the log goes: lines of several units, or the bytes of one.
enum Out {
    Lines(Lines<Stdout>),
    Exact(Exact<Stdout>),
}

/// What is read of a run's log.
struct Reading {
    run: RunView,
    logs: Logs,
    cursors: Cursors,
    out: Out,
}

/// Prints the log.
pub(super) async fn logs(wish: &Wish, args: LogsArgs) -> Result<ExitCode, Error> {
    let farm = if args.follow { farm::connect(wish).await? } else { farm::connect_running(wish).await? };
    let id = resolve(&farm, &args.run).await?;
    let run = farm.get(&id, false).await?;
    let reading = reading(run, &args)?;
    if args.follow { follow(farm, reading).await } else { stored(&farm, reading).await }
}

fn reading(run: RunView, args: &LogsArgs) -> Result<Reading, Error> {
    let stdout = io::stdout();
    let reader = reader(&stdout);
    let Some(step) = &args.step else {
        let out = Out::Lines(Lines::new(stdout, reader));
        return Ok(Reading { run, logs: Logs::All, cursors: Cursors::default(), out });
    };
    let units = units_of(&run, step)?;
    let logs = Logs::Of(units.iter().map(|unit| unit.id).collect());
    let (cursors, out) = match units[..] {
        // The offset of a first attempt is one of its log; later attempts begin anew, so what lies before is skipped here.
        [unit] if unit.attempt <= 1 => {
            (Cursors::starting_at(unit.id, 1, args.offset), Out::Exact(Exact::new(stdout, reader, 0)))
        }
        [_] => (Cursors::default(), Out::Exact(Exact::new(stdout, reader, args.offset))),
        _ if args.offset > 0 => {
            let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
            return Err(Error::Usage(format!("--offset needs one unit; `{step}` has {}", names.join(", "))));
        }
        _ => (Cursors::default(), Out::Lines(Lines::new(stdout, reader))),
    };
    Ok(Reading { run, logs, cursors, out })
}

/// The units of a step, or the one of this name.
fn units_of<'a>(run: &'a RunView, step: &str) -> Result<Vec<&'a UnitView>, Error> {
    let found: Vec<&UnitView> =
        run.units.iter().filter(|unit| unit.step.as_str() == step || unit.name == step).collect();
    if found.is_empty() {
        let near = nearest(step, run.units.iter().map(|unit| unit.step.as_str()));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(Error::Usage(format!("run {} has no step `{}`{hint}", run.id, clip(step))));
    }
    Ok(found)
}

/// Writes what is stored.
async fn stored(farm: &FarmClient, mut reading: Reading) -> Result<ExitCode, Error> {
    let units: &[UnitId] = if let Logs::Of(units) = &reading.logs { units } else { &[] };
    let mut log = farm.logs(&reading.run.id, false, reading.cursors.list(), units).await?;
    while let Some(followed) = log.next().await {
        if let Followed::Frame { unit, attempt, frame } = followed? {
            let stream = frame.stream;
            match reading.cursors.take(unit, attempt, frame) {
                News::Next(data) | News::AfterGap { data, .. } => reading.out.push(unit, stream, &data)?,
                News::Nothing => {}
            }
        }
    }
    reading.out.finish()?;
    Ok(ExitCode::Success)
}

/// Writes what is stored and what comes, until the run is over or the user leaves.
async fn follow(farm: FarmClient, reading: Reading) -> Result<ExitCode, Error> {
    let Reading { run, logs, cursors, mut out } = reading;
    let mut interrupts = Interrupts::listen().map_err(Error::file("cannot listen for Ctrl-C"))?;
    let (sender, mut seen) = mpsc::channel(WAITING);
    let pump = Follower::new(farm, run.id, logs, cursors).pump(sender);
    tokio::pin!(pump);
    let mut ended = None;
    loop {
        tokio::select! {
            result = &mut pump, if ended.is_none() => ended = Some(result),
            item = seen.recv() => match item {
                Some(Seen::Log { unit, stream, data }) => out.push(unit, stream, &data)?,
                Some(Seen::Note(note)) => crate::tell(&note),
                Some(Seen::Run(_) | Seen::Status { .. }) => {}
                None => break,
            },
            () = interrupts.next() => {
                out.finish()?;
                return Ok(ExitCode::Interrupted);
            }
        }
    }
    out.finish()?;
    ended.unwrap_or(Ok(()))?;
    Ok(ExitCode::Success)
}

impl Out {
    fn push(&mut self, unit: UnitId, stream: Stream, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Lines(lines) => lines.push(unit, stream, data),
            Self::Exact(exact) => exact.push(data),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(lines) => lines.finish_all(),
            Self::Exact(exact) => exact.finish(),
        }
    }
}
