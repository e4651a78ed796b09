//! Durations as people write them: `90`, `90s`, `15m`, `1h30m`, `250ms`.

use crate::text::clip;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write for example 90s, 15m, 1h30m or 250ms")]
pub struct BadDuration(String);

/// The longest duration that is taken: 100 years.
const LIMIT_MS: u64 = 100 * 365 * 86_400_000;

/// Milliseconds of a written duration; a bare number counts seconds.
///
/// ```
/// assert_eq!(acre_model::duration::parse("1h30m"), Ok(5_400_000));
/// ```
pub fn parse(text: &str) -> Result<u64, BadDuration> {
    let bad = || BadDuration(clip(text));
    if let Ok(seconds) = text.parse::<u64>() {
        return within_limit(seconds.checked_mul(1000)).ok_or_else(bad);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| at + digits);
        let unit = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        total = within_limit(number.checked_mul(unit).and_then(|ms| ms.checked_add(total))).ok_or_else(bad)?;
        rest = &rest[unit_end..];
    }
    if text.is_empty() { Err(bad()) } else { Ok(total) }
}

fn within_limit(millis: Option<u64>) -> Option<u64> {
    millis.filter(|ms| *ms <= LIMIT_MS)
}

/// A duration for people: `850ms`, `3.2s`, `2m05s`, `1h02m`.
pub fn show(millis: u64) -> String {
    match millis {
        0..1000 => format!("{millis}ms"),
        1000..60_000 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        60_000..3_600_000 => format!("{}m{:02}s", millis / 60_000, millis / 1000 % 60),
        _ => format!("{}h{:02}m", millis / 3_600_000, millis / 60_000 % 60),
    }
}

/// A duration to the millisecond, as [`parse`] takes it: `1h`, `1h30m`, `90s` is `1m30s`.
pub fn exact(millis: u64) -> String {
    let parts = [(3_600_000, u64::MAX, "h"), (60_000, 60, "m"), (1000, 60, "s"), (1, 1000, "ms")];
    let part = |(unit, wrap, name): (u64, u64, &str)| match millis / unit % wrap {
        0 => String::new(),
        number => format!("{number}{name}"),
    };
    let text: String = parts.into_iter().map(part).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_exactly_is_read_as_it_was() {
        let table = [(0, "0s"), (90_000, "1m30s"), (3_600_000, "1h"), (5_400_250, "1h30m250ms"), (172_800_000, "48h")];
        for (millis, expected) in table {
            assert_eq!(exact(millis), expected);
            assert_eq!(parse(expected), Ok(millis));
        }
    }

    #[test]
    fn durations_read_as_written() {
        for (text, millis) in [("0", 0), ("90", 90_000), ("250ms", 250), ("1h30m", 5_400_000), ("2d", 172_800_000)] {
            assert_eq!(parse(text), Ok(millis), "{text}");
        }
        for text in ["", "m", "10 years", "-1", "1e9", "18446744073709551615", "99999999h", "5x", "1h30"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_show_in_two_units_at_most() {
        for (millis, text) in [(850, "850ms"), (3_249, "3.2s"), (125_000, "2m05s"), (3_720_000, "1h02m")] {
            assert_eq!(show(millis), text);
        }
    }
}
