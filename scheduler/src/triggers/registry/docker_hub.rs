//! Docker Hub.
//!
//! Source: Docker Docs, "Webhooks" of Docker Hub, "Example webhook payload": `push_data.tag` and
//! `repository.repo_name`. It signs nothing and sends no header of the user's, so the secret is in the address.

use super::{Malformed, Reader, Received, image, in_address, in_header, unnamed};
use crate::triggers::payload::Part;
use acre_model::trigger::ImagePushed;

pub(super) const READER: Reader =
    Reader { is_authentic: |received| in_header(received) | in_address(received), delivery: unnamed, images };

fn images(_: &Received<'_>, body: &Part<'_>) -> Result<Vec<ImagePushed>, Malformed> {
    let pushed = image(body, "repository.repo_name", None, body.maybe_text("push_data.tag"), None)?;
    Ok(pushed.into_iter().collect())
}
