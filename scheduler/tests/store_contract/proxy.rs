//! A connection to etcd that can be disturbed.

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What the proxy does with the connections that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Passes everything on.
    Open,
    /// Passes requests on, and no answers.
    LoseAnswers,
    /// Keeps requests, to pass them on later.
    KeepRequests,
    /// Passes nothing on, of new connections neither.
    Swallow,
    /// Ends all connections, and each new one.
    Refuse,
}

/// How the world is: the mode, and how many generations of connections have been broken off.
type World = (Mode, u64);

/// Passes connections on to an etcd.
pub(crate) struct Proxy {
    address: String,
    world: watch::Sender<World>,
    kept: Arc<Kept>,
}

/// Requests that were kept back.
#[derive(Default)]
struct Kept {
    is_whole: watch::Sender<bool>,
    /// The connection they came on, once it has ended on the client's side.
    late: Mutex<Option<Late>>,
}

/// The server's side of a connection, and what is still to be said on it.
struct Late {
    requests: Vec<u8>,
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Proxy {
    pub(crate) async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let proxy = Self { address, world: watch::Sender::new((Mode::Open, 0)), kept: Arc::default() };
        let (world, kept, target) = (proxy.world.clone(), proxy.kept.clone(), target.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(carry(client, server, world.subscribe(), kept.clone()));
            }
        });
        proxy
    }

    /// `HOST:PORT` at which it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn set(&self, mode: Mode) {
        self.world.send_modify(|world| world.0 = mode);
    }

    pub(crate) fn lose_answers(&self) {
        self.set(Mode::LoseAnswers);
    }

    pub(crate) fn keep_requests(&self) {
        self.set(Mode::KeepRequests);
    }

    pub(crate) fn swallow(&self) {
        self.set(Mode::Swallow);
    }

    pub(crate) fn refuse(&self) {
        self.world.send_modify(|(mode, generation)| (*mode, *generation) = (Mode::Refuse, *generation + 1));
    }

    /// Ends the connections that there are on the client's side; new ones are passed on.
    pub(crate) fn break_off(&self) {
        self.world.send_modify(|(mode, generation)| (*mode, *generation) = (Mode::Open, *generation + 1));
    }

    /// Resolves once a whole request was kept.
    pub(crate) async fn has_kept(&self) {
        self.kept.is_whole.subscribe().wait_for(|is_whole| *is_whole).await.unwrap();
    }

    /// Passes on what was kept, and waits until it was answered.
    pub(crate) async fn deliver(&self) {
        let late = self.kept.late.lock().unwrap().take();
        let Late { requests, mut read, mut write } = late.expect("a connection with kept requests was broken off");
        write.write_all(&requests).await.unwrap();
        while !ends_an_answer(&mut read).await {}
    }
}

/// Whether DATA with END_STREAM, the end of a request, is among these frames (RFC 9113 §4.1).
fn ends_a_request(mut frames: &[u8]) -> bool {
    while let Some((head, rest)) = frames.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some(after) = rest.get(length..) else { return false };
        if head[3] == 0 && head[4] & 1 == 1 {
            return true;
        }
        frames = after;
    }
    false
}

/// Reads one frame: whether it is HEADERS with END_STREAM, which are an answer's trailers.
async fn ends_an_answer(read: &mut OwnedReadHalf) -> bool {
    let mut head = [0; 9];
    read.read_exact(&mut head).await.expect("etcd answers");
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    read.read_exact(&mut vec![0; length as usize]).await.unwrap();
    head[3] == 1 && head[4] & 1 == 1
}

/// Carries one connection, until the world says otherwise.
async fn carry(client: TcpStream, server: TcpStream, mut world: watch::Receiver<World>, kept: Arc<Kept>) {
    let born = world.borrow().1;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut answered) = ([0; 65536], [0; 65536]);
    let mut requests = Vec::new();
    loop {
        let (mode, generation) = *world.borrow_and_update();
        if mode == Mode::Refuse || generation > born {
            break;
        }
        tokio::select! {
            changed = world.changed() => if changed.is_err() { break },
            read = from_client.read(&mut asked) => match (read, mode) {
                (Ok(0) | Err(_), _) => break,
                (Ok(count), Mode::KeepRequests) => {
                    requests.extend_from_slice(&asked[..count]);
                    kept.is_whole.send_modify(|is_whole| *is_whole |= ends_a_request(&requests));
                }
                (Ok(_), Mode::Swallow) => {}
                (Ok(count), _) => if to_server.write_all(&asked[..count]).await.is_err() { break },
            },
            read = from_server.read(&mut answered) => match (read, mode) {
                (Ok(0) | Err(_), _) => break,
                (Ok(count), Mode::Open | Mode::KeepRequests) => {
                    if to_client.write_all(&answered[..count]).await.is_err() { break }
                }
                (Ok(_), _) => {}
            },
        }
    }
    if !requests.is_empty() {
        // Before the client sees that the connection has ended.
        *kept.late.lock().unwrap() = Some(Late { requests, read: from_server, write: to_server });
    }
}
