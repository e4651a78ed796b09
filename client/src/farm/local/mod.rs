//! The farm of this machine: a scheduler and an agent as background processes of one user (design: "Farm on one
//! machine"). What runs is known by a record per process; starting and stopping happens under a lock.

mod error;
mod launch;
mod machine;
mod parts;
pub mod paths;
mod process;
mod record;

pub use error::LocalError;
pub use launch::launcher;
pub use machine::find;
pub use parts::{IDLE_STOP, IdleStop, Part};

use crate::{
    error::Error,
    farm::{Address, FarmClient},
};
use acre_model::{ids::ProjectName, poll::PollInterval};
use machine::make_folder;
use parts::{Start, started_line};
use paths::Home;
use process::{HERE, Process};
use record::Record;
use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The version of this client, and of the scheduler and agent that belong to it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long another `acre` may take to start or stop the farm.
const LOCK: Duration = Duration::from_secs(150);
/// How long draining may take before the user is told what is waited for.
const QUIET: Duration = Duration::from_secs(1);
/// How long cancelling what runs may take before the farm is stopped all the same.
const CANCEL: Duration = Duration::from_secs(60);
/// How long a drained process may take to end before it is told again, and how long then.
const END: Duration = Duration::from_secs(15);
const END_AT_ONCE: Duration = Duration::from_secs(5);

/// How a farm shall be started, if it does not run.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whether it stops by itself.
    pub idle_stop: IdleStop,
    /// The engine of its agent; `None`: that of the environment.
    pub engine: Option<String>,
    /// Where it listens for webhooks; `None`: nowhere.
    pub hooks: Option<String>,
    /// How often it asks registries; `None`: as often as it does by itself.
    pub poll: Option<PollInterval>,
}

impl Default for Wanted {
    /// As any command starts it that needs one.
    fn default() -> Self {
        Self { idle_stop: IdleStop::WhenIdle, engine: None, hooks: None, poll: None }
    }
}

/// The farm of this machine, running or not.
#[derive(Clone, Debug)]
pub struct LocalFarm {
    home: Home,
}

impl LocalFarm {
    /// The farm whose files are there.
    pub const fn new(home: Home) -> Self {
        Self { home }
    }

    /// Where its files are.
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Where it listens, or would.
    pub fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.running_socket().unwrap_or_else(|| self.home.socket().to_owned())
    }

    /// Where it listens, if any part of it runs. That is where it was started to listen, whatever this process's
    /// environment says.
    pub fn running_socket(&self) -> Option<PathBuf> {
        self.running_start().map(|start| start.socket)
    }

    /// Whether the farm that runs stops by itself.
    pub fn idle_stop(&self) -> Option<IdleStop> {
        self.running_start().map(|start| start.idle_stop)
    }

    /// The number of the process that is this part, if it runs.
    pub fn pid(&self, part: Part) -> Option<i32> {
        self.running(part).map(|record| record.identity.pid())
    }

    /// The file with the messages of a part.
    pub fn log(&self, part: Part) -> PathBuf {
        self.home.state().join(format!("{}.log", part.word()))
    }

    /// The folder with the data of a part.
    pub fn data(&self, part: Part) -> PathBuf {
        self.home.state().join(part.word())
    }

    /// Starts what does not run, and waits until it is ready. A farm of an older version is restarted first, if it is
    /// idle. Returns lines for the user that say what was done; none where the farm was up.
    pub async fn ensure_up(self, wanted: Wanted) -> Result<(Self, Vec<String>), Error> {
        can_be_here()?;
        let Wanted { idle_stop, engine, hooks, poll } = wanted;
        if self.missing().is_empty() && !self.is_older() {
            return Ok((self, Vec::new()));
        }
        let _lock = self.lock().await?;
        let mut told = Vec::new();
        if let Some(line) = self.restart_if_older().await? {
            told.push(line);
        }
        let missing = self.missing();
        let start = self.running_start().unwrap_or_else(|| Start {
            socket: self.home.socket().to_owned(),
            idle_stop,
            engine: engine.or_else(engine_from_env),
            hooks,
            poll,
        });
        self.start_parts(missing, &start).await?;
        if !missing.is_empty() {
            told.push(started_line(missing, idle_stop));
        }
        Ok((self, told))
    }

    /// Finishes what runs (with `now`: cancels it) and stops the farm. Returns one line that says what was done.
    pub async fn down(&self, now: bool) -> Result<String, Error> {
        if self.running_socket().is_none() {
            return Ok("no farm runs on this machine".to_owned());
        }
        let _lock = self.lock().await?;
        let canceled = match (self.running(Part::Scheduler), now) {
            (None, _) => 0,
            (Some(scheduler), now) => match self.drain(&scheduler, now).await {
                Err(_) if now => 0,
                drained => drained?,
            },
        };
        self.stop_parts().await;
        Ok(match canceled {
            0 => "stopped the farm of this machine".to_owned(),
            canceled => format!("stopped the farm of this machine; {canceled} runs were canceled"),
        })
    }

    fn running(&self, part: Part) -> Option<Record> {
        Record::read(&self.record(part)).filter(|record| record.identity.is_alive())
    }

    /// How the parts that run were started.
    fn running_start(&self) -> Option<Start> {
        [Part::Scheduler, Part::Agent].into_iter().find_map(|part| self.running(part)).map(|record| record.start)
    }

    fn record(&self, part: Part) -> PathBuf {
        self.home.state().join(format!("{}.pid", part.word()))
    }

    /// The parts that do not run, in the order in which they are started.
    fn missing(&self) -> &'static [Part] {
        match (self.running(Part::Scheduler).is_some(), self.running(Part::Agent).is_some()) {
            (true, true) => &[],
            (false, true) => &[Part::Scheduler],
            (true, false) => &[Part::Agent],
            (false, false) => &[Part::Scheduler, Part::Agent],
        }
    }

    /// Whether the farm was started by an older client than this.
    fn is_older(&self) -> bool {
        self.running(Part::Scheduler).is_some_and(|scheduler| is_older(&scheduler.version, VERSION))
    }

    async fn restart_if_older(&self) -> Result<Option<String>, Error> {
        let Some(scheduler) = self.running(Part::Scheduler).filter(|running| is_older(&running.version, VERSION))
        else {
            return Ok(None);
        };
        if !is_idle(&connect(&scheduler).await?).await? {
            let line =
                format!("the farm of this machine ({}) is older than acre ({VERSION}) and busy", scheduler.version);
            return Ok(Some(line));
        }
        self.drain(&scheduler, false).await?;
        self.stop_parts().await;
        Ok(Some(format!("restarted the farm of this machine: it was {}, acre is {VERSION}", scheduler.version)))
    }

    async fn drain(&self, scheduler: &Record, now: bool) -> Result<u32, Error> {
        let farm = connect(scheduler).await?;
        let stop = farm.stop(now);
        tokio::pin!(stop);
        if now {
            let why = format!("it has not stopped after {} seconds", CANCEL.as_secs());
            let silent = LocalError::Silent { pid: scheduler.identity.pid(), why };
            return tokio::time::timeout(CANCEL, stop).await.unwrap_or(Err(silent.into()));
        }
        if let Ok(stopped) = tokio::time::timeout(QUIET, &mut stop).await {
            return stopped;
        }
        crate::tell("waiting for what runs; `acre down --now` cancels it");
        stop.await
    }

    /// Starts parts one after the other. If one does not come up, those before it are stopped again.
    async fn start_parts(&self, parts: &[Part], start: &Start) -> Result<(), LocalError> {
        for (index, part) in parts.iter().enumerate() {
            if let Err(error) = self.start(*part, start).await {
                for part in &parts[..=index] {
                    self.stop_part(*part).await;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn start(&self, part: Part, start: &Start) -> Result<(), LocalError> {
        let program = find(part.program())?;
        make_folder(&self.data(part))?;
        make_folder(start.socket.parent().unwrap_or(Path::new("/")))?;
        let log = self.log(part);
        let what = || format!("cannot start {}", program.display());
        let launched =
            launch::launch(&program, &start.arguments(part, &self.data(part)), parts::environment(part), &log)
                .map_err(LocalError::system(what()))?;
        let record = Record { identity: launched.identity.clone(), start: start.clone(), version: VERSION.to_owned() };
        record.write(&self.record(part)).map_err(LocalError::system("cannot record a process"))?;
        let not_ready = |why| LocalError::NotReady { program: part.program(), why, log: log.display().to_string() };
        launched.ready().await.map_err(not_ready)
    }

    /// The agent first, so that the scheduler still hears of its end.
    async fn stop_parts(&self) {
        self.stop_part(Part::Agent).await;
        self.stop_part(Part::Scheduler).await;
    }

    async fn stop_part(&self, part: Part) {
        if let Some(process) = self.running(part).and_then(|record| record.identity.open()) {
            end(&process).await;
        }
        let _ = fs::remove_file(self.record(part));
    }

    /// Keeps other `acre`s from starting and stopping until the file is dropped.
    async fn lock(&self) -> Result<File, LocalError> {
        make_folder(self.home.state())?;
        let path = self.home.lock();
        let what = format!("cannot lock {}", path.display());
        let file = File::options().create(true).append(true).open(&path).map_err(LocalError::system(what.clone()))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(why)) => return Err(LocalError::System { what, why }),
            Err(TryLockError::WouldBlock) => {}
        }
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
        let locked = tokio::time::timeout(LOCK, locked).await.map_err(|_| LocalError::Locked)?;
        locked.unwrap_or_else(|panic| Err(io::Error::other(panic))).map_err(LocalError::system(what))
    }
}

/// Whether this machine can have a farm of its own; the error says what to do where it cannot.
pub fn can_be_here() -> Result<(), LocalError> {
    if HERE { Ok(()) } else { Err(LocalError::NotHere) }
}

/// Asks a process to end, then tells it, then makes it.
async fn end(process: &Process) {
    for limit in [END, END_AT_ONCE] {
        process.terminate();
        if process.ended_within(limit).await {
            return;
        }
    }
    process.kill();
    process.ended_within(END_AT_ONCE).await;
}

async fn connect(scheduler: &Record) -> Result<FarmClient, LocalError> {
    let socket = &scheduler.start.socket;
    let connected = FarmClient::connect(super::LOCAL.to_owned(), socket, ProjectName::default(), None).await;
    connected.map_err(|why| LocalError::Silent { pid: scheduler.identity.pid(), why: why.to_string() })
}

/// Whether nothing runs and nothing waits.
async fn is_idle(farm: &FarmClient) -> Result<bool, Error> {
    let busy = farm.fleet().await?.agents.iter().any(|agent| agent.busy > 0);
    Ok(!busy && farm.list(1000).await?.iter().all(|run| run.status.is_final()))
}

/// Whether version `a` is older than `b`, by their three numbers; what is no version is not older.
fn is_older(a: &str, b: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let core = version.split(['-', '+']).next()?;
        core.split('.').map(|number| number.parse().ok()).collect()
    };
    numbers(a).zip(numbers(b)).is_some_and(|(a, b)| a < b)
}

/// The engine that `DOCKER_HOST` names, as far as an agent can use it; else the agent knows where to look.
fn engine_from_env() -> Option<String> {
    env::var("DOCKER_HOST").ok().filter(|host| host.starts_with("unix://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let table = [
            ("0.1.0", "0.1.0", false),
            ("0.1.9", "0.1.10", true),
            ("0.2.0", "0.1.9", false),
            ("0.9.0", "1.0.0", true),
            ("1.0.0-rc.1", "1.0.1", true),
            ("unknown", "1.0.0", false),
        ];
        for (a, b, expected) in table {
            assert_eq!(is_older(a, b), expected, "{a} older than {b}");
        }
    }
}
