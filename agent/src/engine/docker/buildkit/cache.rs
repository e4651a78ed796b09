//! Where the cache of a build comes from and goes to (`--cache-from`, `--cache-to`), in BuildKit's words. Pure.

use crate::engine::EngineError;
use acre_model::{plan::Build, reference::Reference, text::clip};
use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry};
use std::collections::HashMap;

/// The caches of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Caches {
    from: Vec<Reference>,
    to: Option<To>,
}

/// Where a cache goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum To {
    /// Into the image itself.
    Inline,
    /// Into a registry, as an image of its own.
    Registry { reference: Reference, all_stages: bool },
}

/// Which caches an engine can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// Docker's own image store: only the image itself can carry a cache.
    Docker,
    /// containerd's: any.
    Containerd,
}

impl Caches {
    /// The caches that a build asks for.
    pub(super) fn of(build: &Build) -> Result<Self, EngineError> {
        let from = build.cache_from.iter().map(|text| from(text)).collect::<Result<_, _>>()?;
        let [first, more @ ..] = &build.cache_to[..] else { return Ok(Self { from, to: None }) };
        if let [other, ..] = more {
            return Err(refused("--cache-to", other, "a build writes one cache"));
        }
        Ok(Self { from, to: Some(to(first)?) })
    }

    /// Whether it depends on the engine's image store what is done.
    pub(super) const fn depends_on_store(&self) -> bool {
        matches!(self.to, Some(To::Registry { .. }))
    }

    /// The same as far as the engine can, and a line on what it cannot.
    pub(super) fn on(self, store: Store) -> (Self, Option<String>) {
        match (store, self.to) {
            (Store::Docker, Some(To::Registry { reference, .. })) => {
                let line = format!(
                    "note: an engine with Docker's image store cannot write a cache to {reference}; the image carries its \
                     cache instead: push it, and name it in --cache-from"
                );
                (Self { from: self.from, to: Some(To::Inline) }, Some(line))
            }
            (_, to) => (Self { from: self.from, to }, None),
        }
    }

    /// For `Solve`.
    pub(super) fn options(&self) -> CacheOptions {
        let exports = self.to.iter().map(|to| match to {
            To::Inline => entry("inline", []),
            To::Registry { reference, all_stages } => {
                let mode = if *all_stages { "max" } else { "min" };
                // A cache that cannot be written is no reason to lose the image.
                let attrs =
                    [("ref", reference.to_string()), ("mode", mode.to_owned()), ("ignore-error", "true".to_owned())];
                entry("registry", attrs)
            }
        });
        CacheOptions { exports: exports.collect(), imports: self.imports().collect(), ..CacheOptions::default() }
    }

    /// The same imports for the frontend, which solves by itself (`cache-imports` of `frontend/dockerui/config.go`).
    pub(super) fn frontend(&self) -> Option<(String, String)> {
        let imports: Vec<_> =
            self.imports().map(|import| serde_json::json!({"Type": import.r#type, "Attrs": import.attrs})).collect();
        (!imports.is_empty()).then(|| ("cache-imports".to_owned(), serde_json::Value::from(imports).to_string()))
    }

    fn imports(&self) -> impl Iterator<Item = CacheOptionsEntry> {
        self.from.iter().map(|reference| entry("registry", [("ref", reference.to_string())]))
    }
}

fn entry<const N: usize>(kind: &str, attrs: [(&str, String); N]) -> CacheOptionsEntry {
    let attrs = attrs.map(|(key, value)| (key.to_owned(), value));
    CacheOptionsEntry { r#type: kind.to_owned(), attrs: HashMap::from(attrs) }
}

/// The images of `--cache-from`, for a builder that takes nothing else.
pub(in super::super) fn images(build: &Build) -> Result<Vec<String>, EngineError> {
    Ok(Caches::of(build)?.from.iter().map(ToString::to_string).collect())
}

/// A reference, or `type=registry,ref=…`.
fn from(text: &str) -> Result<Reference, EngineError> {
    let bad = |why: &str| refused("--cache-from", text, why);
    if !text.contains('=') {
        return reference(text).map_err(|why| bad(&why));
    }
    let mut fields = fields(text).map_err(|why| bad(&why))?;
    match fields.remove("type") {
        Some("registry") => {}
        _ => return Err(bad("write a reference, or type=registry,ref=…: agents keep no files between runs")),
    }
    let named = fields.remove("ref").ok_or_else(|| bad("its ref is missing"))?;
    nothing_else(&fields).map_err(|why| bad(&why))?;
    reference(named).map_err(|why| bad(&why))
}

/// `type=inline`, or `type=registry,ref=…[,mode=min|max]`.
fn to(text: &str) -> Result<To, EngineError> {
    let bad = |why: &str| refused("--cache-to", text, why);
    let mut fields = fields(text).map_err(|why| bad(&why))?;
    let to = match fields.remove("type") {
        Some("inline") => To::Inline,
        Some("registry") => {
            let named = fields.remove("ref").ok_or_else(|| bad("its ref is missing"))?;
            let reference = reference(named).map_err(|why| bad(&why))?;
            let all_stages = match fields.remove("mode") {
                None | Some("min") => false,
                Some("max") => true,
                Some(_) => return Err(bad("its mode is min or max")),
            };
            To::Registry { reference, all_stages }
        }
        _ => return Err(bad("write type=inline, or type=registry,ref=…: agents keep no files between runs")),
    };
    nothing_else(&fields).map_err(|why| bad(&why))?;
    Ok(to)
}

fn reference(text: &str) -> Result<Reference, String> {
    text.parse::<Reference>().map(Reference::with_default_tag).map_err(|why| why.to_string())
}

/// `key=value`, separated by commas.
fn fields(text: &str) -> Result<HashMap<&str, &str>, String> {
    let mut fields = HashMap::new();
    for field in text.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(|| format!("`{}` is not key=value", clip(field)))?;
        if fields.insert(key.trim(), value.trim()).is_some() {
            return Err(format!("`{}` stands twice", clip(key)));
        }
    }
    Ok(fields)
}

fn nothing_else(fields: &HashMap<&str, &str>) -> Result<(), String> {
    match fields.keys().min() {
        Some(other) => Err(format!("`{}` is not known there", clip(other))),
        None => Ok(()),
    }
}

fn refused(flag: &str, text: &str, why: &str) -> EngineError {
    EngineError::Refused(format!("{flag} {}: {why}", clip(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caches(from: &[&str], to: &[&str]) -> Result<Caches, String> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let build = Build { cache_from: texts(from), cache_to: texts(to), ..super::super::tests::build() };
        Caches::of(&build).map_err(|why| why.to_string())
    }

    fn shown(entries: &[CacheOptionsEntry]) -> Vec<String> {
        let shown = entries.iter().map(|entry| {
            let mut attrs: Vec<_> = entry.attrs.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            attrs.sort();
            format!("{}{}", entry.r#type, attrs.concat())
        });
        shown.collect()
    }

    #[test]
    fn caches_are_of_registries_or_of_the_image() {
        let from = ["h:5000/a", "type=registry,ref=b:1"];
        let read = caches(&from, &["type=registry,ref=h:5000/c,mode=max"]).unwrap();
        let options = read.options();
        assert_eq!(shown(&options.imports), ["registry ref=h:5000/a:latest", "registry ref=b:1"]);
        assert_eq!(shown(&options.exports), ["registry ignore-error=true mode=max ref=h:5000/c:latest"]);
        let json =
            r#"[{"Attrs":{"ref":"h:5000/a:latest"},"Type":"registry"},{"Attrs":{"ref":"b:1"},"Type":"registry"}]"#;
        assert_eq!(read.frontend(), Some(("cache-imports".to_owned(), json.to_owned())));
        assert_eq!(shown(&caches(&[], &["type=inline"]).unwrap().options().exports), ["inline"]);
        let none = caches(&[], &[]).unwrap();
        assert_eq!((none.options(), none.frontend()), (CacheOptions::default(), None));
    }

    #[test]
    fn an_engine_that_cannot_write_a_cache_leaves_it_in_the_image_and_says_so() {
        let wanted = || caches(&[], &["type=registry,ref=h:5000/c"]).unwrap();
        let (done, said) = wanted().on(Store::Docker);
        assert_eq!(shown(&done.options().exports), ["inline"]);
        assert!(said.unwrap().contains("cannot write a cache to h:5000/c:latest"));
        assert_eq!(wanted().on(Store::Containerd), (wanted(), None));
        let inline = || caches(&[], &["type=inline"]).unwrap();
        assert_eq!(inline().on(Store::Docker), (inline(), None));
    }

    #[test]
    fn other_caches_are_refused() {
        let table: [(&[&str], &[&str], &str); 11] = [
            (&["type=local,src=/x"], &[], "--cache-from type=local,src=/x: write a reference"),
            (&["type=registry"], &[], "its ref is missing"),
            (&["ref=a"], &[], "write a reference"),
            (&["type=registry,ref=a,x=y"], &[], "`x` is not known there"),
            (&["type=registry,ref=a,ref=b"], &[], "`ref` stands twice"),
            (&["http://h/a"], &[], "an image reference has no scheme"),
            (&["A"], &[], "a repository is made of"),
            (&[], &["type=local,dest=/x"], "--cache-to type=local,dest=/x: write type=inline"),
            (&[], &["h/a"], "`h/a` is not key=value"),
            (&[], &["type=registry,ref=a,mode=most"], "its mode is min or max"),
            (&[], &["type=inline", "type=inline"], "a build writes one cache"),
        ];
        for (from, to, expected) in table {
            let why = caches(from, to).unwrap_err();
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }
}
