//! The log of one attempt on disk, and the small files beside it that say how far the attempt has come.
//!
//! Everything that goes in is masked first, so that no secret lies on the disk either. A spool outlives its process: what
//! was written is there after a crash, and is sent from where the farm left off.

use super::frames;
use crate::{
    attempt::Detached,
    engine::Seen,
    mask::{self, Masks},
};
use acre_model::{
    attempt::Ended,
    log::{Frame, Stream},
    time::Timestamp,
};
use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Bytes of the end of a log that are kept once it is over its cap.
const TAIL: u64 = 1024 * 1024;
/// Bytes that one call of [`Spool::read`] returns at most.
const BATCH: u64 = 512 * 1024;

/// Why a log could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the agent's disk took no more of the log: {0}")]
pub(crate) struct SpoolError(#[from] io::Error);

/// The log of one attempt.
pub(crate) struct Spool {
    folder: PathBuf,
    cap: u64,
    changed: watch::Sender<u64>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// None once it was deleted.
    file: Option<File>,
    place: PathBuf,
    /// Bytes of log written.
    end: u64,
    /// Bytes of the file.
    size: u64,
    seen: Seen,
    /// For acre's own lines.
    masks: Masks,
    /// Standard output and standard error on their way in.
    masking: [mask::Stream; 2],
    /// Masked output that comes again, and is left out.
    again: Seen,
    acked: u64,
    /// Nothing more is written.
    closed: bool,
    /// The farm no longer wants the attempt.
    forgotten: bool,
    status: Option<String>,
    over: Option<Over>,
    /// Offset of the log and place in the file where the last read ended.
    read_mark: (u64, u64),
}

/// What came after the cap was reached.
#[derive(Default)]
struct Over {
    left_out: u64,
    tail: VecDeque<(Timestamp, Stream, Vec<u8>)>,
    tail_bytes: u64,
}

impl Spool {
    pub(super) fn open(folder: &Path, cap: u64, changed: watch::Sender<u64>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let place = folder.join("log");
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&place)?;
        let (end, size, seen) = measure(&mut file)?;
        // What a crash cut short is dropped, so that the next frame follows the last whole one.
        cut(&place, size)?;
        let closed = folder.join("ended").exists();
        let over = (end >= cap.saturating_sub(TAIL)).then(Over::default);
        let masks = Masks::default();
        let inner = Inner {
            file: Some(file),
            place,
            end,
            size,
            seen,
            masking: [masks.stream(), masks.stream()],
            masks,
            again: Seen::default(),
            acked: 0,
            closed,
            forgotten: false,
            status: None,
            over,
            read_mark: (0, 0),
        };
        Ok(Self { folder: folder.to_owned(), cap, changed, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// From now on, these secrets are taken out of all that is written.
    pub(crate) fn mask(&self, masks: &Masks) {
        let mut inner = self.lock();
        inner.masking = [masks.stream(), masks.stream()];
        inner.masks = masks.clone();
    }

    /// A container's output is to be read again. Says from where; what comes from there, and is stored already, is left
    /// out. Where there are secrets, that is from its first byte: how much of it is stored is known as masked only.
    pub(crate) fn read_again(&self) -> Seen {
        let mut inner = self.lock();
        if inner.masks.is_empty() {
            return inner.seen;
        }
        inner.again = inner.seen;
        Seen::default()
    }

    /// Appends output of the attempt; over the cap, only its end will be kept.
    pub(crate) fn write(&self, at: Timestamp, stream: Stream, data: &[u8]) -> Result<(), SpoolError> {
        let mut inner = self.lock();
        let shown = inner.masking[usize::from(stream == Stream::Stderr)].push(data);
        inner.put(at, stream, &shown, self.cap)?;
        drop(inner);
        self.wake();
        Ok(())
    }

    /// The output of a container, build or push is complete: what was held back, since it might have been the beginning
    /// of a secret, is written.
    pub(crate) fn output_ended(&self, at: Timestamp) -> Result<(), SpoolError> {
        let mut inner = self.lock();
        for (index, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let rest = inner.masking[index].finish();
            inner.put(at, stream, &rest, self.cap)?;
        }
        inner.again = Seen::default();
        drop(inner);
        self.wake();
        Ok(())
    }

    /// Appends one of acre's own lines, with its time in front. These are few, and never left out.
    pub(crate) fn notice(&self, at: Timestamp, line: &str) -> Result<(), SpoolError> {
        let mut inner = self.lock();
        let text = format!("{} {}\n", at.as_log_time(), inner.masks.text(line));
        inner.append_all(at, Stream::Notice, text.as_bytes())?;
        drop(inner);
        self.wake();
        Ok(())
    }

    /// The output is complete: the end of one that was over its cap is written.
    pub(crate) fn flush_tail(&self, at: Timestamp) -> Result<(), SpoolError> {
        let mut inner = self.lock();
        let Some(over) = inner.over.take() else { return Ok(()) };
        if over.left_out > 0 {
            let notice = format!("\n{} {} bytes of output were left out here.\n", at.as_log_time(), over.left_out);
            inner.append(at, Stream::Notice, notice.as_bytes())?;
        }
        for (at, stream, data) in over.tail {
            inner.append(at, stream, &data)?;
        }
        drop(inner);
        self.wake();
        Ok(())
    }

    /// What the attempt is at, for a terminal.
    pub(crate) fn set_status(&self, text: String) {
        let mut inner = self.lock();
        inner.status = Some(inner.masks.text(&text));
        drop(inner);
        self.wake();
    }

    /// What the attempt is at, if that has changed since it was taken last.
    pub(crate) fn take_status(&self) -> Option<String> {
        self.lock().status.take()
    }

    /// Bytes of log so far.
    pub(crate) fn end(&self) -> u64 {
        self.lock().end
    }

    /// Frames from `offset` on, the first one cut to begin there; at most 512 KiB, empty at the end.
    pub(crate) fn read(&self, offset: u64) -> Result<Vec<Frame>, SpoolError> {
        let mut inner = self.lock();
        let (mut at, place) = if inner.read_mark.0 <= offset { inner.read_mark } else { (0, 0) };
        let (mut frames, mut place, mut bytes) = (Vec::new(), place, 0);
        let mut file = File::open(self.folder.join("log"))?;
        file.seek(SeekFrom::Start(place))?;
        let mut reader = BufReader::new(file.take(inner.size - place));
        while bytes < BATCH {
            let Some(mut frame) = frames::read(&mut reader, at)? else { break };
            at = frame.end();
            place += frames::HEADER + frame.data.len() as u64;
            if at <= offset {
                continue;
            }
            if frame.offset < offset {
                frame.data.drain(..(offset - frame.offset) as usize);
                frame.offset = offset;
            }
            bytes += frame.data.len() as u64;
            frames.push(frame);
        }
        inner.read_mark = (at, place);
        Ok(frames)
    }

    /// The farm has stored everything before this offset.
    pub(crate) fn acknowledge(&self, offset: u64) {
        let mut inner = self.lock();
        inner.acked = inner.acked.max(offset);
    }

    /// Bytes that the farm has not stored, as far as it has told.
    pub(crate) fn unsent(&self) -> u64 {
        let inner = self.lock();
        inner.end.saturating_sub(inner.acked)
    }

    /// Nothing more will be written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake();
    }

    /// What an earlier process has closed is written on.
    pub(crate) fn reopen(&self) {
        self.lock().closed = false;
    }

    /// The farm no longer wants the attempt: once its log is stored, nothing of it is needed.
    pub(crate) fn forget(&self) {
        self.lock().forgotten = true;
        self.wake();
    }

    /// Whether nothing of it is needed any more.
    pub(crate) fn is_done(&self) -> bool {
        let inner = self.lock();
        inner.closed && inner.forgotten && inner.acked >= inner.end
    }

    /// Deletes it; what is written afterwards goes nowhere. Windows deletes no folder with a file that somebody has open.
    pub(super) fn delete(&self) -> io::Result<()> {
        self.lock().file = None;
        fs::remove_dir_all(&self.folder)
    }

    /// Notes that the attempt's work begins, before it begins: after a crash it may have begun.
    pub(crate) fn mark_started(&self, at: Timestamp) -> Result<(), SpoolError> {
        Ok(replace(&self.folder.join("started"), at.as_millis().to_string().as_bytes())?)
    }

    /// When the attempt's work began, if it may have.
    pub(crate) fn started(&self) -> Option<Timestamp> {
        let text = fs::read_to_string(self.folder.join("started")).ok()?;
        Some(Timestamp::from_millis(text.parse().unwrap_or_default()))
    }

    /// Keeps the attempt's end until the farm has it.
    pub(crate) fn mark_ended(&self, ended: &Ended) -> Result<(), SpoolError> {
        let bytes = serde_json::to_vec(ended).map_err(io::Error::from)?;
        Ok(replace(&self.folder.join("ended"), &bytes)?)
    }

    /// Notes that the attempt's container outlives it.
    pub(crate) fn mark_detached(&self, detached: &Detached) -> Result<(), SpoolError> {
        let bytes = serde_json::to_vec(detached).map_err(io::Error::from)?;
        Ok(replace(&self.folder.join("detached"), &bytes)?)
    }

    /// The container that outlives the attempt, if there is one, and its end was not told yet.
    pub(crate) fn detached(&self) -> Option<Detached> {
        serde_json::from_slice(&fs::read(self.folder.join("detached")).ok()?).ok()
    }

    /// Nothing more becomes of the container that outlived the attempt.
    pub(crate) fn detached_is_over(&self) {
        // If it stays, the next process tells the end again, which changes nothing.
        drop(fs::remove_file(self.folder.join("detached")));
    }

    /// The attempt's end, if it has come.
    pub(crate) fn ended(&self) -> Option<Ended> {
        serde_json::from_slice(&fs::read(self.folder.join("ended")).ok()?).ok()
    }
}

impl Inner {
    /// Writes masked output, but for what comes again.
    fn put(&mut self, at: Timestamp, stream: Stream, data: &[u8], cap: u64) -> Result<(), SpoolError> {
        let again = if stream == Stream::Stderr { &mut self.again.stderr } else { &mut self.again.stdout };
        let skipped = usize::try_from(*again).unwrap_or(usize::MAX).min(data.len());
        *again -= skipped as u64;
        let data = &data[skipped..];
        self.see(stream, data.len() as u64);
        for piece in data.chunks(Frame::LIMIT) {
            let is_full = self.end + piece.len() as u64 > cap.saturating_sub(TAIL);
            match &mut self.over {
                Some(over) => over.push(at, stream, piece),
                None if is_full => {
                    let notice = format!(
                        "{} The log is over its limit of {} MiB: from here on only its last {} MiB is kept.\n",
                        at.as_log_time(),
                        cap / (1024 * 1024),
                        TAIL / (1024 * 1024)
                    );
                    self.append(at, Stream::Notice, notice.as_bytes())?;
                    let mut over = Over::default();
                    over.push(at, stream, piece);
                    self.over = Some(over);
                }
                None => self.append(at, stream, piece)?,
            }
        }
        Ok(())
    }

    fn see(&mut self, stream: Stream, bytes: u64) {
        match stream {
            Stream::Stdout => self.seen.stdout += bytes,
            Stream::Stderr => self.seen.stderr += bytes,
            Stream::Notice => {}
        }
    }

    fn append_all(&mut self, at: Timestamp, stream: Stream, data: &[u8]) -> io::Result<()> {
        data.chunks(Frame::LIMIT).try_for_each(|piece| self.append(at, stream, piece))
    }

    fn append(&mut self, at: Timestamp, stream: Stream, data: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if let Err(error) = frames::write(file, at, stream, data) {
            // A full disk may have taken half of it.
            cut(&self.place, self.size)?;
            return Err(error);
        }
        self.end += data.len() as u64;
        self.size += frames::HEADER + data.len() as u64;
        Ok(())
    }
}

impl Over {
    fn push(&mut self, at: Timestamp, stream: Stream, data: &[u8]) {
        self.tail_bytes += data.len() as u64;
        self.tail.push_back((at, stream, data.to_vec()));
        while self.tail_bytes > TAIL {
            let Some((_, _, data)) = self.tail.pop_front() else { break };
            self.tail_bytes -= data.len() as u64;
            self.left_out += data.len() as u64;
        }
    }
}

/// Bytes of log, bytes of whole frames, and output by stream in a file.
fn measure(file: &mut File) -> io::Result<(u64, u64, Seen)> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(&mut *file);
    let (mut end, mut size, mut seen) = (0, 0, Seen::default());
    while let Some(frame) = frames::read(&mut reader, end)? {
        let bytes = frame.data.len() as u64;
        match frame.stream {
            Stream::Stdout => seen.stdout += bytes,
            Stream::Stderr => seen.stderr += bytes,
            Stream::Notice => {}
        }
        end += bytes;
        size += frames::HEADER + bytes;
    }
    Ok((end, size, seen))
}

/// Cuts a file to its first bytes. Who may only append to it may not do that on Windows.
fn cut(place: &Path, size: u64) -> io::Result<()> {
    OpenOptions::new().write(true).open(place)?.set_len(size)
}

/// Writes a file whole or not at all.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, content)?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(0);

    fn spool(folder: &Path, cap: u64) -> Spool {
        Spool::open(folder, cap, watch::Sender::new(0)).unwrap()
    }

    fn text(spool: &Spool, mut offset: u64) -> String {
        let mut text = Vec::new();
        loop {
            let frames = spool.read(offset).unwrap();
            let Some(last) = frames.last() else { break };
            offset = last.end();
            text.extend(frames.iter().flat_map(|frame| frame.data.clone()));
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_log_is_read_from_any_offset_also_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let first = spool(folder.path(), 1 << 30);
        first.write(AT, Stream::Stdout, b"hello ").unwrap();
        first.write(AT, Stream::Stderr, b"world").unwrap();
        assert_eq!(
            (text(&first, 0), text(&first, 3), text(&first, 11)),
            ("hello world".into(), "lo world".into(), String::new())
        );
        // Half a frame, as a crash leaves it.
        fs::OpenOptions::new().append(true).open(folder.path().join("log")).unwrap();
        let mut file = OpenOptions::new().append(true).open(folder.path().join("log")).unwrap();
        std::io::Write::write_all(&mut file, &[9, 0, 0, 0, 1, 2]).unwrap();
        let second = spool(folder.path(), 1 << 30);
        assert_eq!(second.read_again(), Seen { stdout: 6, stderr: 5 });
        second.write(AT, Stream::Stdout, b"!").unwrap();
        assert_eq!(text(&second, 0), "hello world!");
    }

    #[test]
    fn a_secret_is_masked_across_pieces_and_when_output_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let masks = Masks::of([&b"hunter22"[..]].into_iter());
        let first = spool(folder.path(), 1 << 30);
        first.mask(&masks);
        for piece in [&b"a hun"[..], b"ter22 b hun"] {
            first.write(AT, Stream::Stdout, piece).unwrap();
        }
        first.notice(AT, "image hunter22").unwrap();
        first.set_status("pulling hunter22".to_owned());
        assert_eq!(first.take_status().as_deref(), Some("pulling ***"));
        // The agent ends here, and its next process reads the container's output from its beginning.
        let second = spool(folder.path(), 1 << 30);
        second.mask(&masks);
        assert_eq!(second.read_again(), Seen::default());
        second.write(AT, Stream::Stdout, b"a hunter22 b hun").unwrap();
        second.write(AT, Stream::Stdout, b"ter22 c hun").unwrap();
        second.output_ended(AT).unwrap();
        let text = text(&second, 0);
        let output = text.split("image ***\n").collect::<Vec<_>>().concat();
        assert!(output.starts_with("a *** b ") && output.ends_with("*** c hun"), "{text}");
        assert!(!text.contains("hunter22"), "{text}");
    }

    #[test]
    fn over_its_cap_head_and_tail_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path(), 2 * TAIL);
        for line in 0..400_000u32 {
            spool.write(AT, Stream::Stdout, format!("{line:09}\n").as_bytes()).unwrap();
        }
        spool.flush_tail(AT).unwrap();
        let text = text(&spool, 0);
        assert!(text.starts_with("000000000\n000000001\n") && text.ends_with("\n000399999\n"));
        assert!(text.contains("over its limit of 2 MiB") && text.contains("bytes of output were left out here."));
        assert!(text.len() as u64 <= 2 * TAIL + 1024, "{}", text.len());
    }

    #[test]
    fn a_spool_is_done_once_all_is_stored_and_nobody_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path(), 1 << 30);
        spool.notice(AT, "x").unwrap();
        spool.close();
        spool.forget();
        assert!(!spool.is_done());
        spool.acknowledge(spool.end());
        assert!(spool.is_done());
    }
}
