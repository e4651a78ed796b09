//! Coverage reports that a step left in the workspace: Cobertura XML (`coverage-04.dtd`) and lcov (`geninfo(1)`).

use acre_model::report::Coverage;
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// Counts what a report says.
pub(super) fn parse(text: &[u8]) -> Result<Coverage, String> {
    let text = std::str::from_utf8(text).map_err(|why| format!("it is not UTF-8 at byte {}", why.valid_up_to()))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') { cobertura(text) } else { lcov(text) }
}

/// Totals where the report has them, else what its lines say.
fn cobertura(text: &str) -> Result<Coverage, String> {
    let mut reader = Reader::from_str(text);
    let mut report = Cobertura::default();
    loop {
        match reader.read_event().map_err(|why| format!("{why} (byte {})", reader.buffer_position()))? {
            Event::Start(element) => {
                report.begin(&element);
                report.open.push(element.name().as_ref() == "methods");
            }
            Event::Empty(element) => report.begin(&element),
            Event::End(_) => drop(report.open.pop()),
            Event::Eof => break,
            _ => {}
        }
    }
    report.done()
}

#[derive(Default)]
struct Cobertura {
    /// The elements that are open: whether each is a list of methods, whose lines stand in their class once more.
    open: Vec<bool>,
    is_report: bool,
    lines: Option<(u64, u64)>,
    branches: Option<(u64, u64)>,
    counted: Coverage,
}

impl Cobertura {
    fn begin(&mut self, element: &BytesStart<'_>) {
        let number = |name| attribute(element, name).and_then(|text| text.parse::<u64>().ok());
        let both = |valid, covered| Some((number(valid)?, number(covered)?));
        match element.name().as_ref() {
            "coverage" if self.open.is_empty() => {
                self.is_report = true;
                self.lines = both("lines-valid", "lines-covered");
                self.branches = both("branches-valid", "branches-covered");
            }
            "line" if !self.open.contains(&true) => {
                let Some(hits) = number("hits") else { return };
                self.counted.lines += 1;
                self.counted.lines_covered += u64::from(hits > 0);
                let (taken, all) =
                    attribute(element, "condition-coverage").and_then(|text| conditions(&text)).unwrap_or((0, 0));
                self.counted.branches += all;
                self.counted.branches_covered += taken.min(all);
            }
            _ => {}
        }
    }

    fn done(self) -> Result<Coverage, String> {
        if !self.is_report {
            return Err("it has no <coverage>".to_owned());
        }
        if !self.open.is_empty() {
            return Err("it ends inside an element".to_owned());
        }
        if self.lines.is_none() && self.counted.lines == 0 {
            return Err("it has neither `lines-valid` nor lines with `hits`".to_owned());
        }
        let (lines, lines_covered) = self.lines.unwrap_or((self.counted.lines, self.counted.lines_covered));
        let counted = (self.counted.branches, self.counted.branches_covered);
        // Tools that count no branches write zeros.
        let (branches, branches_covered) = self.branches.filter(|(all, _)| *all > 0).unwrap_or(counted);
        Ok(checked(Coverage { lines, lines_covered, branches, branches_covered }))
    }
}

/// `50% (1/2)`, as Cobertura writes it: taken, and all.
fn conditions(text: &str) -> Option<(u64, u64)> {
    let (_, rest) = text.split_once('(')?;
    let (taken, all) = rest.split_once(')')?.0.split_once('/')?;
    Some((taken.trim().parse().ok()?, all.trim().parse().ok()?))
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok().flatten()?;
    Some(attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

/// Record by record: totals where a record has them, else what its lines say.
fn lcov(text: &str) -> Result<Coverage, String> {
    let (mut sum, mut records, mut open) = (Coverage::default(), 0, None::<Record>);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match (key, &mut open) {
            ("SF", _) => open = Some(Record::default()),
            ("end_of_record", Some(record)) => {
                sum.add(&record.sum());
                records += 1;
                open = None;
            }
            (_, Some(record)) => {
                record.take(key, value).ok_or_else(|| format!("line {}: `{key}` has no number", index + 1))?;
            }
            _ => {}
        }
    }
    match (records, open) {
        (_, Some(_)) => Err("it ends inside a record".to_owned()),
        (0, None) => Err("it is neither Cobertura XML nor lcov: no <coverage>, no `SF:`".to_owned()),
        (_, None) => Ok(sum),
    }
}

/// What lcov says of one file.
#[derive(Default)]
struct Record {
    lines: Option<u64>,
    lines_covered: Option<u64>,
    branches: Option<u64>,
    branches_covered: Option<u64>,
    counted: Coverage,
}

impl Record {
    /// `None` if a number is missing. Keys that say nothing of lines or branches do not matter.
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        let mut fields = value.split(',');
        match key {
            "LF" => self.lines = Some(value.parse().ok()?),
            "LH" => self.lines_covered = Some(value.parse().ok()?),
            "BRF" => self.branches = Some(value.parse().ok()?),
            "BRH" => self.branches_covered = Some(value.parse().ok()?),
            "DA" => {
                // Counts may be negative by a fault of gcov, and have fractions where a tool scales them.
                let hits: f64 = fields.nth(1)?.trim().parse().ok()?;
                self.counted.lines += 1;
                self.counted.lines_covered += u64::from(hits > 0.0);
            }
            "BRDA" => {
                let taken = fields.nth(3)?.trim();
                self.counted.branches += 1;
                self.counted.branches_covered += u64::from(!["-", "0"].contains(&taken));
            }
            _ => {}
        }
        Some(())
    }

    fn sum(&self) -> Coverage {
        checked(Coverage {
            lines: self.lines.unwrap_or(self.counted.lines),
            lines_covered: self.lines_covered.unwrap_or(self.counted.lines_covered),
            branches: self.branches.unwrap_or(self.counted.branches),
            branches_covered: self.branches_covered.unwrap_or(self.counted.branches_covered),
        })
    }
}

/// Never more covered than there is.
fn checked(mut coverage: Coverage) -> Coverage {
    coverage.lines_covered = coverage.lines_covered.min(coverage.lines);
    coverage.branches_covered = coverage.branches_covered.min(coverage.branches);
    coverage
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Result<[u64; 4], String> {
        let sum = parse(text.as_bytes())?;
        Ok([sum.lines, sum.lines_covered, sum.branches, sum.branches_covered])
    }

    #[test]
    fn reports_are_counted() {
        let lines = r#"<?xml version="1.0"?><!DOCTYPE coverage SYSTEM "coverage-04.dtd">
            <coverage line-rate="0.5"><packages><package><classes><class filename="a">
              <methods><method name="f"><lines><line number="1" hits="1"/></lines></method></methods>
              <lines><line number="1" hits="1"/><line number="2" hits="0" branch="true"
                condition-coverage="50% (1/2)"/></lines>
            </class></classes></package></packages></coverage>"#;
        let table = [
            (r#"<coverage lines-valid="8" lines-covered="6" branches-valid="4" branches-covered="1"/>"#, [8, 6, 4, 1]),
            (lines, [2, 1, 2, 1]),
            ("TN:\nSF:a.c\nDA:1,5\nDA:2,0\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nend_of_record\n", [2, 1, 2, 1]),
            ("SF:a\nDA:1,5\nLF:10\nLH:7\nend_of_record\nSF:b\r\nLF:2\r\nLH:3\r\nend_of_record", [12, 9, 0, 0]),
        ];
        for (text, expected) in table {
            assert_eq!(counts(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_report_says_why() {
        let table = [
            ("", "neither Cobertura XML nor lcov"),
            ("<html></html>", "no <coverage>"),
            ("<coverage>", "ends inside an element"),
            ("<coverage></coverage>", "neither `lines-valid`"),
            ("<coverage></wrong>", "byte"),
            ("SF:a\nDA:1,5\n", "ends inside a record"),
            ("SF:a\nDA:1\nend_of_record", "line 2: `DA` has no number"),
            ("SF:a\nLF:many\nend_of_record", "line 2: `LF` has no number"),
        ];
        for (text, expected) in table {
            let why = counts(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
