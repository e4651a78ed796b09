//! Text from outside that must not be read as part of the task: a branch called `x"; rm -rf /` is one word of one
//! argument, whatever stands around its template. In the rendered text it stands as a mark, which goes through YAML
//! and the splitting into words unharmed, and is opened after them.

use crate::render::OUTPUT;
use std::{collections::BTreeMap, fmt::Write};

/// The ends of a mark: private-use characters of Unicode's plane 15, which no keyboard writes and YAML lets through.
const BEGIN: char = '\u{f0000}';
const END: char = '\u{f0001}';

/// The texts behind the marks of one rendering.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inert {
    texts: Vec<String>,
    numbers: BTreeMap<String, usize>,
    /// Bytes that all marks together open to.
    opened: usize,
}

impl Inert {
    /// What stands for `text` in the rendered text: itself, where neither YAML nor the words could misread it.
    /// `None` if all marks together would open to more than a rendered text may have.
    pub(crate) fn mark(&mut self, text: &str) -> Option<String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._/+,=-".contains(&b);
        if text.bytes().all(plain) && !text.starts_with(['-', '.', '=', ',']) {
            return Some(text.to_owned());
        }
        self.opened = self.opened.checked_add(text.len()).filter(|opened| *opened <= OUTPUT)?;
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None => {
                self.numbers.insert(text.to_owned(), self.texts.len());
                self.texts.push(text.to_owned());
                self.texts.len() - 1
            }
        };
        Some(format!("{BEGIN}{number}{END}"))
    }

    /// `text` with its marks opened. A mark that was not made by [`Inert::mark`] stays.
    pub(crate) fn open(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, tail)) = rest.split_once(BEGIN) {
            out.push_str(before);
            let opened = tail.split_once(END).and_then(|(number, after)| {
                let text = self.texts.get(number.parse::<usize>().ok()?)?;
                Some((text, after))
            });
            match opened {
                Some((text, after)) => {
                    out.push_str(text);
                    rest = after;
                }
                None => {
                    // Writing to a string does not fail.
                    let _ = out.write_char(BEGIN);
                    rest = tail;
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// Whether nothing was marked.
    pub(crate) const fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_open_to_what_they_stand_for() {
        let mut inert = Inert::default();
        assert_eq!(inert.mark("release/1.0-rc").as_deref(), Some("release/1.0-rc"));
        let hostile = "x\"; rm -rf /\n";
        let (first, second) = (inert.mark(hostile).unwrap(), inert.mark(hostile).unwrap());
        assert_eq!(first, second);
        assert_eq!(inert.open(&format!("a{first}b{second}")), format!("a{hostile}b{hostile}"));
        assert_eq!(inert.mark(&" ".repeat(OUTPUT)), None);
        for forged in ["\u{f0000}7\u{f0001}", "\u{f0000}x\u{f0001}", "\u{f0000}", "\u{f0000}0"] {
            assert_eq!(inert.open(forged), forged);
        }
    }
}
