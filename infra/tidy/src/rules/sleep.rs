//! Rule `sleep`: no thread sleeps, and no test does.

use super::Source;
use crate::{
    Finding,
    house::{TASK_SLEEPS, THREAD_SLEEP, WAITS},
    place::inside,
};

const RULE: &str = "sleep";
const THREAD: &str = "a sleeping thread cannot be woken, canceled or simulated: wait for an event, with a bound";
const TEST: &str =
    "tests wait for a predicate with a bound (tokio::time::timeout), so that they are neither slow nor flaky";

/// Finds sleeping threads anywhere and sleeping tasks in tests.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if WAITS.iter().any(|place| inside(source.path, place)) {
        return findings;
    }
    for path in source.paths {
        let finding = |why| source.finding(path.line, RULE, format!("`{}`", path.text()), why);
        // By its end too, since a re-export has another beginning.
        if path.names(THREAD_SLEEP) || path.segments.ends_with(&["thread", "sleep"]) {
            findings.push(finding(THREAD));
        }
        if (source.test || path.test) && TASK_SLEEPS.iter().any(|sleep| path.names(sleep)) {
            findings.push(finding(TEST));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn threads_sleep_nowhere() {
        for text in ["fn f() { std::thread::sleep(x) }", "use std::thread::sleep;", "fn f() { thread::sleep(x) }"] {
            assert_eq!(found("agent/src/serve.rs", text).len(), 1, "{text}");
        }
        assert_eq!(found("agent/src/serve.rs", "use std::thread; fn f() { thread::spawn(x); y.sleep() }").len(), 0);
    }

    #[test]
    fn one_place_waits_for_other_processes() {
        let text = "fn f() { std::thread::sleep(x) }";
        assert_eq!((found("e2e/src/wait.rs", text).len(), found("e2e/src/farm.rs", text).len()), (0, 1));
    }

    #[test]
    fn tasks_sleep_outside_tests_only() {
        let text = "use tokio::time;\nasync fn f() { time::sleep(x).await }";
        assert_eq!(found("agent/src/serve.rs", text), Vec::<String>::new());
        for test in ["agent/tests/engine.rs", "e2e/src/lib.rs", "agent/src/tests.rs"] {
            assert_eq!(found(test, text), ["2: sleep: `tokio::time::sleep`"], "{test}");
        }
    }

    #[test]
    fn test_code_inside_other_files_does_not_sleep() {
        let text = "use tokio::time::{sleep, timeout};\nasync fn f() { sleep(x).await }\n\
                    #[cfg(test)]\nmod tests {\n async fn g() { sleep(x).await; timeout(x, y).await }\n}";
        assert_eq!(found("agent/src/serve.rs", text), ["5: sleep: `tokio::time::sleep`"]);
    }
}
