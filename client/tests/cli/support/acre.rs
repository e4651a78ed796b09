//! The real `acre` in an environment of its own. Every wait is bounded.

use super::farm::{Farm, Scenario};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// Longer than anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A home for `acre`, empty at first.
pub struct World {
    pub folder: TempDir,
    program: PathBuf,
}

impl Default for World {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), program: PathBuf::from(env!("CARGO_BIN_EXE_acre")) }
    }
}

impl World {
    /// With a copy of `acre` in a folder of its own, so that nothing stands beside it.
    pub fn with_lonely_acre() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bin/acre");
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_acre"), &program).unwrap();
        Self { folder, program }
    }

    /// A path in the home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the home.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A farm at `farm.sock` in the home.
    pub fn farm(&self, scenario: Scenario) -> Farm {
        Farm::listen(&self.path("farm.sock"), scenario)
    }

    /// `acre` with these words and nothing of this process's environment.
    pub fn acre(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("ACRE_HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// The same, for the farm at `farm.sock`.
    pub fn acre_on_farm(&self, words: &[&str]) -> Command {
        let mut command = self.acre(words);
        command.env("ACRE_FARM", format!("unix:{}", self.path("farm.sock").display()));
        command
    }

    /// A text with what differs from test to test left out.
    pub fn masked(&self, text: &str) -> String {
        let home = self.folder.path().canonicalize().unwrap();
        text.replace(home.to_str().unwrap(), "HOME").replace(self.folder.path().to_str().unwrap(), "HOME")
    }
}

/// Ends what the farm of this home left running.
impl Drop for World {
    fn drop(&mut self) {
        let left = ["scheduler.pid", "agent.pid"].iter().any(|name| self.path(name).exists());
        if left {
            let mut down = self.acre(&["down", "--now"]);
            drop(down.as_std_mut().output());
        }
    }
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs a command to its end.
pub async fn end(mut command: Command) -> Ended {
    timeout(LIMIT, command.output()).await.expect("acre ends in time").unwrap().into()
}

/// Runs a command to its end, with this on standard input.
pub async fn end_with_input(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that refuses its command line does not read.
    drop(stdin.write_all(input).await);
    drop(stdin);
    timeout(LIMIT, child.wait_with_output()).await.expect("acre ends in time").unwrap().into()
}

/// A command that is at work.
pub struct AtWork {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: String,
}

impl AtWork {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, seen: String::new() }
    }

    /// Waits until a line with this text is printed.
    pub async fn wait_for(&mut self, text: &str) {
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.seen.push_str(&line);
                self.seen.push('\n');
                if line.contains(text) {
                    return true;
                }
            }
            false
        };
        let found = timeout(LIMIT, found).await.unwrap_or(false);
        assert!(found, "`{text}` was not printed, but:\n{}", self.seen);
    }

    /// Sends what Ctrl-C sends.
    pub fn interrupt(&self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    }

    /// Nobody reads standard output any more. Returns how the command ends.
    pub async fn stop_reading(self) -> Ended {
        let Self { child, lines, seen } = self;
        drop(lines);
        let output = timeout(LIMIT, child.wait_with_output()).await.expect("acre ends in time").unwrap();
        Ended { stdout: seen, ..output.into() }
    }

    /// Waits for the end.
    pub async fn end(mut self) -> Ended {
        let rest = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.seen.push_str(&line);
                self.seen.push('\n');
            }
            let mut stderr = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
            Ended { code: self.child.wait().await.unwrap().code(), stdout: self.seen, stderr }
        };
        timeout(LIMIT, rest).await.expect("acre ends in time")
    }
}
