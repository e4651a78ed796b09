//! The log of one attempt: segments that are stored, then frames that are pending.

use acre_model::log::Frame;

/// The log of one attempt.
#[derive(Default)]
pub(super) struct AttemptLog {
    /// Start and end of stored segments, ascending, without gaps.
    segments: Vec<(u64, u64)>,
    /// Frames after them.
    pending: Vec<Frame>,
}

/// Where bytes from an offset on are to be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In this stored segment.
    Stored(u64, u64),
    /// Here.
    Pending(Vec<Frame>),
    /// Nowhere yet.
    Nowhere,
}

impl AttemptLog {
    /// Everything before this offset is stored.
    pub(super) fn stored_end(&self) -> u64 {
        self.segments.last().map_or(0, |(_, end)| *end)
    }

    /// Everything before this offset is known.
    pub(super) fn end(&self) -> u64 {
        self.pending.last().map_or_else(|| self.stored_end(), Frame::end)
    }

    /// Frames that are not stored yet.
    pub(super) fn pending(&self) -> Vec<Frame> {
        self.pending.clone()
    }

    /// Takes a frame and tells the bytes that are pending; a gap is refused with where the log goes on, and where the
    /// frame begins.
    pub(super) fn append(&mut self, mut frame: Frame) -> Result<usize, (u64, u64)> {
        let end = self.end();
        if frame.offset > end {
            return Err((end, frame.offset));
        }
        if frame.end() > end {
            frame.data.drain(..(end - frame.offset) as usize);
            frame.offset = end;
            self.pending.push(frame);
        }
        Ok((self.end() - self.stored_end()) as usize)
    }

    /// A segment is stored.
    pub(super) fn stored(&mut self, start: u64, end: u64) {
        if start == self.stored_end() && end > start {
            self.segments.push((start, end));
            self.pending.retain(|frame| frame.offset >= end);
        }
    }

    /// Where the bytes from `offset` on are to be had.
    pub(super) fn place(&self, offset: u64) -> Place {
        let index = self.segments.partition_point(|(_, end)| *end <= offset);
        if let Some((start, end)) = self.segments.get(index) {
            return Place::Stored(*start, *end);
        }
        let rest = from_offset(&self.pending, offset);
        if rest.is_empty() { Place::Nowhere } else { Place::Pending(rest) }
    }
}

/// The frames from `offset` on, the first one cut to begin there.
pub(super) fn from_offset(frames: &[Frame], offset: u64) -> Vec<Frame> {
    let cut = |frame: &Frame| {
        let mut frame = frame.clone();
        if frame.offset < offset {
            frame.data.drain(..(offset - frame.offset) as usize);
            frame.offset = offset;
        }
        frame
    };
    frames.iter().filter(|frame| frame.end() > offset).map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::{log::Stream, time::Timestamp};

    fn frame(offset: u64, text: &str) -> Frame {
        Frame { offset, at: Timestamp::default(), stream: Stream::Stdout, data: text.into() }
    }

    fn text(place: Place) -> String {
        match place {
            Place::Pending(frames) => frames.iter().map(|frame| String::from_utf8_lossy(&frame.data)).collect(),
            Place::Stored(start, end) => format!("{start}..{end}"),
            Place::Nowhere => String::new(),
        }
    }

    #[test]
    fn a_log_has_no_gap_and_nothing_twice() {
        let mut log = AttemptLog::default();
        assert_eq!(log.append(frame(0, "abc")), Ok(3));
        assert_eq!(log.append(frame(0, "abc")), Ok(3));
        assert_eq!(log.append(frame(2, "cde")), Ok(5));
        assert_eq!(log.append(frame(9, "x")), Err((5, 9)));
        assert_eq!(text(log.place(1)), "bcde");
        log.stored(0, 5);
        assert_eq!(log.append(frame(5, "f")), Ok(1));
        assert_eq!(
            (text(log.place(4)), text(log.place(5)), text(log.place(6))),
            ("0..5".into(), "f".into(), String::new())
        );
    }
}
