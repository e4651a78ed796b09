//! An archive on standard input: unpacked here, by the one strict reader, and then a tree as any other.

use super::send::{Local, fault};
use crate::error::Error;
use acre_tree::{
    Cache,
    tar::{Limits, Policy, unpacked, untar},
};
use std::io::{self, IsTerminal, Read};

/// What an archive's headers may take besides its files, in bytes: two blocks for each entry there may be.
const HEADERS: u64 = 1 << 30;

/// Unpacks standard input, plain or compressed, into a folder for temporary files.
pub(super) async fn unpack_stdin() -> Result<Local, Error> {
    if io::stdin().is_terminal() {
        let why = "source `-`: there is a terminal on standard input, and no archive; pipe one in, as in `tar c . |`";
        return Err(Error::Usage(why.to_owned()));
    }
    let unpacked = tokio::task::spawn_blocking(|| unpack(io::stdin())).await;
    unpacked.map_err(|_| Error::Usage("reading was given up, since the program is ending".to_owned()))?
}

fn unpack(from: impl Read + Send + 'static) -> Result<Local, Error> {
    let of_archive = |why: &dyn std::fmt::Display| Error::Usage(format!("standard input as source: {why}"));
    let folder = tempfile::tempdir().map_err(Error::file("cannot unpack standard input"))?;
    // Nothing may be dropped while it is unpacked.
    let cache = Cache::open(folder.path(), u64::MAX).map_err(|why| fault(&why))?;
    let content = unpacked(from, Limits::default().bytes + HEADERS).map_err(|why| of_archive(&why))?;
    let tree = untar(content, &cache, "", Policy::Foreign, Limits::default());
    let tree = tree.map_err(|why| of_archive(&fault(&why)))?.tree;
    if tree.totals().files == 0 {
        return Err(of_archive(&"there is no file in it"));
    }
    Ok(Local { tree, _unpacked: Some(folder) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_is_told() {
        for (bytes, expected) in
            [(&b""[..], "without its end mark"), (&b"steps: []\n"[..], "standard input as source: ")]
        {
            let found = unpack(bytes).unwrap_err().to_string();
            assert!(found.contains(expected), "{bytes:?}: {found}");
        }
    }
}
