//! Dates in UTC, laid out as Go does it (package `time`, "Layout"): by how 2006-01-02 15:04:05 would be written.

use super::{Outcome, Row, arg, fail, string};
use acre_model::{text::clip, time::Timestamp};
use gotmpl::Value;

pub(super) const TABLE: &[Row] = &[
    ("date", 2..=2, |a| string(laid_out(&arg(a, 0), seconds(&a[1])?))),
    ("dateInZone", 3..=3, |a| in_zone(&arg(a, 0), &a[1], &arg(a, 2))),
    ("date_in_zone", 3..=3, |a| in_zone(&arg(a, 0), &a[1], &arg(a, 2))),
    ("htmlDate", 1..=1, |a| string(laid_out("2006-01-02", seconds(&a[0])?))),
    ("htmlDateInZone", 2..=2, |a| in_zone("2006-01-02", &a[0], &arg(a, 1))),
    ("dateModify", 2..=2, |a| modified(&arg(a, 0), &a[1])),
    ("date_modify", 2..=2, |a| modified(&arg(a, 0), &a[1])),
    ("must_date_modify", 2..=2, |a| modified(&arg(a, 0), &a[1])),
    ("toDate", 2..=2, |a| read_as(&arg(a, 0), &arg(a, 1)).map(at)),
    ("duration", 1..=1, |a| string(span(super::int(a, 0)?))),
    ("durationRound", 1..=1, |a| string(rounded(length(&a[0])?))),
    ("toDuration", 1..=1, |a| string(span(length(&a[0])?))),
    ("unixEpoch", 1..=1, |a| string(seconds(&a[0])?.to_string())),
];

/// What `now` gives: Go's default form of an instant, to the second.
pub(super) fn instant(now: Timestamp) -> Value {
    at(now.as_millis() / 1000)
}

fn at(second: u64) -> Value {
    Value::String(laid_out(DEFAULT, second).into())
}

/// How long before `now` an instant was.
pub(super) fn ago(value: &Value, now: Timestamp) -> Outcome {
    string(span(whole(now.as_millis() / 1000) - whole(seconds(value)?)))
}

fn whole(second: u64) -> i64 {
    i64::try_from(second).unwrap_or(i64::MAX)
}

/// Zones differ from machine to machine; a task has the one that all know.
fn in_zone(layout: &str, date: &Value, zone: &str) -> Outcome {
    match zone {
        "" | "UTC" | "GMT" | "Etc/UTC" => string(laid_out(layout, seconds(date)?)),
        other => Err(fail(format!("the zone `{}` is not known; dates of a task are in UTC", clip(other)))),
    }
}

fn modified(by: &str, date: &Value) -> Outcome {
    let moved = whole(seconds(date)?).checked_add(length(&Value::from(by))?);
    let second = moved.and_then(|moved| u64::try_from(moved).ok()).filter(|second| *second < YEAR_10000);
    second.map(at).ok_or_else(|| fail(format!("`{}` leads out of the years 1970 to 9999", clip(by))))
}

/// The first second that has a year of five digits.
const YEAR_10000: u64 = 253_402_300_800;
/// Seconds of a unit of Go's durations; parts of a second are not kept.
const UNITS: [(&str, f64); 7] =
    [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];

/// The seconds of `-1h30m`, or of a number of seconds.
fn length(value: &Value) -> Result<i64, gotmpl::TemplateError> {
    let text = super::text(value);
    let fault = || fail(format!("`{}` is not a duration; write for example 1h30m", clip(&text)));
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let (negative, mut rest) =
        text.strip_prefix('-').map_or((false, text.trim_start_matches('+')), |rest| (true, rest));
    let mut total = 0.0;
    if rest.is_empty() {
        return Err(fault());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fault)?;
        let number: f64 = rest[..digits].parse().map_err(|_| fault())?;
        let (unit, worth) = UNITS.iter().find(|(unit, _)| rest[digits..].starts_with(unit)).ok_or_else(fault)?;
        total += number * worth;
        rest = &rest[digits + unit.len()..];
    }
    // The cast saturates.
    let seconds = total as i64;
    Ok(if negative { -seconds } else { seconds })
}

/// Seconds as Go prints a duration: `1h0m5s`.
fn span(seconds: i64) -> String {
    let (sign, seconds) = (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs());
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, minutes) => format!("{sign}{minutes}m{rest}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

/// Seconds in the largest unit that fits: `2h`, `3mo`.
fn rounded(seconds: i64) -> String {
    const LARGEST: [(u64, &str); 6] =
        [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let seconds = seconds.unsigned_abs();
    let unit = LARGEST.iter().find(|(length, _)| seconds >= *length);
    unit.map_or_else(|| "0s".to_owned(), |(length, name)| format!("{}{name}", seconds / length))
}

/// Reads a date that is laid out as `layout` says.
fn read_as(layout: &str, text: &str) -> Result<u64, gotmpl::TemplateError> {
    let fault = || fail(format!("`{}` is not a date of the form `{}`", clip(text), clip(layout)));
    let (mut layout_rest, mut rest) = (layout, text);
    let (mut date, mut time) = ([1_970_u64, 1, 1], [0_u64; 3]);
    while !layout_rest.is_empty() {
        let Some(element) = ELEMENTS.iter().find(|element| layout_rest.starts_with(**element)) else {
            let length = layout_rest.chars().next().map_or(1, char::len_utf8);
            rest = rest.strip_prefix(&layout_rest[..length]).ok_or_else(fault)?;
            layout_rest = &layout_rest[length..];
            continue;
        };
        layout_rest = &layout_rest[element.len()..];
        let digits = match *element {
            "2006" => 4,
            "01" | "02" | "15" | "04" | "05" | "06" => 2,
            "1" | "2" => rest.bytes().take(2).take_while(u8::is_ascii_digit).count(),
            "Z07:00" | "MST" => {
                let zone = ["Z", "UTC", "+00:00"].iter().find(|zone| rest.starts_with(**zone)).ok_or_else(fault)?;
                rest = &rest[zone.len()..];
                continue;
            }
            "Jan" | "January" => {
                let length =
                    if *element == "Jan" { 3 } else { rest.bytes().take_while(u8::is_ascii_alphabetic).count() };
                let name = rest.get(..length).ok_or_else(fault)?;
                let known = |month: &&str| *month == name || *element == "Jan" && month.starts_with(name);
                let month = MONTHS.iter().position(known).ok_or_else(fault)?;
                date[1] = month as u64 + 1;
                rest = &rest[length..];
                continue;
            }
            _ => return Err(fail(format!("`toDate` does not read `{element}` of a layout"))),
        };
        let number: u64 = rest.get(..digits).and_then(|digits| digits.parse().ok()).ok_or_else(fault)?;
        rest = &rest[digits..];
        match *element {
            "2006" => date[0] = number,
            "06" => date[0] = 2000 + number,
            "01" | "1" => date[1] = number,
            "02" | "2" => date[2] = number,
            "15" => time[0] = number,
            "04" => time[1] = number,
            _ => time[2] = number,
        }
    }
    let ([year, month, day], [hour, minute, second]) = (date, time);
    let valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !rest.is_empty() || !valid || hour > 23 || minute > 59 || second > 59 {
        return Err(fault());
    }
    read_instant(&format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} +0000 UTC"))
        .ok_or_else(fault)
}

/// The days of a month; 0 where it is none.
fn days_of(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

const DEFAULT: &str = "2006-01-02 15:04:05 +0000 UTC";
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// The elements of a layout, longer ones first where one begins another.
const ELEMENTS: [&str; 22] = [
    "January", "Jan", "Monday", "Mon", "MST", "2006", "-07:00", "-0700", "Z07:00", "PM", "pm", "01", "02", "03", "04",
    "05", "06", "15", "_2", "1", "2", "3",
];

/// `layout` filled in for a Unix second.
fn laid_out(layout: &str, second: u64) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while !rest.is_empty() {
        match ELEMENTS.iter().find(|element| rest.starts_with(**element)) {
            Some(element) => {
                out.push_str(&filled(element, second));
                rest = &rest[element.len()..];
            }
            None => {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
    }
    out
}

fn filled(element: &str, second: u64) -> String {
    let (year, month, day, hour, minute, seconds) = Timestamp::from_millis(second.saturating_mul(1000)).civil();
    let month_name = MONTHS[(month as usize + 11) % 12];
    let day_name = DAYS[(second / 86_400 % 7) as usize];
    let twelve = (hour + 11) % 12 + 1;
    match element {
        "January" => month_name.to_owned(),
        "Jan" => month_name[..3].to_owned(),
        "Monday" => day_name.to_owned(),
        "Mon" => day_name[..3].to_owned(),
        "MST" => "UTC".to_owned(),
        "2006" => format!("{year:04}"),
        "06" => format!("{:02}", year % 100),
        "-07:00" => "+00:00".to_owned(),
        "-0700" => "+0000".to_owned(),
        "Z07:00" => "Z".to_owned(),
        "PM" => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        "pm" => if hour < 12 { "am" } else { "pm" }.to_owned(),
        "01" => format!("{month:02}"),
        "1" => month.to_string(),
        "02" => format!("{day:02}"),
        "_2" => format!("{day:2}"),
        "2" => day.to_string(),
        "15" => format!("{hour:02}"),
        "03" => format!("{twelve:02}"),
        "3" => twelve.to_string(),
        "04" => format!("{minute:02}"),
        _ => format!("{seconds:02}"),
    }
}

/// The Unix second of what `now` gives, or of a number of seconds.
fn seconds(value: &Value) -> Result<u64, gotmpl::TemplateError> {
    let fault = || fail(format!("`{}` is not a date; give `now` or Unix seconds", clip(&super::text(value))));
    match value {
        Value::Int(second) => u64::try_from(*second).map_err(|_| fault()),
        Value::String(text) => read_instant(text).ok_or_else(fault),
        _ => Err(fault()),
    }
}

/// Reads the form that `now` has, by counting days (Howard Hinnant's `days_from_civil`).
fn read_instant(text: &str) -> Option<u64> {
    let text = text.strip_suffix(" +0000 UTC")?;
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_filled_in() {
        let second = 1_795_197_781; // 2026-11-20T18:03:01Z, a Friday
        let table = [
            ("2006-01-02T15:04:05Z07:00", "2026-11-20T18:03:01Z"),
            ("20060102", "20261120"),
            ("Mon, 2 Jan 06 3:04PM MST", "Fri, 20 Nov 26 6:03PM UTC"),
            ("Monday, _2 January", "Friday, 20 November"),
        ];
        for (layout, expected) in table {
            assert_eq!(laid_out(layout, second), expected, "{layout}");
        }
        let Value::String(text) = instant(Timestamp::from_millis(second * 1000)) else { panic!("no text") };
        assert_eq!(read_instant(&text), Some(second));
    }
}
