//! Rendering against its limits.
