//! Docker Engine. Nothing outside this folder imports bollard.
