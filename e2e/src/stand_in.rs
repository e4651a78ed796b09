//! Engines that stand in for those of machines that are not there: the engine of the tests, which is made to look like
//! another. Containers run on the processor and under the emulators of this machine all the same.

use crate::{
    engine,
    proxy::{Request, find},
};
use serde_json::Value;
use std::{
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};
use tempfile::TempDir;

/// How an engine looks other than it is.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// As that of an arm64 machine.
    Arm64,
    /// As one whose emulator of arm64 is broken.
    BrokenArm64,
}

/// A way to the engine of the tests on which it looks like another.
pub struct StandIn {
    folder: TempDir,
}

impl StandIn {
    /// Says that its machine is one of arm64. What runs there for arm64 is emulated in truth; what it runs for amd64
    /// counts as emulated.
    pub fn for_arm64_machine() -> Self {
        Self::new(Look::Arm64)
    }

    /// Has an emulator of arm64 that gives up, as QEMU does that gets no memory: what acre tries it with ends with code 1.
    pub fn with_broken_arm64_emulator() -> Self {
        Self::new(Look::BrokenArm64)
    }

    fn new(look: Look) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let listener = UnixListener::bind(folder.path().join("engine.sock")).expect("a socket can be made");
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Who is let down here sees an engine that hangs up.
                thread::spawn(move || drop(serve(client, look)));
            }
        });
        Self { folder }
    }

    /// Where it is (`DOCKER_HOST`).
    pub fn address(&self) -> String {
        format!("unix://{}/engine.sock", self.folder.path().display())
    }
}

/// Carries out the one request of a connection.
fn serve(mut client: UnixStream, look: Look) -> io::Result<()> {
    let Some(mut request) = Request::read(&mut client)? else { return Ok(()) };
    let server = UnixStream::connect(engine::socket())?;
    let path = request.line().split('?').next().unwrap_or_default().to_owned();
    match look {
        Look::Arm64 if path.starts_with("GET ") && (path.ends_with("/info") || path.ends_with("/version")) => {
            return tell(client, server, &path, of_arm64);
        }
        Look::BrokenArm64 if path.ends_with("/images/create") && request.line().contains("fromSrc=-") => {
            request.read_body(&mut client)?;
            break_arm64(&mut request.body);
        }
        Look::Arm64 | Look::BrokenArm64 => {}
    }
    request.pass(client, server)
}

/// Answers with what the engine says, changed.
fn tell(mut client: UnixStream, mut server: UnixStream, line: &str, change: fn(&mut Value)) -> io::Result<()> {
    // HTTP/1.0: the answer is not chunked, and the connection ends with it.
    write!(server, "{line} HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let body = find(&answer, b"\r\n\r\n").map_or(&[][..], |head| &answer[head + 4..]);
    let mut told: Value = serde_json::from_slice(body)?;
    change(&mut told);
    let told = told.to_string();
    let length = told.len();
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{told}"
    )
}

/// What the engine of an arm64 machine says of it: the kernel's name in `/info`, Go's in `/version`.
fn of_arm64(told: &mut Value) {
    for (name, value) in [("Architecture", "aarch64"), ("Arch", "arm64")] {
        if told.get(name).is_some() {
            told[name] = value.into();
        }
    }
}

/// How a program for arm64 begins (System V ABI: 64 bits, little-endian, executable, machine 183).
const ARM64: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0";
/// Where its code begins: behind the header and that of its one segment.
const CODE: usize = 64 + 56;

/// mov x0, 1; mov x8, 93 (exit); svc 0
const GIVE_UP: [u32; 3] = [0xd280_0020, 0xd280_0ba8, 0xd400_0001];

/// Has a program for arm64 in this archive, which has more instructions than that, end with code 1.
fn break_arm64(archive: &mut [u8]) {
    let Some(begin) = find(archive, ARM64) else { return };
    let code = archive[begin + CODE..].chunks_exact_mut(4);
    code.zip(GIVE_UP).for_each(|(place, instruction)| place.copy_from_slice(&instruction.to_le_bytes()));
}
