//! Platforms; one that was read is read again as the same.
#![no_main]

use acre_model::platform::Platform;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(platform) = text.parse::<Platform>() {
        assert_eq!(platform.to_string().parse::<Platform>().as_ref(), Ok(&platform));
    }
});
