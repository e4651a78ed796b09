//! A process that outlives `acre` is in a session of its own (so that no Ctrl-C of this terminal reaches it), at
//! `/`, with its messages in a log file, and with a pipe on which it says that it is ready.
//!
//! The session must be made between fork and exec, which safe code cannot do in this process. So `acre` starts itself
//! under the word [`WORD`]; that process makes the session and then becomes the program.

use super::super::process::Identity;
use std::{
    env,
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, IntoRawFd},
        unix::{fs::OpenOptionsExt, process::CommandExt},
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::unix::pipe};

/// The first argument that turns `acre` into the launcher.
const WORD: &str = "__launch";
/// How long scheduler and agent may take until they are ready. The agent tries its engine's platforms before.
const READY: Duration = Duration::from_secs(60);
/// A log file larger than this is set aside before the next start, in bytes.
const LARGEST_LOG: u64 = 16 * 1024 * 1024;
/// What is read of a program's answer, in bytes.
const LONGEST_ANSWER: u64 = 4096;

/// A program that was started and has not yet said that it is ready.
pub(in super::super) struct Launched {
    /// Who it is.
    pub(in super::super) identity: Identity,
    ready: pipe::Receiver,
}

/// Starts `program` with its messages in the file `log`, and with a variable that the environment may have already.
pub(in super::super) fn launch(
    program: &Path,
    arguments: &[OsString],
    variable: Option<(&str, &str)>,
    log: &Path,
) -> io::Result<Launched> {
    if fs::metadata(log).is_ok_and(|data| data.len() > LARGEST_LOG) {
        fs::rename(log, log.with_extension("log.old"))?;
    }
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
    let (reader, writer) = io::pipe()?;
    let child = Command::new(env::current_exe()?)
        .arg(WORD)
        .arg(program)
        .args(arguments)
        .envs(variable.filter(|(name, _)| env::var_os(name).is_none()))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(log)
        .spawn()?;
    let identity = Identity::of(child.id())?;
    Ok(Launched { identity, ready: pipe::Receiver::from_owned_fd(reader.into())? })
}

impl Launched {
    /// Waits until the program is ready; the error is what it says instead.
    pub(in super::super) async fn ready(self) -> Result<(), String> {
        let mut answer = Vec::new();
        let read = self.ready.take(LONGEST_ANSWER);
        tokio::pin!(read);
        let line = async {
            while !answer.contains(&b'\n') && read.read_buf(&mut answer).await? > 0 {}
            io::Result::Ok(())
        };
        match tokio::time::timeout(READY, line).await {
            Err(_) => return Err(format!("it is not ready after {} seconds", READY.as_secs())),
            Ok(Err(why)) => return Err(why.to_string()),
            Ok(Ok(())) => {}
        }
        match String::from_utf8_lossy(&answer).lines().next() {
            Some("ready") => Ok(()),
            Some(answer) => Err(printable(answer.strip_prefix("error: ").unwrap_or(answer))),
            None => Err("it ended at once".to_owned()),
        }
    }
}

/// If `acre` was started as the launcher: becomes the program, or says on the pipe why not and returns.
pub fn launcher(arguments: impl IntoIterator<Item = OsString>) -> Option<()> {
    let mut arguments = arguments.into_iter().skip(1);
    arguments.next().filter(|word| word == WORD)?;
    let program = arguments.next()?;
    let why = become_program(&program, arguments);
    let _ = writeln!(io::stdout(), "error: cannot start {}: {why}", program.display());
    Some(())
}

/// Returns only where it fails.
fn become_program(program: &OsString, arguments: impl Iterator<Item = OsString>) -> io::Error {
    let prepare = || {
        rustix::process::setsid()?;
        // A number that exec leaves open, for the program to say on that it is ready.
        let ready = rustix::io::dup(io::stdout().as_fd())?;
        io::Result::Ok((ready, io::stderr().as_fd().try_clone_to_owned()?))
    };
    match prepare() {
        Ok((ready, log)) => Command::new(program)
            .args(arguments)
            .arg("--ready-fd")
            .arg(ready.into_raw_fd().to_string())
            .stdout(Stdio::from(log))
            .exec(),
        Err(why) => why,
    }
}
/// What a part says of itself, on one line. It is a program of acre's own, so all of it is shown.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}
