//! What the instants of a schedule are, found by looking at every minute of two years. It shares nothing with what it is
//! to judge but the table of time zones.

use super::find_zone;
use acre_model::time::Timestamp;
use jiff::civil;
use std::sync::LazyLock;

/// 2027-03-01 to 2029-03-01, in seconds: both changes of the clocks twice, and 2028-02-29.
pub(crate) const YEARS: (i64, i64) = (1_803_859_200, 1_867_017_600);

/// The names of the values from 0 on: weekdays, and months.
const NAMES: [[&str; 2]; 13] = [
    ["SUN", ""],
    ["MON", "JAN"],
    ["TUE", "FEB"],
    ["WED", "MAR"],
    ["THU", "APR"],
    ["FRI", "MAY"],
    ["SAT", "JUN"],
    ["", "JUL"],
    ["", "AUG"],
    ["", "SEP"],
    ["", "OCT"],
    ["", "NOV"],
    ["", "DEC"],
];

/// What the clocks of a zone show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    /// Minutes since the epoch, as if the zone were UTC.
    number: i64,
    /// Month and day of the month, as they are in every year that has this day.
    month: u8,
    day: u8,
    /// From Sunday, which is 0.
    weekday: u8,
}

impl Wall {
    fn new(number: i64) -> Self {
        let days = jiff::Span::new().days(number.div_euclid(1440));
        let date = civil::date(1970, 1, 1).checked_add(days).unwrap();
        let small = |value: i8| u8::try_from(value).unwrap();
        let weekday = small(date.weekday().to_sunday_zero_offset());
        Self { number, month: small(date.month()), day: small(date.day()), weekday }
    }

    /// What they show a number of minutes later, or earlier.
    fn moved_to(self, number: i64) -> Self {
        let is_same_day = number.div_euclid(1440) == self.number.div_euclid(1440);
        if is_same_day { Self { number, ..self } } else { Self::new(number) }
    }
}

/// Every minute of the years in `zone`.
fn minutes(zone: &str) -> Vec<(Timestamp, Wall)> {
    let zone = find_zone(zone).unwrap();
    let mut wall = Wall::new(0);
    let minute = |second: i64| {
        let offset = zone.to_offset(jiff::Timestamp::from_second(second).unwrap());
        wall = wall.moved_to((second + i64::from(offset.seconds())).div_euclid(60));
        (Timestamp::from_millis(u64::try_from(second).unwrap() * 1000), wall)
    };
    (YEARS.0..YEARS.1).step_by(60).map(minute).collect()
}

/// Every minute of [`YEARS`] there, and what its clocks show.
pub(crate) static UTC: LazyLock<Vec<(Timestamp, Wall)>> = LazyLock::new(|| minutes("UTC"));
/// Every minute of [`YEARS`] there, and what its clocks show.
pub(crate) static BERLIN: LazyLock<Vec<(Timestamp, Wall)>> = LazyLock::new(|| minutes("Europe/Berlin"));
/// Every minute of [`YEARS`] there, and what its clocks show.
pub(crate) static NEW_YORK: LazyLock<Vec<(Timestamp, Wall)>> = LazyLock::new(|| minutes("America/New_York"));

/// The values of the five fields, a bit for each, and whether either of the days is enough.
pub(crate) struct Fields {
    bits: [u64; 5],
    either_day: bool,
    every_hour: bool,
}

/// Reads numbers, names, ranges, steps and lists.
pub(crate) fn read(text: &str) -> Fields {
    let words: Vec<_> = text.split(' ').collect();
    let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let entry = |entry: &str, (first, last): (u32, u32)| -> u64 {
        let (range, step) = entry.split_once('/').unwrap_or((entry, "1"));
        let number = |text: &str| {
            let named = NAMES.iter().position(|names| names.contains(&text));
            text.parse().unwrap_or_else(|_| u32::try_from(named.unwrap()).unwrap())
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (first, last),
            // Sunday is the last day as well as the first.
            Some((from, "SUN")) => (number(from), last),
            Some((from, to)) => (number(from), number(to)),
            None => (number(range), number(range)),
        };
        (from..=to).step_by(step.parse().unwrap()).fold(0, |bits, value| bits | 1 << value)
    };
    let field = |index: usize| words[index].split(',').fold(0, |bits, one| bits | entry(one, bounds[index]));
    Fields {
        bits: std::array::from_fn(field),
        either_day: words[2] != "*" && words[4] != "*",
        every_hour: words[1].starts_with('*'),
    }
}

impl Fields {
    fn match_time(&self, wall: Wall) -> bool {
        let [minute, hour, day, month, weekday] = self.bits;
        let has = |bits: u64, value: i64| bits >> value & 1 == 1;
        let is_weekday = has(weekday, i64::from(wall.weekday)) || wall.weekday == 0 && has(weekday, 7);
        let is_day = has(day, i64::from(wall.day));
        let days = if self.either_day { is_day || is_weekday } else { is_day && is_weekday };
        has(minute, wall.number.rem_euclid(60))
            && has(hour, wall.number.rem_euclid(1440) / 60)
            && has(month, i64::from(wall.month))
            && days
    }

    /// The instants among `minutes`, found by looking at each of them.
    pub(crate) fn instants(&self, minutes: &[(Timestamp, Wall)]) -> Vec<Timestamp> {
        let mut instants = Vec::new();
        let mut shown = minutes[0].1.number - 1;
        for (instant, wall) in minutes {
            let fires = if self.every_hour {
                self.match_time(*wall)
            } else {
                // Times that were left out before this minute count for it; those shown before do not count again.
                (shown + 1..=wall.number).any(|number| self.match_time(wall.moved_to(number)))
            };
            instants.extend(fires.then_some(*instant));
            shown = shown.max(wall.number);
        }
        instants
    }
}
