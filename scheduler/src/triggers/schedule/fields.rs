//! The five fields of a schedule, checked one by one so that errors can name them, and written in numbers.
//!
//! Source: crontab(5). `*`, numbers, names of three letters, `a-b`, `a-b/n`, `*/n`, and lists of these. If neither the
//! day of the month nor the day of the week is `*`, one of them is enough.

use super::BadSchedule;
use acre_model::text::clip;
use std::fmt;

/// The longest schedule, in bytes.
const LONGEST: usize = 255;

/// A field of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    Day,
    /// 1 to 12, or JAN to DEC.
    Month,
    /// 0 to 7, of which 0 and 7 are Sunday, or SUN to SAT.
    Weekday,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day of the month",
            Self::Month => "month",
            Self::Weekday => "day of the week",
        })
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadField {
    /// Not a number, nor a name of this field.
    #[error("{field}: `{text}` is not one of {}, which stand alone, in ranges a-b, steps */n or a-b/n, and lists", .field.range())]
    Value {
        /// The field.
        field: Field,
        /// What stands there, clipped.
        text: String,
    },
    /// A range that goes back.
    #[error("{field}: the range `{text}` ends before it begins")]
    Backwards {
        /// The field.
        field: Field,
        /// The range, clipped.
        text: String,
    },
    /// `5/10`.
    #[error("{field}: `{text}` is a step of one value; write */n or a-b/n")]
    StepOfOne {
        /// The field.
        field: Field,
        /// What stands there, clipped.
        text: String,
    },
    /// A step of nothing, or beyond the field.
    #[error("{field}: the step of `{text}` is not one of 1 to {}", .field.bounds().1)]
    Step {
        /// The field.
        field: Field,
        /// What stands there, clipped.
        text: String,
    },
}

impl BadField {
    /// Where in a schedule this is: the column in characters from 1. The first place of the field that reads so.
    pub(super) fn column(&self, schedule: &str) -> Option<usize> {
        let (Self::Value { field, text }
        | Self::Backwards { field, text }
        | Self::StepOfOne { field, text }
        | Self::Step { field, text }) = self;
        let index = Field::ALL.iter().position(|one| one == field)?;
        let word = schedule.split_ascii_whitespace().nth(index)?;
        let begin = word.as_ptr().addr() - schedule.as_ptr().addr();
        let at = begin + word.find(text.as_str()).unwrap_or(0);
        Some(schedule[..at].chars().count() + 1)
    }
}

impl Field {
    const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::Day, Self::Month, Self::Weekday];

    const fn bounds(self) -> (u8, u8) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 7),
        }
    }

    /// The names of the values from the first on.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Minute | Self::Hour | Self::Day => &[],
            Self::Month => &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
            Self::Weekday => &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        }
    }

    fn range(self) -> String {
        let (first, last) = self.bounds();
        match self.names() {
            [from, .., to] => format!("{first} to {last} or {from} to {to}"),
            _ => format!("{first} to {last}"),
        }
    }

    fn value(self, text: &str) -> Result<u8, BadField> {
        let (first, last) = self.bounds();
        let named = self.names().iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = || text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let value = named.and_then(|index| u8::try_from(index).ok()).map(|index| index + first).or_else(number);
        value
            .filter(|value| (first..=last).contains(value))
            .ok_or_else(|| BadField::Value { field: self, text: clip(text) })
    }

    /// The values that an entry of the field's list names.
    fn entry(self, text: &str) -> Result<Entry, BadField> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(self.step(text, step)?)),
            None => (text, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => self.bounds(),
            (_, Some((from, to))) => (self.value(from)?, self.last(to)?),
            (one, None) if step.is_none() => (self.value(one)?, self.value(one)?),
            _ => return Err(BadField::StepOfOne { field: self, text: clip(text) }),
        };
        if from > to {
            return Err(BadField::Backwards { field: self, text: clip(text) });
        }
        Ok(Entry { from, to, step, all: range == "*" })
    }

    /// The end of a range, where Sunday is the last day of the week.
    fn last(self, text: &str) -> Result<u8, BadField> {
        let sunday = self == Self::Weekday && text.eq_ignore_ascii_case("SUN");
        if sunday { Ok(7) } else { self.value(text) }
    }

    fn step(self, text: &str, step: &str) -> Result<u8, BadField> {
        let number = step.bytes().all(|b| b.is_ascii_digit()).then(|| step.parse().ok()).flatten();
        number
            .filter(|step| (1..=self.bounds().1).contains(step))
            .ok_or_else(|| BadField::Step { field: self, text: clip(text) })
    }
}

/// An entry of a field's list.
struct Entry {
    from: u8,
    to: u8,
    step: Option<u8>,
    all: bool,
}

impl Entry {
    fn values(&self) -> impl Iterator<Item = u8> {
        (self.from..=self.to).step_by(usize::from(self.step.unwrap_or(1)))
    }

    /// In numbers, as the library reads it.
    fn write(&self) -> String {
        let Self { from, to, step, all } = self;
        let range = match (all, from == to && step.is_none()) {
            (true, _) => "*".to_owned(),
            (false, true) => from.to_string(),
            (false, false) => format!("{from}-{to}"),
        };
        step.map_or_else(|| range.clone(), |step| format!("{range}/{step}"))
    }
}

/// All fields, checked.
pub(super) struct Fields {
    /// In numbers.
    pub(super) numbers: String,
    /// Whether the hour is `*` or `*/n`.
    pub(super) every_hour: bool,
}

/// Checks the fields of a schedule.
pub(super) fn parse(text: &str) -> Result<Fields, BadSchedule> {
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    match words.len() {
        5 if text.len() <= LONGEST => {}
        5 => return Err(BadSchedule::Other(clip(text))),
        6 | 7 => return Err(BadSchedule::Seconds(clip(text))),
        count => return Err(BadSchedule::Count { text: clip(text), count }),
    }
    let lists: Vec<_> =
        Field::ALL.iter().zip(&words).map(|(field, word)| list(*field, word)).collect::<Result<_, _>>()?;
    let [_, hours, days, months, _] = lists.as_slice() else { return Err(BadSchedule::Other(clip(text))) };
    if words[4] == "*" && !has_day(days, months) {
        return Err(BadSchedule::Never(clip(text)));
    }
    let write = |list: &Vec<Entry>| list.iter().map(Entry::write).collect::<Vec<_>>().join(",");
    let numbers = lists.iter().map(write).collect::<Vec<_>>().join(" ");
    Ok(Fields { numbers, every_hour: hours.iter().any(|entry| entry.all) })
}

fn list(field: Field, word: &str) -> Result<Vec<Entry>, BadField> {
    word.split(',').map(|text| field.entry(text)).collect()
}

/// Whether one of the months has one of the days, in a leap year.
fn has_day(days: &[Entry], months: &[Entry]) -> bool {
    let first = days.iter().map(|entry| entry.from).min().unwrap_or(1);
    months.iter().flat_map(Entry::values).any(|month| first <= longest(month))
}

/// The days of a month in the years in which it has most.
const fn longest(month: u8) -> u8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
