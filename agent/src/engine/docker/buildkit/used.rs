//! The images a build used, with digests, as the names of its steps tell them. Pure.

use acre_model::{attempt::UsedImage, digest::Digest, plan::Dependency, reference::Reference};
use std::collections::BTreeMap;

/// What names an image wherever it is written the short way or the long one: registry, repository, tag.
type Key = (String, String, String);

/// The images that a build used: those its Dockerfile names, as it names them, and any others that steps name.
/// `digest` is `None` where no step told it.
pub(super) fn images<'a>(
    dependencies: Option<&[Dependency]>,
    steps: impl IntoIterator<Item = &'a str>,
) -> Vec<UsedImage> {
    let mut told: BTreeMap<Key, (Reference, Option<Digest>)> = BTreeMap::new();
    for (reference, digest) in steps.into_iter().filter_map(named) {
        let image = told.entry(key(&reference)).or_insert_with(|| (reference, digest));
        image.1 = image.1.or(digest);
    }
    let mut used: Vec<UsedImage> = Vec::new();
    for Dependency { reference, .. } in dependencies.into_iter().flatten() {
        let digest = told.remove(&key(reference)).and_then(|(_, digest)| digest).or(reference.digest());
        if !used.iter().any(|image| image.reference == *reference) {
            used.push(UsedImage { reference: reference.clone(), digest });
        }
    }
    used.extend(told.into_values().map(|(reference, digest)| UsedImage { reference, digest }));
    used
}

/// Whether `repository`, as an engine's `inspect` writes it, is that of this image.
pub(in super::super) fn is_of(reference: &Reference, repository: &str) -> bool {
    repository.parse::<Reference>().is_ok_and(|named| place(&named) == place(reference))
}

fn key(reference: &Reference) -> Key {
    let (registry, repository) = place(reference);
    let tag = match (reference.tag(), reference.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, Some(digest)) => digest.to_string(),
        (None, None) => "latest".to_owned(),
    };
    (registry, repository, tag)
}

/// Registry and repository, written the long way.
fn place(reference: &Reference) -> (String, String) {
    let registry = match reference.registry() {
        None | Some("index.docker.io") => "docker.io",
        Some(registry) => registry,
    };
    (registry.to_owned(), reference.full_repository())
}

/// The image in the name of a step: `[1/2] FROM REFERENCE[@DIGEST]`, `[internal] load metadata for REFERENCE` or
/// `docker-image://REFERENCE[@DIGEST]`.
fn named(step: &str) -> Option<(Reference, Option<Digest>)> {
    let text = match step.split_once("docker-image://") {
        Some((_, text)) => text,
        None => {
            let step = step.split_once("] ").map_or(step, |(_, step)| step);
            step.strip_prefix("FROM ").or_else(|| step.strip_prefix("load metadata for "))?
        }
    };
    let text = text.split_whitespace().find(|word| !word.starts_with("--"))?;
    let reference: Reference = text.parse().ok()?;
    let digest = reference.digest();
    // Steps write both tag and digest; without the digest it is what the Dockerfile says.
    let reference = match (text.split_once('@'), reference.tag()) {
        (Some((plain, _)), Some(_)) => plain.parse().ok()?,
        _ => reference,
    };
    (text != "scratch").then_some((reference, digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::plan::Role;

    const HEX: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

    fn dependency(reference: &str) -> Dependency {
        Dependency { role: Role::Runtime, reference: reference.parse().unwrap() }
    }

    fn shown(dependencies: &[&str], steps: &[&str]) -> Vec<String> {
        let dependencies: Vec<_> = dependencies.iter().map(|text| dependency(text)).collect();
        let used = images(Some(&dependencies), steps.iter().copied());
        used.into_iter().map(|image| format!("{} {}", image.reference, image.digest.is_some())).collect()
    }

    #[test]
    fn digests_are_found_in_the_names_of_steps() {
        let from = format!("[1/2] FROM 127.0.0.1:5000/base:1@{HEX}");
        let stage = format!("[linux/arm64 build 1/3] FROM docker.io/library/golang:1@{HEX}");
        let copied = format!("docker-image://docker.io/library/busybox:latest@{HEX}");
        let table: [(&[&str], &[&str], &[&str]); 6] = [
            (&["127.0.0.1:5000/base:1"], &[&from], &["127.0.0.1:5000/base:1 true"]),
            (&["golang:1"], &[&stage], &["golang:1 true"]),
            (&["busybox"], &[&copied], &["busybox true"]),
            (&["base:1"], &["[1/1] FROM docker.io/library/base:1"], &["base:1 false"]),
            (&[], &["[internal] load metadata for h.example/x:1", "[1/1] RUN echo FROM y"], &["h.example/x:1 false"]),
            (&["a:1"], &["[internal] load .dockerignore", "[1/1] FROM scratch"], &["a:1 false"]),
        ];
        for (dependencies, steps, expected) in table {
            assert_eq!(shown(dependencies, steps), expected, "{steps:?}");
        }
    }

    #[test]
    fn an_engine_writes_repositories_the_short_way() {
        let of = |reference: &str, repository| is_of(&reference.parse().unwrap(), repository);
        assert!(of("busybox:1", "busybox"));
        assert!(of("docker.io/library/busybox:1", "busybox"));
        assert!(of("h:5000/a/b:1", "h:5000/a/b"));
        assert!(!of("h:5000/a/b:1", "h:5000/a/c"));
        assert!(!of("h:5000/a:1", "a"));
    }
}
