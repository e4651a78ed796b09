//! What a step prints may colour a terminal and nothing else: not move its cursor, set its title or write its
//! clipboard. Sequences are told apart as ECMA-48 has them (sections 5.3 to 5.5); of them only SGR (8.3.117) passes.

/// The longest SGR sequence that passes, in bytes.
const LONGEST_SGR: usize = 64;

/// Filters the output of one unit, which may be cut into pieces anywhere.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    state: State,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// Whether a colour is on.
    coloured: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After a carriage return, which is a line's end unless the line feed follows.
    Return,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte (5.4: 02/00 to 02/15); the final byte ends it.
    EscapeIntermediate,
    /// In a control sequence, whose parameters are these; `None`: it is none that passes.
    Control(Option<String>),
    /// In a control string (title, clipboard, …), until BEL or ST.
    String,
    /// After ESC in a control string.
    StringEscape,
}

impl Filter {
    /// What of `bytes` may be shown, as UTF-8; U+FFFD stands for what is not UTF-8.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        self.partial.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.partial);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.text(text, out);
                    return;
                }
                Err(fault) => {
                    let (valid, after) = rest.split_at(fault.valid_up_to());
                    self.text(std::str::from_utf8(valid).unwrap_or_default(), out);
                    let Some(length) = fault.error_len() else {
                        self.partial = after.to_vec();
                        return;
                    };
                    self.character(char::REPLACEMENT_CHARACTER, out);
                    rest = &after[length..];
                }
            }
        }
    }

    /// At the end of the output: what is still held back, and colours off.
    pub fn finish(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.character(char::REPLACEMENT_CHARACTER, out);
        }
        if self.state == State::Return {
            out.push('\n');
        }
        self.state = State::Text;
        self.colours_off(out);
    }

    /// Ends what colours are on.
    pub fn colours_off(&mut self, out: &mut String) {
        if std::mem::take(&mut self.coloured) {
            out.push_str("\x1b[0m");
        }
    }

    fn text(&mut self, text: &str, out: &mut String) {
        text.chars().for_each(|character| self.character(character, out));
    }

    fn character(&mut self, c: char, out: &mut String) {
        self.state = match (std::mem::take(&mut self.state), c) {
            (State::Return, '\n') => print('\n', out),
            (State::Return, c) => {
                // A bare return would let the output write over what stands in its line.
                out.push('\n');
                ground(c, out)
            }
            (State::Text, c) => ground(c, out),
            // CAN and SUB break off any sequence (ECMA-48 8.3.6, 8.3.148); a line feed does as well here, so that a
            // sequence that is never ended cannot swallow the log.
            (_, '\u{18}' | '\u{1a}') => State::Text,
            (state, '\n') if state != State::Text => print('\n', out),
            (State::Escape, c) => escape(c),
            (State::EscapeIntermediate, ' '..='/') => State::EscapeIntermediate,
            (State::EscapeIntermediate, _) => State::Text,
            (State::Control(_), '\u{1b}') => State::Escape,
            (State::Control(parameters), c) => self.control(parameters, c, out),
            (State::String, '\u{7}' | '\u{9c}') => State::Text,
            (State::String, '\u{1b}') => State::StringEscape,
            (State::String, _) => State::String,
            (State::StringEscape, '\\') => State::Text,
            (State::StringEscape, c) => escape(c),
        };
    }

    fn control(&mut self, parameters: Option<String>, c: char, out: &mut String) -> State {
        match (parameters, c) {
            (Some(mut parameters), '0'..='9' | ';' | ':') if parameters.len() < LONGEST_SGR => {
                parameters.push(c);
                State::Control(Some(parameters))
            }
            (Some(parameters), 'm') => {
                self.coloured = !matches!(parameters.trim_start_matches('0'), "");
                out.push_str("\x1b[");
                out.push_str(&parameters);
                out.push('m');
                State::Text
            }
            (_, '@'..='~') => State::Text,
            (_, ' '..='?') => State::Control(None),
            _ => State::Text,
        }
    }
}

/// A character outside of any sequence.
fn ground(c: char, out: &mut String) -> State {
    match c {
        '\u{1b}' => State::Escape,
        '\r' => State::Return,
        '\n' | '\t' => print(c, out),
        // The one-character forms of CSI, and of DCS, SOS, OSC, PM and APC.
        '\u{9b}' => State::Control(Some(String::new())),
        '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => State::String,
        c if c.is_control() => State::Text,
        c => print(c, out),
    }
}

/// The character after ESC.
fn escape(c: char) -> State {
    match c {
        '[' => State::Control(Some(String::new())),
        'P' | 'X' | ']' | '^' | '_' => State::String,
        ' '..='/' => State::EscapeIntermediate,
        '\u{1b}' => State::Escape,
        _ => State::Text,
    }
}

fn print(c: char, out: &mut String) -> State {
    out.push(c);
    State::Text
}

/// One line without any sequence, for places where even colour would be in the way.
pub fn plain(text: &str) -> String {
    let mut shown = String::new();
    let mut filter = Filter::default();
    filter.push(text.as_bytes(), &mut shown);
    console::strip_ansi_codes(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hostile and honest output, and what of it a terminal gets.
    const TABLE: [(&[u8], &str); 25] = [
        (b"plain\ttext\n", "plain\ttext\n"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"\x1b[38;5;196mred\x1b[m", "\x1b[38;5;196mred\x1b[m"),
        (b"\x1b[38:2::1:2:3mred", "\x1b[38:2::1:2:3mred\x1b[0m"),
        (b"\x1b]0;title\x07after", "after"),
        (b"\x1b]0;title\x1b\\after", "after"),
        (b"\x1b]52;c;Y2xpcA==\x07after", "after"),
        (b"\x1bPq#0\x1b\\after", "after"),
        (b"\x1b_x\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\after", "after"),
        (b"\x1b[2J\x1b[1;1Hafter", "after"),
        (b"\x1b[?1049h\x1b[?25lafter", "after"),
        (b"\x1b[>4;2mafter", "after"),
        (b"\x1b[1 mafter", "after"),
        (b"\x1b(0\x1b#8\x1bcafter", "after"),
        (b"\x1b7\x1b8\x1bMafter", "after"),
        (b"step done\rforged", "step done\nforged"),
        (b"dos\r\n", "dos\n"),
        (b"a\x08\x08\x07\x0b\x0cb\x7f", "ab"),
        (b"\xc2\x9b31mred\xc2\x9b2Jx", "\x1b[31mredx\x1b[0m"),
        (b"\xc2\x9d0;title\x07after", "after"),
        (b"bad \xff\xfe bytes", "bad \u{fffd}\u{fffd} bytes"),
        (b"cut \xe2\x82", "cut \u{fffd}"),
        (b"\x1b]0;never ended\nnext line", "\nnext line"),
        (b"\x1b[31", ""),
        ("grüße €🦀".as_bytes(), "grüße €🦀"),
    ];

    fn filtered<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
        let (mut filter, mut out) = (Filter::default(), String::new());
        pieces.for_each(|piece| filter.push(piece, &mut out));
        filter.finish(&mut out);
        out
    }

    #[test]
    fn only_colour_passes() {
        for (input, expected) in TABLE {
            assert_eq!(filtered(std::iter::once(input)), expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn it_does_not_matter_where_the_output_is_cut() {
        for (input, expected) in TABLE {
            assert_eq!(filtered(input.chunks(1)), expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn endless_parameters_are_not_kept() {
        let long = format!("\x1b[{}mafter", "1;".repeat(1000));
        assert_eq!(filtered(std::iter::once(long.as_bytes())), "after");
    }
}
