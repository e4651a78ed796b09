//! The secrets of a command line.

use super::Faults;
use crate::{
    error::Error,
    secret::{self, Origin},
};
use acre_model::{ids::SecretId, secret::SecretValue, text::clip};
use acre_task::synth;

/// How the value of a secret is had.
pub(super) type Read = fn(Origin) -> Result<SecretValue, String>;

/// The names of `--set-secret` words with their ids and values; of one that is there twice, the last.
pub(super) fn secret_sets(words: &[String], read: Read, faults: &mut Faults) -> Vec<(String, SecretId, SecretValue)> {
    let mut sets: Vec<(String, SecretId, SecretValue)> = Vec::new();
    for word in words {
        let Some((name, origin)) = faults.note(secret::set(word)) else { continue };
        let value = read(origin).map_err(|why| faults.say(format!("--set-secret `{}`: {why}", clip(&name))));
        if let (Ok(value), Ok(id)) = (value, SecretId::of_set(&name)) {
            sets.retain(|(known, ..)| *known != name);
            sets.push((name, id, value));
        }
    }
    sets
}

/// The secrets or keys of a build, read; none may be there twice.
pub(super) fn read_build(
    flag: &str,
    words: &[String],
    parse: fn(&str) -> Result<(SecretId, Origin), Error>,
    faults: &mut Faults,
) -> Vec<(SecretId, SecretValue)> {
    let mut read: Vec<(SecretId, SecretValue)> = Vec::new();
    for word in words {
        let Some((id, origin)) = faults.note(parse(word)) else { continue };
        if read.iter().any(|(known, _)| *known == id) {
            faults.say(format!("{flag} `{id}` is there twice"));
        }
        match origin.read() {
            Ok(value) => read.push((id, value)),
            Err(why) => faults.say(format!("{flag} `{id}`: {why}")),
        }
    }
    read
}

pub(super) fn ids(secrets: &[(SecretId, SecretValue)]) -> Vec<String> {
    secrets.iter().map(|(id, _)| id.to_string()).collect()
}

/// A key under the id of the secret that holds it.
pub(super) fn ssh_secret((id, key): (SecretId, SecretValue)) -> Option<(SecretId, SecretValue)> {
    // Too long an id is refused by whoever compiles the task, where it is declared.
    synth::ssh_secret(id.as_str()).parse().ok().map(|id| (id, key))
}
