//! Dates in UTC, laid out as Go does it (package `time`, "Layout"): by how 2006-01-02 15:04:05 would be written.

use super::{Row, arg, fail, string};
use acre_model::{text::clip, time::Timestamp};
use gotmpl::Value;

pub(super) const TABLE: &[Row] = &[
    ("date", 2..=2, |a| string(laid_out(&arg(a, 0), seconds(&a[1])?))),
    ("unixEpoch", 1..=1, |a| string(seconds(&a[0])?.to_string())),
];

/// What `now` gives: Go's default form of an instant, to the second.
pub(super) fn instant(now: Timestamp) -> Value {
    Value::String(laid_out(DEFAULT, now.as_millis() / 1000).into())
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
