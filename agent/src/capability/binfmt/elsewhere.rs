//! Only Linux has such a table. An engine here is in a virtual machine or runs programs of Windows.

use std::future;

/// A table that is not there.
pub(in super::super) struct Binfmt;

impl Binfmt {
    /// Watches from now on.
    pub(in super::super) const fn watch() -> Self {
        Self
    }

    /// Never resolves.
    pub(in super::super) async fn changed(&mut self) {
        future::pending().await
    }
}
