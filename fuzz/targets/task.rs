//! The whole way from text to plan.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = acre_task::read("acb.yaml", bytes) {
        let _ = acre_fuzz::compiles(text);
    }
});
