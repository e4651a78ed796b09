//! The distribution project's registry.
//!
//! Source: CNCF Distribution, "Work with notifications": an envelope of `events`, each with `action`, `target`
//! (`repository`, `tag`, `digest`) and `request.host`; headers as configured for the endpoint.

use super::{Malformed, Reader, Received, host, image, in_header, unnamed};
use crate::triggers::payload::Part;
use acre_model::trigger::ImagePushed;

pub(super) const READER: Reader = Reader { is_authentic: in_header, delivery: unnamed, images };

fn images(_: &Received<'_>, body: &Part<'_>) -> Result<Vec<ImagePushed>, Malformed> {
    body.list("events")?.iter().filter_map(|one| event(one).transpose()).collect()
}

/// The tag that an event tells, if it is that of a push of a manifest by tag; blobs have none.
pub(super) fn event(event: &Part<'_>) -> Result<Option<ImagePushed>, Malformed> {
    if event.text("action")? != "push" {
        return Ok(None);
    }
    let (tag, digest) = (event.maybe_text("target.tag"), event.maybe_text("target.digest"));
    image(event, "target.repository", host(event, "request.host")?, tag, digest)
}
