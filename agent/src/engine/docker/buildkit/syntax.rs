//! Which program reads a Dockerfile. `# syntax=` and the argument `BUILDKIT_SYNTAX` name an image for it, which then says
//! what is built: only Docker's own is taken. Pure.

use crate::engine::{BuildRequest, EngineError};
use acre_model::{reference::Reference, text::clip};

/// The argument that overrides the Dockerfile's own line.
const ARGUMENT: &str = "BUILDKIT_SYNTAX";

/// Docker's own, released and not yet.
const KNOWN: [&str; 2] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/// Refuses a build whose Dockerfile is to be read by a stranger.
pub(super) fn check(request: &BuildRequest) -> Result<(), EngineError> {
    let path = &request.build.dockerfile;
    if let Some((line, named)) = directive(&request.dockerfile.text)
        && !is_known(&named)
    {
        return refused(&format!("{path}:{line}: `# syntax={}`", clip(&named)));
    }
    let argument = request.build.arguments.iter().rev().find(|(name, _)| name == ARGUMENT);
    match argument {
        Some((_, named)) if !is_known(named) => refused(&format!("--build-arg {ARGUMENT}={}", clip(named))),
        _ => Ok(()),
    }
}

fn refused(what: &str) -> Result<(), EngineError> {
    let known = KNOWN[0];
    Err(EngineError::Refused(format!("{what}: no other reader of Dockerfiles is allowed than {known}; leave it out")))
}

fn is_known(named: &str) -> bool {
    // Some write options for the reader after its name.
    let image = named.split_whitespace().next().unwrap_or_default();
    let reference = image.parse::<Reference>().ok();
    reference.is_some_and(|reference| {
        let is_hub = matches!(reference.registry(), None | Some("docker.io" | "index.docker.io"));
        is_hub && KNOWN.contains(&reference.full_repository().as_str())
    })
}

/// The image that the first lines name, and on which line. BuildKit (`frontend/dockerfile/parser/directives.go`) takes
/// directives up to the first line that is none, behind `#` or `//`, after a `#!` line, or as JSON.
fn directive(text: &[u8]) -> Option<(usize, String)> {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().enumerate().skip_while(|(number, line)| *number == 0 && line.starts_with("#!"));
    for (number, line) in lines {
        let line = line.trim();
        // To BuildKit of today it is none after a blank line; who knows of tomorrow's.
        if line.is_empty() {
            continue;
        }
        let comment = line.strip_prefix('#').or_else(|| line.strip_prefix("//"));
        let Some((key, value)) = comment.and_then(|comment| comment.split_once('=')) else { break };
        if key.trim().eq_ignore_ascii_case("syntax") {
            return Some((number + 1, value.trim().to_owned()));
        }
    }
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    Some((1, json?.get("syntax")?.as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_where_buildkit_would() {
        let table = [
            ("# syntax=docker/dockerfile:1\nFROM a", Some((1, "docker/dockerfile:1"))),
            ("#SYNTAX = evil/x\nFROM a", Some((1, "evil/x"))),
            ("#!/bin/x\n# escape=`\n# syntax=evil/x\nFROM a", Some((3, "evil/x"))),
            ("// syntax=evil/x\n", Some((1, "evil/x"))),
            ("{\"syntax\": \"evil/x\"}", Some((1, "evil/x"))),
            ("\u{feff}# syntax=evil/x\n", Some((1, "evil/x"))),
            ("# a comment\n# syntax=evil/x\nFROM a", None),
            ("FROM a\n# syntax=evil/x\n", None),
            ("\n# syntax=evil/x\n", Some((2, "evil/x"))),
            ("", None),
        ];
        for (text, expected) in table {
            let found = directive(text.as_bytes());
            assert_eq!(found.as_ref().map(|(line, named)| (*line, named.as_str())), expected, "{text}");
        }
    }

    #[test]
    fn only_dockers_own_is_known() {
        let known = ["docker/dockerfile", "docker/dockerfile:1.7-labs", "docker.io/docker/dockerfile-upstream:master"];
        let hex = "0a".repeat(32);
        let pinned = format!("docker/dockerfile:1@sha256:{hex} option");
        for named in known.into_iter().chain([pinned.as_str()]) {
            assert!(is_known(named), "{named}");
        }
        for named in ["evil/x", "dockerfile", "h.example/docker/dockerfile:1", "docker/dockerfile/x", "", "A"] {
            assert!(!is_known(named), "{named}");
        }
    }
}
