//! Whose turn it is, step by step.

use super::*;
use crate::tell::{
    Moment, News, Tiding, To,
    examples::{COMMIT, accepted, ended, run},
};
use acre_model::{notification::Occasion, run::RunStatus, trigger::StatusHost};
use std::slice::from_ref;

fn status(number: u32, moment: Moment) -> Message {
    let about = match moment {
        Moment::Accepted => accepted(),
        Moment::Started => Tiding { news: News::Started, ..accepted() },
        Moment::Ended => ended(RunStatus::Succeeded, None),
    };
    let to = To::Status { host: StatusHost::Github, commit: COMMIT.parse().unwrap() };
    Message { since: Timestamp::from_millis(0), to, about: Tiding { run: run(number), ..about } }
}

fn notice(name: &str, number: u32) -> Message {
    let to = To::Notice { name: name.parse().unwrap(), occasion: Occasion::Failure };
    let about = Tiding { run: run(number), ..ended(RunStatus::Failed, None) };
    Message { since: Timestamp::from_millis(u64::from(number)), to, about }
}

fn later(after_ms: Option<u64>) -> Verdict {
    Verdict::Later { why: "no".to_owned(), after_ms }
}

/// The wall shows what the monotonic clock does.
const fn at(millis: u64) -> (Timestamp, Mono) {
    (Timestamp::from_millis(millis), Mono(millis))
}

#[test]
fn messages_of_a_lane_go_one_after_the_other_whenever_they_come() {
    let mut queue = Queue::default();
    let (pending, running, done) = (status(1, Moment::Accepted), status(1, Moment::Started), status(1, Moment::Ended));
    for message in [&done, &pending, &running, &pending] {
        assert_eq!(queue.push(message.clone()), []);
    }
    assert_eq!(queue.len(), 3, "the same message is one");
    for expected in [pending, running, done] {
        assert_eq!(queue.due(Mono(0)), from_ref(&expected));
        assert_eq!(queue.due(Mono(0)), [], "it is under way");
        assert_eq!(queue.settle(&expected, Verdict::Taken, at(0), 0), Settled::Taken);
    }
    assert!(queue.is_empty());
}

#[test]
fn who_fails_rests_longer_each_time_and_keeps_its_place() {
    let mut queue = Queue::default();
    let (first, second) = (status(1, Moment::Accepted), status(1, Moment::Ended));
    queue.push(first.clone());
    queue.push(second);
    let mut now = 0;
    for expected in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 600_000, 600_000] {
        assert_eq!(queue.due(Mono(now)), from_ref(&first));
        // The most that chance gives.
        let jitter = expected / 2;
        let settled = queue.settle(&first, later(None), at(now), jitter);
        assert_eq!(settled, Settled::Waits { rest_ms: expected, why: "no".to_owned() });
        assert_eq!(queue.next(Mono(now)), Some(Mono(now + expected)));
        assert_eq!(queue.due(Mono(now + expected - 1)), []);
        now += expected;
    }
    assert_eq!(queue.due(Mono(now)), from_ref(&first));
    assert_eq!(
        queue.settle(&first, later(None), at(now), 0),
        Settled::Waits { rest_ms: 300_000, why: "no".to_owned() }
    );
    assert_eq!(queue.due(Mono(now + 300_000)), from_ref(&first));
    // A day is enough.
    let settled = queue.settle(&first, later(None), at(LIFE), 0);
    assert_eq!(settled, Settled::GivenUp("no; it is tried for a day".to_owned()));
    assert_eq!(queue.due(Mono(LIFE)).len(), 1, "the next one's turn has come");
}

#[test]
fn who_asks_to_be_left_alone_is_not_asked_by_any_lane() {
    let mut queue = Queue::default();
    let first = status(1, Moment::Accepted);
    let mut other = status(2, Moment::Accepted);
    other.about.task = "api".parse().unwrap();
    queue.push(first.clone());
    queue.push(other.clone());
    queue.push(notice("ops", 1));
    // One host, one request at a time; others are not concerned.
    assert_eq!(queue.due(Mono(0)), [other.clone(), notice("ops", 1)]);
    let settled = queue.settle(&other, later(Some(30_000)), at(0), 0);
    assert_eq!(settled, Settled::Waits { rest_ms: 30_000, why: "no".to_owned() });
    assert_eq!((queue.due(Mono(29_999)), queue.next(Mono(1))), (vec![], Some(Mono(30_000))));
    assert_eq!(queue.due(Mono(30_000)), [other]);
    assert_eq!(
        queue.settle(&notice("ops", 1), Verdict::Refused("404".to_owned()), at(0), 0),
        Settled::GivenUp("404".to_owned())
    );
    // Longer than a message lives is for ever.
    let settled = queue.settle(&first, later(Some(u64::MAX)), at(0), 0);
    assert!(matches!(settled, Settled::GivenUp(_)), "{settled:?}");
}

#[test]
fn of_too_many_messages_the_oldest_goes_but_none_that_is_under_way() {
    let mut queue = Queue::default();
    queue.push(notice("ops", 0));
    assert_eq!(queue.due(Mono(0)), [notice("ops", 0)]);
    for number in 1..WAITING as u32 {
        assert_eq!(queue.push(notice("ops", number)), []);
    }
    assert_eq!(queue.push(notice("other", 1_000)), [notice("ops", 1)]);
    assert_eq!(queue.push(notice("ops", 1_001)), [notice("ops", 2)]);
    assert_eq!(queue.settle(&notice("ops", 0), Verdict::Taken, at(0), 0), Settled::Taken);
    assert_eq!(queue.due(Mono(0)), [notice("ops", 3), notice("other", 1_000)]);
    // Another project has room of its own.
    let mut foreign = notice("ops", 1);
    foreign.about.project = "other".parse().unwrap();
    assert_eq!(queue.push(foreign), []);
}

#[test]
fn a_project_has_few_requests_under_way() {
    let mut queue = Queue::default();
    for number in 0..10 {
        queue.push(notice(&format!("n{number}"), number));
    }
    let first = queue.due(Mono(0));
    assert_eq!((first.len(), queue.due(Mono(0)).len()), (UNDER_WAY_OF_ONE, 0));
    queue.settle(&first[0], Verdict::Taken, at(0), 0);
    assert_eq!(queue.due(Mono(0)).len(), 1);
}
