//! The images a build used, with digests, as the names of its steps tell them. Pure.

use acre_model::{attempt::UsedImage, digest::Digest, plan::Dependency, reference::Reference};
use std::collections::{BTreeMap, BTreeSet};

/// What names an image wherever it is written the short way or the long one: registry, repository, tag.
type Key = (String, String, String);

/// With which the step begins in which a build asks what an image is.
const ASKS: &str = "load metadata for ";

/// The images that a build used: those its Dockerfile names, as it names them, and any others that steps of it name.
/// `digest` is `None` where no step told it.
///
/// BuildKit merges steps of builds that come to the same, and then the one's names are told to the other, too: an image
/// that a build has not asked for, and that does not stand in the texts it was `written` in, is another's.
pub(super) fn images(dependencies: Option<&[Dependency]>, steps: &[&str], written: &[&str]) -> Vec<UsedImage> {
    let asks = |step: &&&str| step.contains(ASKS);
    let asked: BTreeSet<Key> =
        steps.iter().filter(asks).filter_map(|step| named(step)).map(|(image, _)| key(&image)).collect();
    let mut told: BTreeMap<Key, (Reference, Option<Digest>)> = BTreeMap::new();
    for (reference, digest) in steps.iter().filter_map(|step| named(step)) {
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
    told.retain(|image, _| asked.contains(image) || is_written(image, written));
    used.extend(told.into_values().map(|(reference, digest)| UsedImage { reference, digest }));
    used
}

/// Whether the parts of an image's name stand in the texts: a Dockerfile may put it together from arguments.
fn is_written((registry, repository, _): &Key, texts: &[&str]) -> bool {
    let parts = std::iter::once(registry.as_str()).chain(repository.split('/'));
    let mut own = parts.filter(|part| !["docker.io", "library"].contains(part));
    own.all(|part| texts.iter().any(|text| text.contains(part)))
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
        Dependency { role: Role::Runtime, reference: reference.parse().unwrap(), pinned: false }
    }

    fn shown(dependencies: &[&str], steps: &[&str], written: &[&str]) -> Vec<String> {
        let dependencies: Vec<_> = dependencies.iter().map(|text| dependency(text)).collect();
        let used = images(Some(&dependencies), steps, written);
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
            assert_eq!(shown(dependencies, steps, &[]), expected, "{steps:?}");
        }
    }

    #[test]
    fn images_of_other_builds_are_not_told() {
        let copied = [&*format!("docker-image://127.0.0.1:5000/team/tools:1@{HEX}")];
        let table: [(&[&str], bool); 5] = [
            (&["COPY --from=127.0.0.1:5000/team/tools:1 /x /"], true),
            (&["ARG name=tools\nCOPY --from=${registry}/team/$name:1 /x /", "127.0.0.1:5000"], true),
            (&["COPY --from=team/tools:1 /x /"], false),
            (&["FROM 127.0.0.1:5000/base"], false),
            (&[], false),
        ];
        for (written, is_told) in table {
            assert_eq!(shown(&[], &copied, written).len(), usize::from(is_told), "{written:?}");
        }
        assert_eq!(shown(&[], &["docker-image://docker.io/library/busybox:1"], &["FROM busybox:1"]).len(), 1);
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
