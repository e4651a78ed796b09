//! YAML as a tree of nodes that know their place. Read from the parser's events, not through serde: so every scalar
//! keeps its text (`1.10` stays `1.10`), every key has a column, and one wrong type does not hide the next.

use crate::{
    diagnostic::{At, Class},
    inert::Inert,
    tokens,
};
use acre_model::{secret::Nonce, text::clip};
use serde_yaml::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, Tag};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// Deepest nesting of lists and maps.
pub(crate) const DEPTH: usize = 64;
/// Most nodes, those that aliases repeat included: five to each line of a task of 10,000 lines.
const NODES: usize = 50_000;
/// Most nodes that aliases repeat.
const REPEATED: usize = 10_000;
/// Most bytes of scalars, those that aliases repeat included.
const BYTES: usize = 4 << 20;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A scalar, and whether it was written without quotes and may so be a number, a boolean or nothing.
    Scalar { text: Rc<str>, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A map in the order it was written.
    Map(Vec<Entry>),
}

/// A key of a map and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: At,
    pub(crate) key: Rc<str>,
    pub(crate) value: Node,
}

/// Why a text is not YAML that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: At,
    pub(crate) message: String,
    pub(crate) class: Class,
}

impl Node {
    /// Whether nothing was written: `~`, `null` or an empty plain scalar.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Scalar { text, .. } = &self.value { Some(text) } else { None }
    }

    /// Opens the marks of all texts, except those that are split into words first.
    pub(crate) fn open(&mut self, inert: &Inert) {
        match &mut self.value {
            Value::Scalar { text, .. } => *text = inert.open(text).into(),
            Value::List(items) => items.iter_mut().for_each(|item| item.open(inert)),
            Value::Map(entries) => {
                let entries = entries.iter_mut().filter(|entry| !matches!(&*entry.key, "cmd" | "build"));
                entries.for_each(|entry| entry.value.open(inert));
            }
        }
    }

    /// Takes off the quotes that a template put around a secret for YAML's sake: `a: {{.Secrets.x | quote}}`.
    pub(crate) fn unquote_tokens(&mut self, nonce: &Nonce) {
        match &mut self.value {
            Value::Scalar { text, .. } => {
                tokens::unquoted(text, nonce).into_iter().for_each(|unquoted| *text = unquoted.into());
            }
            Value::List(items) => items.iter_mut().for_each(|item| item.unquote_tokens(nonce)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.value.unquote_tokens(nonce)),
        }
    }

    /// What it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// The one document of `text`; `None` where there is none. Texts count by what their marks open to, but stay closed.
pub(crate) fn parse(text: &str, inert: &Inert) -> Result<Option<Node>, Fault> {
    Ok(documents(text, inert, 1)?.pop())
}

/// The documents of `text`, which together have the limits of one.
pub(crate) fn parse_all(text: &str) -> Result<Vec<Node>, Fault> {
    documents(text, &Inert::default(), usize::MAX)
}

fn documents(text: &str, inert: &Inert, most: usize) -> Result<Vec<Node>, Fault> {
    let mut builder = Builder {
        inert,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        roots: Vec::new(),
        documents: 0,
        most,
        total: Weight::default(),
        repeated: 0,
    };
    let mut options = Options::default();
    (options.flow_nesting_limit, options.block_nesting_limit) = (DEPTH, DEPTH);
    let mut parser = Parser::new_from_str_with_options(text, options);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| scan_fault(&error))?;
        builder.take(event, place(&span))?;
    }
    Ok(builder.roots)
}

fn scan_fault(error: &ScanError) -> Fault {
    let at = At::new(error.marker().line(), error.marker().col() + 1);
    match error.kind() {
        // The scanner looks ahead, and so meets its own limit before the tree meets its.
        ErrorKind::RecursionLimitExceeded => invalid(at, format!("nested deeper than {DEPTH}")),
        _ => invalid(at, format!("not valid YAML: {}", error.info())),
    }
}

fn place(span: &Span) -> At {
    At::new(span.start.line(), span.start.col() + 1)
}

fn invalid(at: At, message: impl Into<String>) -> Fault {
    Fault { at, message: message.into(), class: Class::Invalid }
}

/// What a node costs: itself and what is in it.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
}

/// A collection that is not closed yet.
enum Open {
    List { at: At, anchor: usize, items: Vec<Node>, before: Weight },
    Map { at: At, anchor: usize, entries: Vec<Entry>, keys: Keys, key: Option<(At, Rc<str>)>, before: Weight },
}

/// The keys of a map so far, and where they stand.
type Keys = BTreeMap<Rc<str>, At>;

/// Builds the tree; an explicit stack, since the depth comes from outside.
struct Builder<'a> {
    inert: &'a Inert,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, Weight)>,
    roots: Vec<Node>,
    documents: usize,
    most: usize,
    total: Weight,
    /// Nodes that aliases repeated.
    repeated: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, at: At) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > self.most {
                    return Err(invalid(at, "a second YAML document; a task file has one"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_wanted = check_tag(tag.as_deref(), at)?;
                let plain = style == ScalarStyle::Plain && !text_wanted;
                let bytes = if self.inert.is_empty() { text.len() } else { self.inert.open(&text).len() };
                let weight = Weight { nodes: 1, bytes };
                self.count(at, weight)?;
                let node = Node { at, value: Value::Scalar { text: text.as_ref().into(), plain } };
                self.add(node, anchor, weight)
            }
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let (mut node, weight) = known.ok_or_else(|| invalid(at, "an alias inside the value it names"))?;
                self.repeated += weight.nodes;
                if self.repeated > REPEATED {
                    return Err(invalid(at, format!("aliases expand to more than {REPEATED} nodes")));
                }
                self.count(at, weight)?;
                node.at = at;
                self.add(node, 0, weight)
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at)?;
                let before = self.enter(at)?;
                self.open.push(Open::List { at, anchor, items: Vec::new(), before });
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at)?;
                let before = self.enter(at)?;
                self.open.push(Open::Map { at, anchor, entries: Vec::new(), keys: Keys::new(), key: None, before });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => Ok(()),
        }
    }

    /// Counts a collection that opens; what was counted before it.
    fn enter(&mut self, at: At) -> Result<Weight, Fault> {
        if self.open.len() >= DEPTH {
            return Err(invalid(at, format!("nested deeper than {DEPTH}")));
        }
        let before = self.total;
        self.count(at, Weight { nodes: 1, bytes: 0 })?;
        Ok(before)
    }

    fn count(&mut self, at: At, weight: Weight) -> Result<(), Fault> {
        self.total.nodes += weight.nodes;
        self.total.bytes += weight.bytes;
        match () {
            () if self.total.nodes > NODES => Err(invalid(at, format!("more than {NODES} nodes"))),
            () if self.total.bytes > BYTES => {
                Err(invalid(at, format!("texts of more than {} MiB, with what aliases repeat", BYTES >> 20)))
            }
            () => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Fault> {
        let (node, anchor, before) = match self.open.pop() {
            Some(Open::List { at, anchor, items, before }) => (Node { at, value: Value::List(items) }, anchor, before),
            Some(Open::Map { at, anchor, entries, before, .. }) => {
                (Node { at, value: Value::Map(merged(entries)?) }, anchor, before)
            }
            None => return Ok(()),
        };
        let weight = Weight { nodes: self.total.nodes - before.nodes, bytes: self.total.bytes - before.bytes };
        self.add(node, anchor, weight)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, weight: Weight) -> Result<(), Fault> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        match self.open.last_mut() {
            None => self.roots.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, keys, key, .. }) => match key.take() {
                Some((at, key)) => entries.push(Entry { at, key, value: node }),
                None => *key = Some((node.at, key_text(&node, keys)?)),
            },
        }
        Ok(())
    }
}

/// The text of a key that is not among `keys` yet, and is then.
fn key_text(node: &Node, keys: &mut Keys) -> Result<Rc<str>, Fault> {
    let Value::Scalar { text, .. } = &node.value else {
        return Err(invalid(node.at, format!("a key must be a text, not {}", node.kind())));
    };
    match keys.insert(Rc::clone(text), node.at) {
        Some(At { line, column }) if &**text != "<<" => {
            let key = clip(text);
            Err(invalid(node.at, format!("the key `{key}` is there twice, first in line {line}, column {column}")))
        }
        _ => Ok(Rc::clone(text)),
    }
}

/// The entries with what `<<` brings put after them, where the map does not say otherwise itself.
fn merged(entries: Vec<Entry>) -> Result<Vec<Entry>, Fault> {
    let (merges, mut own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| &*entry.key == "<<");
    let mut known: BTreeSet<Rc<str>> = match merges.is_empty() {
        true => return Ok(own),
        false => own.iter().map(|entry| Rc::clone(&entry.key)).collect(),
    };
    for merge in merges {
        let sources = match merge.value.value {
            Value::List(items) => items,
            _ => vec![merge.value],
        };
        for source in sources {
            let Value::Map(more) = source.value else {
                return Err(invalid(source.at, "`<<` takes a map or a list of maps"));
            };
            own.extend(more.into_iter().filter(|entry| known.insert(Rc::clone(&entry.key))));
        }
    }
    Ok(own)
}

/// Whether a tag makes a text of its scalar; tags that make anything else than YAML's own types are refused.
fn check_tag(tag: Option<&Tag>, at: At) -> Result<bool, Fault> {
    let Some(tag) = tag else { return Ok(false) };
    match tag.core_suffix() {
        Some("str") => Ok(true),
        Some("int" | "float" | "bool" | "null" | "seq" | "map") => Ok(false),
        _ => Err(invalid(
            at,
            format!("the tag `{}` is not taken; a task file has plain values only", clip(&tag.original())),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text, &Inert::default())
            .map_or_else(|fault| format!("{}:{} {}", fault.at.line, fault.at.column, fault.message), |_| String::new())
    }

    #[test]
    fn what_is_hostile_is_refused_with_its_place() {
        let levels: String =
            (1..9).map(|n| format!("k{n}: &k{n} [{}]\n", vec![format!("*k{}", n - 1); 9].join(","))).collect();
        let bomb = format!("k0: &k0 [x,x,x,x,x,x,x,x,x]\n{levels}");
        let nested = "[".repeat(10_000);
        let wide = "- x\n".repeat(NODES);
        let table = [
            (wide.as_str(), "50000:3 more than 50000 nodes"),
            (bomb.as_str(), "aliases expand to more than 10000 nodes"),
            (nested.as_str(), "nested deeper than 64"),
            ("a: 1\nb: 2\na: 3", "3:1 the key `a` is there twice, first in line 1, column 1"),
            ("a: 1\n---\nb: 2", "a second YAML document"),
            ("a:\n\tb: 1", "2:"),
            ("a: !!python/object x", "1:"),
            ("a: &a [*a]", "an alias inside the value it names"),
            ("? [a]\n: b", "a key must be a text, not a list"),
        ];
        for (text, expected) in table {
            let found = message(text);
            assert!(found.contains(expected), "{}: {found}", clip(text));
        }
    }

    #[test]
    fn scalars_keep_their_text_and_merges_give_way() {
        let node = parse("base: &b {v: 1.10, w: x}\nuse: {<<: *b, w: \"~\"}", &Inert::default()).unwrap().unwrap();
        let Value::Map(entries) = &node.value else { panic!("{node:?}") };
        let Value::Map(merged) = &entries[1].value.value else { panic!("{entries:?}") };
        let texts: Vec<_> = merged.iter().map(|entry| (&*entry.key, &entry.value.value)).collect();
        assert_eq!(texts[0], ("w", &Value::Scalar { text: "~".into(), plain: false }));
        assert_eq!(texts[1], ("v", &Value::Scalar { text: "1.10".into(), plain: true }));
    }
}
