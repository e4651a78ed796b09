//! Image references; one that was read is read again as the same.
#![no_main]

use acre_model::reference::Reference;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse::<Reference>().as_ref(), Ok(&reference));
        let _ = reference.with_default_tag();
    }
});
