//! Harbor.
//!
//! Source: Harbor docs, "Configure Webhook Notifications": payloads in the format Default (`PUSH_ARTIFACT`,
//! `event_data`) and in that of CloudEvents (`harbor.artifact.pushed`, `data`); "Auth Header" is sent as
//! `Authorization`.

use super::{Malformed, Reader, Received, image, in_header, unnamed};
use crate::triggers::payload::Part;
use acre_model::trigger::ImagePushed;

pub(super) const READER: Reader = Reader { is_authentic: in_header, delivery: unnamed, images };

fn images(_: &Received<'_>, body: &Part<'_>) -> Result<Vec<ImagePushed>, Malformed> {
    let data = match body.text("type")? {
        "PUSH_ARTIFACT" | "pushImage" => body.part("event_data")?,
        "harbor.artifact.pushed" => body.part("data")?,
        _ => return Ok(Vec::new()),
    };
    let pushed = |resource: &Part<'_>| {
        let (tag, digest) = (resource.maybe_text("tag"), resource.maybe_text("digest"));
        image(&data, "repository.repo_full_name", registry(resource), tag, digest)
    };
    data.list("resources")?.iter().filter_map(|resource| pushed(resource).transpose()).collect()
}

/// The registry as `resource_url` begins: `harbor.example.com/library/app:1`.
fn registry<'a>(resource: &Part<'a>) -> Option<&'a str> {
    let reference = resource.maybe_text("resource_url")?;
    let registry = reference.split_once('/')?.0;
    let named = reference.parse::<acre_model::reference::Reference>().ok()?;
    (named.registry() == Some(registry)).then_some(registry)
}
