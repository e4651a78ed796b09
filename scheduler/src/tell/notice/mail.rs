//! An e-mail's subject and text. What is in them is a line each: nothing of it can become a header.

use super::Subject;
use crate::tell::text::line;

/// The longest subject, in characters.
const HEADLINE: usize = 200;

/// What an e-mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its subject: one line.
    pub subject: String,
    /// Its text, plain.
    pub text: String,
}

/// The e-mail that tells of the subject.
pub fn letter(subject: &Subject<'_>) -> Letter {
    let facts = subject.facts();
    let row = |(name, value): &(&str, String)| match *name {
        "" => format!("{value}\n\n"),
        name => format!("{name:<12}{value}\n"),
    };
    Letter { subject: line(&format!("[acre] {}", subject.headline()), HEADLINE), text: facts.iter().map(row).collect() }
}
