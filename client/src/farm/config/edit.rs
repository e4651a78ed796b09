//! Changing the list of farms: what else a user has written there stays as it is.

use super::{BadConfig, Config, turn::Turn};
use crate::farm::LOCAL;
use acre_model::text::clip;
use std::{
    fs,
    io::{self, Write},
    path::Path,
};
use toml_edit::{DocumentMut, Item, Table, value};

/// A change of the list of farms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// A farm of this name is at this address.
    Add(&'a str, &'a str),
    /// It is forgotten; if it was the default, there is none any more.
    Remove(&'a str),
    /// It is the default; `local` means none.
    Use(&'a str),
}

/// Whether a text can name a farm: it is told from an address, and is the name of a file.
pub fn check_name(name: &str) -> Result<(), BadConfig> {
    let is_good = (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && name != LOCAL;
    if is_good { Ok(()) } else { Err(BadConfig::Name(clip(name))) }
}

impl Edit<'_> {
    /// Makes the change in the file.
    pub fn save(self) -> Result<(), BadConfig> {
        self.save_in(&Config::path().ok_or(BadConfig::NoHome)?)
    }

    fn save_in(self, path: &Path) -> Result<(), BadConfig> {
        let shown = || path.display().to_string();
        let _turn = Turn::to_change(path).map_err(|why| BadConfig::Write { path: shown(), why })?;
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(BadConfig::Read { path: shown(), why }),
        };
        let changed = self.apply(&text).map_err(|why| BadConfig::Form { path: shown(), why })?;
        write(path, &changed).map_err(|why| BadConfig::Write { path: shown(), why })
    }

    /// The text with the change; the error is one line.
    fn apply(self, text: &str) -> Result<String, String> {
        let mut list: DocumentMut = text.parse().map_err(|why: toml_edit::TomlError| clip(why.message()))?;
        match self {
            Edit::Add(name, address) => {
                let farms = list.entry("farms").or_insert_with(|| Item::Table(Table::new()));
                farms.as_table_like_mut().ok_or("`farms` is not a table")?.insert(name, value(address));
            }
            Edit::Remove(name) => {
                if let Some(farms) = list.get_mut("farms").and_then(Item::as_table_like_mut) {
                    farms.remove(name);
                }
                if list.get("default-farm").and_then(Item::as_str) == Some(name) {
                    list.remove("default-farm");
                }
            }
            Edit::Use(LOCAL) => drop(list.remove("default-farm")),
            Edit::Use(name) => drop(list.insert("default-farm", value(name))),
        }
        Ok(list.to_string())
    }
}

/// Under its name stands a whole list, old or new, whenever the machine stops.
fn write(path: &Path, text: &str) -> io::Result<()> {
    // A list that is a link to elsewhere stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_leave_the_rest_as_it_is() {
        let text = "# mine\ndefault-farm = \"ci\" # daily\n\n[farms]\n# the old one\nci = \"unix:/run/ci.sock\"\n";
        let table = [
            ("", Edit::Add("ci", "https://a:1"), "[farms]\nci = \"https://a:1\"\n"),
            ("", Edit::Use("ci"), "default-farm = \"ci\"\n"),
            ("", Edit::Remove("ci"), ""),
            (text, Edit::Add("b", "https://b:1"), &format!("{text}b = \"https://b:1\"\n")),
            (text, Edit::Use("local"), "\n[farms]\n# the old one\nci = \"unix:/run/ci.sock\"\n"),
            (text, Edit::Remove("other"), text),
        ];
        for (text, edit, expected) in table {
            assert_eq!(edit.apply(text).as_deref(), Ok(expected), "{edit:?}");
        }
        let removed = Edit::Remove("ci").apply(text).unwrap();
        let left = Config::parse(&removed).unwrap();
        assert_eq!((left.default_farm(), left.farms().count()), (None, 0), "{removed}");
        assert!(Edit::Add("a", "b").apply("farms = 1").is_err());
        assert!(Edit::Add("a", "b").apply("[").is_err());
    }

    #[test]
    fn of_changes_at_one_time_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acre/config.toml");
        let names: Vec<String> = (0..32).map(|index| format!("farm-{index:02}")).collect();
        std::thread::scope(|threads| {
            for name in &names {
                threads.spawn(|| Edit::Add(name, "https://a:1").save_in(&path).unwrap());
            }
        });
        let list = Config::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(list.farms().map(|(name, _)| name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn names_are_told_from_addresses() {
        for name in ["ci", "a.b-c_1", "Big"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "local", "../x", "a/b", "a:b", ".hidden", "a b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
