//! Whether a build executes anything on the platform that it is for.

use super::{Given, STAGES, expand, globals, mount_source, values};
use parse_dockerfile::{Dockerfile, Instruction, Stage};
use std::collections::{BTreeMap, BTreeSet};

/// Whether anything executes on the platform that is built for: a `RUN` in a stage that the target needs and that is not
/// pinned to the builder's platform (`FROM --platform=$BUILDPLATFORM`). What cannot be known counts as executing; that
/// the image of a base has an `ONBUILD RUN` is not looked for.
pub fn executes(bytes: &[u8], given: &Given<'_>) -> bool {
    let file = std::str::from_utf8(bytes).ok().and_then(|text| parse_dockerfile::parse(text).ok());
    file.is_none_or(|file| !is_pinned(&file, given))
}

/// Whether all that executes does so in stages pinned to the builder's platform.
fn is_pinned(file: &Dockerfile<'_>, given: &Given<'_>) -> bool {
    let stages: Vec<Stage<'_, '_>> = file.stages().collect();
    if stages.is_empty() || stages.len() > STAGES || has_other_syntax(file) || redefines(file, given) {
        return false;
    }
    let globals = globals(file, given);
    let names = Names::of(&stages);
    let bases: Vec<Option<usize>> = (0..stages.len())
        .map(|index| names.before(index, &expand::expand(&stages[index].from.image.value, &globals)))
        .collect();
    let Some(target) = target(&names, stages.len(), given.target) else { return false };
    let mut pinned = Vec::with_capacity(stages.len());
    for (stage, base) in stages.iter().zip(&bases) {
        // A stage on another one has its platform, whatever it says itself.
        let own = || values(&stage.from.options, "platform").any(is_builders);
        pinned.push(base.map_or_else(own, |base| pinned[base]));
    }
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![target]);
    while let Some(index) = waiting.pop() {
        if !seen.insert(index) {
            continue;
        }
        if !pinned[index] && stages[index].instructions.iter().any(runs) {
            return false;
        }
        waiting.extend(bases[index]);
        for source in stages[index].instructions.iter().flat_map(sources) {
            let source = expand::expand(&source, &globals);
            let number = source.parse::<usize>().ok().filter(|number| *number < index);
            waiting.extend(names.before(index, &source).or(number).filter(|other| !seen.contains(other)));
        }
    }
    true
}

/// Another frontend than Docker's own reads the file: it may do anything.
fn has_other_syntax(file: &Dockerfile<'_>) -> bool {
    file.parser_directives.syntax.as_ref().is_some_and(|syntax| {
        let name = syntax.value.value.trim();
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        !matches!(name.split([':', '@']).next(), Some("docker/dockerfile" | "docker/dockerfile-upstream"))
    })
}

/// Whether `$BUILDPLATFORM` is something else than what the builder says.
fn redefines(file: &Dockerfile<'_>, given: &Given<'_>) -> bool {
    let defined = |text: &str| expand::words(text).iter().any(|word| word.starts_with("BUILDPLATFORM="));
    given.arguments.iter().any(|(name, _)| name == "BUILDPLATFORM")
        || file.global_args().any(|argument| defined(&argument.arguments.value))
}

fn is_builders(platform: &str) -> bool {
    matches!(platform.trim_matches('"'), "$BUILDPLATFORM" | "${BUILDPLATFORM}")
}

/// Whether an instruction executes something, at once or in a stage on this one.
fn runs(instruction: &Instruction<'_>) -> bool {
    match instruction {
        Instruction::Run(_) => true,
        Instruction::Onbuild(onbuild) => runs(&onbuild.instruction),
        _ => false,
    }
}

/// What an instruction copies or mounts from.
fn sources(instruction: &Instruction<'_>) -> Vec<String> {
    match instruction {
        Instruction::Copy(copy) => values(&copy.options, "from").map(str::to_owned).collect(),
        Instruction::Run(run) => values(&run.options, "mount").filter_map(mount_source).collect(),
        _ => Vec::new(),
    }
}

fn target(names: &Names, count: usize, name: Option<&str>) -> Option<usize> {
    let last = count.checked_sub(1)?;
    let Some(name) = name else { return Some(last) };
    names.before(count, name).or_else(|| name.parse().ok().filter(|number| *number <= last))
}

/// The places of stages by their names, which do not know case.
struct Names(BTreeMap<String, Vec<usize>>);

impl Names {
    fn of(stages: &[Stage<'_, '_>]) -> Self {
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, stage) in stages.iter().enumerate() {
            if let Some((_, name)) = &stage.from.as_ {
                names.entry(name.value.to_ascii_lowercase()).or_default().push(index);
            }
        }
        Self(names)
    }

    /// The last stage of this name before `index`.
    fn before(&self, index: usize, name: &str) -> Option<usize> {
        let places = self.0.get(&name.to_ascii_lowercase())?;
        places[..places.partition_point(|place| *place < index)].last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINNED: &str = "FROM --platform=$BUILDPLATFORM golang:1 AS build\nRUN go build\n";

    #[test]
    fn only_what_runs_on_the_target_executes() {
        let pinned = |rest: &str| format!("{PINNED}{rest}");
        let table = [
            ("FROM alpine\nCOPY a a".to_owned(), false),
            ("FROM alpine\nRUN x".to_owned(), true),
            ("FROM alpine\nCMD x\nHEALTHCHECK CMD x\nWORKDIR /a".to_owned(), false),
            (pinned("FROM scratch\nCOPY --from=build /a /a"), false),
            (pinned("FROM alpine\nCOPY --from=0 /a /a"), false),
            (pinned("FROM alpine\nRUN x\nCOPY --from=build /a /a"), true),
            // A stage on a pinned one, and one on a stage that is not.
            (pinned("FROM build AS more\nRUN x\nFROM scratch\nCOPY --from=MORE /a /a"), false),
            ("FROM golang AS build\nFROM --platform=$BUILDPLATFORM build\nRUN x".to_owned(), true),
            // Stages that the target does not need.
            (pinned("FROM alpine AS test\nRUN x\nFROM scratch\nCOPY --from=build /a /a"), false),
            (pinned("FROM alpine AS tools\nRUN x\nFROM scratch\nCOPY --from=tools /a /a"), true),
            ("FROM alpine AS tools\nRUN x\nFROM --platform=$BUILDPLATFORM a AS b\nRUN --mount=from=tools,target=/t y\nFROM scratch\nCOPY --from=b /a /a".to_owned(), true),
            ("FROM --platform=${BUILDPLATFORM} a\nRUN x".to_owned(), false),
            ("FROM --platform=\"$BUILDPLATFORM\" a\nRUN x".to_owned(), false),
            ("FROM --platform=$TARGETPLATFORM a\nRUN x".to_owned(), true),
            ("FROM --platform=linux/amd64 a\nRUN x".to_owned(), true),
            ("ARG BUILDPLATFORM\nFROM --platform=$BUILDPLATFORM a\nRUN x".to_owned(), false),
            ("ARG BUILDPLATFORM=linux/s390x\nFROM --platform=$BUILDPLATFORM a\nRUN x".to_owned(), true),
            ("FROM alpine\nONBUILD RUN x".to_owned(), true),
            // The platform chooses the stage.
            ("FROM --platform=$BUILDPLATFORM a AS b-arm64\nRUN x\nFROM a AS b-amd64\nRUN x\nFROM b-$TARGETARCH".to_owned(), false),
            ("# syntax=docker/dockerfile:1.7\nFROM alpine\nCOPY a a".to_owned(), false),
            ("# syntax=docker.io/docker/dockerfile:1\nFROM alpine\nCOPY a a".to_owned(), false),
            ("# syntax=mine/frontend\nFROM alpine\nCOPY a a".to_owned(), true),
            ("NONSENSE".to_owned(), true),
            (String::new(), true),
            ("FROM a\n".repeat(STAGES + 1), true),
        ];
        for (text, expected) in table {
            assert_eq!(executes_for_arm(&text, None, &[]), expected, "{text}");
        }
    }

    #[test]
    fn what_is_given_to_the_build_counts() {
        let text = format!("{PINNED}FROM alpine AS run\nRUN x\nFROM run");
        assert!(executes_for_arm(&text, None, &[]));
        assert!(!executes_for_arm(&text, Some("build"), &[]));
        assert!(!executes_for_arm(&text, Some("0"), &[]));
        assert!(executes_for_arm(&text, Some("nobody"), &[]));
        assert!(executes_for_arm(PINNED, None, &[("BUILDPLATFORM", "linux/s390x")]));
    }

    fn executes_for_arm(text: &str, target: Option<&str>, arguments: &[(&str, &str)]) -> bool {
        let arguments: Vec<_> =
            arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let platform = "linux/arm64".parse().unwrap();
        executes(text.as_bytes(), &Given { target, arguments: &arguments, platform: &platform })
    }
}
