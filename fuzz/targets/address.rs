//! Addresses of sources: none becomes a flag of a program, none leaves its root.
#![no_main]

use acre_model::plan::Fetch;
use acre_task::address;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = (address::is_address(text), address::shown(text));
    let subdirectory = match address::parse(text) {
        Ok(Fetch::Git(git)) => {
            assert!(!git.repository.starts_with('-'));
            assert!(!git.reference.unwrap_or_default().starts_with('-'));
            git.subdirectory
        }
        Ok(Fetch::Tar(tar)) => {
            assert!(tar.url.starts_with("http"));
            tar.subdirectory
        }
        Ok(Fetch::Oci(_) | Fetch::Aliases(_)) | Err(_) => None,
    };
    assert!(subdirectory.unwrap_or_default().split('/').all(|part| part != ".."));
});
