//! Words and flags of a `cmd`; words that were split come back as they are.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(words) = acre_task::words::split(text) {
        let quote = |word: &String| format!("'{}'", word.replace('\'', "'\\''"));
        let joined = words.iter().map(quote).collect::<Vec<_>>().join(" ");
        assert_eq!(acre_task::words::split(&joined), Ok(words));
    }
    let _ = acre_fuzz::compiles(&acre_fuzz::step("cmd", text));
});
