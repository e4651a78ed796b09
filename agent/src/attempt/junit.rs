//! JUnit XML that a step left in the workspace: suites and cases, counted (the format of Apache Ant's `junitreport`, as
//! surefire, pytest, gotestsum and others write it).

use acre_model::report::{FailedCase, TestSummary};
use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

/// Characters of one failure's text that are kept.
const MESSAGE: usize = 4096;

/// Counts the cases of a report.
pub(super) fn parse(text: &[u8]) -> Result<TestSummary, String> {
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
}
