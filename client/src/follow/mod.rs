//! Following a run to its end: its state and its log over connections that may break. A broken connection is made
//! again and goes on at the byte where it broke; the farm of this machine is brought up again if it died.

mod cursors;
mod patience;

pub use cursors::{Cursors, News};
pub use patience::Patience;

use crate::{
    error::Error,
    farm::{FarmClient, LogStream, RunStream},
};
use acre_model::{
    ids::{RunId, UnitId},
    log::{Followed, Stream},
    run::RunView,
};
use futures::StreamExt;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Without any answer of the farm for this long, following ends.
const GIVE_UP: Duration = Duration::from_secs(120);

/// What a follower sees.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The run, at first and after every change.
    Run(Box<RunView>),
    /// The next bytes of a unit's log.
    Log {
        /// The unit.
        unit: UnitId,
        /// Where they come from.
        stream: Stream,
        /// The bytes.
        data: Vec<u8>,
    },
    /// What a unit is at, in one line.
    Status {
        /// The unit.
        unit: UnitId,
        /// The line.
        text: String,
    },
    /// Something about the following itself, for the user: the connection was lost, is back, bytes are missing.
    Note(String),
}

/// What of a run is followed.
#[derive(Clone, Debug)]
pub struct Follower {
    farm: FarmClient,
    run: RunId,
    logs: Logs,
    cursors: Cursors,
    patience: Patience,
}

/// Which logs are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logs {
    /// None.
    None,
    /// Those of all units.
    All,
    /// Those of these units.
    Of(Vec<UnitId>),
}

/// How a pair of streams ended.
enum Ended {
    /// The run is over and its log has been read.
    Over,
    /// The connection broke.
    Broken(Error),
}

/// One connection's streams; `None`: ended as it should.
struct Streams {
    run: Option<RunStream>,
    log: Option<LogStream>,
    /// Whether the log was asked for again after the run's end was seen.
    log_is_complete: bool,
}

/// What one of the streams brought.
enum Item {
    Run(Option<Result<RunView, Error>>),
    Log(Option<Result<Followed, Error>>),
}

impl Follower {
    /// Follows `run` and its `logs`, from `cursors` on.
    pub const fn new(farm: FarmClient, run: RunId, logs: Logs, cursors: Cursors) -> Self {
        Self { farm, run, logs, cursors, patience: Patience::of(GIVE_UP) }
    }

    /// Sends what is seen until the run is over and its log has been read; stops early if nobody receives any more.
    pub async fn pump(mut self, out: mpsc::Sender<Seen>) -> Result<(), Error> {
        loop {
            let ended = match self.open().await {
                Ok(streams) => self.read(streams, &out).await?,
                Err(error) => Ended::Broken(error),
            };
            match ended {
                Ended::Over => return Ok(()),
                Ended::Broken(error) => self.wait(error, &out).await?,
            }
        }
    }

    async fn open(&self) -> Result<Streams, Error> {
        let run = Some(self.farm.watch(&self.run).await?);
        let log = if self.logs == Logs::None { None } else { Some(self.open_log(true).await?) };
        Ok(Streams { run, log_is_complete: log.is_none(), log })
    }

    async fn open_log(&self, follow: bool) -> Result<LogStream, Error> {
        let units: &[UnitId] = if let Logs::Of(units) = &self.logs { units } else { &[] };
        self.farm.logs(&self.run, follow, self.cursors.list(), units).await
    }

    /// Reads both streams until both have ended or one breaks.
    async fn read(&mut self, mut streams: Streams, out: &mpsc::Sender<Seen>) -> Result<Ended, Error> {
        let mut is_over = false;
        loop {
            let item = match (&mut streams.run, &mut streams.log) {
                (Some(run), Some(log)) => tokio::select! {
                    item = run.next() => Item::Run(item),
                    item = log.next() => Item::Log(item),
                },
                (Some(run), None) => Item::Run(run.next().await),
                (None, Some(log)) => Item::Log(log.next().await),
                (None, None) if streams.log_is_complete => return Ok(Ended::Over),
                // The log ended before the run's end was seen: a last look finds what came in between.
                (None, None) => match self.open_log(true).await {
                    Ok(log) => {
                        streams.log = Some(log);
                        streams.log_is_complete = true;
                        continue;
                    }
                    Err(error) => return Ok(Ended::Broken(error)),
                },
            };
            if item.is_answer() && !self.patience.is_calm() {
                self.patience.answered();
                note(out, "the farm answers again").await?;
            }
            match item {
                Item::Run(Some(Ok(run))) => {
                    is_over = run.status.is_final();
                    send(out, Seen::Run(Box::new(run))).await?;
                }
                Item::Log(Some(Ok(followed))) => self.log(followed, out).await?,
                Item::Run(Some(Err(error))) | Item::Log(Some(Err(error))) => return Ok(Ended::Broken(error)),
                Item::Run(None) if is_over => streams.run = None,
                Item::Run(None) => return Ok(Ended::Broken(self.ended_early())),
                Item::Log(None) => {
                    streams.log = None;
                    streams.log_is_complete |= is_over;
                }
            }
        }
    }

    async fn log(&mut self, followed: Followed, out: &mpsc::Sender<Seen>) -> Result<(), Error> {
        match followed {
            Followed::Status { unit, text } => send(out, Seen::Status { unit, text }).await,
            Followed::Frame { unit, attempt, frame } => {
                let stream = frame.stream;
                match self.cursors.take(unit, attempt, frame) {
                    News::Nothing => Ok(()),
                    News::Next(data) => send(out, Seen::Log { unit, stream, data }).await,
                    News::AfterGap { missing, data } => {
                        note(out, &format!("{missing} bytes of the log are missing here")).await?;
                        send(out, Seen::Log { unit, stream, data }).await
                    }
                }
            }
        }
    }

    /// After a failure: waits for the next try, or gives up. Brings the farm of this machine up again if it died.
    async fn wait(&mut self, error: Error, out: &mpsc::Sender<Seen>) -> Result<(), Error> {
        let Error::Unreachable { why, .. } = &error else { return Err(error) };
        if self.patience.is_calm() {
            note(out, &format!("the farm does not answer ({why}); trying again")).await?;
        }
        let Some(wait) = self.patience.failed(Instant::now()) else {
            let why = format!("{why}; the run goes on, `acre logs -f {run}` goes on looking", run = self.run);
            return Err(Error::Unreachable { farm: self.farm.name().to_owned(), why });
        };
        tokio::time::sleep(wait).await;
        for line in self.farm.revive().await? {
            note(out, &line).await?;
        }
        Ok(())
    }

    fn ended_early(&self) -> Error {
        let why = "it ended the connection before the run was over".to_owned();
        Error::Unreachable { farm: self.farm.name().to_owned(), why }
    }
}

impl Item {
    const fn is_answer(&self) -> bool {
        matches!(self, Self::Run(Some(Ok(_))) | Self::Log(Some(Ok(_))))
    }
}

async fn note(out: &mpsc::Sender<Seen>, line: &str) -> Result<(), Error> {
    send(out, Seen::Note(line.to_owned())).await
}

async fn send(out: &mpsc::Sender<Seen>, seen: Seen) -> Result<(), Error> {
    out.send(seen).await.map_err(|_| Error::OutputClosed)
}
