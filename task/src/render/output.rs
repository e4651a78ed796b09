//! The writer of a rendering: bounded, and keeping account of which line of the file each line came from.

use super::{OUTPUT, Shared, lock};
use std::fmt;

/// The text so far.
pub(super) struct Output {
    state: Shared,
    text: String,
    origins: Vec<u32>,
    /// Whether the next character begins a line.
    fresh: bool,
}

impl Output {
    pub(super) const fn new(state: Shared) -> Self {
        Self { state, text: String::new(), origins: Vec::new(), fresh: true }
    }

    /// The text, and for each of its lines the line in the file.
    pub(super) fn finish(self) -> (String, Vec<u32>) {
        (self.text, self.origins)
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > OUTPUT {
            return Err(fmt::Error);
        }
        let mut state = lock(&self.state);
        for line in text.split_inclusive('\n') {
            if self.fresh {
                self.origins.push(state.line());
            }
            self.fresh = line.ends_with('\n');
            if self.fresh {
                state.line_ends();
            }
        }
        self.text.push_str(text);
        Ok(())
    }
}
