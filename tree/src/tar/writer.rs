//! Writes a tree as a tar archive.

use super::BLOCK;
use crate::{cache::Pin, fetch::Snapshot};
use acre_model::{digest::Digest, tree::Node};
use bytes::Bytes;
use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Read, Write},
};
use tar::{EntryType, Header};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};

/// When every entry was changed last, in seconds since 1970: 2000-01-01. The same always, so that equal trees make equal
/// archives (engines leave times out of their cache keys), and late enough for zip archives, which begin in 1980.
pub const MODIFIED: u64 = 946_684_800;

/// Bytes of one item of the stream.
const ITEM: usize = 256 * 1024;

/// Items made ahead of the reader.
const AHEAD: usize = 4;

/// The archive of a tree, its paths below `prefix` (which ends in `/` unless it is empty): entries in the order of the
/// snapshot, modes as they are, everything owned by user and group 0. It is made on a thread of its own while it is
/// read; dropping it ends the thread.
pub fn stream(snapshot: Snapshot, prefix: &str) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
    let (items, stream) = mpsc::channel(AHEAD);
    let prefix = prefix.to_owned();
    tokio::task::spawn_blocking(move || {
        let written = write(BufWriter::with_capacity(ITEM, Items(&items)), &snapshot, &prefix);
        if let Err(error) = written {
            // Where nobody reads any more, nobody needs to know.
            items.blocking_send(Err(error)).ok();
        }
    });
    ReceiverStream::new(stream)
}

/// The stream as something to write to.
struct Items<'a>(&'a mpsc::Sender<io::Result<Bytes>>);

impl Write for Items<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(data)));
        sent.map(|()| data.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the archive, blocking.
pub(super) fn write(mut to: impl Write, snapshot: &Snapshot, prefix: &str) -> io::Result<()> {
    for (path, node) in &snapshot.entries {
        entry(&mut to, &format!("{prefix}{path}"), node, &snapshot.files)?;
    }
    // Two empty blocks end an archive.
    to.write_all(&[0; 2 * BLOCK])?;
    to.flush()
}

fn entry(to: &mut impl Write, path: &str, node: &Node, files: &HashMap<Digest, Pin>) -> io::Result<()> {
    match node {
        Node::Directory { mode, .. } => head(to, &format!("{path}/"), "", EntryType::Directory, *mode, 0),
        Node::Symlink { target } => head(to, path, target, EntryType::Symlink, 0o777, 0),
        Node::File { digest, size, mode } => {
            let pin = files.get(digest).filter(|pin| pin.size() == *size);
            let pin = pin.ok_or_else(|| io::Error::other(format!("content {digest} of `{path}` is not at hand")))?;
            head(to, path, "", EntryType::Regular, *mode, *size)?;
            let copied = io::copy(&mut File::open(pin.path())?.take(*size), to)?;
            if copied != *size {
                return Err(io::Error::other(format!("content {digest} of `{path}` was cut")));
            }
            pad(to, *size)
        }
    }
}

/// Writes an entry's header; what does not fit into it goes before it, as GNU tar does it, which every engine reads.
fn head(to: &mut impl Write, path: &str, target: &str, kind: EntryType, mode: u32, size: u64) -> io::Result<()> {
    let mut header = header(kind, mode, size);
    let names = header.as_gnu_mut().map(|header| (&mut header.name, &mut header.linkname));
    let (name, linkname) = names.ok_or_else(|| io::Error::other("not a GNU header"))?;
    for (text, field, long) in [(target, linkname, EntryType::GNULongLink), (path, name, EntryType::GNULongName)] {
        // A name may fill its field; a longer one is cut there, for readers that know no better.
        let fitting = text.len().min(field.len());
        field[..fitting].copy_from_slice(&text.as_bytes()[..fitting]);
        if text.len() > field.len() {
            long_name(to, text, long)?;
        }
    }
    header.set_cksum();
    to.write_all(header.as_bytes())
}

/// Writes a name that is too long for the header that follows.
fn long_name(to: &mut impl Write, text: &str, kind: EntryType) -> io::Result<()> {
    let size = text.len() as u64 + 1;
    let mut header = header(kind, 0o644, size);
    header.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
    header.set_cksum();
    to.write_all(header.as_bytes())?;
    to.write_all(text.as_bytes())?;
    to.write_all(&[0])?;
    pad(to, size)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MODIFIED);
    header
}

/// Fills the last block of `size` bytes.
fn pad(to: &mut impl Write, size: u64) -> io::Result<()> {
    let over = (size % BLOCK as u64) as usize;
    if over == 0 { Ok(()) } else { to.write_all(&[0; BLOCK][over..]) }
}
