//! Any text up to the largest is answered in 100 MiB of memory; in what time, the bench `compile` tells.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod texts;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that compiling may hold at once.
const MOST: usize = 100 << 20;

/// The one test of this program: what others hold would count.
#[test]
fn costly_texts_are_answered_in_bounded_memory() {
    for (name, text) in texts::hostile().into_iter().chain([("a long task", texts::long_task())]) {
        assert!(text.len() <= texts::MIB, "{name}: {} bytes", text.len());
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let answer = texts::compile(&text).map(|compiled| compiled.plan.units.len()).map_err(|found| found.to_string());
        let held = MEMORY.peak_usage().saturating_sub(before);
        assert!(held <= MOST, "{name}: {} MiB", held >> 20);
        if let Err(message) = answer {
            assert!(message.len() < 64 << 10, "{name}: a message of {} bytes", message.len());
        }
    }
}
