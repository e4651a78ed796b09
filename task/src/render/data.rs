//! What a template sees: `.Run`, `.Build`, `.Values`, their JSON, and `.Secrets` as tokens.

use super::{functions::json, syntax::place};
use crate::{
    RunFacts,
    diagnostic::{At, Diagnostic, Listing},
    inert::Inert,
    tokens,
    yaml::{self, Node},
};
use acre_model::{
    ids::{RunId, SecretId},
    platform::Platform,
    secret::{Nonce, Token},
    submission::NamedText,
    text::clip,
};
use gotmpl::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Map = BTreeMap<Arc<str>, Value>;

/// The data of a rendering.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    root: Map,
    unknown: Arc<str>,
    nonce: Nonce,
    run: RunId,
}

impl Data {
    /// The data of a run whose first platform is `platform`.
    pub(crate) fn new(facts: &RunFacts, registry: Option<&str>, platform: &Platform, values: Values) -> Self {
        let mut run = run(facts, registry, platform);
        let run_json = text(&json::compact(&Value::Map(Arc::new(run.clone()))));
        // Empty, as what is not known is; and this very text, so that it is an error wherever it would be printed.
        let unknown: Arc<str> = Arc::from("");
        for name in ["Registry", "RegistryName"] {
            run.entry(name.into()).or_insert_with(|| Value::String(Arc::clone(&unknown)));
        }
        let build = Map::from([("ID".into(), text(facts.id.as_str()))]);
        let Values { all, without_secrets } = values;
        let root = Map::from([
            ("RunJSON".into(), run_json),
            ("Run".into(), Value::Map(Arc::new(run))),
            ("Build".into(), Value::Map(Arc::new(build))),
            ("ValuesJSON".into(), text(&json::compact(&Value::Map(Arc::new(without_secrets))))),
            ("Values".into(), Value::Map(Arc::new(all))),
        ]);
        Self { root, unknown, nonce: facts.nonce.clone(), run: facts.id.clone() }
    }

    /// The data with the tokens of these secrets.
    pub(super) fn value(&self, secrets: &BTreeSet<SecretId>) -> Value {
        let token = |id: &SecretId| (id.as_str().into(), text(&token(id.clone(), &self.nonce)));
        let mut root = self.root.clone();
        root.insert("Secrets".into(), Value::Map(Arc::new(secrets.iter().map(token).collect())));
        Value::Map(Arc::new(root))
    }

    /// Under which tokens are written.
    pub(super) const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// The run, whose id is the seed of random functions.
    pub(super) const fn run(&self) -> &RunId {
        &self.run
    }

    /// What stands for a registry that is not known.
    pub(super) const fn unknown(&self) -> &Arc<str> {
        &self.unknown
    }
}

fn token(id: SecretId, nonce: &Nonce) -> String {
    Token { id, filters: Vec::new() }.write(nonce)
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn run(facts: &RunFacts, registry: Option<&str>, platform: &Platform) -> Map {
    let fact = |fact: &str| text(&tokens::without_reserved(fact));
    let or_empty = |given: &Option<String>| fact(given.as_deref().unwrap_or_default());
    let date = facts.now.as_run_date();
    let mut run = Map::from([
        ("ID".into(), text(facts.id.as_str())),
        ("SharedVolume".into(), text("workspace")),
        ("Date".into(), text(&date)),
        ("OS".into(), text(platform.os())),
        ("OSVersion".into(), text("")),
        ("Architecture".into(), text(platform.arch())),
        ("Commit".into(), or_empty(&facts.commit)),
        ("Branch".into(), or_empty(&facts.branch)),
        ("Repository".into(), or_empty(&facts.repository)),
        ("GitTag".into(), or_empty(&facts.git_tag)),
        ("TriggeredBy".into(), fact(&facts.triggered_by)),
        ("TaskName".into(), or_empty(&facts.task_name)),
    ]);
    if let Some(registry) = registry {
        // The path behind it is for names of images.
        let server = registry.split('/').next().unwrap_or(registry);
        let name = server.split(['.', ':']).next().unwrap_or(server);
        run.extend([("Registry".into(), text(server)), ("RegistryName".into(), text(name))]);
    }
    run
}

/// The values of a run: those of files, deeply merged, a later file winning; then those set by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    all: Map,
    /// What `.ValuesJSON` shows: a JSON text with tokens in it could not be told from one that holds their values.
    without_secrets: Map,
}

impl Values {
    /// Reads values files, `--set` pairs and the names of `--set-secret`; a dot in a key goes into a map.
    pub(crate) fn read(
        files: &[NamedText],
        sets: &[(String, String)],
        secret_sets: &[String],
        nonce: &Nonce,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut values = Map::new();
        let mut faults = Vec::new();
        for file in files {
            match read_file(file) {
                Ok(more) => merge(&mut values, more),
                Err(fault) => faults.push(fault),
            }
        }
        for (key, value) in sets {
            if let Some((_, why)) = tokens::reserved(key).or_else(|| tokens::reserved(value)) {
                faults.push(Listing::new("--set", "").error(At::FILE, format!("`--set {}`: {why}", clip(key))));
            }
            set(&mut values, key, text(value), 0);
        }
        let mut without_secrets = values.clone();
        for name in secret_sets {
            match SecretId::of_set(name) {
                Ok(id) => {
                    set(&mut values, name, text(&token(id, nonce)), 0);
                    take_out(&mut without_secrets, name, 0);
                }
                Err(why) => {
                    let message = format!("`--set-secret {}`: {why}", clip(name));
                    faults.push(Listing::new("--set-secret", "").error(At::FILE, message));
                }
            }
        }
        if faults.is_empty() { Ok(Self { all: values, without_secrets }) } else { Err(faults) }
    }
}

/// Takes `a.b.c` out, where it is.
fn take_out(from: &mut Map, key: &str, depth: usize) {
    if let Some((first, rest)) = parts(key, depth) {
        if let Some(Value::Map(known)) = from.get_mut(first) {
            let mut deeper = (**known).clone();
            take_out(&mut deeper, rest, depth + 1);
            *known = Arc::new(deeper);
        }
        return;
    }
    from.remove(key);
}

/// The first name of `a.b.c` and the rest. Beyond YAML's own depth a key is taken as it is.
fn parts(key: &str, depth: usize) -> Option<(&str, &str)> {
    key.split_once('.').filter(|(first, rest)| depth < yaml::DEPTH && !first.is_empty() && !rest.is_empty())
}

fn read_file(file: &NamedText) -> Result<Map, Diagnostic> {
    let listing = Listing::new(&file.name, &file.text);
    if let Some((at, why)) = tokens::reserved(&file.text) {
        return Err(listing.error(place(&file.text, at), why));
    }
    let node = yaml::parse(&file.text, &Inert::default())
        .map_err(|fault| listing.error(fault.at, fault.message).class(fault.class))?;
    match node {
        None => Ok(Map::new()),
        Some(node) if node.is_null() => Ok(Map::new()),
        Some(Node { value: yaml::Value::Map(entries), .. }) => Ok(map(entries)),
        Some(node) => {
            Err(listing.error(node.at, format!("a values file is a map of names to values, not {}", node.kind())))
        }
    }
}

fn map(entries: Vec<yaml::Entry>) -> Map {
    entries.into_iter().map(|entry| (Arc::from(&*entry.key), value(entry.value))).collect()
}

fn value(node: Node) -> Value {
    let null = node.is_null();
    match node.value {
        yaml::Value::Scalar { text: scalar, plain: true } => {
            if null {
                Value::Nil
            } else {
                plain(&scalar)
            }
        }
        yaml::Value::Scalar { text: scalar, .. } => text(&scalar),
        yaml::Value::List(items) => Value::List(items.into_iter().map(value).collect()),
        yaml::Value::Map(entries) => Value::Map(Arc::new(map(entries))),
    }
}

/// A plain scalar by YAML's core schema, but a number only if it would print as it is written: the version `1.10` is
/// not the number 1.1.
fn plain(scalar: &str) -> Value {
    match scalar {
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(number) = scalar.parse::<i64>()
        && number.to_string() == scalar
    {
        return Value::Int(number);
    }
    match scalar.parse::<f64>() {
        Ok(number) if number.is_finite() && number.to_string() == scalar => Value::Float(number),
        _ => text(scalar),
    }
}

fn merge(into: &mut Map, from: Map) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Map(known)), Value::Map(more)) => {
                let mut deeper = (**known).clone();
                merge(&mut deeper, (*more).clone());
                *known = Arc::new(deeper);
            }
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// Sets `a.b.c`, making the maps on the way.
fn set(into: &mut Map, key: &str, value: Value, depth: usize) {
    match parts(key, depth) {
        Some((first, rest)) => {
            let mut deeper = match into.get(first) {
                Some(Value::Map(known)) => (**known).clone(),
                _ => Map::new(),
            };
            set(&mut deeper, rest, value, depth + 1);
            into.insert(first.into(), Value::Map(Arc::new(deeper)));
        }
        None => drop(into.insert(key.into(), value)),
    }
}
