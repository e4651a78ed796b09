//! The data folder of the agent is closed to others, and what is made in it with it. A program of Windows does not start
//! without knowing where the system is.

use std::{fs::File, io, path::Path};

/// Variables that git is given as the agent has them.
pub(in super::super) const INHERITED: &[&str] =
    &["PATH", "PATHEXT", "SystemRoot", "SystemDrive", "TEMP", "TMP", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// A new file that only this user can read.
pub(in super::super) fn private_file(path: &Path) -> io::Result<File> {
    File::create_new(path)
}
