//! What a template sees: `.Run`, `.Build`, `.Values` and their JSON.

use super::functions::json;
use crate::{
    RunFacts,
    diagnostic::{Diagnostic, Listing},
    inert::Inert,
    yaml::{self, Node},
};
use acre_model::{platform::Platform, submission::NamedText};
use gotmpl::Value;
use std::{collections::BTreeMap, sync::Arc};

type Map = BTreeMap<Arc<str>, Value>;

/// The data of a rendering.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    root: Value,
    has_registry: bool,
}

impl Data {
    /// The data of a run whose first platform is `platform`.
    pub(crate) fn new(facts: &RunFacts, registry: Option<&str>, platform: &Platform, values: Values) -> Self {
        let run = run(facts, registry, platform);
        let build = Map::from([("ID".into(), text(facts.id.as_str()))]);
        let values = Value::Map(Arc::new(values.0));
        let root = Map::from([
            ("RunJSON".into(), text(&json::compact(&run))),
            ("Run".into(), run),
            ("Build".into(), Value::Map(Arc::new(build))),
            ("ValuesJSON".into(), text(&json::compact(&values))),
            ("Values".into(), values),
        ]);
        Self { root: Value::Map(Arc::new(root)), has_registry: registry.is_some() }
    }

    pub(super) const fn value(&self) -> &Value {
        &self.root
    }

    pub(super) const fn has_registry(&self) -> bool {
        self.has_registry
    }
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn run(facts: &RunFacts, registry: Option<&str>, platform: &Platform) -> Value {
    let or_empty = |fact: &Option<String>| text(fact.as_deref().unwrap_or_default());
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
        ("TriggeredBy".into(), text(&facts.triggered_by)),
        ("TaskName".into(), or_empty(&facts.task_name)),
    ]);
    if let Some(registry) = registry {
        let name = registry.split('.').next().unwrap_or(registry);
        run.extend([("Registry".into(), text(registry)), ("RegistryName".into(), text(name))]);
    }
    Value::Map(Arc::new(run))
}

/// The values of a run: those of files, deeply merged, a later file winning; then those set by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(Map);

impl Values {
    /// Reads values files and `--set` pairs; a dot in a key of the latter goes into a map.
    pub(crate) fn read(files: &[NamedText], sets: &[(String, String)]) -> Result<Self, Vec<Diagnostic>> {
        let mut values = Map::new();
        let mut faults = Vec::new();
        for file in files {
            match read_file(file) {
                Ok(more) => merge(&mut values, more),
                Err(fault) => faults.push(fault),
            }
        }
        for (key, value) in sets {
            set(&mut values, key, text(value), 0);
        }
        if faults.is_empty() { Ok(Self(values)) } else { Err(faults) }
    }
}

fn read_file(file: &NamedText) -> Result<Map, Diagnostic> {
    let listing = Listing::new(&file.name, &file.text);
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

/// Sets `a.b.c`, making the maps on the way. Beyond YAML's own depth a key is taken as it is.
fn set(into: &mut Map, key: &str, value: Value, depth: usize) {
    match key.split_once('.') {
        Some((first, rest)) if depth < yaml::DEPTH && !first.is_empty() && !rest.is_empty() => {
            let mut deeper = match into.get(first) {
                Some(Value::Map(known)) => (**known).clone(),
                _ => Map::new(),
            };
            set(&mut deeper, rest, value, depth + 1);
            into.insert(first.into(), Value::Map(Arc::new(deeper)));
        }
        _ => drop(into.insert(key.into(), value)),
    }
}
