//! Schedules against a computation of their instants that walks every minute of two years, and against each other.

use super::{
    oracle::{BERLIN, NEW_YORK, UTC, YEARS, read},
    *,
};
use jiff::civil;
use proptest::prelude::*;
use std::sync::LazyLock;

const MINUTE: u64 = 60_000;
fn schedule(text: &str, zone: &str) -> Schedule {
    Schedule::parse(text, Some(zone)).unwrap()
}

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(u64::try_from(instant.as_millisecond()).unwrap())
}

fn every_instant(schedule: &Schedule) -> Vec<Timestamp> {
    let second = |second: i64| u64::try_from(second).unwrap() * 1000;
    let (from, to) = (Timestamp::from_millis(second(YEARS.0) - 1), Timestamp::from_millis(second(YEARS.1)));
    std::iter::successors(schedule.next(from), |last| schedule.next(*last)).take_while(|at| *at < to).collect()
}

#[test]
fn two_years_of_instants_are_those_found_by_looking_at_every_minute() {
    let schedules = [
        "17 * * 3,4,10,11 *",
        "*/20 * * 3,10,11 *",
        "30 */2 * 3,10,11 *",
        "30 2 * * *",
        "30 1 * * *",
        "0 0 * * *",
        "15,45 1-3 * * 0",
        "0 2 29 2 *",
        "0 3 1 * 1-5",
        "59 23 31 12,1,2 *",
        "0 12 13 * 5",
        "*/30 2 * 3,10,11 7",
        "0 0-23 * 3,11 *",
    ];
    for (zone, minutes) in [("UTC", &*UTC), ("Europe/Berlin", &*BERLIN), ("America/New_York", &*NEW_YORK)] {
        for text in schedules {
            let expected = read(text).instants(minutes);
            let found = every_instant(&schedule(text, zone));
            let differs = expected.iter().zip(&found).find(|(expected, found)| expected != found);
            assert_eq!(differs, None, "{text} in {zone}: expected, found");
            assert_eq!(expected.len(), found.len(), "{text} in {zone}");
        }
    }
}

#[test]
fn where_the_clocks_are_changed_a_time_of_the_day_comes_once() {
    let table = [
        // Forward: 02:00 becomes 03:00, which is 01:00 UTC in Berlin and 07:00 UTC in New York.
        ("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00Z", ["2027-03-28T01:00Z", "2027-03-29T00:30Z"]),
        ("30 2 * * *", "America/New_York", "2027-03-13T12:00Z", ["2027-03-14T07:00Z", "2027-03-15T06:30Z"]),
        ("0 2 * * *", "Europe/Berlin", "2027-03-27T12:00Z", ["2027-03-28T01:00Z", "2027-03-29T00:00Z"]),
        ("15,45 2 * * *", "Europe/Berlin", "2027-03-27T12:00Z", ["2027-03-28T01:00Z", "2027-03-29T00:15Z"]),
        // 03:00 is there, and shares the instant with what stands in the gap.
        ("0,30 2-3 * * *", "Europe/Berlin", "2027-03-27T12:00Z", ["2027-03-28T01:00Z", "2027-03-28T01:30Z"]),
        // Back: 03:00 becomes 02:00 in Berlin, 02:00 becomes 01:00 in New York.
        ("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00Z", ["2027-10-31T00:30Z", "2027-11-01T01:30Z"]),
        ("30 1 * * *", "America/New_York", "2027-11-06T12:00Z", ["2027-11-07T05:30Z", "2027-11-08T06:30Z"]),
        // The second half hour of the first pass, from within it and from within the second.
        ("*/30 2 * * *", "Europe/Berlin", "2027-10-31T00:10Z", ["2027-10-31T00:30Z", "2027-11-01T01:00Z"]),
        ("*/30 2 * * *", "Europe/Berlin", "2027-10-31T01:10Z", ["2027-11-01T01:00Z", "2027-11-01T01:30Z"]),
        // What goes by the hours does so.
        ("30 * * * *", "Europe/Berlin", "2027-03-28T00:00Z", ["2027-03-28T00:30Z", "2027-03-28T01:30Z"]),
        ("30 * * * *", "Europe/Berlin", "2027-10-31T00:00Z", ["2027-10-31T00:30Z", "2027-10-31T01:30Z"]),
        // A half hour only, and a day that begins at one o'clock.
        ("15 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00Z", ["2027-10-02T15:30Z", "2027-10-03T15:15Z"]),
        ("0 0 * * *", "Asia/Beirut", "2027-03-27T12:00Z", ["2027-03-27T22:00Z", "2027-03-28T21:00Z"]),
    ];
    for (text, zone, after, expected) in table {
        let next = schedule(text, zone).next_five(at(after));
        assert_eq!(next[..2], expected.map(at), "{text} in {zone} after {after}");
    }
}

#[test]
fn five_instants_are_shown() {
    let table = [
        (
            "*/5 * * * *",
            "2026-11-20T18:03:01Z",
            ["18:05", "18:10", "18:15", "18:20", "18:25"].map(|t| format!("2026-11-20T{t}Z")),
        ),
        (
            "0 0 29 FEB *",
            "2026-11-20T18:03:01Z",
            ["2028", "2032", "2036", "2040", "2044"].map(|year| format!("{year}-02-29T00:00Z")),
        ),
        (
            "30 8 * * mon-fri",
            "2026-11-20T08:30:00Z",
            ["23", "24", "25", "26", "27"].map(|day| format!("2026-11-{day}T08:30Z")),
        ),
        (
            "0 0 * * SAT-SUN",
            "2026-11-20T08:30:00Z",
            ["21", "22", "28", "29"]
                .map(|day| format!("2026-11-{day}T00:00Z"))
                .into_iter()
                .chain(["2026-12-05T00:00Z".to_owned()])
                .collect::<Vec<_>>()
                .try_into()
                .unwrap(),
        ),
    ];
    for (text, after, expected) in table {
        let found = Schedule::parse(text, None).unwrap().next_five(at(after));
        assert_eq!(found, expected.map(|instant| at(&instant)), "{text}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_with_the_field_and_what_it_may_be() {
    const VALUES: &str = "which stand alone, in ranges a-b, steps */n or a-b/n, and lists";
    let table = [
        ("61 * * * *", format!("minute: `61` is not one of 0 to 59, {VALUES}")),
        ("* 24 * * *", format!("hour: `24` is not one of 0 to 23, {VALUES}")),
        ("* * 0 * *", format!("day of the month: `0` is not one of 1 to 31, {VALUES}")),
        ("* * * FOO *", format!("month: `FOO` is not one of 1 to 12 or JAN to DEC, {VALUES}")),
        ("* * * * 8", format!("day of the week: `8` is not one of 0 to 7 or SUN to SAT, {VALUES}")),
        ("* * * * MONDAY", format!("day of the week: `MONDAY` is not one of 0 to 7 or SUN to SAT, {VALUES}")),
        ("* * L * *", format!("day of the month: `L` is not one of 1 to 31, {VALUES}")),
        ("1,,2 * * * *", format!("minute: `` is not one of 0 to 59, {VALUES}")),
        ("-5 * * * *", format!("minute: `` is not one of 0 to 59, {VALUES}")),
        ("+5 * * * *", format!("minute: `+5` is not one of 0 to 59, {VALUES}")),
        ("*/0 * * * *", "minute: the step of `*/0` is not one of 1 to 59".to_owned()),
        ("*/1000 * * * *", "minute: the step of `*/1000` is not one of 1 to 59".to_owned()),
        ("5/10 * * * *", "minute: `5/10` is a step of one value; write */n or a-b/n".to_owned()),
        ("* 22-6 * * *", "hour: the range `22-6` ends before it begins".to_owned()),
        ("0 0 31 2 *", "`0 0 31 2 *` never fires: none of its months has such a day".to_owned()),
        ("0 0 31 4,6,9,11 *", "`0 0 31 4,6,9,11 *` never fires: none of its months has such a day".to_owned()),
        (
            "*/5 * * * * *",
            "`*/5 * * * * *` has a field for seconds; the finest is one minute, as five fields say it".to_owned(),
        ),
        (
            "@daily",
            "`@daily` has 1 fields; a schedule has five: minute, hour, day of the month, month, day of the week"
                .to_owned(),
        ),
        ("", "`` has 0 fields; a schedule has five: minute, hour, day of the month, month, day of the week".to_owned()),
    ];
    for (text, expected) in table {
        assert_eq!(Schedule::parse(text, None).err().map(|why| why.to_string()), Some(expected), "{text}");
    }
    for fires in ["0 0 31 2 1", "0 0 30,31 2,3 *", "0 0 29 2 *", "0\t0  1 1 *"] {
        assert!(Schedule::parse(fires, None).unwrap().next(at("2026-11-20T00:00Z")).is_some(), "{fires}");
    }
}

#[test]
fn an_unknown_zone_is_refused_with_the_nearest() {
    const HOW: &str = "is not a time zone; name one as Europe/Berlin or UTC";
    let long = "x".repeat(100_000);
    let table = [
        ("Mars/Base", format!("`Mars/Base` {HOW}")),
        ("Europe/Berln", format!("`Europe/Berln` {HOW}; did you mean Europe/Berlin?")),
        ("", format!("`` {HOW}")),
        ("../etc/passwd", format!("`../etc/passwd` {HOW}")),
        ("Etc/Unknown", format!("`Etc/Unknown` {HOW}")),
        ("+01:00", format!("`+01:00` {HOW}")),
        (&long, format!("`{}` {HOW}", clip(&long))),
    ];
    for (zone, expected) in table {
        let refused = Schedule::parse("0 0 * * *", Some(zone)).err().map(|why| why.to_string());
        assert_eq!(refused, Some(expected), "{zone}");
    }
    assert!(Schedule::parse("0 0 * * *", Some("europe/berlin")).is_ok());
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let hourly = Schedule::parse("0 * * * *", None).unwrap();
    let last = at("2026-11-20T08:00Z");
    let now = |instant: &str, missed: Option<&str>| Due::Now { instant: at(instant), missed: missed.map(at) };
    let wait = |instant: &str| Due::At(Some(at(instant)));
    let table = [
        ("2026-11-20T08:59:59.999Z", wait("2026-11-20T09:00Z")),
        ("2026-11-20T09:00Z", now("2026-11-20T09:00Z", None)),
        ("2026-11-20T09:59Z", now("2026-11-20T09:00Z", None)),
        ("2026-11-20T10:00Z", now("2026-11-20T10:00Z", Some("2026-11-20T09:00Z"))),
        ("2046-11-20T10:30Z", now("2046-11-20T10:00Z", Some("2026-11-20T09:00Z"))),
        // The clock was put back.
        ("2026-11-20T07:30Z", wait("2026-11-20T09:00Z")),
        ("2000-01-01T00:00Z", wait("2026-11-20T09:00Z")),
    ];
    for (asked, expected) in table {
        assert_eq!(hourly.due(last, at(asked)), expected, "{asked}");
    }
}

#[test]
fn who_looks_every_minute_misses_nothing() {
    // Around both changes of 2027.
    let days = |day: usize| &BERLIN[day * 1440..(day + 3) * 1440];
    for (text, minutes) in [("*/7 * * * *", days(26)), ("30 2 * * *", days(26)), ("30 2 * * *", days(243))] {
        let schedule = schedule(text, "Europe/Berlin");
        let mut last = minutes[0].0;
        let mut runs = Vec::new();
        for (now, _) in &minutes[1..] {
            if let Due::Now { instant, missed } = schedule.due(last, *now) {
                assert_eq!(missed, None, "{text} at {now}");
                runs.push(instant);
                last = instant;
            }
        }
        let all = read(text).instants(minutes).into_iter().filter(|at| *at > minutes[0].0);
        assert_eq!(runs, all.collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn the_end_of_time_is_no_instant() {
    let schedule = Schedule::parse("0 0 29 2 *", None).unwrap();
    for after in [u64::MAX, u64::MAX / 2, 253_402_300_799_999, 1 << 62] {
        let after = Timestamp::from_millis(after);
        assert_eq!((schedule.next(after), schedule.due(after, after)), (None, Due::At(None)), "{}", after.as_millis());
    }
    assert!(schedule.next(Timestamp::default()).is_some());
    assert!(civil::date(2028, 2, 29).in_leap_year());
}

/// A look at a schedule: how many milliseconds after the one before, and whether who looked lived long enough to
/// remember what it started.
fn looks() -> impl Strategy<Value = Vec<(u64, bool)>> {
    let wait = prop_oneof![0..2 * MINUTE, 0..90 * MINUTE, 0..40 * 24 * 60 * MINUTE];
    prop::collection::vec((wait, prop::bool::weighted(0.7)), 1..60)
}

/// Schedules that are looked at now and then.
const WATCHED: [&str; 4] = ["*/20 * * * *", "30 2 * * *", "15,45 1-3 * * 0", "0 3 1 * 1-5"];
static WATCHED_INSTANTS: LazyLock<[Vec<Timestamp>; 4]> =
    LazyLock::new(|| WATCHED.map(|text| read(text).instants(&BERLIN)));

proptest! {
    // Each case takes thousands of searches, or compares hundreds of names.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_instant_comes_twice_and_none_is_lost_but_by_the_rule(
        which in 0..WATCHED.len(),
        looks in looks(),
    ) {
        let schedule = schedule(WATCHED[which], "Europe/Berlin");
        let instants = &WATCHED_INSTANTS[which];
        let mut now = BERLIN[0].0;
        let mut last = now;
        let mut runs = Vec::new();
        for (wait, lives) in looks {
            now = now.plus_millis(wait);
            if now > BERLIN[BERLIN.len() - 1].0 {
                break;
            }
            match schedule.due(last, now) {
                Due::At(next) => prop_assert!(next.is_some_and(|next| next > now)),
                Due::Now { instant, missed } => {
                    // What stands between the last run and this one is missed, and all of it lies in the past.
                    let first = instants[instants.partition_point(|at| *at <= last)];
                    prop_assert_eq!(missed, (first < instant).then_some(first));
                    let latest = instants[instants.partition_point(|at| *at <= now) - 1];
                    prop_assert_eq!(instant, latest);
                    if lives {
                        runs.push(instant);
                        last = instant;
                    }
                }
            }
        }
        prop_assert!(runs.windows(2).all(|pair| pair[0] < pair[1]), "an instant came twice");
    }

    #[test]
    fn no_text_makes_a_schedule_panic(text in "[-0-9*/,A-Za-z ]{0,30}|([0-9*/,-]{1,4} ){4}[0-9]", zone in "\\PC{0,20}") {
        if let Ok(schedule) = Schedule::parse(&text, None) {
            let _ = schedule.next(Timestamp::from_millis(1_795_197_781_000));
        }
        let _ = Schedule::parse("0 0 * * *", Some(&zone));
    }
}

#[test]
fn a_fault_of_a_field_has_its_column() {
    let table = [
        ("61 * * * *", Some(1)),
        ("0 25 * * *", Some(3)),
        ("0  1,2,99 * * *", Some(8)),
        ("0 0 31 2 *", None),
        ("0 0 * * FOO-SUN", Some(9)),
        ("0 0 * */0 *", Some(7)),
        ("* * *", None),
    ];
    for (text, expected) in table {
        assert_eq!(Schedule::parse(text, None).unwrap_err().column(text), expected, "{text}");
    }
}
