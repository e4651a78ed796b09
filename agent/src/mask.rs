//! Masking: secrets are taken out of everything before it leaves the agent (design.md §7). A secret is known in several
//! [`forms`]; where one of them stands, `***` stands instead.
//!
//! Output is masked as it streams. Only bytes that may begin a form are held back, so that a prompt is shown at once,
//! and a secret is found however the output was cut. What is held is shorter than the longest form.

mod forms;

use acre_model::{
    attempt::UnitResult,
    outcome::Outcome,
    secret::{Login, SecretValue},
    session::Opened,
};
use aho_corasick::{
    Anchored,
    automaton::{Automaton as _, StateID},
    nfa::contiguous::NFA,
};
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// What stands in place of a secret.
const MASK: &[u8] = b"***";

/// The secrets of a run, to be taken out of texts and streams. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Masks(Option<Arc<Known>>);

struct Known {
    automaton: NFA,
    start: StateID,
    /// How many bytes of a form each state has seen: its depth in the trie of the forms.
    depths: HashMap<StateID, usize>,
}

impl Masks {
    /// Masks for these values, and for the passwords of logins.
    pub(crate) fn new(opened: &Opened) -> Self {
        let passwords = opened.logins.iter().map(|Login { password, .. }| password);
        Self::of(opened.masks.iter().chain(passwords).map(SecretValue::expose))
    }

    /// Masks for these values.
    pub(crate) fn of<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let forms = forms::all(values);
        if forms.is_empty() {
            return Self(None);
        }
        let automaton = match NFA::new(&forms) {
            Ok(automaton) => automaton,
            // Over two thousand million states: what comes is limited far below that.
            Err(why) => unreachable!("the forms of a run's secrets make no automaton: {why}"),
        };
        let start = automaton.start_state(Anchored::No).expect("an automaton that starts unanchored");
        let mut depths = HashMap::from([(start, 0)]);
        for form in &forms {
            let mut state = start;
            for (index, byte) in form.iter().enumerate() {
                state = automaton.next_state(Anchored::No, state, *byte);
                depths.insert(state, index + 1);
            }
        }
        Self(Some(Arc::new(Known { automaton, start, depths })))
    }

    /// Whether there is nothing to take out.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A stream to be masked.
    pub(crate) fn stream(&self) -> Stream {
        let known = self.0.clone();
        let state = known.as_ref().map(|known| known.start).unwrap_or_default();
        Stream { known, state, held: VecDeque::new(), taken: VecDeque::new(), began: 0, over: 0 }
    }

    /// A whole text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut stream = self.stream();
        let mut masked = stream.push(text.as_bytes()).into_owned();
        masked.extend(stream.finish());
        // A form may begin or end within a character, if the secret is not UTF-8.
        String::from_utf8_lossy(&masked).into_owned()
    }

    /// An outcome without secrets.
    pub(crate) fn outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed { exit_code, message } => Outcome::Failed { exit_code, message: self.text(&message) },
            Outcome::Infrastructure { cause, message } => {
                Outcome::Infrastructure { cause, message: self.text(&message) }
            }
            Outcome::Succeeded | Outcome::Canceled | Outcome::TimedOut { .. } | Outcome::Lost | Outcome::Skipped(_) => {
                outcome
            }
        }
    }

    /// A result whose texts are without secrets.
    pub(crate) fn result(&self, mut result: UnitResult) -> UnitResult {
        if self.is_empty() {
            return result;
        }
        let cases = result.tests.iter_mut().flat_map(|tests| &mut tests.failures);
        let cases = cases.flat_map(|case| [&mut case.name, &mut case.message]);
        let paths = result.artifacts.iter_mut().map(|artifact| &mut artifact.path);
        let texts = cases.chain(paths).chain(&mut result.warnings).chain(&mut result.afterwards);
        for text in texts.chain(&mut result.dockerfile) {
            *text = self.text(text);
        }
        result
    }
}

/// A stream that is being masked.
pub(crate) struct Stream {
    known: Option<Arc<Known>>,
    state: StateID,
    /// Bytes that may begin a form.
    held: VecDeque<u8>,
    /// Where forms stand in what is held, by position in the stream, ascending; none overlap.
    taken: VecDeque<(u64, u64)>,
    /// Position of the first byte held.
    began: u64,
    /// Where a form ends that has been shown as masked already.
    over: u64,
}

impl Stream {
    /// Takes the next bytes; returns what can be shown by now.
    pub(crate) fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(known) = self.known.clone() else { return Cow::Borrowed(bytes) };
        let mut shown = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.held.push_back(*byte);
            self.state = known.automaton.next_state(Anchored::No, self.state, *byte);
            self.note(&known);
            // A form that is still to come begins at most so many bytes back.
            let is_out = self.state == known.start;
            let depth = if is_out { 0 } else { known.depths.get(&self.state).copied().unwrap_or_default() };
            self.show(self.held.len() - depth.min(self.held.len()), &mut shown);
        }
        Cow::Owned(shown)
    }

    /// Nothing more comes: the rest of what can be shown. A stream that goes on begins anew.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let Some(known) = self.known.clone() else { return Vec::new() };
        let mut shown = Vec::new();
        self.show(self.held.len(), &mut shown);
        self.state = known.start;
        shown
    }

    /// Notes the longest form that ends here, as one with those it overlaps.
    fn note(&mut self, known: &Known) {
        if !known.automaton.is_match(self.state) {
            return;
        }
        let forms = 0..known.automaton.match_len(self.state);
        let lengths = forms.map(|index| known.automaton.pattern_len(known.automaton.match_pattern(self.state, index)));
        let end = self.began + self.held.len() as u64;
        let mut start = end - lengths.max().unwrap_or_default() as u64;
        while let Some((earlier, until)) = self.taken.back()
            && *until > start
        {
            start = start.min(*earlier);
            self.taken.pop_back();
        }
        if start < self.over {
            self.over = end;
        } else {
            self.taken.push_back((start, end));
        }
    }

    /// Shows the first `count` of the bytes held, without what is masked.
    fn show(&mut self, count: usize, shown: &mut Vec<u8>) {
        for byte in self.held.drain(..count) {
            let at = self.began;
            self.began += 1;
            if let Some((_, end)) = self.taken.pop_front_if(|(start, _)| *start <= at) {
                shown.extend_from_slice(MASK);
                self.over = end;
            }
            if at >= self.over {
                shown.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masks(values: &[&str]) -> Masks {
        Masks::of(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn every_form_of_a_secret_is_masked() {
        let masks = masks(&["p@ss \"word\"<1>", "first line\nsecond line", "abc"]);
        let table = [
            ("a p@ss \"word\"<1> b", "a *** b"),
            (r#"{"a":"p@ss \"word\"<1>"}"#, r#"{"a":"***"}"#),
            (r#"p@ss \"word\"\u003c1\u003e!"#, "***!"),
            ("p%40ss%20%22word%22%3C1%3E", "***"),
            ("p%40ss+%22word%22%3c1%3e&x", "***&x"),
            ("cEBzcyAid29yZCI8MT4=", "***"),
            ("> first line", "> ***"),
            ("second line\n", "***\n"),
            ("abc is too short", "abc is too short"),
            ("p@ss \"word", "p@ss \"word"),
        ];
        for (text, expected) in table {
            assert_eq!(masks.text(text), expected, "{text}");
        }
    }

    #[test]
    fn base64_is_found_wherever_it_begins() {
        let masks = masks(&["s3cr3t-p@ssw0rd~~~??>>"]);
        for before in ["", "u", "us", "user:"] {
            let text = format!("{before}s3cr3t-p@ssw0rd~~~??>>");
            for encoding in [data_encoding::BASE64, data_encoding::BASE64URL_NOPAD] {
                let masked = masks.text(&encoding.encode(text.as_bytes()));
                assert!(masked.contains("***") && masked.len() <= before.len() * 2 + 9, "{before}: {masked}");
            }
        }
    }

    #[test]
    fn what_overlaps_is_masked_as_one() {
        let table = [
            (&["abcd", "cdef"][..], "xabcdefy", "x***y"),
            (&["abcd", "abcdefgh"], "abcdefgh abcdef", "*** ***ef"),
            (&["aaaa"], "aaaaaaa!", "***!"),
            (&["abcd"], "abcdabcd", "******"),
        ];
        for (values, text, expected) in table {
            assert_eq!(masks(values).text(text), expected, "{values:?} in {text}");
        }
    }

    #[test]
    fn only_what_may_begin_a_secret_is_held_back() {
        let mut stream = masks(&["secret-1"]).stream();
        assert_eq!(stream.push(b"password: ")[..], b"password: "[..]);
        assert_eq!(stream.push(b"sec")[..], b""[..]);
        assert_eq!(stream.push(b"ond")[..], b"second"[..]);
        assert_eq!(stream.push(b"secret-")[..], b""[..]);
        assert_eq!(stream.push(b"1")[..], b""[..]);
        assert_eq!(stream.push(b".")[..], b"***."[..]);
        assert_eq!(stream.push(b"secret")[..], b""[..]);
        assert_eq!(stream.finish(), b"secret");
    }

    #[test]
    fn nothing_is_held_where_there_are_no_secrets() {
        let mut stream = Masks::default().stream();
        assert!(matches!(stream.push(b"any"), Cow::Borrowed(b"any")));
        assert_eq!(stream.finish(), b"");
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            values in prop::collection::vec("[ab]{4,7}", 1..4),
            text in "[abc]{0,60}",
            cuts in prop::collection::vec(0usize..60, 0..8),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let masks = masks(&values);
            let whole = masks.text(&text);
            let (mut stream, mut masked, mut rest) = (masks.stream(), Vec::new(), text.as_bytes());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                masked.extend_from_slice(&stream.push(piece));
                rest = after;
            }
            masked.extend_from_slice(&stream.push(rest));
            masked.extend(stream.finish());
            prop_assert_eq!(String::from_utf8(masked).unwrap(), whole.clone());
            for value in values {
                prop_assert!(!whole.contains(value), "{} in {}", value, whole);
            }
        }
    }
}
