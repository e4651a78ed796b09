//! The body of a webhook, taken apart by names that errors repeat.

use super::signature;
use acre_model::{
    digest::Digest,
    ids::{CommitId, DeliveryId},
    text::clip,
};
use http::HeaderMap;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// The most entries of a list that are read.
const MOST_ENTRIES: usize = 10_000;
/// The most changed paths that are kept; a larger change is taken for one of everything.
const MOST_PATHS: usize = 10_000;
/// The longest name of a ref, in bytes, as in addresses of sources.
const LONGEST_REF: usize = 255;
/// The longest address that is kept, in bytes.
const LONGEST_ADDRESS: usize = 1024;
/// The most characters of a message's first line, and of a person's name, that are kept.
const MOST_CHARACTERS: usize = 200;

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or nested too deep.
    #[error("the body is not JSON: {0}")]
    Json(String),
    /// An HTML form.
    #[error("the body is a form; set the content type of the webhook to application/json")]
    Form,
    /// A header that says what the body is, is not there.
    #[error("the header {0} is missing")]
    Header(&'static str),
    /// A field that is needed is not there, or null.
    #[error("the field `{0}` is missing")]
    Missing(String),
    /// A field is something else.
    #[error("the field `{field}` is not {expected}{}", shown(.found))]
    Wrong {
        /// Its name, from the top: `commits[2].id`.
        field: String,
        /// What it should be.
        expected: &'static str,
        /// What it is, clipped, where that is a text.
        found: Option<String>,
    },
}

fn shown(found: &Option<String>) -> String {
    found.as_ref().map_or_else(String::new, |text| format!(": `{text}`"))
}

/// A body that is JSON. `serde_json` refuses what is nested deeper than 128, so that no stack overflows.
pub(super) struct Payload(Value);

impl Payload {
    /// Reads it.
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Malformed> {
        let content_type = signature::text(headers, "content-type").unwrap_or_default();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(Malformed::Form);
        }
        serde_json::from_slice(body).map(Self).map_err(|why| Malformed::Json(why.to_string()))
    }

    /// All of it.
    pub(super) const fn root(&self) -> Part<'_> {
        Part { value: &self.0, at: String::new() }
    }
}

/// A piece of a body, and where it is.
#[derive(Clone)]
pub(super) struct Part<'a> {
    value: &'a Value,
    at: String,
}

impl<'a> Part<'a> {
    /// What stands at `path`, whose names are separated by dots; none if it is not there, or null.
    fn find(&self, path: &str) -> Option<&'a Value> {
        path.split('.').try_fold(self.value, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    fn need(&self, path: &str) -> Result<&'a Value, Malformed> {
        self.find(path).ok_or_else(|| Malformed::Missing(self.name(path)))
    }

    /// The name of what is at `path`, from the top.
    fn name(&self, path: &str) -> String {
        if self.at.is_empty() { path.to_owned() } else { format!("{}.{path}", self.at) }
    }

    /// Whether anything stands at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// The error that what stands at `path` is not what is `expected`.
    pub(super) fn wrong(&self, path: &str, expected: &'static str) -> Malformed {
        let found = self.find(path).and_then(Value::as_str).map(clip);
        Malformed::Wrong { field: self.name(path), expected, found }
    }

    /// The object at `path`.
    pub(super) fn part(&self, path: &str) -> Result<Self, Malformed> {
        let value = self.need(path)?;
        if value.is_object() { Ok(Self { value, at: self.name(path) }) } else { Err(self.wrong(path, "an object")) }
    }

    /// The object at `path`, if there is one.
    pub(super) fn maybe_part(&self, path: &str) -> Option<Self> {
        self.part(path).ok()
    }

    /// The entries of the list at `path`.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Self>, Malformed> {
        let entries = self.need(path)?.as_array().ok_or_else(|| self.wrong(path, "a list"))?;
        if entries.len() > MOST_ENTRIES {
            return Err(self.wrong(path, "a list of at most 10000 entries"));
        }
        let name = self.name(path);
        let part = |(index, value)| Self { value, at: format!("{name}[{index}]") };
        Ok(entries.iter().enumerate().map(part).collect())
    }

    /// The text at `path`, which is not empty.
    pub(super) fn text(&self, path: &str) -> Result<&'a str, Malformed> {
        let text = self.need(path)?.as_str().ok_or_else(|| self.wrong(path, "a text"))?;
        if text.is_empty() { Err(Malformed::Missing(self.name(path))) } else { Ok(text) }
    }

    /// The text at `path`; none if there is none, or it is empty.
    pub(super) fn maybe_text(&self, path: &str) -> Option<&'a str> {
        self.text(path).ok()
    }

    /// The number at `path`.
    pub(super) fn number(&self, path: &str) -> Result<u64, Malformed> {
        self.need(path)?.as_u64().ok_or_else(|| self.wrong(path, "a number"))
    }

    /// Whether `true` stands at `path`.
    pub(super) fn flag(&self, path: &str) -> bool {
        self.find(path).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The full name of a commit at `path`.
    pub(super) fn commit(&self, path: &str) -> Result<CommitId, Malformed> {
        self.text(path)?.parse().map_err(|_| self.wrong(path, "a commit of 40 lower-case hexadecimal digits"))
    }

    /// The name at `path` of a branch or a tag, without `refs/…/`.
    pub(super) fn ref_name(&self, path: &str) -> Result<String, Malformed> {
        let name = self.text(path)?;
        if ref_name_is_valid(name) { Ok(name.to_owned()) } else { Err(self.wrong(path, "the name of a ref")) }
    }

    /// The full name of a ref at `path`.
    pub(super) fn reference(&self, path: &str) -> Result<Ref, Malformed> {
        let text = self.text(path)?;
        let (name, build): (_, fn(String) -> Ref) = match (text.strip_prefix("refs/heads/"), text) {
            (Some(branch), _) => (branch, Ref::Branch),
            (None, text) => match text.strip_prefix("refs/tags/") {
                Some(tag) => (tag, Ref::Tag),
                None => return Ok(Ref::Other),
            },
        };
        if ref_name_is_valid(name) { Ok(build(name.to_owned())) } else { Err(self.wrong(path, "the name of a ref")) }
    }

    /// The addresses that stand at `paths`, without those that are not there.
    pub(super) fn addresses(&self, paths: &[&str]) -> Vec<String> {
        let given = paths.iter().filter_map(|path| self.maybe_text(path));
        given.filter(|address| address.len() <= LONGEST_ADDRESS).map(str::to_owned).collect()
    }

    /// The first line of the text at `path`, in one piece of printable characters.
    pub(super) fn line(&self, path: &str) -> Option<String> {
        let line = self.maybe_text(path)?.lines().next()?;
        let kept: String = line.chars().filter(|c| !c.is_control()).take(MOST_CHARACTERS).collect();
        Some(kept.trim().to_owned()).filter(|line| !line.is_empty())
    }

    /// The texts of the list at `path`; none if it is not there, or holds anything else.
    pub(super) fn texts(&self, path: &str) -> Option<Vec<&'a str>> {
        self.find(path)?.as_array()?.iter().map(Value::as_str).collect()
    }
}

/// What a full name of a ref names.
pub(super) enum Ref {
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A tag, without `refs/tags/`.
    Tag(String),
    /// Notes, and what hosts keep for themselves.
    Other,
}

/// What `added`, `modified` and `removed` of all commits say together, as GitHub, GitLab and Gitea write it. None if
/// there are no commits, or one that does not say it, or too much of it.
pub(super) fn changed_paths(commits: &[Part<'_>]) -> Option<Vec<String>> {
    let mut paths = BTreeSet::new();
    for commit in commits {
        for list in ["added", "modified", "removed"] {
            paths.extend(commit.texts(list)?);
        }
    }
    let known = !paths.is_empty() && paths.len() <= MOST_PATHS;
    known.then(|| paths.into_iter().map(str::to_owned).collect())
}

/// Whether this is the name of no object, which stands for the new value of a ref that was deleted, or the old one of
/// one that was created.
pub(super) fn is_nothing(commit: &str) -> bool {
    commit.bytes().all(|b| b == b'0')
}

/// The sender's own name for a delivery, or else the digest of what was sent.
pub(super) fn delivery(own: Option<&str>, body: &[u8]) -> DeliveryId {
    let own = own.and_then(|id| id.trim_matches(['{', '}']).parse().ok());
    own.unwrap_or_else(|| Digest::from_bytes(Sha256::digest(body).into()).into())
}

/// The rules of `git check-ref-format` for what stands behind `refs/heads/` or `refs/tags/`, and no leading `-`.
fn ref_name_is_valid(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let component = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.len() <= LONGEST_REF
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(forbidden)
        && name.split('/').all(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Payload {
        Payload::parse(&HeaderMap::new(), text.as_bytes()).unwrap()
    }

    #[test]
    fn faults_name_their_field_from_the_top() {
        let payload = parse(r#"{"a":{"b":[{"id":7},{"id":"xyz","ref":"refs/heads/a b"}],"n":null,"e":""}}"#);
        let root = payload.root();
        let entries = root.part("a").unwrap().list("b").unwrap();
        let table = [
            (root.text("a.c").err(), "the field `a.c` is missing"),
            (root.text("a.n").err(), "the field `a.n` is missing"),
            (root.text("a.e").err(), "the field `a.e` is missing"),
            (entries[0].text("id").err(), "the field `a.b[0].id` is not a text"),
            (
                entries[1].commit("id").err(),
                "the field `a.b[1].id` is not a commit of 40 lower-case hexadecimal digits: `xyz`",
            ),
            (entries[1].reference("ref").err(), "the field `a.b[1].ref` is not the name of a ref: `refs/heads/a b`"),
            (root.list("a").err(), "the field `a` is not a list"),
            (root.part("a.b").err(), "the field `a.b` is not an object"),
        ];
        for (found, expected) in table {
            assert_eq!(found.map(|why| why.to_string()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_without_overflowing_the_stack() {
        for open in ["[", r#"{"a":"#] {
            let why = Payload::parse(&HeaderMap::new(), open.repeat(100_000).as_bytes()).err().unwrap();
            assert!(why.to_string().contains("recursion limit exceeded"), "{why}");
        }
    }

    #[test]
    fn a_form_is_told_apart() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        assert_eq!(Payload::parse(&headers, b"payload=%7B%7D").err(), Some(Malformed::Form));
    }

    #[test]
    fn names_of_refs_keep_the_rules_of_git() {
        for good in ["main", "a/b", "v1.0", "x\";rm", "ü", "dependabot/npm_and_yarn/a-1.2"] {
            assert!(ref_name_is_valid(good), "{good}");
        }
        for bad in ["", "-x", "a b", "a..b", "a/", "/a", "a//b", ".a", "a.lock", "a~1", "a\nb", "a@{1}", "a:b", "a."] {
            assert!(!ref_name_is_valid(bad), "{bad:?}");
        }
    }

    #[test]
    fn changed_paths_are_those_of_all_commits_or_unknown() {
        let table = [
            (r#"[{"added":["b"],"modified":["a"],"removed":[]},{"added":[],"modified":["a"],"removed":["c"]}]"#, true),
            (r#"[]"#, false),
            (r#"[{"added":["b"],"modified":["a"]}]"#, false),
            (r#"[{"added":null,"modified":["a"],"removed":[]}]"#, false),
            (r#"[{"added":[1],"modified":["a"],"removed":[]}]"#, false),
            (r#"[{"added":[],"modified":[],"removed":[]}]"#, false),
        ];
        for (commits, known) in table {
            let payload = parse(&format!(r#"{{"commits":{commits}}}"#));
            let paths = changed_paths(&payload.root().list("commits").unwrap());
            let expected = known.then(|| vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
            assert_eq!(paths, expected, "{commits}");
        }
    }

    #[test]
    fn a_delivery_is_named_by_its_sender_or_by_its_content() {
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let table = [
            (Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"), "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            (Some("{a54f16da}"), "a54f16da"),
            (Some("a b"), digest),
            (Some(""), digest),
            (None, digest),
        ];
        for (own, expected) in table {
            assert_eq!(delivery(own, b"").as_str(), expected);
        }
    }
}
