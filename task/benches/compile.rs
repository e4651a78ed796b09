//! How long compiling takes: a long task as people have them (bound: 100 ms), and texts made to cost much (bound: 1 s
//! each). Run with `cargo bench -p acre-task`.

#[path = "../tests/texts/mod.rs"]
mod texts;

use divan::{Bencher, black_box};
use std::{fmt, sync::LazyLock};

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 30)]
fn long_task(bencher: Bencher<'_, '_>) {
    let text = texts::long_task();
    assert!(text.lines().count() >= 10_000);
    bencher.bench_local(|| texts::compile(black_box(&text)).expect("a valid task"));
}

static HOSTILE: LazyLock<Vec<(&str, String)>> = LazyLock::new(texts::hostile);

/// The number of a hostile text, shown by its name.
struct Text(usize);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HOSTILE[self.0].0)
    }
}

#[divan::bench(args = (0..HOSTILE.len()).map(Text), sample_count = 3, sample_size = 1)]
fn hostile(text: &Text) -> bool {
    texts::compile(black_box(&HOSTILE[text.0].1)).is_ok()
}
