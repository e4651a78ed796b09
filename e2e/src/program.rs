//! Programs at work: what they say while they run, and what they said in the end.

use crate::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fmt,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// No program here takes longer.
const LIMIT: Duration = Duration::from_secs(60);
/// Characters of an output that a failed test shows.
const SHOWN: usize = 8000;

/// The program `acre`, `acre-scheduler` or `acre-agent` of the build that this test belongs to.
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test knows its own file");
    own.ancestors()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no `{name}` above {}: run `cargo build --workspace` first", own.display()))
}

/// What a program said, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line.
    pub command: String,
    /// Its exit code; 128 + n if signal n ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// A program at work. It is killed when this is dropped.
pub struct Running {
    command: String,
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

/// What a stream has brought so far, and the thread that reads on.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let sink = bytes.clone();
        let reader = thread::spawn(move || {
            let mut piece = [0; 64 * 1024];
            while let Ok(read @ 1..) = stream.read(&mut piece) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..read]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self) -> usize {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All of it: the writers have ended.
    fn all(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        self.so_far()
    }
}

impl Running {
    /// Starts a program whose standard input stays open until this is dropped.
    pub fn start(mut command: Command) -> Self {
        let words = command.get_args().map(|word| word.display().to_string()).collect::<Vec<_>>().join(" ");
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|why| panic!("cannot start {name}: {why}"));
        Self {
            command: format!("{name} {words}"),
            stdout: Collected::of(child.stdout.take().expect("it is piped")),
            stderr: Collected::of(child.stderr.take().expect("it is piped")),
            child,
        }
    }

    /// Starts a program that reads `input` from its standard input.
    pub fn start_with(command: Command, input: &str) -> Self {
        let mut running = Self::start(command);
        let mut stdin = running.child.stdin.take().expect("it is piped");
        let input = input.to_owned();
        // A program that does not read it may end before it is written.
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        running
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        signal_process(self.child.id(), signal);
    }

    /// Waits until it has said `text` on either stream; all that it has said until then.
    pub fn wait_for(&mut self, text: &str) -> String {
        let has_ended = wait::within(LIMIT, || match self.said() {
            said if said.contains(text) => Some(false),
            _ => self.has_ended().then_some(true),
        });
        if has_ended == Some(true) {
            // Its last words may still be on their way.
            self.stdout.all();
            self.stderr.all();
        }
        let said = self.said();
        assert!(said.contains(text), "`{}` does not say `{text}`:\n{}", self.command, clipped(&said));
        said
    }

    /// Waits until it has written `bytes` to standard output, or its end.
    pub fn wait_for_bytes(&mut self, bytes: usize) {
        let limit = format!("`{}` writes {bytes} bytes or ends", self.command);
        wait::until(&limit, LIMIT, || (self.has_ended() || self.stdout.count() >= bytes).then_some(()));
    }

    /// Waits for its end.
    pub fn end(self) -> Output {
        self.end_within(LIMIT)
    }

    /// Waits for its end, for at most `limit`.
    pub fn end_within(mut self, limit: Duration) -> Output {
        let status = wait::within(limit, || self.child.try_wait().expect("a child can be waited for"));
        let Some(status) = status else {
            panic!("`{}` has not ended within {limit:?}:\n{}", self.command, clipped(&self.said()));
        };
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Output {
            command: self.command.clone(),
            code: status.code().unwrap_or_else(|| 128 + signal.unwrap_or_default()),
            stdout: String::from_utf8_lossy(&self.stdout.all()).into_owned(),
            stderr: String::from_utf8_lossy(&self.stderr.all()).into_owned(),
        }
    }

    /// Waits for its end, which must be a good one; the bytes it has written to standard output.
    pub fn bytes(mut self) -> Vec<u8> {
        let status = wait::until("a program ends", LIMIT, || self.child.try_wait().expect("a child can be waited for"));
        assert!(status.success(), "`{}`: {status}: {}", self.command, clipped(&self.said()));
        self.stdout.all()
    }

    /// Kills it, and gives what it had written to standard output.
    pub fn kill(mut self) -> Vec<u8> {
        self.signal(Signal::KILL);
        self.child.wait().expect("a child can be waited for");
        self.stdout.all()
    }

    /// What it has said lately.
    pub fn last_words(&self) -> String {
        clipped(&self.said())
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    fn said(&self) -> String {
        let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
        format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, in most cases.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Output {
    /// Demands an exit code.
    #[track_caller]
    pub fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "exit code of {self}");
        self
    }

    /// Demands a text on either stream.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "`{text}` is not said by {self}");
        self
    }

    /// Demands several texts.
    #[track_caller]
    pub fn says_all(&self, texts: &[&str]) -> &Self {
        for text in texts {
            self.says(text);
        }
        self
    }

    /// Demands that a text is on neither stream.
    #[track_caller]
    pub fn says_not(&self, text: &str) -> &Self {
        assert!(!self.stdout.contains(text) && !self.stderr.contains(text), "`{text}` is said by {self}");
        self
    }

    /// The id of the run that was handed in.
    #[track_caller]
    pub fn run_id(&self) -> String {
        run_id(&format!("{}{}", self.stdout, self.stderr)).unwrap_or_else(|| panic!("no run was handed in by {self}"))
    }

    /// What the steps printed: the lines of standard output without acre's own, which begin with their time.
    pub fn printed(&self) -> Vec<&str> {
        self.stdout.lines().filter(|line| !is_notice(line)).collect()
    }
}

/// The id of the first run that a client says it has handed in.
pub fn run_id(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("Queued a run with ID: ")?;
    let (id, _) = rest.split_once('\n')?;
    Some(id.to_owned())
}

/// Whether a line of a log is one of acre's own: `YYYY/MM/DD HH:MM:SS …` (task language §11).
pub fn is_notice(line: &str) -> bool {
    let line = line.as_bytes();
    line.len() > 20 && line[4] == b'/' && line[7] == b'/' && line[10] == b' ' && line[13] == b':' && line[16] == b':'
}

/// Sends a signal to a process that may have ended.
pub fn signal_process(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process has a positive number");
    // It may have ended: then there is nothing to signal.
    let _ = kill_process(pid, signal);
}

/// Whether a process has ended, waited for by its parent or not.
pub fn has_ended(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // The state stands behind the name, which is in brackets and may hold anything (proc_pid_stat(5)).
    let is_leader_gone = stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']));
    // The first thread may end before the others, which still hold what the process has.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    is_leader_gone && threads <= 1
}

fn clipped(text: &str) -> String {
    let count = text.chars().count();
    if count <= SHOWN {
        return text.to_owned();
    }
    let half = SHOWN / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - half).collect();
    format!("{head}\n[… {} characters …]\n{tail}", count - SHOWN)
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, code, stdout, stderr } = self;
        write!(f, "`{command}`, exit code {code}\n--- stdout\n{}--- stderr\n{}", clipped(stdout), clipped(stderr))
    }
}
