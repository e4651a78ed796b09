//! A template in the place of an argument, where whatever it renders to is one.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = acre_fuzz::compiles(&acre_fuzz::step("cmd", &format!("i '{{{{ {text} }}}}'")));
});
