//! Words and flags of a `build`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = acre_fuzz::compiles(&acre_fuzz::step("build", text));
});
