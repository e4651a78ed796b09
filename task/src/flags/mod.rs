//! The flags of `docker build` and `docker run` that a step's text may carry, as tables.

pub(crate) mod build;
pub(crate) mod cmd;
mod values;

pub(crate) use values::{BadPair, nano_cpus, pair};

use crate::diagnostic::Class;
use acre_model::text::{clip, nearest};

/// Why the words of a step are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFlag {
    /// A flag that acre does not have.
    #[error("`{flag}` is not a flag that {command} takes{suggestion}", suggestion = did_you_mean(near))]
    Unknown {
        /// The flag as written, clipped.
        flag: String,
        /// What takes it not: `build` or `cmd`.
        command: &'static str,
        /// The nearest flag that is taken.
        near: Option<&'static str>,
    },
    /// A flag with a meaning in Docker that acre does not honour, and what to write instead.
    #[error("`{0}` is not taken here: {1}")]
    Refused(String, &'static str),
    /// A flag at the end that wants a value.
    #[error("`{0}` needs a value")]
    NoValue(String),
    /// A value that the flag does not take.
    #[error("`{flag}`: {why}")]
    Value {
        /// The flag as written.
        flag: String,
        /// What is wrong with the value.
        why: String,
        /// Whether a limit was passed.
        too_large: bool,
    },
    /// Something about the words that are not flags.
    #[error("{0}")]
    Words(String),
}

impl BadFlag {
    /// The kind of refusal.
    pub(crate) const fn class(&self) -> Class {
        match self {
            Self::Value { too_large: true, .. } => Class::TooLarge,
            _ => Class::Invalid,
        }
    }
}

fn did_you_mean(near: &Option<&str>) -> String {
    near.as_ref().map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

/// A flag: its long name without dashes, its short name, and what is done with it.
pub(crate) struct Spec<K: 'static> {
    long: &'static str,
    short: Option<char>,
    takes: Takes,
    kind: K,
}

/// Whether a flag wants a value, and what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Value,
    Switch,
    /// Known, and refused with this remedy.
    Refused(&'static str),
    /// The same for a flag that takes a value, which is no image or context.
    RefusedValue(&'static str),
}

const fn value<K>(long: &'static str, short: Option<char>, kind: K) -> Spec<K> {
    Spec { long, short, takes: Takes::Value, kind }
}

const fn switch<K>(long: &'static str, short: Option<char>, kind: K) -> Spec<K> {
    Spec { long, short, takes: Takes::Switch, kind }
}

const fn refused<K>(long: &'static str, remedy: &'static str, kind: K) -> Spec<K> {
    Spec { long, short: None, takes: Takes::Refused(remedy), kind }
}

const fn refused_value<K>(long: &'static str, remedy: &'static str, kind: K) -> Spec<K> {
    Spec { long, short: None, takes: Takes::RefusedValue(remedy), kind }
}

/// A flag that was given.
struct Given<K> {
    kind: K,
    /// As written, for messages.
    flag: String,
    /// `true` or `false` for a switch.
    value: String,
}

/// The flags and the other words of a text; with `leading`, the first other word ends the flags.
struct Read<K> {
    given: Vec<Given<K>>,
    others: Vec<String>,
    faults: Vec<BadFlag>,
}

fn read<K: Copy>(command: &'static str, table: &'static [Spec<K>], words: &[String], leading: bool) -> Read<K> {
    let mut read = Read { given: Vec::new(), others: Vec::new(), faults: Vec::new() };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            read.others.extend(rest.cloned());
            break;
        }
        if !word.starts_with('-') || word == "-" {
            read.others.push(word.clone());
            if leading {
                read.others.extend(rest.cloned());
                break;
            }
            continue;
        }
        let outcome = match word.strip_prefix("--") {
            Some(long) => long_flag(command, table, word, long, &mut rest).map(|given| read.given.push(given)),
            None => short_flags(command, table, word, &mut rest).map(|given| read.given.extend(given)),
        };
        read.faults.extend(outcome.err());
    }
    read
}

type Rest<'a> = std::slice::Iter<'a, String>;

fn long_flag<K: Copy>(
    command: &'static str,
    table: &'static [Spec<K>],
    word: &str,
    long: &str,
    rest: &mut Rest<'_>,
) -> Result<Given<K>, BadFlag> {
    let (name, attached) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
    let spec = table.iter().find(|spec| spec.long == name).ok_or_else(|| BadFlag::Unknown {
        flag: clip(word),
        command,
        near: nearest(&clip(name), table.iter().map(|spec| spec.long)),
    })?;
    finish(spec, format!("--{name}"), attached, rest)
}

/// `-it`, `-p80:80`, `-e K=V`: switches may stand together, and the last one may take a value.
fn short_flags<K: Copy>(
    command: &'static str,
    table: &'static [Spec<K>],
    word: &str,
    rest: &mut Rest<'_>,
) -> Result<Vec<Given<K>>, BadFlag> {
    let mut given = Vec::new();
    let mut letters = word[1..].chars();
    while let Some(letter) = letters.next() {
        let spec = table.iter().find(|spec| spec.short == Some(letter));
        let spec = spec.ok_or_else(|| BadFlag::Unknown { flag: clip(word), command, near: None })?;
        let attached = match letters.as_str() {
            "" => None,
            _ if spec.takes == Takes::Switch && !letters.as_str().starts_with('=') => None,
            tail => Some(tail.strip_prefix('=').unwrap_or(tail).to_owned()),
        };
        let ends = attached.is_some();
        given.push(finish(spec, format!("-{letter}"), attached, rest)?);
        if ends {
            break;
        }
    }
    Ok(given)
}

fn finish<K: Copy>(
    spec: &Spec<K>,
    flag: String,
    attached: Option<String>,
    rest: &mut Rest<'_>,
) -> Result<Given<K>, BadFlag> {
    let value = match spec.takes {
        Takes::Refused(remedy) => return Err(BadFlag::Refused(flag, remedy)),
        Takes::RefusedValue(remedy) => {
            attached.or_else(|| rest.next().cloned());
            return Err(BadFlag::Refused(flag, remedy));
        }
        Takes::Switch => attached.unwrap_or_else(|| "true".to_owned()),
        Takes::Value => attached.or_else(|| rest.next().cloned()).ok_or_else(|| BadFlag::NoValue(flag.clone()))?,
    };
    Ok(Given { kind: spec.kind, flag, value })
}
