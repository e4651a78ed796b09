//! Modes, and a short list of variables.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Variables that git is given as the agent has them.
pub(in super::super) const INHERITED: &[&str] = &["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// A new file that only this user can read.
pub(in super::super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
