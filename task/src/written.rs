//! Where the text of a task was written: in a file, or in flags of a command line, of which [`synth`](crate::synth)
//! made one. A place in such a text is told as a place in its flag.

use crate::synth;

/// Where a text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// In a file of that name.
    File,
    /// In `--cmd`.
    Cmd,
    /// In the flags of `acre build`.
    Build,
}

/// A place in a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The flag, or the file.
    pub(crate) flag: String,
    /// From 1.
    pub(crate) line: u32,
    /// In characters from 1.
    pub(crate) column: u32,
    /// The line that is meant.
    pub(crate) shown: String,
}

impl Written {
    /// Where the text of this name was written; a file may be called as a flag is.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        match name {
            synth::CMD if text.starts_with(synth::CMD_HEAD) => Self::Cmd,
            synth::BUILD if text.starts_with(synth::HEAD) => Self::Build,
            _ => Self::File,
        }
    }

    /// The place in a flag of a line and column, both from 1; `None` where no flag's text is.
    pub(crate) fn place(self, line: u32, column: u32, shown: &str) -> Option<Place> {
        match self {
            Self::File => None,
            Self::Cmd => {
                let line = line.checked_sub(CMD_LINES).filter(|line| *line > 0 && is_block(shown))?;
                let column = column.checked_sub(MARGIN as u32).filter(|column| *column > 0)?;
                let shown = shown[MARGIN..].to_owned();
                Some(Place { flag: synth::CMD.to_owned(), line, column, shown })
            }
            Self::Build => in_words(column, shown),
        }
    }
}

/// Lines before the text of a single command.
const CMD_LINES: u32 = 3;
/// Columns before a block of a step's text.
const MARGIN: usize = 6;
/// Columns before a name that is pushed.
const DEEPER: usize = 8;

fn is_block(line: &str) -> bool {
    line.get(..MARGIN).is_some_and(|margin| margin.trim().is_empty())
}

/// The place in a line of words, or in the name of an image on a line of its own.
fn in_words(column: u32, line: &str) -> Option<Place> {
    let column = (column as usize).checked_sub(1)?;
    if let Some(name) = line.get(..DEEPER).filter(|margin| margin.trim().is_empty()).and(line.get(DEEPER..)) {
        return Some(at("-t", column.checked_sub(DEEPER)?, name.to_owned()));
    }
    // What is wrong with one of its words, and is told at the beginning of them all, names the word itself.
    if !is_block(line) || column <= MARGIN {
        return None;
    }
    let words = words(line);
    let index = words.iter().rposition(|(begin, _)| *begin <= column)?;
    let (begin, word) = &words[index];
    let flag = [Some(word), index.checked_sub(1).and_then(|before| words.get(before)).map(|(_, word)| word)];
    let flag = flag.into_iter().flatten().find(|word| word.starts_with('-'))?;
    Some(at(flag, column - begin, word.clone()))
}

fn at(flag: &str, column: usize, shown: String) -> Place {
    let column = u32::try_from(column + 1).unwrap_or(u32::MAX);
    Place { flag: flag.to_owned(), line: 1, column, shown }
}

/// The words of a line with their first columns from 0, quotes as they stand.
fn words(line: &str) -> Vec<(usize, String)> {
    let (mut words, mut quoted, mut within) = (Vec::<(usize, String)>::new(), false, false);
    for (column, character) in line.chars().enumerate() {
        quoted ^= character == '\'';
        if character == ' ' && !quoted {
            within = false;
            continue;
        }
        if !within {
            words.push((column, String::new()));
        }
        within = true;
        words.last_mut().into_iter().for_each(|(_, word)| word.push(character));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_its_flag() {
        let cmd = Written::of("--cmd", &synth::cmd_task("img a\nb | c"));
        let build = Written::of("acre build", &synth::build_task(&synth::BuildRequest::default()));
        let line = "      -t a:1 --build-arg 'A=it x' --no-cache .";
        let table = [
            (cmd, 4, 7, "      img a", Some(("--cmd", 1, 1, "img a"))),
            (cmd, 5, 9, "      b | c", Some(("--cmd", 2, 3, "b | c"))),
            (cmd, 3, 5, "  - cmd: |2-", None),
            (build, 4, 10, line, Some(("-t", 1, 1, "a:1"))),
            (build, 4, 29, line, Some(("--build-arg", 1, 4, "'A=it x'"))),
            (build, 4, 35, line, Some(("--no-cache", 1, 1, "--no-cache"))),
            (build, 4, 7, line, None),
            (build, 3, 5, "  - id: build", None),
            (build, 9, 11, "        a:{{", Some(("-t", 1, 3, "a:{{"))),
            (Written::of("acb.yaml", "version: v1.0.0\n"), 4, 7, "      x", None),
            (Written::of("--cmd", "steps: []"), 4, 7, "      x", None),
        ];
        for (written, line, column, shown, expected) in table {
            let found = written.place(line, column, shown);
            let found = found.as_ref().map(|place| (&*place.flag, place.line, place.column, &*place.shown));
            assert_eq!(found, expected, "{written:?} {line}:{column} {shown}");
        }
    }
}
