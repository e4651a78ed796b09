//! Source trees on disk and on the wire: what the client packs and uploads, and what the agent fetches, caches and
//! turns into archives.
//!
//! Invariant: a tree is known by the digest of its root directory, and no byte is trusted before its digest is
//! checked. Nothing here follows a symbolic link, and no name from outside becomes a path on this machine: content lies
//! in the [`cache`] under its digest, names live in directories and archives only.

pub mod cache;
pub mod fetch;
pub mod flatten;
mod hash;
pub mod ignore;
pub mod overlay;
pub mod pack;
pub mod packed;
mod retry;
mod stat_cache;
mod system;
pub mod tar;
pub mod upload;
pub mod walk;

pub use cache::{Cache, Pin};
pub use fetch::Fetcher;
pub use ignore::Ignore;
pub use overlay::overlay;
pub use pack::pack;
pub use packed::Packed;
pub use upload::upload;

/// The most entries that a tree has.
pub const ENTRIES: usize = 1_000_000;

/// The deepest that a tree nests, in directories.
pub const DEPTH: usize = 256;

/// The longest path of an entry below the root, in bytes (Linux: `PATH_MAX`).
pub const PATH: usize = 4096;

/// The largest encoded directory, in bytes: one of 100,000 entries with long names fits.
pub const DIRECTORY: u64 = 64 * 1024 * 1024;

/// The most digests in one question to the farm (`blobs.proto`).
const DIGESTS: usize = 10_000;

/// The most data in one message, in bytes (`blobs.proto`).
const MESSAGE: usize = 1024 * 1024;
