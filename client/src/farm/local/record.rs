//! What is remembered of a background process: a file per part of the farm, one JSON object.

use super::{parts::Start, process::Identity};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// A background process of the farm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Record {
    /// Who it is.
    #[serde(flatten)]
    pub(super) identity: Identity,
    /// How the farm was started: a part that is started again is started like the other.
    pub(super) start: Start,
    /// Version of the client that started it.
    pub(super) version: String,
}

impl Record {
    /// The record in a file. One that is missing or damaged means that nothing is known to run.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Writes the record so that a reader sees all of it or none.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(self)?)?;
        fs::rename(beside, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::local::IdleStop;

    #[test]
    fn a_record_is_read_as_it_was_written_and_damage_is_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scheduler.pid");
        let identity = Identity::of(std::process::id()).unwrap();
        let start =
            Start { socket: "/run/x.sock".into(), idle_stop: IdleStop::Never, engine: None, hooks: None, poll: None };
        let record = Record { identity, start, version: "0.1.0".to_owned() };
        assert_eq!(Record::read(&path), None);
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path), Some(record));
        fs::write(&path, "17").unwrap();
        assert_eq!(Record::read(&path), None);
    }
}
