//! What is wrong with a task file, where, and what would be right: the only way this crate talks about a user's text.

use crate::{
    address,
    inert::Inert,
    tokens,
    written::{Place, Written},
};
use acre_model::{secret::Nonce, text::clip};
use std::fmt;

/// A place in the rendered text: line and column in characters, both from 1. Line 0: the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl At {
    /// The file as a whole.
    pub const FILE: Self = Self { line: 0, column: 0 };

    /// A place from a parser's counters, which may be wider.
    pub(crate) fn new(line: usize, column: usize) -> Self {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: narrow(line), column: narrow(column) }
    }
}

/// Whether a diagnostic stops the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, unless the user asked for strictness.
    Warning,
}

/// What kind of refusal an error is, for status codes of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The text is wrong (`INVALID_ARGUMENT`).
    Invalid,
    /// The text asks for more than a limit allows (`RESOURCE_EXHAUSTED`).
    TooLarge,
    /// The text is right, but something it needs is not there (`FAILED_PRECONDITION`).
    Missing,
}

/// One fault or warning, with the line it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the task.
    pub severity: Severity,
    /// What kind of refusal it is.
    pub class: Class,
    /// The file's name, for messages.
    pub file: String,
    /// Line in the file, from 1; 0: the file as a whole.
    pub line: u32,
    /// Column in the line as it is shown, in characters from 1.
    pub column: u32,
    /// The part of the line around the column, after rendering, which is what the fault was found in.
    pub shown: String,
    /// Where in [`Diagnostic::shown`] the column is, in characters from 0.
    pub caret: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// The same with a remedy.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same as another kind of refusal.
    #[must_use]
    pub(crate) fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }
}

/// The longest excerpt of a line that is shown, in characters.
const EXCERPT: usize = 120;

/// The part of `line` around `column` (from 1), safe to print, and the caret's place in it (from 0).
fn excerpt(line: &str, column: u32) -> (String, usize) {
    let column = (column.max(1) - 1) as usize;
    let skipped = if column < EXCERPT { 0 } else { column - EXCERPT / 2 };
    let characters = line.chars().skip(skipped).take(EXCERPT);
    let shown: String = characters.map(|c| if c.is_control() || is_bidi(c) { ' ' } else { c }).collect();
    (shown.trim_end().to_owned(), column - skipped)
}

/// Whether a character turns the direction of what follows it (Unicode, UAX 9).
const fn is_bidi(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `error: …`, the place, the line with a caret, and the remedy.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}", self.message)?;
        if self.line == 0 {
            write!(f, "\n  --> {}", clip(&self.file))?;
        } else {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            write!(f, "\n{margin}--> {}:{}:{}", clip(&self.file), self.line, self.column)?;
            write!(f, "\n{margin} |\n{number} | {}\n{margin} | {}^", self.shown, " ".repeat(self.caret))?;
        }
        self.help.iter().try_for_each(|help| write!(f, "\n  = help: {help}"))
    }
}

/// Everything that is wrong with a task, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// All of them, warnings included.
    pub fn all(&self) -> &[Diagnostic] {
        &self.0
    }

    /// The kind of refusal of the whole: a limit or a missing part only where nothing is simply wrong.
    pub fn class(&self) -> Class {
        let errors = || self.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let first = errors().map(|diagnostic| diagnostic.class).next().unwrap_or(Class::Invalid);
        if errors().all(|diagnostic| diagnostic.class == first) { first } else { Class::Invalid }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// A text with its lines at hand, and where each line came from: what a place needs to become a [`Diagnostic`].
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    file: String,
    written: Written,
    lines: Vec<String>,
    /// For each line, its line in the file; empty: the same.
    origins: Vec<u32>,
    /// Under which its lines hold tokens of secrets, which nobody is shown.
    nonce: Nonce,
}

impl Listing {
    /// The lines of `text`, which are the file's own.
    pub(crate) fn new(file: &str, text: &str) -> Self {
        let lines = text.lines().map(str::to_owned).collect();
        let written = Written::of(file, text);
        Self { file: file.to_owned(), written, lines, origins: Vec::new(), nonce: Nonce::default() }
    }

    /// The same with tokens under this nonce.
    pub(crate) fn with_nonce(mut self, nonce: &Nonce) -> Self {
        self.nonce = nonce.clone();
        self
    }

    /// The same with the line of the file that each line came from.
    pub(crate) fn with_origins(mut self, origins: Vec<u32>) -> Self {
        self.origins = origins;
        self
    }

    /// The same with marks opened, for people to read.
    pub(crate) fn with_marks_opened(mut self, inert: &Inert) -> Self {
        if !inert.is_empty() {
            self.lines.iter_mut().for_each(|line| *line = inert.open(line));
        }
        self
    }

    /// The text of a line, from 1.
    pub(crate) fn line(&self, line: u32) -> &str {
        line.checked_sub(1).and_then(|index| self.lines.get(index as usize)).map_or("", String::as_str)
    }

    /// The line of the file that a line came from; 0 of a text that was made of flags, whose lines nobody knows.
    pub(crate) fn origin(&self, line: u32) -> u32 {
        if self.written == Written::File { self.line_before(line) } else { 0 }
    }

    /// The line, before rendering, that a line came from.
    fn line_before(&self, line: u32) -> u32 {
        line.checked_sub(1).and_then(|index| self.origins.get(index as usize)).copied().unwrap_or(line)
    }

    /// A text without what nobody is shown: tokens of secrets, and passwords of addresses.
    fn for_people(&self, text: &str) -> String {
        address::masked(&tokens::for_people(text, &self.nonce)).into_owned()
    }

    /// The place of a line and column of the file, where it was written.
    fn place(&self, line: u32, column: u32, shown: String) -> Place {
        match self.written {
            Written::File => Place { flag: self.file.clone(), line, column, shown },
            // Nobody knows the text that was made of flags: it is meant as a whole.
            Written::Cmd | Written::Build => self.written.place(line, column, &shown).unwrap_or_else(|| Place {
                flag: self.file.clone(),
                line: 0,
                column: 0,
                shown: String::new(),
            }),
        }
    }

    /// An error at a place.
    pub(crate) fn error(&self, at: At, message: impl Into<String>) -> Diagnostic {
        let line = self.line(at.line);
        let before: String = line.chars().take((at.column.max(1) - 1) as usize).collect();
        // Tokens and passwords are longer than what is shown for them.
        let column = match self.for_people(&before) {
            shown if shown == before => at.column,
            shown => At::new(0, shown.chars().count() + 1).column,
        };
        let Place { flag: file, line, column, shown } =
            self.place(self.line_before(at.line), column, self.for_people(line));
        let (shown, caret) = excerpt(&shown, column);
        Diagnostic {
            severity: Severity::Error,
            class: Class::Invalid,
            file,
            line,
            column,
            shown,
            caret,
            message: self.for_people(&message.into()),
            help: None,
        }
    }

    /// A warning at a place.
    pub(crate) fn warning(&self, at: At, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..self.error(at, message) }
    }
}

/// Most errors, and most warnings, that one compilation reports; the rest would not be read.
pub(crate) const MOST: usize = 100;

/// The faults found so far, so that all are reported at once.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    listing: &'a Listing,
    found: Vec<Diagnostic>,
    /// Takes what is beyond [`MOST`].
    spare: Diagnostic,
}

impl<'a> Faults<'a> {
    /// None yet, in this text, besides those of earlier stages.
    pub(crate) fn new(listing: &'a Listing, found: Vec<Diagnostic>) -> Self {
        Self { listing, found, spare: listing.error(At::FILE, "") }
    }

    /// The text they are about.
    pub(crate) const fn listing(&self) -> &'a Listing {
        self.listing
    }

    /// Whether no further error will be reported: then there is no use in looking for remedies.
    pub(crate) fn is_full(&self) -> bool {
        self.count(Severity::Error) >= MOST
    }

    fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// Adds an error, to which help or a class may be added through what is returned.
    pub(crate) fn error(&mut self, at: At, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Error, |listing| listing.error(at, message))
    }

    /// Adds an error that needs nothing more.
    pub(crate) fn refuse(&mut self, at: At, message: impl Into<String>) {
        self.error(at, message);
    }

    /// Adds a warning.
    pub(crate) fn warning(&mut self, at: At, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Warning, |listing| listing.warning(at, message))
    }

    fn push(&mut self, severity: Severity, make: impl FnOnce(&Listing) -> Diagnostic) -> &mut Diagnostic {
        if self.count(severity) >= MOST {
            return &mut self.spare;
        }
        self.found.push(make(self.listing));
        self.found.last_mut().unwrap_or(&mut self.spare)
    }

    /// Whether an error is among them.
    pub(crate) fn any_error(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The warnings, or everything if there is an error; by line, without doubles.
    pub(crate) fn finish(self) -> Result<Vec<Diagnostic>, Diagnostics> {
        let failed = self.any_error();
        let mut found = self.found;
        for help in found.iter_mut().filter_map(|diagnostic| diagnostic.help.as_mut()) {
            *help = self.listing.for_people(help);
        }
        found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        found.dedup();
        if failed { Err(Diagnostics(found)) } else { Ok(found) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_its_line_and_a_caret() {
        let listing = Listing::new("acb.yaml", "steps:\n  - comand: x");
        let shown = listing.warning(At::new(2, 5), "unknown key `comand`").help("did you mean `cmd`?").to_string();
        let expected = "warning: unknown key `comand`\n --> acb.yaml:2:5\n  |\n2 |   - comand: x\n  |     ^\n  = help: did you mean `cmd`?";
        assert_eq!(shown, expected);
    }

    #[test]
    fn passwords_of_addresses_are_shown_nowhere() {
        let listing = Listing::new("f", "build: https://user:s3cret@h/r.git \u{202e}x");
        let shown = listing.error(At::new(1, 37), "`https://user:s3cret@h/r.git` is wrong").to_string();
        assert!(!shown.contains("s3cret") && !shown.contains('\u{202e}') && shown.contains("***@h/r.git"), "{shown}");
    }

    #[test]
    fn a_long_line_is_shown_around_the_column() {
        let listing = Listing::new("f", &"x".repeat(100_000));
        let shown = listing.error(At::new(1, 50_000), "no").to_string();
        assert!(shown.len() < 400, "{} bytes", shown.len());
        assert!(shown.ends_with('^'));
    }
}
