//! Nothing is started in the background here.

use super::super::process::Identity;
use std::{convert::Infallible, ffi::OsString, io, path::Path};

/// A program that was started: there is none.
pub(in super::super) struct Launched {
    /// Who it is.
    pub(in super::super) identity: Identity,
    never: Infallible,
}

/// Refuses.
pub(in super::super) fn launch(_: &Path, _: &[OsString], _: Option<(&str, &str)>, _: &Path) -> io::Result<Launched> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Launched {
    /// Waits until the program is ready.
    pub(in super::super) async fn ready(self) -> Result<(), String> {
        match self.never {}
    }
}

/// `acre` is never started as the launcher.
pub fn launcher(_: impl IntoIterator<Item = OsString>) -> Option<()> {
    None
}
