//! What must be known of a Dockerfile before it is built. Pure.

use acre_model::{plan::Role, platform::Platform, reference::Reference};
use acre_task::dockerfile::{Given, dependencies};
use parse_dockerfile::Instruction;
use std::collections::BTreeMap;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Dockerfile {
    /// The images that it names, once each.
    pub(super) images: Vec<Reference>,
    /// The one that the result is made from.
    pub(super) base: Option<Reference>,
    /// How many steps it has.
    pub(super) steps: usize,
    /// The first `RUN`, if it has one: the builder of old does all stages.
    pub(super) run: Option<String>,
}

impl Dockerfile {
    pub(super) fn read(text: &[u8], target: Option<&str>, arguments: BTreeMap<String, String>) -> Result<Self, String> {
        let platform: Platform = "windows/amd64".parse().map_err(|why| format!("{why}"))?;
        let arguments: Vec<(String, String)> = arguments.into_iter().collect();
        let given =
            Given { target: target.filter(|target| !target.is_empty()), arguments: &arguments, platform: &platform };
        let bad = |why: &dyn std::fmt::Display| format!("dockerfile parse error: {why}");
        let found = dependencies(text, &given).map_err(|why| bad(&why))?;
        let base = found.iter().find(|found| found.role == Role::Runtime).map(|found| found.reference.clone());
        if base.is_none() {
            // moby `builder/dockerfile/dispatchers.go`
            return Err("Windows does not support FROM scratch".to_owned());
        }
        let mut images: Vec<Reference> = found.into_iter().map(|found| found.reference).collect();
        images.sort();
        images.dedup();
        let text = std::str::from_utf8(text).map_err(|why| bad(&why))?;
        let file = parse_dockerfile::parse(text).map_err(|why| bad(&why))?;
        let run = file.instructions.iter().find_map(|instruction| match instruction {
            Instruction::Run(run) => Some(text[run.run.span.start..].lines().next().unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(Self { images, base, steps: file.instructions.len(), run })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Dockerfile, String> {
        Dockerfile::read(text.as_bytes(), None, BTreeMap::from([("B".to_owned(), "h:1/b:2".to_owned())]))
    }

    #[test]
    fn images_and_what_would_be_run_are_found() {
        let file = read("ARG B=h:1/a:1\nFROM h:1/c:1 AS x\nFROM ${B}\nCOPY --from=x /a /\nRUN dir \\\n  /w\n").unwrap();
        let images: Vec<String> = file.images.iter().map(ToString::to_string).collect();
        assert_eq!(images, ["h:1/b:2", "h:1/c:1"]);
        assert_eq!(file.base.unwrap().to_string(), "h:1/b:2");
        assert_eq!((file.steps, file.run.as_deref()), (5, Some("RUN dir \\")));
        assert_eq!(read("FROM h:1/c:1\nCOPY a /\n").unwrap().run, None);
        assert!(read("FROM scratch\n").unwrap_err().contains("FROM scratch"));
        assert!(read("FRMO x\n").unwrap_err().starts_with("dockerfile parse error"));
    }
}
