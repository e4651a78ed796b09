//! Azure Container Registry.
//!
//! Source: Azure documentation, "Azure Container Registry webhook reference": one event as the distribution project
//! has it, not in an envelope; headers as configured for the webhook.

use super::{Malformed, Reader, Received, distribution, in_address, in_header, unnamed};
use crate::triggers::payload::Part;
use acre_model::trigger::ImagePushed;

pub(super) const READER: Reader =
    Reader { is_authentic: |received| in_header(received) | in_address(received), delivery: unnamed, images };

/// `action` may be `push`, `delete`, `quarantine`, `chart_push`, `chart_delete` and `ping`.
fn images(_: &Received<'_>, body: &Part<'_>) -> Result<Vec<ImagePushed>, Malformed> {
    distribution::event(body).map(|image| image.into_iter().collect())
}
