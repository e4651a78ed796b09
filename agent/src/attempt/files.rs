//! Files of the workspace by globs: what reports and artifacts are read from.

use super::Job;
use futures::StreamExt as _;
use regex::Regex;
use std::{
    collections::BTreeMap,
    io::{self, Read},
};
use tokio_util::io::{StreamReader, SyncIoBridge};

/// Bytes of all report files that one glob names, at most.
const LIMIT: u64 = 64 * 1024 * 1024;

/// What a glob means: where to look, and what of it to take.
pub(super) struct Wanted {
    /// The folder before the first wildcard, or the path itself; `.` is the workspace.
    place: String,
    pattern: Regex,
}

impl Wanted {
    /// A glob over whole paths: `*` and `?` stay within a name, `**` does not. Without any of them, a file, or all that
    /// is in a folder.
    pub(super) fn new(glob: &str) -> Result<Self, String> {
        let glob = glob.strip_prefix("/workspace/").unwrap_or(glob).trim_start_matches("./").trim_end_matches('/');
        let names: Vec<&str> = glob.split('/').collect();
        let fixed = names.iter().take_while(|name| !name.contains(['*', '?'])).count();
        let place = names[..fixed].join("/");
        let pattern = match glob {
            "" | "." => ".*".to_owned(),
            _ if fixed == names.len() => format!("{}(/.*)?", regex::escape(glob)),
            _ => pattern(glob),
        };
        let pattern = Regex::new(&format!("^{pattern}$")).map_err(|why| why.to_string())?;
        Ok(Self { place: if place.is_empty() { ".".to_owned() } else { place }, pattern })
    }

    /// Calls `take` with each file in an archive of the place, until it fails.
    fn unpack<T>(&self, archive: impl Read, into: &mut T, take: Take<T>) -> io::Result<()> {
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let path = whole_path(&self.place, name.trim_start_matches("./"));
            if entry.header().entry_type().is_file() && self.pattern.is_match(&path) {
                let size = entry.size();
                take(into, &path, size, &mut entry)?;
            }
        }
        Ok(())
    }
}

/// Takes a file: its path in the workspace, its size, its content.
pub(super) type Take<T> = fn(&mut T, &str, u64, &mut dyn Read) -> io::Result<()>;

/// Has every file of the workspace taken that a glob names. Only the folder before its first wildcard is read from the
/// engine. What was taken before a failure is given back with it.
pub(super) async fn each<T: Send + 'static>(
    job: &Job,
    glob: &str,
    mut into: T,
    take: Take<T>,
) -> (T, Result<(), String>) {
    let wanted = match Wanted::new(glob) {
        Ok(wanted) => wanted,
        Err(why) => return (into, Err(why)),
    };
    let sandbox = &job.attempt.sandbox.spec;
    let tar = match job.works.parts.runtime.read_workspace(sandbox, &wanted.place).await {
        Ok(Some(tar)) => tar,
        Ok(None) => return (into, Ok(())),
        Err(why) => return (into, Err(why.to_string())),
    };
    let archive = SyncIoBridge::new(StreamReader::new(tar.map(|piece| piece.map_err(io::Error::other))));
    let unpacked = tokio::task::spawn_blocking(move || {
        let done = wanted.unpack(archive, &mut into, take);
        (into, done.map_err(|why| why.to_string()))
    });
    match unpacked.await {
        Ok(unpacked) => unpacked,
        Err(died) => std::panic::resume_unwind(died.into_panic()),
    }
}

/// The files that a glob names, by their paths, in memory.
pub(super) async fn read(job: &Job, glob: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let take: Take<(u64, BTreeMap<String, Vec<u8>>)> = |(total, files), path, size, content| {
        *total = total.saturating_add(size);
        if *total > LIMIT {
            return Err(io::Error::other(format!("the files that match have more than {} MiB", LIMIT >> 20)));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        files.insert(path.to_owned(), bytes);
        Ok(())
    };
    let ((_, files), done) = each(job, glob, Default::default(), take).await;
    done.map(|()| files)
}

fn pattern(glob: &str) -> String {
    let mut text = String::new();
    let mut rest = glob;
    while let Some(character) = rest.chars().next() {
        let (piece, length) = match character {
            '*' if rest.starts_with("**/") => ("(.*/)?".to_owned(), 3),
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            other => (regex::escape(&other.to_string()), other.len_utf8()),
        };
        text.push_str(&piece);
        rest = &rest[length..];
    }
    text
}

/// An engine's archive of a folder names its entries below the folder's own name.
fn whole_path(place: &str, name: &str) -> String {
    match place.rsplit_once('/') {
        Some((parents, _)) => format!("{parents}/{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_paths() {
        let table = [
            ("reports/*.xml", "reports", "reports/a.xml", true),
            ("reports/*.xml", "reports", "reports/sub/a.xml", false),
            ("./reports/*.xml", "reports", "reports/a.xml", true),
            ("/workspace/reports/*.xml", "reports", "reports/a.xml", true),
            ("**/junit.xml", ".", "a/b/junit.xml", true),
            ("**/junit.xml", ".", "junit.xml", true),
            ("dist/**", "dist", "dist/a/b", true),
            ("dist/**", "dist", "distant", false),
            ("r?.xml", ".", "r1.xml", true),
            ("a.xml", "a.xml", "aXxml", false),
            ("a/b.xml", "a/b.xml", "a/b.xml", true),
            ("dist", "dist", "dist/x/y", true),
            ("dist", "dist", "dist2", false),
            (".", ".", "any/thing", true),
        ];
        for (glob, place, path, expected) in table {
            let wanted = Wanted::new(glob).unwrap();
            assert_eq!((wanted.place.as_str(), wanted.pattern.is_match(path)), (place, expected), "{glob} {path}");
        }
    }

    #[test]
    fn archives_name_their_entries_below_the_place() {
        let table =
            [(".", "a/b", "a/b"), ("x", "x/a", "x/a"), ("x/y", "y/a", "x/y/a"), ("x/y.xml", "y.xml", "x/y.xml")];
        for (place, name, expected) in table {
            assert_eq!(whole_path(place, name), expected, "{place} {name}");
        }
    }
}
