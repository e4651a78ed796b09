//! Trees as tar archives: written to fill a container's workspace, read back to make a build context of what it holds
//! then, and read from strangers.
//!
//! Source: POSIX.1-2024 `pax` ("ustar Interchange Format", "pax Interchange Format"), and GNU tar's manual on the
//! headers `L` and `K`.

mod packing;
mod reader;
mod untar;
mod writer;

pub use packing::{is_packed, unpacked};
pub use reader::TarError;
pub use untar::{Limits, Policy, Unpacking, UntarError, Untarred, untar};
pub use writer::{MODIFIED, stream};

/// The size of a block, in bytes; archives consist of these.
const BLOCK: usize = 512;

#[cfg(test)]
mod tests;
