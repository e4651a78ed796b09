//! Rule `pure-room`: some modules only compute. They know no clock, no chance, no waiting and no world.

use super::Source;
use crate::{
    File, Finding,
    house::{IMPURE_PATHS, IMPURE_WORDS, PURE_ROOMS, UNORDERED},
    paths::Path,
    place::inside,
};

const RULE: &str = "pure-room";
const WHY: &str = "what is decided here depends on arguments alone, so that it can be tested, replayed and simulated";
const ORDER: &str = "its order differs from process to process, and what is decided here must not: take a BTree";

/// Finds what makes a pure room impure. Files of tests are free; tests inside other files are not.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    let Some(room) = PURE_ROOMS.iter().find(|room| inside(source.path, room.place) && !source.test) else {
        return Vec::new();
    };
    let mut findings = source.words(IMPURE_WORDS, RULE, WHY);
    if room.ordered {
        findings.extend(source.words(UNORDERED, RULE, ORDER));
    }
    let impure = source.paths.iter().filter(|path| is_clock(path) || IMPURE_PATHS.iter().any(|name| path.names(name)));
    findings.extend(impure.map(|path| source.finding(path.line, RULE, format!("`{}`", path.text()), WHY)));
    findings
}

/// Whether it asks a clock of any kind: `Instant::now`, `Timestamp::now`.
fn is_clock(path: &Path<'_>) -> bool {
    path.segments.len() > 1 && path.segments.last() == Some(&"now")
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
        let text =
            "//! async tokio\nuse std::time::Duration; fn f(now: Time) { let rand = g(now, \"std::fs\"); rand.now() }";
        assert_eq!(found("scheduler/src/farm/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_room_without_files_is_found() {
        let file = |path: &str| File { path: path.to_owned(), text: String::new() };
        let mut files = ["model/src/lib.rs", "task/src/lib.rs", "scheduler/src/placement.rs"].map(file).to_vec();
        assert_eq!(
            vanished(&files).iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(),
            ["scheduler/src/farm"]
        );
        files.push(file("scheduler/src/farm/mod.rs"));
        assert_eq!(vanished(&files), []);
    }
}
