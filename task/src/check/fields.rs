//! The keys of one map, taken one by one with their types; what is left over is unknown.

use crate::{
    diagnostic::{At, Class, Faults, MOST, Severity},
    yaml::{Entry, Node, Value},
};
use acre_model::text::{clip, nearest};
use std::ops::RangeInclusive;

/// Most entries of one list of texts.
const ITEMS: usize = 256;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) at: At,
    pub(crate) value: T,
}

/// The keys of a map of the language.
pub(crate) struct Keys {
    /// The keys.
    pub(crate) known: &'static [&'static str],
    /// What people write for what: other systems' words.
    pub(crate) meant: &'static [(&'static str, &'static str)],
}

impl Keys {
    /// The key that `word` was probably meant to be.
    pub(crate) fn nearest(&self, word: &str) -> Option<&'static str> {
        let lower = clip(word).to_ascii_lowercase();
        let all = || self.known.iter().copied();
        let same = all().find(|key| key.to_ascii_lowercase() == lower.replace(['_', '-'], ""));
        let meant = || self.meant.iter().find(|(other, _)| *other == lower).map(|(_, key)| *key);
        same.or_else(meant).or_else(|| nearest(&clip(word), all()))
    }
}

/// A map being read.
pub(crate) struct Fields<'a, 'f> {
    entries: &'a [Entry],
    pub(crate) faults: &'f mut Faults<'a>,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// The keys of `node`, if it is a map.
    pub(crate) fn new(node: &'a Node, what: &str, faults: &'f mut Faults<'a>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            faults.error(node.at, format!("{what} must be a map of keys, not {}", node.kind()));
            return None;
        };
        Some(Self { entries, faults })
    }

    /// Warns of keys that the language does not have.
    pub(crate) fn check_keys(&mut self, keys: &Keys) {
        self.look_at_keys(keys, Severity::Warning);
    }

    /// Refuses keys that are not known.
    pub(crate) fn refuse_keys(&mut self, keys: &Keys) {
        self.look_at_keys(keys, Severity::Error);
    }

    fn look_at_keys(&mut self, keys: &Keys, severity: Severity) {
        let mut unknown = 0;
        for entry in self.entries {
            let name = &*entry.key;
            if keys.known.contains(&name) {
                continue;
            }
            if unknown >= MOST {
                break;
            }
            unknown += 1;
            let near = keys.nearest(name);
            let message = format!("unknown key `{}`", clip(name));
            let found = match severity {
                Severity::Error => self.faults.error(entry.at, message),
                Severity::Warning => self.faults.warning(entry.at, message),
            };
            found.help = near.map(|near| format!("did you mean `{near}`?"));
        }
    }

    /// The value of a key, unless nothing is written there.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| &*entry.key == key && !entry.value.is_null())
    }

    /// Where a key stands.
    pub(crate) fn at(&self, key: &str) -> Option<At> {
        self.get(key).map(|entry| entry.at)
    }

    /// Where a key stands, whatever is written there.
    pub(crate) fn key_at(&self, key: &str) -> At {
        self.entries.iter().find(|entry| &*entry.key == key).map(|entry| entry.at).unwrap_or_default()
    }

    /// Says that a map lacks a key; a key with a wrong value has been told already.
    pub(crate) fn missing(&mut self, at: At, what: &str, key: &str) {
        if self.get(key).is_none() {
            self.faults.refuse(at, format!("{what} needs `{key}`"));
        }
    }

    /// The keys with their values.
    pub(crate) const fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// The keys as written.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.entries.iter().map(|entry| &*entry.key)
    }

    fn wrong(&mut self, entry: &Entry, wanted: &str) {
        let message = format!("`{}` must be {wanted}, not {}", entry.key, shown(&entry.value));
        self.faults.error(entry.value.at, message);
    }

    /// A text; a number stands for itself as it is written.
    pub(crate) fn text(&mut self, key: &str) -> Option<Placed<String>> {
        let entry = self.get(key)?;
        match &entry.value.value {
            Value::Scalar { text, .. } => Some(Placed { at: entry.value.at, value: text.to_string() }),
            _ => {
                self.wrong(entry, "a text");
                None
            }
        }
    }

    /// A list of texts, for which one text may stand.
    pub(crate) fn texts(&mut self, key: &str) -> Vec<Placed<String>> {
        let Some(entry) = self.get(key) else { return Vec::new() };
        let items = match &entry.value.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.value),
        };
        if items.len() > ITEMS {
            let error = self.faults.error(entry.at, format!("`{key}` has {} entries; limit {ITEMS}", items.len()));
            error.class = Class::TooLarge;
            return Vec::new();
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Scalar { text, .. } => texts.push(Placed { at: item.at, value: text.to_string() }),
                _ => {
                    self.faults.error(item.at, format!("`{key}` must be a list of texts, and this is {}", item.kind()));
                }
            }
        }
        texts
    }

    /// The nodes of a list, for which one node may stand.
    pub(crate) fn nodes(&mut self, key: &str) -> &'a [Node] {
        let Some(entry) = self.get(key) else { return &[] };
        let nodes = match &entry.value.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.value),
        };
        if nodes.len() > ITEMS {
            let error = self.faults.error(entry.at, format!("`{key}` has {} entries; limit {ITEMS}", nodes.len()));
            error.class = Class::TooLarge;
            return &[];
        }
        nodes
    }

    /// A list of whole numbers within a range, for which one number may stand.
    pub(crate) fn numbers(&mut self, key: &str, range: RangeInclusive<i64>) -> Vec<i64> {
        let mut numbers = Vec::new();
        for Placed { at, value } in self.texts(key) {
            match value.parse::<i64>().ok().filter(|number| range.contains(number)) {
                Some(number) => numbers.push(number),
                None => {
                    let (least, most) = (range.start(), range.end());
                    let message = format!("`{key}` takes whole numbers from {least} to {most}, not `{}`", clip(&value));
                    self.faults.refuse(at, message);
                }
            }
        }
        numbers
    }

    /// `true` or `false`, or the other words that ACR's YAML has for them, in quotes too; left out: `false`.
    pub(crate) fn switch(&mut self, key: &str) -> bool {
        let Some(entry) = self.get(key) else { return false };
        match &entry.value.value {
            Value::Scalar { text, .. } if is_one_of(text, &["true", "yes", "on", "y"]) => true,
            Value::Scalar { text, .. } if is_one_of(text, &["false", "no", "off", "n"]) => false,
            _ => {
                self.wrong(entry, "true or false");
                false
            }
        }
    }

    /// Seconds up to `longest`; `None` where nothing is written, or nothing above 0.
    pub(crate) fn seconds(&mut self, key: &str, longest: i64) -> Option<i64> {
        let entry = self.get(key)?;
        let number = match &entry.value.value {
            Value::Scalar { text, .. } => text.parse::<i64>().ok().filter(|number| *number <= longest),
            _ => None,
        };
        if number.is_none() {
            self.wrong(entry, &format!("a whole number of seconds from 1 to {longest}"));
        }
        number.filter(|number| *number > 0)
    }

    /// A whole number within a range.
    pub(crate) fn number(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let entry = self.get(key)?;
        let number = match &entry.value.value {
            Value::Scalar { text, .. } => text.parse::<i64>().ok().filter(|number| range.contains(number)),
            _ => None,
        };
        if number.is_none() {
            self.wrong(entry, &format!("a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }
}

/// Whether a text is one of these words, in lower case, in upper case, or with a capital.
fn is_one_of(text: &str, words: &[&str]) -> bool {
    let rest = text.get(1..).unwrap_or_default();
    let cased = text.chars().all(char::is_uppercase) || rest.chars().all(char::is_lowercase);
    cased && words.contains(&text.to_ascii_lowercase().as_str())
}

/// A value as a message shows it.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_null() => format!("`{}`", clip(text)),
        _ => node.kind().to_owned(),
    }
}
