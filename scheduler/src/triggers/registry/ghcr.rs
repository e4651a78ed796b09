//! GitHub's container registry.
//!
//! Source: GitHub Docs, "Webhook events and payloads", `package` and `registry_package`, which say the same of one
//! push; a webhook is to be subscribed to one of them. Signed as GitHub's other webhooks.

use super::{Malformed, Reader, Received};
use crate::triggers::{payload::Part, signature, webhook};
use acre_model::{reference::Reference, trigger::ImagePushed};

/// The registry that `package_url` begins with.
const GHCR: &str = "ghcr.io";

pub(super) const READER: Reader = Reader {
    is_authentic: |received| webhook::is_from_github(received.headers, received.body, received.secret),
    delivery: |headers| signature::text(headers, "x-github-delivery"),
    images,
};

fn images(received: &Received<'_>, body: &Part<'_>) -> Result<Vec<ImagePushed>, Malformed> {
    let event = signature::text(received.headers, "x-github-event").ok_or(Malformed::Header("x-github-event"))?;
    if !matches!(event, "package" | "registry_package") || !matches!(body.text("action")?, "published" | "updated") {
        return Ok(Vec::new());
    }
    let package = if event == "package" { "package" } else { "registry_package" };
    let version = body.part(package)?.part("package_version")?;
    // Children of an index, and what is not an image, have no tag.
    let Some(tag) = version.maybe_text("container_metadata.tag.name") else { return Ok(Vec::new()) };
    let image = image(&version, tag)?;
    Ok(vec![ImagePushed {
        registry: Some(GHCR.to_owned()),
        repository: image.repository().to_owned(),
        tag: tag.to_owned(),
        digest: version.maybe_text("container_metadata.tag.digest").and_then(|digest| digest.parse().ok()),
    }])
}

/// The image that `package_url` names, `ghcr.io/Octocat/app:1`. Owners are written there as they like it; the registry
/// knows lower case only.
fn image(version: &Part<'_>, tag: &str) -> Result<Reference, Malformed> {
    let address = version.text("package_url")?;
    let name = address.rsplit_once(':').map_or(address, |(name, _)| name).to_lowercase();
    let image = format!("{name}:{tag}").parse::<Reference>().ok();
    let named = image.filter(|image| image.registry() == Some(GHCR) && image.tag() == Some(tag));
    named.ok_or_else(|| version.wrong("package_url", "a tag of ghcr.io"))
}
