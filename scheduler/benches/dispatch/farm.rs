//! The scheduler: the real program, with its records in etcd and everything else in a folder that goes with it.

use crate::{LIMIT, bounded, etcd::Etcd};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::{fs, fs::File, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    time::Instant,
};
use tonic::transport::{Channel, Endpoint};

/// Between two looks whether the scheduler listens.
const LOOK: Duration = Duration::from_millis(20);

/// A scheduler that works.
pub(crate) struct Farm {
    folder: TempDir,
    etcd: Etcd,
    scheduler: Child,
}

/// A session is a connection: more of them than a process has files by default. What this one starts may open as many.
pub(crate) fn open_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("a limit may be raised to its maximum");
}

impl Farm {
    /// Starts it, and waits until it listens.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let etcd = Etcd::of_this_bench().await;
        let log = File::create(folder.path().join("log")).expect("a file can be made");
        let place = |name: &str| folder.path().join(name).display().to_string();
        let listen = format!("unix:{}", place("farm.sock"));
        let scheduler = Command::new(env!("CARGO_BIN_EXE_acre-scheduler"))
            .args(["--data", &place("data"), "--listen", &listen, "--store", &etcd.address()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the scheduler starts");
        let mut farm = Self { folder, etcd, scheduler };
        farm.listens().await;
        farm
    }

    async fn listens(&mut self) {
        let (mut looks, until) = (tokio::time::interval(LOOK), Instant::now() + LIMIT);
        while UnixStream::connect(self.folder.path().join("farm.sock")).await.is_err() {
            looks.tick().await;
            let goes_on = self.scheduler.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < until;
            assert!(goes_on, "the scheduler does not listen:\n{}", self.log());
        }
    }

    /// What the scheduler has said.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Channel {
        let address = format!("unix:{}", self.folder.path().join("farm.sock").display());
        Endpoint::from_shared(address).expect("it is an address").connect_lazy()
    }

    /// Processor time that the scheduler has used, in seconds (proc(5): `utime` and `stime` of `stat`, in hundredths).
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let pid = self.scheduler.id().expect("the scheduler goes on");
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process has a stat");
        let (_, after_name) = stat.rsplit_once(')').expect("a stat has a name in parentheses");
        let fields = after_name.split_whitespace().skip(11).take(2);
        fields.map(|ticks| ticks.parse::<f64>().expect("a stat has numbers")).sum::<f64>() / 100.0
    }

    /// Stops it, and removes what it stored.
    pub(crate) async fn stop(mut self) {
        let pid = self.scheduler.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).expect("the scheduler goes on");
        kill_process(pid, Signal::TERM).expect("the scheduler can be told to stop");
        let ended = bounded("the scheduler stops", self.scheduler.wait()).await.expect("it has been started here");
        assert!(ended.success(), "the scheduler ended with {ended}:\n{}", self.log());
        self.etcd.clear().await;
    }
}
