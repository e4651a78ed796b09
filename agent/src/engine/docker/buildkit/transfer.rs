//! The transfer of files in a session: fsutil's protocol (github.com/tonistiigi/fsutil, `send.go`). We tell every path
//! (STAT), are asked for contents by the number of the path (REQ), and send them in pieces (DATA, an empty one last), until
//! the other side has all it wants (FIN).

use super::services::Fault;
use crate::engine::{Content, EngineError};
use acre_model::digest::Digest;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat, packet::PacketType};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use std::{
    fs::File,
    io::{self, Read as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

/// Bytes of one piece of a file: the fastest of those measured between 32 KiB and 3 MiB.
const PIECE: usize = 256 << 10;

/// Files on their way at once, as BuildKit's own client has it.
const AT_ONCE: usize = 4;

/// Packets made ahead of the connection.
const AHEAD: usize = 8;

/// A path to tell of.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// What is told of it.
    pub(super) stat: Stat,
    /// Where its content is.
    pub(super) source: Source,
}

/// Where the content of a path is.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// It has none.
    Nothing,
    /// Here.
    Bytes(Bytes),
    /// Behind a digest.
    Content(Digest),
}

type Requests = ReceiverStream<Result<u32, Stop>>;

type Outgoing = mpsc::Sender<Result<Packet, Status>>;

/// The packets of one transfer, which ends when they are dropped.
pub(super) struct Packets {
    packets: mpsc::Receiver<Result<Packet, Status>>,
    _transfer: AbortOnDropHandle<()>,
}

impl Stream for Packets {
    type Item = Result<Packet, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.packets.poll_recv(cx)
    }
}

/// Sends files as they are asked for.
pub(super) fn send(
    files: Vec<Sent>,
    content: Arc<dyn Content>,
    asked: impl Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
    fault: Fault,
) -> Packets {
    let (out, packets) = mpsc::channel(AHEAD);
    // Each file is asked for once, so that whoever listens never waits for whoever answers.
    let (wanted, requests) = mpsc::channel(files.len().max(1));
    let listening = AbortOnDropHandle::new(tokio::spawn(listen(asked, files.len(), wanted)));
    let transfer = tokio::spawn(async move {
        let _listening = listening;
        let answering = answer(&files, &content, ReceiverStream::new(requests), &out);
        if let Err(Stop::Failed(why)) = tokio::try_join!(tell(&files, &out), answering) {
            let status = Status::internal(why.clone());
            fault.set(EngineError::Transfer(why)).ok();
            out.send(Err(status)).await.ok();
        }
    });
    Packets { packets, _transfer: AbortOnDropHandle::new(transfer) }
}

/// Why a transfer ends early.
enum Stop {
    /// The other side does not listen any more.
    Deaf,
    /// A content cannot be had.
    Failed(String),
}

async fn tell(files: &[Sent], out: &Outgoing) -> Result<(), Stop> {
    for file in files {
        put(out, Packet { stat: Some(file.stat.clone()), ..packet(PacketType::PacketStat) }).await?;
    }
    put(out, packet(PacketType::PacketStat)).await
}

async fn answer(files: &[Sent], content: &Arc<dyn Content>, requests: Requests, out: &Outgoing) -> Result<(), Stop> {
    requests.try_for_each_concurrent(AT_ONCE, |id| send_one(id, files, content, out)).await?;
    put(out, packet(PacketType::PacketFin)).await
}

/// Takes requests off the connection as they come, also while others are answered: thousands that wait there are taken
/// for an attack (h2's budget for small DATA frames), upon which the connection ends. A file that is asked for again, or
/// that there is not, ends the transfer, as it does with BuildKit's own client.
async fn listen(
    mut asked: impl Stream<Item = Result<Packet, Status>> + Unpin,
    files: usize,
    wanted: mpsc::Sender<Result<u32, Stop>>,
) {
    let mut open = vec![true; files];
    while let Some(heard) = asked.next().await {
        let heard = match heard.map(|packet| (packet.r#type(), packet.id)) {
            Ok((PacketType::PacketReq, id)) => take(&mut open, id),
            Ok((PacketType::PacketFin | PacketType::PacketErr, _)) => return,
            Ok(_) => continue,
            Err(_) => Err(Stop::Deaf),
        };
        let is_over = heard.is_err();
        if wanted.send(heard).await.is_err() || is_over {
            return;
        }
    }
}

/// Takes a file out of those that may still be asked for.
fn take(open: &mut [bool], id: u32) -> Result<u32, Stop> {
    let files = open.len();
    match usize::try_from(id).ok().and_then(|id| open.get_mut(id)).map(std::mem::take) {
        Some(true) => Ok(id),
        Some(false) => Err(Stop::Failed(format!("the engine asked for file {id} twice"))),
        None => Err(Stop::Failed(format!("the engine asked for file {id} of {files}"))),
    }
}

async fn send_one(id: u32, files: &[Sent], content: &Arc<dyn Content>, out: &Outgoing) -> Result<(), Stop> {
    match usize::try_from(id).ok().and_then(|id| files.get(id)) {
        Some(file) => send_file(id, file, content, out).await,
        None => Ok(()),
    }
}

async fn send_file(id: u32, file: &Sent, content: &Arc<dyn Content>, out: &Outgoing) -> Result<(), Stop> {
    match &file.source {
        Source::Nothing => {}
        Source::Bytes(bytes) => {
            for piece in bytes.chunks(PIECE) {
                put(out, data(id, piece.to_vec())).await?;
            }
        }
        Source::Content(digest) => {
            let failed = |error: io::Error| Stop::Failed(format!("{}: {error}", file.stat.path));
            let path = content.open(digest).await.map_err(failed)?;
            let (expected, out) = (file.stat.size, out.clone());
            // One thread for the whole file: going back and forth for every piece costs more than reading it.
            let read = tokio::task::spawn_blocking(move || {
                let sent = pieces(id, File::open(path).map_err(failed_read)?, &out)?;
                if i64::try_from(sent) == Ok(expected) { Ok(()) } else { Err(Cut::Read(changed(sent, expected))) }
            });
            match read.await.unwrap_or_else(|error| Err(failed_read(io::Error::other(error)))) {
                Ok(()) => {}
                Err(Cut::Deaf) => return Err(Stop::Deaf),
                Err(Cut::Read(error)) => return Err(failed(error)),
            }
        }
    }
    put(out, data(id, Vec::new())).await
}

/// Why the reading of a file ends early.
enum Cut {
    Deaf,
    Read(io::Error),
}

const fn failed_read(error: io::Error) -> Cut {
    Cut::Read(error)
}

fn changed(sent: u64, expected: i64) -> io::Error {
    io::Error::other(format!("it has {sent} bytes instead of {expected}"))
}

/// Sends a file in pieces; how many bytes it had.
fn pieces(id: u32, mut file: File, out: &Outgoing) -> Result<u64, Cut> {
    let mut sent = 0;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece).map_err(failed_read)?;
        if read == 0 {
            return Ok(sent);
        }
        sent += read as u64;
        out.blocking_send(Ok(data(id, piece))).map_err(|_| Cut::Deaf)?;
    }
}

async fn put(out: &Outgoing, packet: Packet) -> Result<(), Stop> {
    out.send(Ok(packet)).await.map_err(|_| Stop::Deaf)
}

fn packet(kind: PacketType) -> Packet {
    Packet { r#type: kind.into(), ..Packet::default() }
}

fn data(id: u32, data: Vec<u8>) -> Packet {
    Packet { id, data, ..packet(PacketType::PacketData) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, future::BoxFuture, stream};
    use std::path::PathBuf;

    struct Nowhere;

    impl Content for Nowhere {
        fn open<'a>(&'a self, _: &'a Digest) -> BoxFuture<'a, io::Result<PathBuf>> {
            async { Err(io::ErrorKind::NotFound.into()) }.boxed()
        }
    }

    fn request(id: u32) -> Packet {
        Packet { id, ..packet(PacketType::PacketReq) }
    }

    /// What is sent of two files upon these packets, after which the other side hangs up or says nothing more; and what
    /// the build is told.
    async fn sent(asked: Vec<Packet>) -> (Vec<String>, Option<String>) {
        let file = |content: &'static str| Sent { stat: Stat::default(), source: Source::Bytes(content.into()) };
        let fault = Fault::default();
        let asked = stream::iter(asked.into_iter().map(Ok));
        let packets = send(vec![file("one"), file("two")], Arc::new(Nowhere), asked, Arc::clone(&fault));
        let shown = packets.map(|packet| match packet {
            Ok(packet) => format!("{:?} {} {}", packet.r#type(), packet.id, String::from_utf8_lossy(&packet.data)),
            Err(status) => status.message().to_owned(),
        });
        let mut shown: Vec<String> = shown.filter(|said| std::future::ready(!said.contains("Stat"))).collect().await;
        // Two files at once may be in any order.
        shown.sort();
        (shown, fault.get().map(ToString::to_string))
    }

    #[tokio::test]
    async fn files_are_sent_as_they_are_asked_for() {
        let (sent, fault) = sent(vec![request(1), request(0), packet(PacketType::PacketFin)]).await;
        let data = ["PacketData 0 ", "PacketData 0 one", "PacketData 1 ", "PacketData 1 two", "PacketFin 0 "];
        assert_eq!((sent, fault), (data.map(str::to_owned).to_vec(), None));
    }

    #[tokio::test]
    async fn nothing_is_sent_that_is_not_asked_for() {
        assert_eq!(sent(Vec::new()).await, (vec!["PacketFin 0 ".to_owned()], None));
        assert_eq!(sent(vec![packet(PacketType::PacketErr)]).await.0, ["PacketFin 0 "]);
    }

    #[tokio::test]
    async fn a_file_that_is_asked_for_again_or_is_not_there_ends_it() {
        let forever = (0..100_000).map(|_| request(0)).collect();
        for (asked, expected) in [(forever, "file 0 twice"), (vec![request(2)], "file 2 of 2")] {
            let (sent, fault) = sent(asked).await;
            assert!(sent.iter().any(|said| said.contains(expected)), "{expected}: {sent:?}");
            assert!(fault.unwrap().contains(expected), "{expected}");
        }
    }

    #[tokio::test]
    async fn a_transfer_that_nobody_asks_anything_of_ends_with_its_listener() {
        let file = Sent { stat: Stat::default(), source: Source::Nothing };
        let silent = stream::pending::<Result<Packet, Status>>();
        let mut packets = send(vec![file; 1000], Arc::new(Nowhere), silent, Fault::default());
        assert!(packets.next().await.is_some());
        let transfer = packets._transfer.abort_handle();
        drop(packets);
        while !transfer.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}
