//! Reads tar archives, strictly: whatever two readers could understand differently is refused.
//!
//! Of the formats are read: ustar and the older one before it, GNU's long names and large numbers, and the records
//! `path`, `linkpath` and `size` of pax headers (others say nothing about content, and pass).

use super::BLOCK;
use crate::PATH;
use acre_model::text::clip;
use std::io::{self, Read};
use tar::{EntryType, Header};

/// The largest pax header, in bytes.
const PAX: u64 = 64 * 1024;

/// The most that may follow an archive's end, in bytes; writers fill up whole records.
const TRAILER: u64 = 1024 * 1024;

/// From this size on the header's octal field cannot hold it, so that only the pax record does.
const HEADER_SIZE_END: u64 = 1 << 33;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// It cannot be read.
    #[error("the archive cannot be read")]
    Io(#[source] io::Error),
    /// It ends too early.
    #[error("archive ends inside `{0}`")]
    Cut(String),
    /// It ends without an end.
    #[error("archive ends without its end mark; it was cut")]
    NoEnd,
    /// Not a tar archive, or a damaged one.
    #[error("the header after `{after}` is not one of a tar archive: {why}")]
    Header {
        /// The entry before it; empty at the beginning.
        after: String,
        /// What is wrong.
        why: String,
    },
    /// Readers differ about it.
    #[error("`{entry}`: {why}")]
    Ambiguous {
        /// The entry.
        entry: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// What an entry's headers say.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: EntryType,
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    /// Bytes of content that follow.
    pub(super) size: u64,
    pub(super) mode: u32,
}

/// What headers before an entry's own say about it.
#[derive(Debug, Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// An archive that is being read.
pub(super) struct Reader<R> {
    from: R,
    /// Bytes of the current entry's content, and of what fills its last block, that were not read yet.
    left: u64,
    padding: u64,
    /// The current entry, as it is shown.
    entry: String,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, left: 0, padding: 0, entry: String::new() }
    }

    /// The next entry; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extension = Extension::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return if extension.is_empty() { self.end() } else { Err(TarError::NoEnd) };
            };
            let size = self.checked(header.entry_size())?;
            self.content(size)?;
            match header.entry_type() {
                EntryType::GNULongName => self.set(|it| &mut it.path, &mut extension)?,
                EntryType::GNULongLink => self.set(|it| &mut it.link, &mut extension)?,
                EntryType::XHeader => self.pax(&mut extension)?,
                // Speaks for all entries that follow; writers put comments there, such as git its commit.
                EntryType::XGlobalHeader => {
                    let mut global = Extension::default();
                    self.pax(&mut global)?;
                    if !global.is_empty() {
                        return Err(self.ambiguous("a global header must not name paths and sizes"));
                    }
                }
                _ => return self.entry(&header, size, extension).map(Some),
            }
        }
    }

    /// Reads of the current entry's content; 0 at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = read(&mut self.from, &mut buffer[..wanted])?;
        if count == 0 {
            return Err(TarError::Cut(self.entry.clone()));
        }
        self.left -= count as u64;
        Ok(count)
    }

    /// The current entry, as it may stand in a message.
    pub(super) fn shown(&self) -> String {
        self.entry.clone()
    }

    fn entry(&mut self, header: &Header, size: u64, extension: Extension) -> Result<Entry, TarError> {
        let path = extension.path.unwrap_or_else(|| header.path_bytes().into_owned());
        self.entry = clip(&String::from_utf8_lossy(&path));
        if let Some(said) = extension.size
            && said != size
        {
            if said < HEADER_SIZE_END {
                return Err(self.ambiguous("its header and its pax header differ about its size"));
            }
            self.content(said)?;
        }
        let link = extension.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let mode = self.checked(header.mode())? & 0o7777;
        Ok(Entry { kind: header.entry_type(), path, link: link.unwrap_or_default(), size: self.left, mode })
    }

    /// The next header; none if the archive ends here.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => return Err(TarError::NoEnd),
            BLOCK => {}
            _ => return Err(TarError::Cut(self.entry.clone())),
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        // The sum is that of the header with blanks in place of the sum (its bytes 148 to 155).
        let sum = block[..148].iter().chain(&block[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        if self.checked(header.cksum())? == sum {
            Ok(Some(header))
        } else {
            Err(self.bad_header("its checksum is wrong"))
        }
    }

    /// Reads what is behind the end, so that whoever sends it can finish.
    fn end(&mut self) -> Result<Option<Entry>, TarError> {
        io::copy(&mut self.from.by_ref().take(TRAILER), &mut io::sink()).map_err(TarError::Io)?;
        Ok(None)
    }

    /// What follows is `size` bytes of content.
    fn content(&mut self, size: u64) -> Result<(), TarError> {
        // What fills the last block must fit too.
        let padded =
            size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| self.bad_header("its size is too large"))?;
        (self.left, self.padding) = (size, padded - size);
        Ok(())
    }

    /// Goes to the end of the current entry.
    fn skip(&mut self) -> Result<(), TarError> {
        // A multiple of a block at most, as `content` made sure.
        let rest = self.left + self.padding;
        let skipped = io::copy(&mut self.from.by_ref().take(rest), &mut io::sink()).map_err(TarError::Io)?;
        (self.left, self.padding) = (0, 0);
        if skipped == rest { Ok(()) } else { Err(TarError::Cut(self.entry.clone())) }
    }

    /// All of the current entry's content, of at most `limit` bytes.
    pub(super) fn all(&mut self, limit: u64) -> Result<Vec<u8>, TarError> {
        if self.left > limit {
            return Err(self.bad_header("it is longer than anyone needs"));
        }
        let mut content = vec![0; usize::try_from(self.left).unwrap_or(0)];
        let count = self.fill(&mut content)?;
        self.left = 0;
        if count == content.len() { Ok(content) } else { Err(TarError::Cut(self.entry.clone())) }
    }

    /// Sets a name of the extension by the current entry's content, up to its NUL.
    fn set(
        &mut self,
        name: impl Fn(&mut Extension) -> &mut Option<Vec<u8>>,
        extension: &mut Extension,
    ) -> Result<(), TarError> {
        let mut text = self.all(PATH as u64 + 1)?;
        if text.last() == Some(&0) {
            text.pop();
        }
        match name(extension).replace(text) {
            None => Ok(()),
            Some(_) => Err(self.ambiguous("the entry after it is named twice")),
        }
    }

    /// Takes over the records of a pax header: `LENGTH KEY=VALUE\n` each, where the length counts all of it.
    fn pax(&mut self, extension: &mut Extension) -> Result<(), TarError> {
        let content = self.all(PAX)?;
        let mut rest = content.as_slice();
        while !rest.is_empty() {
            let (key, value, after) = record(rest).ok_or_else(|| self.bad_header("a pax record is malformed"))?;
            let is_new = match key {
                b"path" => extension.path.replace(value.to_vec()).is_none(),
                b"linkpath" => extension.link.replace(value.to_vec()).is_none(),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    let size = size.ok_or_else(|| self.bad_header("a pax size is no number"))?;
                    extension.size.replace(size).is_none()
                }
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(self.ambiguous("the entry after it is sparse; write the archive without --sparse"));
                }
                _ => true,
            };
            if !is_new {
                return Err(self.ambiguous("the entry after it has a pax record twice"));
            }
            rest = after;
        }
        Ok(())
    }

    /// Fills the buffer unless the archive ends; says how far.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match read(&mut self.from, &mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    fn checked<T>(&self, field: io::Result<T>) -> Result<T, TarError> {
        field.map_err(|why| self.bad_header(&why.to_string()))
    }

    fn bad_header(&self, why: &str) -> TarError {
        TarError::Header { after: self.entry.clone(), why: clip(why) }
    }

    fn ambiguous(&self, why: &'static str) -> TarError {
        TarError::Ambiguous { entry: self.entry.clone(), why }
    }
}

impl Extension {
    fn is_empty(&self) -> bool {
        self.path.is_none() && self.link.is_none() && self.size.is_none()
    }
}

fn read(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize, TarError> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map_err(TarError::Io),
        }
    }
}

/// The key and the value of the first pax record, and what follows it.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = text.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&text[..blank]).ok()?.parse().ok()?;
    let (record, after) = text.split_at_checked(length)?;
    let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], after))
}
