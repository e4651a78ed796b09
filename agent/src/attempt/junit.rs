//! JUnit XML that a step left in the workspace: suites and cases, counted (the format of Apache Ant's `junitreport`, as
//! surefire, pytest, gotestsum and others write it).

use super::Job;
use acre_model::{
    attempt::UnitResult,
    report::{FailedCase, TestSummary},
    text::clip,
};
use futures::StreamExt;
use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};
use std::io::{self, Read};
use tokio_util::io::{StreamReader, SyncIoBridge};

/// Bytes of all report files together, at most.
const LIMIT: u64 = 64 * 1024 * 1024;
/// Characters of one failure's text that are kept.
const MESSAGE: usize = 4096;

/// The result of what the step's reports say. What cannot be read is a warning.
pub(super) async fn collect(job: &Job) -> UnitResult {
    let mut result = UnitResult::default();
    for glob in &job.attempt.unit.reports.junit {
        match read(job, glob).await {
            Ok(found) => merge(&mut result, found),
            Err(why) => result.warnings.push(format!("reports `{}`: {why}", clip(glob))),
        }
    }
    for warning in &result.warnings {
        drop(job.notice(&format!("warning: {warning}")));
    }
    result
}

fn merge(result: &mut UnitResult, found: Found) {
    for (name, text) in found.files {
        match parse(&text) {
            Ok(summary) => result.tests.get_or_insert_with(TestSummary::default).add(&summary),
            Err(why) => result.warnings.push(format!("`{}` is not a JUnit report: {why}", clip(&name))),
        }
    }
    if found.is_empty {
        result.warnings.push("no file matches".to_owned());
    }
}

#[derive(Default)]
struct Found {
    files: Vec<(String, Vec<u8>)>,
    is_empty: bool,
}

/// The files that a glob names. Only the folder before its first wildcard is read from the engine.
async fn read(job: &Job, glob: &str) -> Result<Found, String> {
    let folder: Vec<&str> = glob.split('/').take_while(|name| !name.contains(['*', '?', '['])).collect();
    let is_file = folder.len() == glob.split('/').count();
    let folder = folder.join("/");
    let path = if folder.is_empty() { "." } else { folder.as_str() };
    let sandbox = &job.attempt.sandbox.spec;
    let tar = job.works.parts.runtime.read_workspace(sandbox, path).await.map_err(|why| why.to_string())?;
    let Some(tar) = tar else { return Ok(Found { is_empty: true, ..Found::default() }) };
    let reader = SyncIoBridge::new(StreamReader::new(tar.map(|piece| piece.map_err(io::Error::other))));
    let (prefix, pattern) = if is_file { (String::new(), None) } else { (folder, Some(pattern(glob)?)) };
    let glob = glob.to_owned();
    let files = tokio::task::spawn_blocking(move || unpack(reader, &prefix, &glob, pattern.as_ref())).await;
    let files = files.map_err(|died| died.to_string())?.map_err(|error| error.to_string())?;
    Ok(Found { is_empty: files.is_empty(), files })
}

/// A glob as a pattern over whole paths: `*` and `?` stay within a name, `**` does not.
fn pattern(glob: &str) -> Result<regex::Regex, String> {
    let mut text = String::from("^");
    let mut rest = glob.trim_start_matches("./");
    while let Some(character) = rest.chars().next() {
        let (piece, length) = match character {
            '*' if rest.starts_with("**/") => ("(.*/)?".to_owned(), 3),
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            other => (regex::escape(&other.to_string()), other.len_utf8()),
        };
        text.push_str(&piece);
        rest = &rest[length..];
    }
    text.push('$');
    regex::Regex::new(&text).map_err(|why| why.to_string())
}

/// The matching files of an archive of `prefix`; without a pattern, its only file.
fn unpack(
    reader: impl Read,
    prefix: &str,
    glob: &str,
    pattern: Option<&regex::Regex>,
) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut total = 0;
    for entry in tar::Archive::new(reader).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = whole_path(prefix, name.trim_start_matches("./"));
        if pattern.is_some_and(|pattern| !pattern.is_match(&path)) {
            continue;
        }
        total += entry.size();
        if total > LIMIT {
            return Err(io::Error::other(format!("the files that match have more than {} MiB", LIMIT >> 20)));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.push((if pattern.is_some() { path } else { glob.to_owned() }, content));
    }
    Ok(files)
}

/// An engine's archive of a folder names its entries below the folder's own name.
fn whole_path(prefix: &str, name: &str) -> String {
    match prefix.rsplit_once('/') {
        Some((parents, _)) => format!("{parents}/{name}"),
        None => name.to_owned(),
    }
}

/// Counts the cases of a report.
fn parse(text: &[u8]) -> Result<TestSummary, String> {
    let text = std::str::from_utf8(text).map_err(|why| format!("it is not UTF-8 at byte {}", why.valid_up_to()))?;
    let mut reader = Reader::from_str(text);
    let (mut summary, mut case) = (TestSummary::default(), None);
    let mut depth = 0;
    loop {
        match reader.read_event().map_err(|why| format!("{why} (byte {})", reader.buffer_position()))? {
            Event::Start(element) => {
                depth += 1;
                begin(&mut summary, &mut case, &element);
            }
            Event::Empty(element) => {
                begin(&mut summary, &mut case, &element);
                end(&mut summary, &mut case, element.name().as_ref());
            }
            Event::End(element) => {
                depth -= 1;
                end(&mut summary, &mut case, element.name().as_ref());
            }
            Event::Text(text) => add_text(&mut case, &text),
            Event::CData(text) => add_text(&mut case, &text),
            Event::GeneralRef(entity) => add_text(&mut case, resolve_predefined_entity(&entity).unwrap_or("?")),
            Event::Eof => break,
            _ => {}
        }
    }
    match (depth, summary.suites) {
        (0, 0) => Err("it has no <testsuite>".to_owned()),
        (0, _) => Ok(summary),
        _ => Err("it ends inside an element".to_owned()),
    }
}

/// A test case that is being read.
struct Case {
    name: String,
    verdict: Verdict,
}

enum Verdict {
    Passed,
    Skipped,
    Failed { message: String, is_open: bool },
}

fn begin(summary: &mut TestSummary, case: &mut Option<Case>, element: &BytesStart<'_>) {
    match element.name().as_ref() {
        "testsuite" => summary.suites += 1,
        "testcase" => {
            let (class, name) = (attribute(element, "classname"), attribute(element, "name"));
            let name = if class.is_empty() { name } else { format!("{class}.{name}") };
            *case = Some(Case { name, verdict: Verdict::Passed });
            let seconds: f64 = attribute(element, "time").parse().unwrap_or(0.0);
            summary.time_ms += (seconds.clamp(0.0, 1e9) * 1000.0) as u64;
        }
        "failure" | "error" => {
            if let Some(case) = case {
                case.verdict = Verdict::Failed { message: attribute(element, "message") + "\n", is_open: true };
            }
        }
        "skipped" => {
            if let Some(case) = case {
                case.verdict = Verdict::Skipped;
            }
        }
        _ => {}
    }
}

fn add_text(case: &mut Option<Case>, text: &str) {
    if let Some(Case { verdict: Verdict::Failed { message, is_open: true }, .. }) = case
        && message.len() < MESSAGE
    {
        message.push_str(text);
    }
}

fn end(summary: &mut TestSummary, case: &mut Option<Case>, name: &str) {
    match name {
        "failure" | "error" => {
            if let Some(Case { verdict: Verdict::Failed { is_open, .. }, .. }) = case {
                *is_open = false;
            }
        }
        "testcase" => match case.take() {
            Some(Case { verdict: Verdict::Passed, .. }) => summary.passed += 1,
            Some(Case { verdict: Verdict::Skipped, .. }) => summary.skipped += 1,
            Some(Case { verdict: Verdict::Failed { message, .. }, name }) => {
                summary.failed += 1;
                if summary.failures.len() < TestSummary::SHOWN {
                    summary.failures.push(FailedCase { name, message: message.trim().chars().take(MESSAGE).collect() });
                }
            }
            None => {}
        },
        _ => {}
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    let found = element.try_get_attribute(name).ok().flatten();
    found
        .and_then(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).ok())
        .map(|value| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_and_failures_kept() {
        let text = br#"<?xml version="1.0"?><testsuites><testsuite name="web">
            <testcase classname="web" name="serves" time="0.25"/>
            <testcase name="counts"><failure message="expected 2 &amp; got 3">at &lt;7&gt;</failure></testcase>
            <testcase name="later"><skipped/></testcase>
            <testcase name="breaks"><error><![CDATA[boom]]></error><system-out>noise</system-out></testcase>
        </testsuite></testsuites>"#;
        let summary = parse(text).unwrap();
        assert_eq!(
            (summary.suites, summary.passed, summary.failed, summary.skipped, summary.time_ms),
            (1, 1, 2, 1, 250)
        );
        let failures: Vec<_> =
            summary.failures.iter().map(|case| (case.name.as_str(), case.message.as_str())).collect();
        assert_eq!(failures, [("counts", "expected 2 & got 3\nat <7>"), ("breaks", "boom")]);
    }

    #[test]
    fn what_is_no_report_says_why() {
        for text in ["", "<html></html>", "<testsuite>", "<testsuite></wrong>", "not xml"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn globs_match_whole_paths() {
        let table = [
            ("reports/*.xml", "reports/a.xml", true),
            ("reports/*.xml", "reports/sub/a.xml", false),
            ("**/junit.xml", "a/b/junit.xml", true),
            ("**/junit.xml", "junit.xml", true),
            ("r?.xml", "r1.xml", true),
            ("a.xml", "aXxml", false),
        ];
        for (glob, path, expected) in table {
            assert_eq!(pattern(glob).unwrap().is_match(path), expected, "{glob} {path}");
        }
    }
}
