//! Says in one line why a build failed: at which instruction of the Dockerfile, on which line of it, and why. Builders
//! name the instruction; Docker Engine 20.10 does not tell the line, so it is looked up. Pure.

use crate::engine::BuildRequest;
use acre_model::text::clip;

/// What builders put before a text that is complete without.
const PREFIXES: [&str; 4] = [
    "failed to solve: ",
    "failed to solve with frontend dockerfile.v0: ",
    "failed to create LLB definition: ",
    "rpc error: code = Unknown desc = ",
];

/// The Dockerfile of a build.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dockerfile<'a> {
    /// In the context, as the task has it.
    path: &'a str,
    text: &'a [u8],
}

impl<'a> Dockerfile<'a> {
    pub(super) const fn new(path: &'a str, text: &'a [u8]) -> Self {
        Self { path, text }
    }

    /// That of this build.
    pub(super) fn of(request: &'a BuildRequest) -> Self {
        Self::new(&request.build.dockerfile, &request.dockerfile.text)
    }

    /// `RUN make test: exit code 2 (Dockerfile:7)`. `step` is the name that a builder gives what failed: `RUN make test`
    /// or `[build 2/3] RUN make test`.
    pub(super) fn exited(&self, step: Option<&str>, code: i64) -> String {
        let Some(step) = step.map(instruction) else { return format!("a RUN: exit code {code}") };
        let place = self.line_of(step).map(|line| format!(" ({}:{line})", self.path));
        format!("{}: exit code {code}{}", clip(step), place.unwrap_or_default())
    }

    /// `COPY x /: "/x" not found (Dockerfile:7)`; only the reason where the step is not of the Dockerfile.
    pub(super) fn failed(&self, step: Option<&str>, why: &str) -> String {
        let why = readable(why);
        let step = step.map(instruction);
        match step.and_then(|step| Some((step, self.line_of(step)?))) {
            Some((step, line)) => format!("{}: {why} ({}:{line})", clip(step), self.path),
            None => why,
        }
    }

    /// The line, from 1, of the only instruction that reads so. Of several alike any may be meant.
    fn line_of(&self, step: &str) -> Option<usize> {
        let text = String::from_utf8_lossy(self.text);
        let mut alike = instructions(&text).into_iter().filter(|(_, text)| are_alike(text, step));
        let (line, _) = alike.next()?;
        alike.next().is_none().then_some(line)
    }
}

/// The step without the place in its stage that BuildKit puts before it.
fn instruction(step: &str) -> &str {
    let without = step.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    without.map_or(step, |(_, instruction)| instruction)
}

/// Builders write the first word in capitals, and blanks and continued lines in ways of their own.
fn are_alike(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split_whitespace(), other.split_whitespace());
    match (one.next(), other.next()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) && one.eq(other),
        _ => false,
    }
}

/// The instructions of a Dockerfile, each with the line it begins on, continued lines joined (Dockerfile reference,
/// "Format" and "escape"). Lines of a heredoc are taken for instructions too; none is alike a step but by its text.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let escape = if has_backtick_escape(text) { '`' } else { '\\' };
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let line = line.trim_end();
        let (part, more) = line.strip_suffix(escape).map_or((line, false), |part| (part, true));
        match found.last_mut().filter(|_| continues) {
            Some((_, text)) => text.push_str(part),
            None => found.push((index + 1, part.to_owned())),
        }
        continues = more;
    }
    found
}

/// Whether one of the comments at the start says `# escape=` and a backtick.
fn has_backtick_escape(text: &str) -> bool {
    let directives = text.trim_start_matches('\u{feff}').lines().map_while(|line| line.trim().strip_prefix('#'));
    let mut pairs = directives.filter_map(|line| line.split_once('='));
    pairs.any(|(name, value)| name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`")
}

/// A builder's text as one line, without the prefixes of its layers and without the stack of Go.
fn readable(text: &str) -> String {
    let is_stack = |line: &str| line.starts_with("goroutine ") || (line.starts_with('\t') && line.contains(".go:"));
    let mut lines = text.trim().lines().peekable();
    let mut kept: Vec<&str> = Vec::new();
    while let Some(line) = lines.next() {
        // The name of a function stands before its file.
        if is_stack(line) || lines.peek().is_some_and(|next| is_stack(next) && next.starts_with('\t')) {
            break;
        }
        kept.push(line.trim());
    }
    kept.retain(|line| !line.is_empty());
    let line = kept.join("; ");
    let mut rest = line.as_str();
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = shorter;
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"# syntax=x\nfrom base AS build\nRUN make  test\n\nRUN echo hi && \\\n  # why\n  exit 7\n\
                          COPY x /\nRUN true\nRUN true\nRUN <<EOF\nexit 3\nEOF\n";

    fn dockerfile(text: &'static [u8]) -> Dockerfile<'static> {
        Dockerfile::new("sub/Dockerfile", text)
    }

    #[test]
    fn a_command_that_exits_is_named_with_its_line() {
        let table = [
            (Some("RUN make test"), "RUN make test: exit code 2 (sub/Dockerfile:3)"),
            (Some("[build 2/3] RUN make  test"), "RUN make  test: exit code 2 (sub/Dockerfile:3)"),
            (Some("[2/3] RUN echo hi &&   exit 7"), "RUN echo hi &&   exit 7: exit code 2 (sub/Dockerfile:5)"),
            (Some("[2/3] RUN true"), "RUN true: exit code 2"),
            (Some("[2/3] RUN <<EOF (exit 3)"), "RUN <<EOF (exit 3): exit code 2"),
            (None, "a RUN: exit code 2"),
        ];
        for (step, expected) in table {
            assert_eq!(dockerfile(TEXT).exited(step, 2), expected, "{step:?}");
        }
        let long = dockerfile(TEXT).exited(Some(&format!("RUN {}", "x\n".repeat(1000))), 1);
        assert!(long.lines().count() == 1 && long.len() < 200, "{long}");
    }

    #[test]
    fn the_character_that_continues_lines_may_be_another() {
        let text = b"# escape=`\nFROM base\nRUN dir c:\\\nRUN one `\n  two\n";
        assert_eq!(dockerfile(text).exited(Some("RUN one   two"), 1), "RUN one   two: exit code 1 (sub/Dockerfile:4)");
    }

    #[test]
    fn other_reasons_are_one_line() {
        let table = [
            (
                Some("[2/2] COPY x /"),
                "failed to solve: \"/x\" not found",
                "COPY x /: \"/x\" not found (sub/Dockerfile:8)",
            ),
            (Some("[internal] load build context"), "no\r\n\n such", "no; such"),
            (None, "failed to solve: rpc error: code = Unknown desc = parse error line 2", "parse error line 2"),
            (None, "bad\nmain.solve\n\t/src/main.go:12 +0x1b\nmain.main\n\t/src/main.go:3", "bad"),
            (None, "bad\n\ngoroutine 1 [running]:\nmain.main()", "bad"),
            (None, "", ""),
        ];
        for (step, why, expected) in table {
            assert_eq!(dockerfile(TEXT).failed(step, why), expected, "{why}");
        }
    }
}
