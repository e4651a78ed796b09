//! Aliases of version 1.1 (task language §6): `$name` put in place of longer text, before the text is a template.

use crate::{
    Files, NoFiles, Presets, address,
    diagnostic::{At, Class, Diagnostic, Faults, Listing},
    inert::Inert,
    yaml::{self, Node, Value},
};
use acre_model::text::clip;
use std::collections::BTreeMap;

/// Names that stand for facts of the run.
const FACTS: [&str; 9] =
    ["ID", "SharedVolume", "Registry", "RegistryName", "Date", "OS", "Architecture", "Commit", "Branch"];
/// Most bytes of the text once aliases are put in.
const SIZE: usize = 4 << 20;
/// Most addresses in a block.
const ADDRESSES: usize = 16;

/// The text with its aliases put in, and those that may also stand as the first word of a `cmd`.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    pub(crate) images: Vec<Alias>,
    /// From which files of aliases are fetched, without doubles.
    pub(crate) addresses: Vec<String>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// A name that may be the first word of a `cmd`.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) name: String,
    /// What it stands for, before rendering.
    pub(crate) text: String,
    /// Its line in the task file; 0 where it is not written there.
    pub(crate) line: u32,
    /// Whether it is one of the language's own.
    pub(crate) is_preset: bool,
}

/// By name: what it stands for, and its line in the task file or 0.
type Table = BTreeMap<String, (String, u32)>;

/// Puts in the aliases of `text`. Its `alias` block becomes empty lines, so that every line keeps its number.
pub(crate) fn expand(
    text: &str,
    listing: &Listing,
    files: &dyn Files,
    presets: &Presets,
) -> Result<Expanded, Vec<Diagnostic>> {
    let (block, rest) = cut_block(text);
    let mut faults = Faults::new(listing, Vec::new());
    let own = block.map_or_else(Own::default, |block| Own::of_block(&block, files, &mut faults));
    let mut images: BTreeMap<String, Alias> = presets.iter().map(preset).collect();
    images.extend(own.values.into_iter().map(|(name, (text, line))| {
        let alias = Alias { name: name.clone(), text, line, is_preset: false };
        (name, alias)
    }));
    let facts = FACTS.map(|name| (name.to_owned(), format!("{{{{.Run.{name}}}}}")));
    let mut table: BTreeMap<String, String> = facts.into();
    table.extend(images.values().map(|alias| (alias.name.clone(), alias.text.clone())));
    let text = put_in(&rest, own.directive, &table);
    if text.len() > SIZE {
        faults.error(At::FILE, format!("aliases make the task larger than {} MiB", SIZE >> 20)).class = Class::TooLarge;
    }
    match faults.finish() {
        Ok(warnings) => {
            Ok(Expanded { text, images: images.into_values().collect(), addresses: own.addresses, warnings })
        }
        Err(found) => Err(found.all().to_vec()),
    }
}

/// From which addresses the block of `text` takes files; what is wrong with it is told by [`expand`].
pub(crate) fn addresses(text: &str, listing: &Listing) -> Vec<String> {
    let (block, _) = cut_block(text);
    let mut untold = Faults::new(listing, Vec::new());
    block.map_or_else(Vec::new, |block| Own::of_block(&block, &NoFiles, &mut untold).addresses)
}

fn preset((name, image): (&str, &str)) -> (String, Alias) {
    let alias = Alias { name: name.to_owned(), text: image.to_owned(), line: 0, is_preset: true };
    (name.to_owned(), alias)
}

/// Refuses templates of more than one line: each is one text of the block, whose lines keep their numbers.
fn faults_of_templates(block: &str, faults: &mut Faults<'_>) {
    let mut rest = block;
    while let Some((before, tail)) = rest.split_once("{{") {
        let Some((inner, after)) = tail.split_once("}}") else { return };
        if inner.contains('\n') {
            let at = crate::render::place(block, block.len() - rest.len() + before.len());
            faults.refuse(at, "a template in `alias` must stand on one line");
        }
        rest = after;
    }
}

/// The lines of the top-level key `alias`, all others empty, and the text without it; lines keep their numbers.
fn cut_block(text: &str) -> (Option<String>, String) {
    let (mut block, mut rest) = (String::new(), String::new());
    let (mut within, mut found) = (false, false);
    for line in text.split_inclusive('\n') {
        if line.starts_with("alias:") {
            (within, found) = (true, true);
        } else if line.starts_with(|c: char| !c.is_whitespace() && c != '#') {
            within = false;
        }
        let (here, other) = if within { (&mut block, &mut rest) } else { (&mut rest, &mut block) };
        here.push_str(line);
        other.push_str(if line.ends_with('\n') { "\n" } else { "" });
    }
    (found.then_some(block), rest)
}

/// Each `{{…}}` as a mark of private characters, and what it stands for.
fn hide_templates(text: &str) -> (String, Vec<String>) {
    let (mut out, mut templates, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, tail)) = rest.split_once("{{") {
        let Some((inner, after)) = tail.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(&format!("\u{e000}{}\u{e001}", templates.len()));
        templates.push(format!("{{{{{inner}}}}}"));
        rest = after;
    }
    out.push_str(rest);
    (out, templates)
}

fn show_templates(text: &str, templates: &[String]) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, tail)) = rest.split_once('\u{e000}') {
        let Some((number, after)) = tail.split_once('\u{e001}') else { break };
        out.push_str(before);
        out.push_str(number.parse::<usize>().ok().and_then(|number| templates.get(number)).map_or("", String::as_str));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What the task's own block says.
struct Own {
    values: Table,
    directive: char,
    addresses: Vec<String>,
}

impl Default for Own {
    fn default() -> Self {
        Self { values: Table::new(), directive: '$', addresses: Vec::new() }
    }
}

impl Own {
    fn of_block(block: &str, files: &dyn Files, faults: &mut Faults<'_>) -> Self {
        let mut own = Self::default();
        // Templates are not YAML before they are rendered; here they are texts.
        let (hidden, templates) = hide_templates(block);
        faults_of_templates(block, faults);
        match yaml::parse(&hidden, &Inert::default()) {
            Ok(Some(document)) => own.read(&document, &templates, files, faults),
            Ok(None) => {}
            Err(fault) => faults.error(fault.at, fault.message).class = fault.class,
        }
        own
    }

    fn read(&mut self, document: &Node, templates: &[String], files: &dyn Files, faults: &mut Faults<'_>) {
        let Value::Map(entries) = &document.value else { return };
        let Some(Value::Map(keys)) = entries.first().map(|entry| &entry.value.value) else {
            return faults.refuse(document.at, "`alias` must be a map of `values`, `src` and `directive`");
        };
        let key = |name: &str| keys.iter().find(|entry| &*entry.key == name && !entry.value.is_null());
        for entry in keys.iter().filter(|entry| !["values", "src", "directive"].contains(&&*entry.key)) {
            let near = acre_model::text::nearest(&clip(&entry.key), ["values", "src", "directive"]);
            let help = near.map(|near| format!("did you mean `{near}`?"));
            faults.warning(entry.at, format!("`alias` has no key `{}`", clip(&entry.key))).help = help;
        }
        // In the order of precedence, the strongest last.
        key("src").into_iter().for_each(|entry| self.sources(&entry.value, templates, files, faults));
        key("values").into_iter().for_each(|entry| self.values(&entry.value, templates, true, faults));
        key("directive").into_iter().for_each(|entry| self.directive(&entry.value, faults));
    }

    fn sources(&mut self, node: &Node, templates: &[String], files: &dyn Files, faults: &mut Faults<'_>) {
        let items = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        for item in items {
            let Value::Scalar { text: path, .. } = &item.value else {
                faults.error(item.at, format!("`src` must be a list of files, and this is {}", item.kind()));
                continue;
            };
            let taken = match path.contains("://") {
                _ if path.contains('\u{e000}') => Err("a template cannot stand in `src`".to_owned()),
                true => self.address(path, item.at, files, faults),
                false => self.path(path, files),
            };
            if let Err(message) = taken {
                let shown = address::shown(&show_templates(path, templates));
                faults.error(item.at, format!("aliases of `{}`: {message}", clip(&shown)));
            }
        }
    }

    fn path(&mut self, path: &str, files: &dyn Files) -> Result<(), String> {
        let path = crate::paths::below_workspace("", path).map_err(|why| why.to_string())?;
        let bytes = files.read(&path).ok_or("there is no such file in the source tree")?;
        self.file(&path, bytes)
    }

    fn address(&mut self, text: &str, at: At, files: &dyn Files, faults: &mut Faults<'_>) -> Result<(), String> {
        address::check_file(text)?;
        if !self.addresses.iter().any(|known| known == text) {
            self.addresses.push(text.to_owned());
        }
        if self.addresses.len() > ADDRESSES {
            return Err(format!("more than {ADDRESSES} addresses"));
        }
        let shown = address::shown(text);
        match files.at_address(text) {
            Some(bytes) => self.file(&shown, bytes),
            None => {
                let message = format!("aliases of `{}` are not known here: a farm fetches them", clip(&shown));
                faults.warning(at, message).help = Some("their names stay as they are".to_owned());
                Ok(())
            }
        }
    }

    /// A file of aliases; `name` is for messages.
    fn file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), String> {
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        if let Some((_, why)) = crate::tokens::reserved(&text) {
            return Err(why);
        }
        if text.len() > crate::TASK_SIZE {
            return Err(format!("it is larger than {} MiB", crate::TASK_SIZE >> 20));
        }
        let (hidden, templates) = hide_templates(&text);
        let listing = Listing::new(name, &text);
        let mut faults = Faults::new(&listing, Vec::new());
        faults_of_templates(&text, &mut faults);
        match yaml::parse(&hidden, &Inert::default()) {
            Ok(Some(document)) => self.values(&document, &templates, false, &mut faults),
            Ok(None) => {}
            Err(fault) => faults.refuse(fault.at, fault.message),
        }
        faults.finish().map(drop).map_err(|found| found.to_string())
    }

    /// `here`: whether they stand in the task file itself.
    fn values(&mut self, node: &Node, templates: &[String], here: bool, faults: &mut Faults<'_>) {
        let Value::Map(entries) = &node.value else {
            return faults.refuse(node.at, format!("aliases are a map of names to texts, not {}", node.kind()));
        };
        for entry in entries {
            let Value::Scalar { text, .. } = &entry.value.value else {
                faults.error(entry.value.at, format!("an alias stands for a text, not {}", entry.value.kind()));
                continue;
            };
            if entry.key.is_empty() || !entry.key.bytes().all(|b| b.is_ascii_alphanumeric()) {
                faults.error(entry.at, format!("the alias `{}` must be made of letters and digits", clip(&entry.key)));
            } else if text.contains(['\n', '\r']) {
                faults.error(entry.value.at, format!("the alias `{}` must stand for one line", clip(&entry.key)));
            } else {
                let line = if here { entry.value.at.line } else { 0 };
                self.values.insert(entry.key.to_string(), (show_templates(text, templates), line));
            }
        }
    }

    fn directive(&mut self, node: &Node, faults: &mut Faults<'_>) {
        let mut characters = match &node.value {
            Value::Scalar { text, .. } => text.chars(),
            _ => "".chars(),
        };
        match (characters.next(), characters.next()) {
            (Some(character), None) if !character.is_alphanumeric() && !character.is_whitespace() => {
                self.directive = character
            }
            _ => faults.refuse(node.at, "`directive` must be one character that is neither a letter nor a digit"),
        }
    }
}

/// One pass over the text; what is put in is not looked at again. A doubled directive is the character itself.
fn put_in(text: &str, directive: char, table: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once(directive) {
        out.push_str(before);
        if out.len() > SIZE {
            break;
        }
        if let Some(after) = tail.strip_prefix(directive) {
            out.push(directive);
            rest = after;
            continue;
        }
        let end = tail.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tail.len());
        match table.get(&tail[..end]) {
            Some(value) => out.push_str(value),
            None => {
                out.push(directive);
                out.push_str(&tail[..end]);
            }
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Source;

    impl Files for Source {
        fn read(&self, path: &str) -> Option<Vec<u8>> {
            (path == "a.yaml").then(|| b"one: from-file\ntwo: from-file\n".to_vec())
        }

        fn at_address(&self, address: &str) -> Option<Vec<u8>> {
            (address == "https://h.example/b").then(|| b"two: fetched\n".to_vec())
        }
    }

    fn expanded(text: &str) -> Result<String, String> {
        let expanded = expand(text, &Listing::new("f", text), &Source, &Presets::default());
        expanded.map(|expanded| expanded.text).map_err(|faults| faults[0].message.clone())
    }

    #[test]
    fn aliases_are_put_in_once() {
        let table = [
            ("x: $Registry/$ID $$ID $other $", "x: {{.Run.Registry}}/{{.Run.ID}} $ID $other $"),
            ("alias:\n  values:\n    a: $b\n    b: {{.Run.ID}}\nx: $a $b", "\n\n\n\nx: $b {{.Run.ID}}"),
            ("alias: {directive: \"%\"}\nx: %ID $ID %%", "\nx: {{.Run.ID}} $ID %"),
            ("alias:\n  src: [a.yaml]\n  values: {one: own}\nx: $one $two", "\n\n\nx: own from-file"),
            ("alias: {src: [a.yaml, https://h.example/b]}\nx: $one $two", "\nx: from-file fetched"),
            ("alias: {src: [https://h.example/b, a.yaml]}\nx: $one $two", "\nx: from-file from-file"),
            ("alias: {src: https://h.example/away}\nx: $two", "\nx: $two"),
        ];
        for (text, expected) in table {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_warned_of() {
        let text = "alias: {valuse: {}}";
        let found = expand(text, &Listing::new("f", text), &Source, &Presets::default()).unwrap().warnings;
        assert_eq!(found[0].message, "`alias` has no key `valuse`");
    }

    #[test]
    fn bad_blocks_are_refused() {
        let table = [
            ("alias: {values: {a-b: c}}", "letters and digits"),
            ("alias: {directive: ab}", "one character"),
            ("alias: {src: [http://h.example/x]}", "write https://"),
            ("alias: {src: ['https://me:pw@h.example/x']}", "no user"),
            ("alias: {src: [ssh://h.example/x]}", "https://"),
            ("alias: {src: [\"https://h.example/{{.Run.ID}}\"]}", "template cannot stand"),
            ("alias: {src: [../x]}", "leaves the source tree"),
            ("alias: {src: [no.yaml]}", "no such file"),
            ("alias:\n  values:\n    a: '{{\n      .Run.ID }}'", "must stand on one line"),
            ("alias: [a]", "must be a map"),
        ];
        for (text, expected) in table {
            let found = expanded(text).unwrap_err();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
