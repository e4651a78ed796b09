//! Rule `pure-room`: some modules only compute. They know no clock, no chance, no waiting and no world.

use super::Source;
use crate::{
    File, Finding,
    house::{IMPURE_PATHS, IMPURE_WORDS, PURE, PURE_ROOMS, UNORDERED},
    paths::Path,
    place::inside,
};

const RULE: &str = "pure-room";
const ORDER: &str = "its order differs from process to process, and what is decided here must not: take a BTree";

/// Finds what makes a pure room impure. Files of tests are free; tests inside other files are not.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    let Some(room) = PURE_ROOMS.iter().find(|room| inside(source.path, room.place) && !source.test) else {
        return Vec::new();
    };
    let mut findings = source.words(IMPURE_WORDS, RULE, PURE);
    if room.ordered {
        findings.extend(source.words(UNORDERED, RULE, ORDER));
    }
    for path in source.paths {
        if let Some(why) = impurity(path) {
            findings.push(source.finding(path.line, RULE, format!("`{}`", path.text()), why));
        }
    }
    findings
}

/// Why a pure room may not name `path`; none if it may.
fn impurity(path: &Path<'_>) -> Option<&'static str> {
    let known = IMPURE_PATHS.iter().find(|(name, _)| path.brings(name)).map(|(_, why)| *why);
    known.or_else(|| is_clock(path).then_some(PURE))
}

/// Whether it asks a clock of any kind, `Instant::now` or `Timestamp::now`, and is no module's function of that name.
fn is_clock(path: &Path<'_>) -> bool {
    matches!(path.segments.as_slice(), [.., of, "now"] if of.starts_with(char::is_uppercase))
}

/// Finds rooms in which no file is left: a rule that rules nothing would pass without a word.
pub fn vanished(files: &[File]) -> Vec<Finding> {
    let empty = |place: &&str| !files.iter().any(|file| inside(&file.path, place));
    let finding = |place: &str| Finding {
        path: place.to_owned(),
        line: 1,
        rule: RULE,
        what: "no file is here".to_owned(),
        why: "a pure room that moved takes its row in infra/tidy/src/house.rs with it",
    };
    PURE_ROOMS.iter().map(|room| room.place).filter(empty).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn impurities_are_found_in_rooms_only() {
        for (text, what) in [
            ("async fn f() {}", "`async`"),
            ("fn f() { x.await }", "`await`"),
            ("use std::{fs, io};", "`std::fs`"),
            ("fn f() { std::env::var(x) }", "`std::env::var`"),
            ("use std::net::IpAddr;", "`std::net::IpAddr`"),
            ("use std::process;", "`std::process`"),
            ("use std::thread;", "`std::thread`"),
            ("use std::time::Instant;", "`std::time::Instant`"),
            ("use std::time::SystemTime;", "`std::time::SystemTime`"),
            ("use super::*; fn f() { Instant::now() }", "`Instant::now`"),
            ("fn f() { jiff::Timestamp::now() }", "`jiff::Timestamp::now`"),
            ("use tokio::sync::mpsc;", "`tokio::sync::mpsc`"),
            ("fn f() { rand::random() }", "`rand::random`"),
            ("use rand;", "`rand`"),
        ] {
            for room in ["model/src/a.rs", "task/src/a.rs", "scheduler/src/farm/a.rs", "scheduler/src/placement.rs"] {
                assert_eq!(found(room, text), [format!("1: pure-room: {what}")], "{room}: {text}");
            }
            for free in ["scheduler/src/driver/mod.rs", "task/src/render/tests.rs", "task/tests/compile.rs"] {
                assert_eq!(found(free, text), Vec::<String>::new(), "{free}: {text}");
            }
        }
    }

    #[test]
    fn order_matters_where_it_decides() {
        let text = "use std::collections::HashMap;";
        assert_eq!(found("scheduler/src/farm/a.rs", text), ["1: pure-room: `HashMap`"]);
        assert_eq!(found("task/src/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn what_only_sounds_impure_passes() {
        let text = "//! async tokio\nuse core::net::IpAddr; use std::time::Duration;\n\
            fn f(now: Time) { let rand = g(now, \"std::fs\"); rand.now(); feasible::now() }";
        assert_eq!(found("scheduler/src/farm/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_room_without_files_is_found() {
        let file = |path: &str| File { path: format!("{path}.rs"), text: String::new() };
        let rooms = [
            "model/src/lib",
            "task/src/lib",
            "scheduler/src/graph",
            "scheduler/src/placement",
            "scheduler/src/polling/agenda",
            "scheduler/src/polling/heads",
            "scheduler/src/tell",
            "scheduler/src/triggers",
        ];
        let mut files = rooms.map(file).to_vec();
        assert_eq!(
            vanished(&files).iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(),
            ["scheduler/src/farm"]
        );
        files.push(file("scheduler/src/farm/mod"));
        assert_eq!(vanished(&files), []);
    }
}
