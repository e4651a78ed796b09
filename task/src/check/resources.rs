//! What a task declares for its steps: secrets, networks, volumes (task language §7); and the mounts of a step.

use super::fields::{Fields, Keys, Placed};
use crate::{
    address::RESERVED,
    diagnostic::{At, Class, Faults},
    names::{self, Names},
    paths, tokens,
    yaml::Entry,
};
use acre_model::{
    ids::SecretId,
    plan::{Network, Volume},
    secret::{self, Nonce, SecretDecl, SecretSource},
    text::clip,
};

const SECRET: Keys =
    Keys { known: &["id", "from", "keyvault", "clientID"], meant: &[("name", "id"), ("source", "from")] };
const NETWORK: Keys =
    Keys { known: &["name", "driver", "ipv6", "skipCreation", "isDefault"], meant: &[("id", "name")] };
const VOLUME: Keys = Keys { known: &["name", "secret"], meant: &[("id", "name"), ("files", "secret")] };
const MOUNT: Keys = Keys {
    known: &["name", "mountPath"],
    meant: &[("path", "mountPath"), ("target", "mountPath"), ("volume", "name"), ("source", "name")],
};

/// Names that networks have on every engine.
const ENGINES_NETWORKS: [&str; 5] = ["none", "host", "default", "bridge", "nat"];
/// The longest name or path that is taken, in bytes.
const LONGEST: usize = 4096;

/// The secrets that the task declares.
pub(super) fn secrets(fields: &mut Fields<'_, '_>) -> Vec<SecretDecl> {
    let mut declared: Vec<SecretDecl> = Vec::new();
    for node in fields.nodes("secrets") {
        let line = fields.faults.listing().origin(node.at.line);
        let Some(mut inner) = Fields::new(node, "a secret", fields.faults) else { continue };
        inner.check_keys(&SECRET);
        let from = source(&mut inner);
        let Some(Placed { at, value }) = inner.text("id") else {
            inner.missing(node.at, "a secret", "id");
            continue;
        };
        match value.parse::<SecretId>() {
            Err(why) => inner.faults.refuse(at, why.to_string()),
            Ok(id) if id.as_str().starts_with(RESERVED) => {
                inner.faults.refuse(
                    at,
                    format!("the secret `{}`: ids that begin with `{RESERVED}` are acre's own", clip(id.as_str())),
                );
            }
            Ok(id) => match declared.iter().find(|other| other.id == id) {
                Some(first) => {
                    inner.faults.refuse(at, format!("the secret `{id}` is there twice, first in line {}", first.line))
                }
                None => declared.push(SecretDecl { id, from: from.unwrap_or(SecretSource::Submission), line }),
            },
        }
    }
    declared
}

const FORMS: &str = "env:NAME, file:PATH, vault:PATH#FIELD or project:NAME";

fn source(fields: &mut Fields<'_, '_>) -> Option<SecretSource> {
    let (from, keyvault) = (fields.text("from"), fields.text("keyvault"));
    fields.text("clientID");
    match (from, keyvault) {
        (Some(from), Some(_)) => {
            fields.faults.refuse(from.at, "the secret has both `from` and `keyvault`");
            None
        }
        (Some(Placed { at, value }), None) => {
            let parsed = parse_source(&value);
            if parsed.is_none() {
                fields.faults.refuse(at, format!("`from` must be {FORMS}, not `{}`", clip(&value)));
            }
            parsed
        }
        (None, Some(Placed { at, value })) => {
            let warning = fields.faults.warning(at, "a key vault of Azure is not read by acre");
            warning.help = Some(format!("write `from:` with {FORMS}"));
            Some(SecretSource::KeyVault(value))
        }
        (None, None) => None,
    }
}

fn parse_source(text: &str) -> Option<SecretSource> {
    let (kind, rest) = text.split_once(':')?;
    let plain = |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
    if !plain(rest) {
        return None;
    }
    match kind {
        "env" => {
            let name = |name: &str| !name.contains(['=', ' ']);
            name(rest).then(|| SecretSource::Env(rest.to_owned()))
        }
        "file" => Some(SecretSource::File(rest.to_owned())),
        "project" => rest.parse().ok().map(SecretSource::Project),
        "vault" => {
            let (path, field) = rest.rsplit_once('#')?;
            let path_is_valid =
                path.split('/').count() >= 2 && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            (path_is_valid && !field.is_empty() && !path.contains(['?', '%', ' ']))
                .then(|| SecretSource::Vault { path: path.to_owned(), field: field.to_owned() })
        }
        _ => None,
    }
}

/// The networks that the task declares, and the name of the one for steps that name none.
pub(super) fn networks(fields: &mut Fields<'_, '_>) -> (Vec<Network>, Option<String>) {
    let (mut networks, mut default): (Vec<Network>, Option<String>) = (Vec::new(), None);
    for node in fields.nodes("networks") {
        let Some(mut inner) = Fields::new(node, "a network", fields.faults) else { continue };
        inner.check_keys(&NETWORK);
        let driver = name(&mut inner, "driver", &[]);
        let (ipv6, skip_creation) = (inner.switch("ipv6"), inner.switch("skipCreation"));
        let is_default = inner.switch("isDefault");
        inner.missing(node.at, "a network", "name");
        let Some(Placed { at, value: name }) = name(&mut inner, "name", &ENGINES_NETWORKS) else { continue };
        if networks.iter().any(|other| other.name == name) {
            inner.faults.refuse(at, format!("the network `{name}` is there twice"));
            continue;
        }
        if is_default {
            default = Some(name.clone());
        }
        let driver = driver.map_or_else(|| "bridge".to_owned(), |driver| driver.value);
        networks.push(Network { name, driver, ipv6, skip_creation });
    }
    (networks, default)
}

/// A name as Docker's networks have; none of those that are `taken`.
fn name(fields: &mut Fields<'_, '_>, key: &str, taken: &[&str]) -> Option<Placed<String>> {
    let placed = fields.text(key)?;
    let text = placed.value.as_str();
    if !names::is_name(text) {
        let message = format!(
            "`{key}` must be 1 to 63 of A-Z, a-z, 0-9, _ . and -, beginning with a letter or digit, not `{}`",
            clip(text)
        );
        fields.faults.refuse(placed.at, message);
        return None;
    }
    if taken.contains(&text) || text == "host" {
        let message = format!("`{key}`: `{text}` is one of the engine's own networks; choose another");
        fields.faults.refuse(placed.at, message);
        return None;
    }
    Some(placed)
}

/// The volumes that the task declares.
pub(super) fn volumes(fields: &mut Fields<'_, '_>, nonce: &Nonce) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = Vec::new();
    for node in fields.nodes("volumes") {
        let Some(mut inner) = Fields::new(node, "a volume", fields.faults) else { continue };
        inner.check_keys(&VOLUME);
        let files = files(&mut inner, nonce);
        let Some(Placed { at, value: name }) = inner.text("name") else {
            inner.missing(node.at, "a volume", "name");
            continue;
        };
        if !names::is_volume(&name) {
            inner.faults.refuse(at, format!("`{}` is not a name of a volume: letters, digits, _ and -", clip(&name)));
        } else if volumes.iter().any(|other| other.name == name) {
            inner.faults.refuse(at, format!("the volume `{name}` is there twice"));
        } else {
            volumes.push(Volume { name, files });
        }
    }
    volumes
}

/// The files of a volume, in base64 or as the token of a secret that is base64.
fn files(fields: &mut Fields<'_, '_>, nonce: &Nonce) -> Vec<(String, String)> {
    let Some(entry) = fields.get("secret") else { return Vec::new() };
    let Some(inner) = Fields::new(&entry.value, "`secret` of a volume", fields.faults) else { return Vec::new() };
    let mut files = Vec::new();
    for Entry { at, key: file, value } in inner.entries() {
        let Some(text) = value.text().filter(|_| !value.is_null()) else {
            inner.faults.refuse(*at, format!("the file `{}` has no content", clip(file)));
            continue;
        };
        if !names::made_of(file, b"_.-") || matches!(&**file, "." | "..") {
            let message = format!("`{}` is not a name of a file in a volume: letters, digits, _ . and -", clip(file));
            inner.faults.refuse(*at, message);
        }
        match content(text, nonce) {
            Ok(content) => files.push((file.to_string(), content)),
            Err(why) => {
                inner.faults.error(value.at, format!("the file `{}` {why}", clip(file))).help =
                    Some("a file of a volume is written in base64: `{{.Secrets.ID | b64enc}}`".to_owned());
            }
        }
    }
    files
}

fn content(text: &str, nonce: &Nonce) -> Result<String, &'static str> {
    let packed: String = text.split_ascii_whitespace().collect();
    if tokens::whole(&packed, nonce).is_some() {
        return Ok(packed);
    }
    if secret::may_hold_tokens(&packed) {
        return Err("holds a secret among other text; it must be one secret alone, or base64");
    }
    match data_encoding::BASE64.decode(packed.as_bytes()) {
        Ok(_) => Ok(packed),
        Err(_) => Err("is not base64"),
    }
}

/// The volumes that a step mounts: names and places. `volumeMount` is the same, as older files write it.
pub(super) fn mounts(fields: &mut Fields<'_, '_>, names: &Names) -> Vec<(String, String)> {
    let mut mounts: Vec<(String, String)> = Vec::new();
    for key in ["volumeMounts", "volumeMount"] {
        for node in fields.nodes(key) {
            let Some(mut inner) = Fields::new(node, "a mount", fields.faults) else { continue };
            inner.check_keys(&MOUNT);
            let (name, path) = (inner.text("name"), inner.text("mountPath"));
            ["name", "mountPath"].into_iter().for_each(|wanted| inner.missing(node.at, "a mount", wanted));
            let (Some(name), Some(path)) = (name, path) else { continue };
            if let Err(why) = names.volume(&name.value) {
                inner.faults.refuse(name.at, why);
            }
            match paths::mount(&path.value) {
                Err(why) => inner.faults.refuse(path.at, format!("`mountPath`: {why}")),
                Ok(path_in) if mounts.iter().any(|(_, other)| *other == path_in) => {
                    inner.faults.refuse(path.at, format!("two volumes are mounted at `{}`", clip(&path_in)));
                }
                Ok(path_in) => mounts.push((name.value, path_in)),
            }
        }
    }
    mounts
}

/// Refuses secrets where they may not stand, and those that nobody declared.
pub(super) fn tokens_in(
    document: &crate::yaml::Node,
    names: &Names,
    inert: &crate::inert::Inert,
    faults: &mut Faults<'_>,
) {
    Walk { names, inert, faults }.node(document, "the file", Place::Root);
}

/// Where a value stands, as far as secrets care.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Step,
    Volume,
    /// Secrets may stand here.
    Free,
    /// They may not.
    Barred,
}

impl Place {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root, "steps") => Self::Step,
            (Self::Root, "volumes") => Self::Volume,
            (Self::Root, "env")
            | (Self::Step, "cmd" | "build" | "env")
            | (Self::Volume, "secret")
            | (Self::Free, _) => Self::Free,
            _ => Self::Barred,
        }
    }
}

struct Walk<'w, 'f> {
    names: &'w Names,
    inert: &'w crate::inert::Inert,
    faults: &'w mut Faults<'f>,
}

impl Walk<'_, '_> {
    /// The depth is bounded by the YAML that was taken.
    fn node(&mut self, node: &crate::yaml::Node, key: &str, place: Place) {
        match &node.value {
            crate::yaml::Value::Scalar { text, .. } => self.text(text, node.at, key, place),
            crate::yaml::Value::List(items) => items.iter().for_each(|item| self.node(item, key, place)),
            crate::yaml::Value::Map(entries) => {
                for entry in entries {
                    if secret::may_hold_tokens(&entry.key) {
                        self.faults.refuse(entry.at, "a secret cannot stand in a key");
                    }
                    self.node(&entry.value, &entry.key, place.below(&entry.key));
                }
            }
        }
    }

    fn text(&mut self, text: &str, at: At, key: &str, place: Place) {
        let text = self.inert.open(text);
        if !secret::may_hold_tokens(&text) {
            return;
        }
        if !matches!(place, Place::Free) {
            return self.faults.refuse(at, tokens::refused(key));
        }
        for token in secret::tokens(&text, &self.names.nonce) {
            if !self.names.secrets.contains(&token.id) {
                self.faults.error(at, self.names.unknown_secret(token.id.as_str())).class = Class::Invalid;
            }
        }
    }
}
