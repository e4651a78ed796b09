//! What a task declares and its steps may name: secrets, networks, volumes.

use crate::tokens;
use acre_model::{
    ids::SecretId,
    plan::{Network, Volume},
    secret::{self, Filter, Nonce, Token},
    text::{clip, nearest},
};
use std::collections::BTreeSet;

/// The name that a step's network has where it is the engine's own, besides networks that the task declares.
const ENGINES_OWN: &str = "default";

/// Whether a text is a name as Docker's networks, containers and hosts have.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && made_of(text, b"_.-")
}

/// Whether a text is a name of a volume (task language §7).
pub(crate) fn is_volume(text: &str) -> bool {
    made_of(text, b"_-")
}

/// Whether a text is made of letters, digits and `others`, and not too long.
pub(crate) fn made_of(text: &str, others: &[u8]) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}

/// The names of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Under which tokens of secrets are written.
    pub(crate) nonce: Nonce,
    /// Those that the task declares, and those that came with the submission by name.
    pub(crate) secrets: BTreeSet<SecretId>,
    /// In the order of the file.
    pub(crate) networks: Vec<Network>,
    /// The last of them that is the default.
    pub(crate) default_network: Option<String>,
    /// In the order of the file.
    pub(crate) volumes: Vec<Volume>,
}

impl Names {
    /// The token of a secret that a step names by its id.
    pub(crate) fn secret(&self, id: &str) -> Result<String, String> {
        match id.parse::<SecretId>() {
            Ok(id) if self.secrets.contains(&id) => Ok(Token { id, filters: Vec::new() }.write(&self.nonce)),
            _ => Err(self.unknown_secret(id)),
        }
    }

    /// Why an id is none of a secret.
    pub(crate) fn unknown_secret(&self, id: &str) -> String {
        let near = nearest(&clip(id), self.secrets.iter().map(SecretId::as_str));
        let declare = "; declare it under `secrets`".to_owned();
        let suggestion = near.map_or(declare, |near| format!("; did you mean `{near}`?"));
        format!("`{}` is not a secret of this task{suggestion}", clip(id))
    }

    /// What a step's `network` means: `None` is the run's own.
    pub(crate) fn network(&self, text: &str) -> Result<Option<String>, String> {
        let declared = |text: &str| self.networks.iter().any(|network| network.name == text);
        match text {
            "none" => Ok(Some("none".to_owned())),
            "default" | "bridge" | "nat" => Ok((!self.networks.is_empty()).then(|| ENGINES_OWN.to_owned())),
            "host" => Err("a step is not given the host's network".to_owned()),
            _ if text.starts_with("container:") => {
                Err("a step does not share another container's network; steps find each other by their ids".to_owned())
            }
            _ if declared(text) => Ok(Some(text.to_owned())),
            other => {
                let near = nearest(&clip(other), self.networks.iter().map(|network| network.name.as_str()));
                let remedy = "declare it under `networks`, or write none or default".to_owned();
                let remedy = near.map_or(remedy, |near| format!("did you mean `{near}`?"));
                Err(format!("the network `{}` is declared nowhere; {remedy}", clip(other)))
            }
        }
    }

    /// The network of a step that names none.
    pub(crate) fn network_of_silence(&self) -> Option<String> {
        let engines = || (!self.networks.is_empty()).then(|| ENGINES_OWN.to_owned());
        self.default_network.clone().or_else(engines)
    }

    /// Checks that a volume is declared.
    pub(crate) fn volume(&self, name: &str) -> Result<&Volume, String> {
        self.volumes.iter().find(|volume| volume.name == name).ok_or_else(|| {
            let near = nearest(&clip(name), self.volumes.iter().map(|volume| volume.name.as_str()));
            let suggestion = near
                .map_or_else(|| "; declare it under `volumes`".to_owned(), |near| format!("; did you mean `{near}`?"));
            format!("the volume `{}` is declared nowhere{suggestion}", clip(name))
        })
    }

    /// The content of a file of a mounted volume, by its path: a text that may hold a token.
    pub(crate) fn mounted_file(&self, mounts: &[(String, String)], path: &str) -> Result<String, String> {
        let below = |mount: &str| {
            path.strip_prefix(mount.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned)
        };
        let found = mounts.iter().find_map(|(volume, mount)| below(mount).map(|file| (volume, file)));
        let Some((volume, file)) = found else {
            return Err(format!(
                "`{}` is not in a mounted volume, and a step sees no file of another machine; declare the secret under `secrets` with `from: file:PATH`, and write `--secret id=ID`",
                clip(path)
            ));
        };
        let volume = self.volume(volume)?;
        let content = volume.files.iter().find(|(name, _)| *name == file).map(|(_, content)| content);
        let content = content.ok_or_else(|| format!("the volume `{}` has no file `{}`", volume.name, clip(&file)))?;
        self.decoded(content).ok_or_else(|| {
            format!("the file `{}` of volume `{}` is not text; make it a secret of its own", clip(&file), volume.name)
        })
    }

    /// What base64 stands for: a token with a filter more, or the text itself.
    fn decoded(&self, base64: &str) -> Option<String> {
        if let Some(mut token) = tokens::whole(base64, &self.nonce) {
            match token.filters.last() {
                Some(Filter::B64Enc) => drop(token.filters.pop()),
                _ => token.filters.push(Filter::B64Dec),
            }
            return Some(token.write(&self.nonce));
        }
        let bytes = data_encoding::BASE64.decode(base64.as_bytes()).ok()?;
        String::from_utf8(bytes).ok().filter(|text| !secret::may_hold_tokens(text))
    }
}
