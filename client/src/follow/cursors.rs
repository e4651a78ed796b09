//! How far the log of a run has been read, so that a broken connection loses nothing and repeats nothing.

use acre_model::{
    ids::UnitId,
    log::{Cursor, Frame},
};
use std::collections::BTreeMap;

/// Per unit: the attempt that is read, and the bytes of it that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursors(BTreeMap<UnitId, (u32, u64)>);

/// What of a frame is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It goes on where the last one ended.
    Next(Vec<u8>),
    /// Bytes between the last one and this are missing.
    AfterGap {
        /// How many.
        missing: u64,
        /// What comes after them.
        data: Vec<u8>,
    },
    /// All of it was seen before.
    Nothing,
}

impl Cursors {
    /// Starts in the midst of a unit's log.
    pub fn starting_at(unit: UnitId, attempt: u32, offset: u64) -> Self {
        Self(BTreeMap::from([(unit, (attempt, offset))]))
    }

    /// For a request that goes on from here.
    pub fn list(&self) -> Vec<Cursor> {
        let cursor = |(unit, (attempt, offset)): (&UnitId, &(u32, u64))| Cursor {
            unit: *unit,
            attempt: *attempt,
            offset: *offset,
        };
        self.0.iter().map(cursor).collect()
    }

    /// What of a frame was not seen before; it counts as seen now.
    pub fn take(&mut self, unit: UnitId, attempt: u32, frame: Frame) -> News {
        let (read_attempt, read) = self.0.get(&unit).copied().unwrap_or((attempt, 0));
        let read = match attempt.cmp(&read_attempt) {
            std::cmp::Ordering::Less => return News::Nothing,
            std::cmp::Ordering::Equal => read,
            std::cmp::Ordering::Greater => 0,
        };
        let (start, end) = (frame.offset, frame.end());
        if end <= read {
            return News::Nothing;
        }
        self.0.insert(unit, (attempt, end));
        match start.checked_sub(read) {
            Some(0) => News::Next(frame.data),
            Some(missing) => News::AfterGap { missing, data: frame.data },
            // The frame ends behind `read` and begins before it, so the difference is shorter than its data.
            None => News::Next(frame.data[(read - start) as usize..].to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::{log::Stream, time::Timestamp};

    /// Attempt, offset and data of each.
    type Frames<'a> = &'a [(u32, u64, &'a str)];

    fn take(cursors: &mut Cursors, attempt: u32, offset: u64, data: &str) -> String {
        let frame = Frame { offset, at: Timestamp::default(), stream: Stream::Stdout, data: data.as_bytes().to_vec() };
        let text = |data| String::from_utf8(data).unwrap();
        match cursors.take(UnitId(0), attempt, frame) {
            News::Next(data) => text(data),
            News::AfterGap { missing, data } => format!("[{missing}]{}", text(data)),
            News::Nothing => String::new(),
        }
    }

    #[test]
    fn pieces_join_without_gap_or_repeat() {
        let table: [(Frames, &str); 6] = [
            (&[(1, 0, "abc"), (1, 3, "def")], "abcdef"),
            (&[(1, 0, "abc"), (1, 0, "abc"), (1, 3, "def")], "abcdef"),
            (&[(1, 0, "abcd"), (1, 2, "cdef")], "abcdef"),
            (&[(1, 0, "abc"), (1, 5, "f")], "abc[2]f"),
            (&[(1, 0, "abc"), (2, 0, "xyz"), (1, 3, "def")], "abcxyz"),
            (&[(1, 2, "c")], "[2]c"),
        ];
        for (frames, expected) in table {
            let mut cursors = Cursors::default();
            let joined: String = frames.iter().map(|(a, offset, data)| take(&mut cursors, *a, *offset, data)).collect();
            assert_eq!(joined, expected, "{frames:?}");
        }
    }

    #[test]
    fn reading_starts_where_it_is_told_to() {
        let mut cursors = Cursors::starting_at(UnitId(0), 1, 4);
        assert_eq!(take(&mut cursors, 1, 0, "abcdef"), "ef");
        assert_eq!(cursors.list(), [Cursor { unit: UnitId(0), attempt: 1, offset: 6 }]);
    }
}
