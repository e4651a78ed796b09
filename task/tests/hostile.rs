//! Any text up to the largest is answered in 100 MiB of memory; in what time, the bench `compile` tells.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod texts;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that compiling may hold at once.
const MOST: usize = 100 << 20;

/// Tests that share the texts among them, so that they run beside each other: nextest gives each a process of its own,
/// or what others hold would count.
const SHARES: usize = 3;

#[test]
fn costly_texts_are_answered_in_bounded_memory() {
    is_answered(0);
}

#[test]
fn costly_texts_are_answered_in_bounded_memory_too() {
    is_answered(1);
}

#[test]
fn costly_texts_are_answered_in_bounded_memory_as_well() {
    is_answered(2);
}

fn is_answered(share: usize) {
    let texts = texts::hostile().into_iter().chain([("a long task", texts::long_task())]);
    for (name, text) in texts.skip(share).step_by(SHARES) {
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
