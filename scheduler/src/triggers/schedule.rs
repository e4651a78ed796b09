//! When a schedule is due.
//!
//! A schedule is the five fields of cron (crontab(5)) and a time zone of the IANA database, which is part of this
//! program. Its instants are whole minutes. Where the clocks of the zone are changed:
//!
//! - If the hour field is `*` or `*/n`, it goes by the hours that pass: nothing happens in the hour that is left out,
//!   and what stands in the hour that comes twice happens twice.
//! - If the hour field names hours, it goes by the days: what stands in a time that is left out happens once, at the
//!   first instant after it (02:30 at 03:00, when the clocks go from 02:00 to 03:00), and what stands in a time that
//!   comes twice happens once, the first time.
//!
//! What was missed while nobody was there is made up for by one run, for the last instant that was missed.

mod fields;
#[cfg(test)]
pub(crate) mod oracle;
#[cfg(test)]
mod tests;

pub use fields::{BadField, Field};

use acre_model::{
    text::{clip, nearest},
    time::Timestamp,
};
use croner::Cron;
use jiff::{
    Zoned,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

/// The zone of a schedule that names none.
pub const DEFAULT_ZONE: &str = "UTC";

/// A name longer than this is not compared with others; the longest is `America/Argentina/ComodRivadavia`.
const LONGEST_ZONE: usize = 64;

/// Why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// Not five fields.
    #[error("`{text}` has {count} fields; a schedule has five: minute, hour, day of the month, month, day of the week")]
    Count {
        /// The schedule, clipped.
        text: String,
        /// How many fields it has.
        count: usize,
    },
    /// Six or seven fields, of which others take the first for seconds.
    #[error("`{0}` has a field for seconds; the finest is one minute, as five fields say it")]
    Seconds(String),
    /// One of the fields.
    #[error(transparent)]
    Field(#[from] BadField),
    /// Days that are in none of the months.
    #[error("`{0}` never fires: none of its months has such a day")]
    Never(String),
    /// No time zone.
    #[error("`{zone}` is not a time zone; name one as Europe/Berlin or UTC{}", did_you_mean(.near))]
    Zone {
        /// What was given, clipped.
        zone: String,
        /// The nearest that is one.
        near: Option<String>,
    },
    /// Anything else that the library finds.
    #[error("`{0}` is not a schedule")]
    Other(String),
}

impl BadSchedule {
    /// Where in the schedule it is wrong, if that is one place: the column in characters from 1.
    pub fn column(&self, schedule: &str) -> Option<usize> {
        match self {
            Self::Field(bad) => bad.column(schedule),
            Self::Count { .. } | Self::Seconds(_) | Self::Never(_) | Self::Zone { .. } | Self::Other(_) => None,
        }
    }
}

fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// A schedule, checked.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    pace: Pace,
}

/// What a schedule does where the clocks are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// It goes by the hours that pass.
    Hours,
    /// It goes by the days, and each of them has every time once.
    Days,
}

/// What is to be done about a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing, until then; nothing for ever, if there is no further instant.
    At(Option<Timestamp>),
    /// A run is to be started for this instant, which is to be remembered as the last one in the same step.
    Now {
        /// The instant the run is for.
        instant: Timestamp,
        /// The first of the instants before it that were missed, and that no run is started for.
        missed: Option<Timestamp>,
    },
}

impl Schedule {
    /// Reads five fields, and the name of a zone.
    ///
    /// # Errors
    /// The first thing that is wrong, with the field's name.
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self, BadSchedule> {
        let fields = fields::parse(text)?;
        let zone = find_zone(zone.unwrap_or(DEFAULT_ZONE))?;
        let pace = if fields.every_hour { Pace::Hours } else { Pace::Days };
        let cron = fields.numbers.parse().map_err(|_| BadSchedule::Other(clip(text)))?;
        Ok(Self { cron, zone, pace })
    }

    /// The first instant after `after`; `None` if there is none before the end of time, which is the year 5000.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = self.zoned(after)?;
        let next = match self.pace {
            Pace::Hours => self.cron.find_next_occurrence(&after, false).ok()?,
            Pace::Days => self.next_by_days(&after)?,
        };
        u64::try_from(next.timestamp().as_millisecond()).ok().map(Timestamp::from_millis)
    }

    /// The first five instants after `after`, for people to see whether it is what they meant.
    pub fn next_five(&self, after: Timestamp) -> Vec<Timestamp> {
        std::iter::successors(self.next(after), |last| self.next(*last)).take(5).collect()
    }

    /// The same as they are on the wall there: RFC 3339 with the offset of the zone.
    pub fn next_five_shown(&self, after: Timestamp) -> Vec<String> {
        self.next_five(after).into_iter().filter_map(|instant| self.shown(instant)).collect()
    }

    fn shown(&self, instant: Timestamp) -> Option<String> {
        let there = self.zoned(instant)?;
        let is_utc = self.zone == TimeZone::UTC;
        let instant = there.timestamp();
        Some(if is_utc { instant.to_string() } else { instant.display_with_offset(there.offset()).to_string() })
    }

    /// What is to be done at `now`, where `last` is the instant that the last run was for, or that of the trigger's
    /// creation if there was none yet.
    ///
    /// A clock that was put back makes nothing happen again: `last` only grows.
    pub fn due(&self, last: Timestamp, now: Timestamp) -> Due {
        match self.next(last) {
            Some(first) if first <= now => {
                let instant = self.latest(first, now);
                Due::Now { instant, missed: (first != instant).then_some(first) }
            }
            next => Due::At(next),
        }
    }

    /// The last instant up to `now`, where `first` is one. Found by halving, since there may be years of them.
    fn latest(&self, first: Timestamp, now: Timestamp) -> Timestamp {
        let (mut latest, mut end) = (first, now);
        while latest < end {
            let middle = Timestamp::from_millis(latest.as_millis().midpoint(end.as_millis()));
            match self.next(middle) {
                Some(next) if next <= now => latest = next,
                _ if middle == latest => break,
                _ => end = middle,
            }
        }
        latest
    }

    fn zoned(&self, instant: Timestamp) -> Option<Zoned> {
        let millis = i64::try_from(instant.as_millis()).ok()?;
        jiff::Timestamp::from_millisecond(millis).ok().map(|instant| instant.to_zoned(self.zone.clone()))
    }

    /// The first instant after `after` of a schedule that goes by the days. Its times are searched as they stand on a
    /// wall, and each is put on the one instant that is its own; those of one night's gap share one.
    fn next_by_days(&self, after: &Zoned) -> Option<Zoned> {
        let mut time = after.datetime();
        loop {
            time = self.cron.find_next_occurrence(&time, false).ok()?;
            let instant = self.instant(time)?;
            if instant > *after {
                return Some(instant);
            }
        }
    }

    /// The instant of a time on the wall: the earlier of two, and the first after a gap it is in.
    fn instant(&self, time: DateTime) -> Option<Zoned> {
        let ambiguous = self.zone.to_ambiguous_zoned(time);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
            AmbiguousOffset::Gap { before, .. } => {
                // By the clock before the change, the time is at it, or after it.
                let late = before.to_timestamp(time).ok()?;
                let just_after = late.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
                let change = self.zone.preceding(just_after).next()?;
                Some(change.timestamp().to_zoned(self.zone.clone()))
            }
        }
    }
}

/// Looks a zone up in what is built in; nothing of the machine is read.
fn find_zone(name: &str) -> Result<TimeZone, BadSchedule> {
    let zones = TimeZoneDatabase::bundled();
    let found = zones.get(name).ok().filter(|zone| !zone.is_unknown());
    found.ok_or_else(|| BadSchedule::Zone { zone: clip(name), near: nearest_zone(&zones, name) })
}

fn nearest_zone(zones: &TimeZoneDatabase, name: &str) -> Option<String> {
    let names: Vec<_> = zones.available().map(|name| name.to_string()).collect();
    let candidates = names.iter().map(String::as_str).filter(|_| name.len() <= LONGEST_ZONE);
    nearest(name, candidates).map(str::to_owned)
}
