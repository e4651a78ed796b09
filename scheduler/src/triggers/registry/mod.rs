//! Webhooks of registries: one file for each format, from headers and body to the tags that were put.
//!
//! What was pushed without a tag, deleted, pulled or scanned is left out, so that the list may be empty.

mod acr;
mod distribution;
mod docker_hub;
mod ghcr;
mod harbor;
#[cfg(test)]
mod tests;

use super::{
    Malformed, Refused,
    payload::{Part, Payload, delivery},
    signature,
};
use acre_model::{
    digest::Digest,
    reference::Reference,
    secret::SecretValue,
    trigger::{ImagePushed, ImagesPushed, RegistryKind},
};
use http::HeaderMap;

/// The most tags of one request.
const MOST_IMAGES: usize = 1000;

/// A request as it was received.
#[derive(Clone, Copy)]
struct Received<'a> {
    headers: &'a HeaderMap,
    body: &'a [u8],
    secret: &'a [u8],
    /// What stands for the secret in the address, where the sender can send it nowhere else.
    in_address: &'a str,
}

/// How requests of one kind of registry are read.
struct Reader {
    /// Whether the request proves that its sender knows the secret.
    is_authentic: fn(&Received<'_>) -> bool,
    /// The sender's own name for the delivery, where it has one in the headers.
    delivery: fn(&HeaderMap) -> Option<&str>,
    /// The tags that were put.
    images: fn(&Received<'_>, &Part<'_>) -> Result<Vec<ImagePushed>, Malformed>,
}

const fn reader(kind: RegistryKind) -> Reader {
    match kind {
        RegistryKind::Distribution => distribution::READER,
        RegistryKind::DockerHub => docker_hub::READER,
        RegistryKind::Harbor => harbor::READER,
        RegistryKind::Acr => acr::READER,
        RegistryKind::Ghcr => ghcr::READER,
    }
}

/// Reads a request for a trigger with this `secret`. `in_address` is what the caller found in the place of the secret
/// in the address that was called, which counts for Docker Hub and Azure Container Registry only.
///
/// # Errors
/// [`Refused::Signature`] before anything of the body is looked at; [`Refused::Malformed`] after it.
pub fn read(
    kind: RegistryKind,
    headers: &HeaderMap,
    body: &[u8],
    secret: &SecretValue,
    in_address: Option<&str>,
) -> Result<ImagesPushed, Refused> {
    let in_address = in_address.unwrap_or_default();
    let received = Received { headers, body, secret: secret.expose(), in_address };
    let reader = reader(kind);
    if !(reader.is_authentic)(&received) {
        return Err(Refused::Signature);
    }
    let payload = Payload::parse(headers, body)?;
    let images = (reader.images)(&received, &payload.root())?;
    if images.len() > MOST_IMAGES {
        return Err(payload.root().wrong("events", "a list of at most 1000 tags").into());
    }
    Ok(ImagesPushed { delivery: delivery((reader.delivery)(headers), body), images })
}

/// Nothing in the headers names the delivery. What is sent again is the same to the byte, and has its time in it.
const fn unnamed(_: &HeaderMap) -> Option<&str> {
    None
}

/// Whether the secret stands in a header of which the sender lets its user choose the value.
fn in_header(received: &Received<'_>) -> bool {
    let other = received.headers.get("x-auth").map(http::HeaderValue::as_bytes).unwrap_or_default();
    signature::authorized(received.secret, received.headers) | signature::same(received.secret, other)
}

/// Whether the secret stands in the address.
fn in_address(received: &Received<'_>) -> bool {
    signature::same(received.secret, received.in_address.as_bytes())
}

/// The image of these names, if its tag is one. Registries write a digest, or nothing, in the place of a tag that was
/// not given; a repository that is none is an error in the field `path`.
fn image(
    part: &Part<'_>,
    path: &str,
    registry: Option<&str>,
    tag: Option<&str>,
    digest: Option<&str>,
) -> Result<Option<ImagePushed>, Malformed> {
    let repository = part.text(path)?;
    let Some(tag) = tag else { return Ok(None) };
    // A registry is put in front, so that no part of the repository is taken for one.
    let reference = |tag: &str| format!("registry.invalid/{repository}:{tag}").parse::<Reference>();
    if reference("latest").is_err() {
        return Err(part.wrong(path, "a repository"));
    }
    Ok(reference(tag).ok().map(|_| ImagePushed {
        registry: registry.map(str::to_owned),
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        digest: digest.and_then(|text| text.parse::<Digest>().ok()),
    }))
}

/// The registry at `path`, which is `host[:port]`; none if there is none.
fn host<'a>(part: &Part<'a>, path: &str) -> Result<Option<&'a str>, Malformed> {
    let Some(host) = part.maybe_text(path) else { return Ok(None) };
    let named = format!("{host}/x").parse::<Reference>().is_ok_and(|reference| reference.registry() == Some(host));
    if named || is_plain_name(host) { Ok(Some(host)) } else { Err(part.wrong(path, "a host, with or without a port")) }
}

/// A host without dot and port, which a reference takes for a part of the repository.
fn is_plain_name(host: &str) -> bool {
    host.len() <= 63 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
