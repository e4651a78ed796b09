//! The tables of the file, and the transactions that change them.

use super::super::{Change, Compare, Revision, Transaction, keys};
use bytes::Bytes;
use redb::{Database, ReadableTable, Table, TableDefinition, WriteTransaction};

/// Key → revision of its last write, and value.
pub(super) const RECORDS: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("records");
/// Keys that last as long as their leader.
const ANNOUNCED: TableDefinition<'_, &str, ()> = TableDefinition::new("announced");
/// One entry: the newest revision.
const COUNTER: TableDefinition<'_, (), u64> = TableDefinition::new("revision");

/// Why work on the database was not done.
pub(super) enum Broken {
    Conflict,
    Database(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// All tables, to be written.
struct Tables<'w> {
    counter: Table<'w, (), u64>,
    records: Table<'w, &'static str, (u64, &'static [u8])>,
    announced: Table<'w, &'static str, ()>,
}

impl<'w> Tables<'w> {
    fn open(write: &'w WriteTransaction) -> Result<Self, Broken> {
        Ok(Self {
            counter: write.open_table(COUNTER)?,
            records: write.open_table(RECORDS)?,
            announced: write.open_table(ANNOUNCED)?,
        })
    }

    fn revision_of(&self, key: &str) -> Result<Option<u64>, Broken> {
        Ok(self.records.get(key)?.map(|entry| entry.value().0))
    }

    fn next_revision(&mut self) -> Result<u64, Broken> {
        let revision = self.counter.get(())?.map_or(0, |entry| entry.value()) + 1;
        self.counter.insert((), revision)?;
        Ok(revision)
    }

    fn change(&mut self, change: &Change, revision: u64) -> Result<(), Broken> {
        let key = change.key();
        match change {
            Change::Put(_, value) | Change::Announce(_, value) => {
                self.records.insert(key, (revision, value.as_ref()))?;
            }
            Change::Delete(_) => drop(self.records.remove(key)?),
        }
        match change {
            Change::Announce(..) => drop(self.announced.insert(key, ())?),
            Change::Put(..) | Change::Delete(_) => drop(self.announced.remove(key)?),
        }
        Ok(())
    }

    fn withdraw_all(&mut self) -> Result<(), Broken> {
        while let Some(key) = self.announced.pop_first()?.map(|(key, _)| key.value().to_owned()) {
            self.records.remove(key.as_str())?;
        }
        Ok(())
    }
}

/// Becomes the leader, unless it still is.
pub(super) fn take_over(database: &Database, held: u64) -> Result<Revision, Broken> {
    let write = database.begin_write()?;
    let revision = {
        let mut tables = Tables::open(&write)?;
        if tables.revision_of(keys::LEADER)? == Some(held) {
            return Ok(Revision(held));
        }
        tables.withdraw_all()?;
        let revision = tables.next_revision()?;
        tables.change(&Change::Put(keys::LEADER.to_owned(), Bytes::from_static(b"embedded")), revision)?;
        revision
    };
    write.commit()?;
    Ok(Revision(revision))
}

/// Is no longer the leader, if it still was.
pub(super) fn give_back(database: &Database, held: u64) -> Result<(), Broken> {
    let write = database.begin_write()?;
    {
        let mut tables = Tables::open(&write)?;
        if tables.revision_of(keys::LEADER)? != Some(held) {
            return Ok(());
        }
        tables.withdraw_all()?;
        let revision = tables.next_revision()?;
        tables.change(&Change::Delete(keys::LEADER.to_owned()), revision)?;
    }
    write.commit()?;
    Ok(())
}

pub(super) fn commit(database: &Database, transaction: &Transaction) -> Result<Revision, Broken> {
    let write = database.begin_write()?;
    let revision = {
        let mut tables = Tables::open(&write)?;
        for compare in &transaction.compares {
            let (key, expected) = match compare {
                Compare::Absent(key) => (key, None),
                Compare::At(key, revision) => (key, Some(revision.0)),
            };
            if tables.revision_of(key)? != expected {
                return Err(Broken::Conflict);
            }
        }
        let revision = tables.next_revision()?;
        for change in &transaction.changes {
            tables.change(change, revision)?;
        }
        revision
    };
    write.commit()?;
    Ok(Revision(revision))
}
