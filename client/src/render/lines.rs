//! The logs of several units in one stream of whole lines.

use super::escape::Filter;
use acre_model::{ids::UnitId, log::Stream};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// Bytes of a line that are held back at most.
const LONGEST_LINE: usize = 64 * 1024;

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A file or program: it gets the bytes as they are.
    Program,
    /// A terminal: it gets text and colour only.
    Terminal,
}

/// Writes the logs of units so that lines of different units never mix.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    reader: Reader,
    units: BTreeMap<UnitId, Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    line: Vec<u8>,
    filter: Filter,
}

impl<W: Write> Lines<W> {
    /// Writes to `out` for such a reader.
    pub const fn new(out: W, reader: Reader) -> Self {
        Self { out, reader, units: BTreeMap::new() }
    }

    /// Takes the next bytes of a unit's log and writes the lines that are whole.
    pub fn push(&mut self, unit: UnitId, stream: Stream, data: &[u8]) -> io::Result<()> {
        let pending = self.units.entry(unit).or_default();
        if stream == Stream::Notice && !pending.line.is_empty() {
            pending.end_line(&mut self.out, self.reader)?;
        }
        pending.line.extend_from_slice(data);
        if let Some(end) = pending.line.iter().rposition(|byte| *byte == b'\n') {
            let rest = pending.line.split_off(end + 1);
            let lines = std::mem::replace(&mut pending.line, rest);
            pending.write(&lines, &mut self.out, self.reader)?;
        }
        if pending.line.len() > LONGEST_LINE || (stream == Stream::Notice && !pending.line.is_empty()) {
            pending.end_line(&mut self.out, self.reader)?;
        }
        self.out.flush()
    }

    /// Writes what is held back of a unit, as a line.
    pub fn finish(&mut self, unit: UnitId) -> io::Result<()> {
        self.units.remove(&unit).map_or(Ok(()), |mut pending| pending.finish(&mut self.out, self.reader))
    }

    /// Writes what is held back of all units.
    pub fn finish_all(&mut self) -> io::Result<()> {
        let units: Vec<UnitId> = self.units.keys().copied().collect();
        units.into_iter().try_for_each(|unit| self.finish(unit))?;
        self.out.flush()
    }

    /// Writes a line of acre's own.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }
}

impl Pending {
    fn end_line(&mut self, out: &mut impl Write, reader: Reader) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.push(b'\n');
        self.write(&line, out, reader)
    }

    fn finish(&mut self, out: &mut impl Write, reader: Reader) -> io::Result<()> {
        if !self.line.is_empty() {
            self.end_line(out, reader)?;
        }
        let mut rest = String::new();
        self.filter.finish(&mut rest);
        out.write_all(rest.as_bytes())
    }

    fn write(&mut self, bytes: &[u8], out: &mut impl Write, reader: Reader) -> io::Result<()> {
        match reader {
            Reader::Program => out.write_all(bytes),
            Reader::Terminal => {
                let mut shown = String::with_capacity(bytes.len());
                self.filter.push(bytes, &mut shown);
                out.write_all(shown.as_bytes())
            }
        }
    }
}

/// Writes the log of one unit as it is: for a program every byte and no other.
#[derive(Debug)]
pub struct Exact<W> {
    out: W,
    reader: Reader,
    filter: Filter,
    /// Bytes at the start that were read before.
    skip: u64,
}

impl<W: Write> Exact<W> {
    /// Writes to `out` for such a reader, but for the first `skip` bytes.
    pub fn new(out: W, reader: Reader, skip: u64) -> Self {
        Self { out, reader, filter: Filter::default(), skip }
    }

    /// Takes the next bytes of the log.
    pub fn push(&mut self, data: &[u8]) -> io::Result<()> {
        let skipped = self.skip.min(data.len() as u64);
        self.skip -= skipped;
        let data = &data[skipped as usize..];
        match self.reader {
            Reader::Program => self.out.write_all(data)?,
            Reader::Terminal => {
                let mut shown = String::new();
                self.filter.push(data, &mut shown);
                self.out.write_all(shown.as_bytes())?;
            }
        }
        self.out.flush()
    }

    /// Ends the output.
    pub fn finish(&mut self) -> io::Result<()> {
        let mut rest = String::new();
        self.filter.finish(&mut rest);
        self.out.write_all(rest.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stream::{Notice, Stderr, Stdout};

    /// Unit, stream and data of each.
    type Pieces<'a> = &'a [(u32, Stream, &'a str)];

    fn merged(reader: Reader, pieces: Pieces) -> String {
        let mut lines = Lines::new(Vec::new(), reader);
        for (unit, stream, data) in pieces {
            lines.push(UnitId(*unit), *stream, data.as_bytes()).unwrap();
        }
        lines.finish_all().unwrap();
        String::from_utf8(lines.out).unwrap()
    }

    #[test]
    fn lines_of_parallel_units_do_not_mix() {
        let table: [(Pieces, &str); 7] = [
            (&[(0, Stdout, "a1 "), (1, Stdout, "b1\n"), (0, Stdout, "a2\n")], "b1\na1 a2\n"),
            (&[(0, Stdout, "a1\na2\na"), (1, Stdout, "b\n"), (0, Stdout, "3\n")], "a1\na2\nb\na3\n"),
            (&[(0, Stdout, "no end"), (1, Stdout, "neither")], "no end\nneither\n"),
            (&[(0, Stdout, "half"), (0, Notice, "notice\n"), (0, Stdout, "more\n")], "half\nnotice\nmore\n"),
            (&[(0, Notice, "notice"), (0, Stdout, "out\n")], "notice\nout\n"),
            (&[(0, Stdout, "out "), (0, Stderr, "err\n")], "out err\n"),
            (&[], ""),
        ];
        for (pieces, expected) in table {
            assert_eq!(merged(Reader::Program, pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_held_back_for_ever() {
        let long = "x".repeat(LONGEST_LINE + 1);
        let mut lines = Lines::new(Vec::new(), Reader::Program);
        lines.push(UnitId(0), Stdout, long.as_bytes()).unwrap();
        assert_eq!(lines.out.len(), long.len() + 1);
    }

    #[test]
    fn a_terminal_gets_colour_only_and_colour_ends_with_its_unit() {
        let pieces = [(0, Stdout, "\x1b[31mred\x1b[2J\nstill"), (0, Stdout, "\n")];
        assert_eq!(merged(Reader::Terminal, &pieces), "\x1b[31mred\nstill\n\x1b[0m");
        assert_eq!(merged(Reader::Program, &pieces), "\x1b[31mred\x1b[2J\nstill\n");
    }

    #[test]
    fn exact_bytes_go_on_at_an_offset() {
        for skip in 0..=7 {
            let mut exact = Exact::new(Vec::new(), Reader::Program, skip);
            [&b"ab\xff"[..], b"\r", b"def"].iter().for_each(|data| exact.push(data).unwrap());
            exact.finish().unwrap();
            assert_eq!(exact.out, b"ab\xff\rdef"[skip as usize..], "{skip}");
        }
    }
}
