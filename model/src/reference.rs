//! Image references: `[registry/]repository[:tag][@digest]`, by the grammar of the distribution project
//! (`reference/regexp.go`), with Docker's rule for what counts as a registry.

use crate::{digest::Digest, text::clip};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A reference to an image, as written and checked, not expanded: `hello:1` stays `hello:1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    registry: Option<String>,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// Nothing at all.
    #[error("an image reference is empty")]
    Empty,
    /// `http://…` and the like.
    #[error("`{0}`: an image reference has no scheme; write registry/repository:tag")]
    Scheme(String),
    /// `user@host/…`.
    #[error("`{0}`: an image reference names no user; log in to the registry instead")]
    User(String),
    /// A registry that is not `host[:port]`.
    #[error("`{0}`: the registry must be a host name, with a port of 1 to 65535 where one is needed")]
    Registry(String),
    /// A repository outside the grammar.
    #[error("`{0}`: a repository is made of a-z and 0-9, joined by one of . _ __ - and /")]
    Repository(String),
    /// A tag outside the grammar.
    #[error("`{0}`: a tag is 1 to 128 of A-Z, a-z, 0-9, _ . and -, not beginning with . or -")]
    Tag(String),
    /// A digest that is not one.
    #[error("`{reference}`: {why}")]
    Digest {
        /// The whole reference, clipped.
        reference: String,
        /// What is wrong with its digest.
        why: crate::digest::BadDigest,
    },
    /// Registry and repository together are too long.
    #[error("`{0}`: registry and repository may have 255 characters together")]
    Length(String),
}

/// The registry of references that name none, as reports show it.
pub const DOCKER_HUB: &str = "registry.hub.docker.com";

impl Reference {
    /// The registry as written, `host[:port]`; `None` means Docker Hub.
    pub fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// The repository as written.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag as written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest as written.
    pub const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The registry's name, with Docker Hub spelled out.
    pub fn registry_or_hub(&self) -> &str {
        self.registry().unwrap_or(DOCKER_HUB)
    }

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        match &self.registry {
            Some(registry) => format!("{registry}/{}", self.repository),
            None => self.repository.clone(),
        }
    }

    /// The repository as the registry knows it: Docker Hub's official images live under `library/`.
    pub fn full_repository(&self) -> String {
        let official = matches!(self.registry(), None | Some("docker.io")) && !self.repository.contains('/');
        if official { format!("library/{}", self.repository) } else { self.repository.clone() }
    }

    /// The reference with `:latest` where neither tag nor digest stands.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some("latest".to_owned());
        }
        self
    }

    /// The reference with this registry in front, if it has none yet. `registry` may carry a path (`host/team`).
    pub fn with_default_registry(self, registry: &str) -> Result<Self, BadReference> {
        if self.registry.is_some() { Ok(self) } else { format!("{registry}/{self}").parse() }
    }

    /// The same repository by digest alone.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let shown = || clip(text);
        if text.is_empty() {
            return Err(BadReference::Empty);
        }
        if text.contains("://") {
            return Err(BadReference::Scheme(shown()));
        }
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((_, tail)) if tail.contains('/') => return Err(BadReference::User(shown())),
            Some((rest, digest)) => {
                let digest = digest.parse().map_err(|why| BadReference::Digest { reference: shown(), why })?;
                (rest, Some(digest))
            }
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, path)) if is_registry(first) => (Some(first), path),
            _ => (None, name),
        };
        if registry.is_some_and(|registry| !registry_is_valid(registry)) {
            return Err(BadReference::Registry(shown()));
        }
        if !repository.split('/').all(component_is_valid) {
            return Err(BadReference::Repository(shown()));
        }
        if tag.is_some_and(|tag| !tag_is_valid(tag)) {
            return Err(BadReference::Tag(shown()));
        }
        if name.len() > 255 {
            return Err(BadReference::Length(shown()));
        }
        Ok(Self {
            registry: registry.map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

/// Docker's rule: the part before the first `/` is a registry if it has a dot or a port, or is `localhost`.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn registry_is_valid(registry: &str) -> bool {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let host_is_valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(label),
    };
    let decimal = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    host_is_valid && port.is_none_or(|port| decimal(port) && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn component_is_valid(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let separators_are_valid = bytes
        .split(|b| alphanumeric(*b))
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-'));
    alphanumeric(*first) && alphanumeric(*last) && separators_are_valid
}

fn tag_is_valid(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

impl TryFrom<String> for Reference {
    type Error = BadReference;

    fn try_from(text: String) -> Result<Self, BadReference> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_fall_into_their_parts() {
        let table = [
            ("hello-world", None, "hello-world", None),
            ("team/app:1.2", None, "team/app", Some("1.2")),
            ("127.0.0.1:5000/base:1", Some("127.0.0.1:5000"), "base", Some("1")),
            ("localhost/a/b", Some("localhost"), "a/b", None),
            ("my.registry.example/a__b/c-d", Some("my.registry.example"), "a__b/c-d", None),
            ("[::1]:5000/x", Some("[::1]:5000"), "x", None),
        ];
        for (text, registry, repository, tag) in table {
            let reference: Reference = text.parse().unwrap();
            assert_eq!((reference.registry(), reference.repository(), reference.tag()), (registry, repository, tag));
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long_tag = format!("a:{}", "x".repeat(129));
        let upper_digest = format!("a@sha256:{}", "A".repeat(64));
        let table = [
            "",
            "Hello",
            "a/B",
            &long_tag,
            "a@sha256:00",
            &upper_digest,
            "a@md5:00",
            "-a",
            "a:-b",
            "a\u{7}",
            "h:99999/a",
            "h:0/a",
            "http://h/a",
            "user@host/x",
            "a//b",
            "a/",
            "/a",
            "a___b",
            "a.",
            "h:+1/a",
            "a b",
        ];
        for text in table {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_left_out_is_added() {
        let reference: Reference = "hello".parse().unwrap();
        assert_eq!(reference.full_repository(), "library/hello");
        let full = reference.with_default_registry("r.example:5000/team").unwrap().with_default_tag();
        assert_eq!(full.to_string(), "r.example:5000/team/hello:latest");
    }
}
