//! Dockerfiles, for what they build on.
#![no_main]

use acre_model::platform::Platform;
use acre_task::dockerfile::{Given, SIZE, dependencies};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() <= SIZE {
        let platform = Platform::linux_amd64();
        let _ = dependencies(bytes, &Given { target: None, arguments: &[], platform: &platform });
    }
});
