//! The wire: `acre/v1/*.proto`, the code generated from it, and conversions to and from [`acre_model`].
//!
//! Invariant: nothing is decided here. A message that does not convert says which field is wrong, and how.

pub mod convert;
pub mod tree;

/// Generated from `acre/v1/*.proto`; a test compares it with what they generate today.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod v1 {
    include!("generated/acre.v1.rs");

    /// All `.proto` files as a `FileDescriptorSet`, for the reflection service.
    pub const DESCRIPTORS: &[u8] = include_bytes!("generated/acre.v1.bin");
}

pub use convert::Invalid;

/// Header of an error: `farm` where it is the farm's fault, although its code may also stand for the caller's.
pub const FAULT: &str = "acre-fault";

/// The largest message that client, agent and scheduler accept, in bytes. Data of blobs and logs comes in pieces of at
/// most 1 MiB; the rest is head room for a farm's state.
pub const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;
