//! One request, and what its answer means. Nobody is followed elsewhere: what a request holds is for its receiver alone.

use crate::tell::{Verdict, status::Request};
use acre_model::{text::clip, time::Timestamp};
use acre_web::{Unfetched, Web};
use futures::StreamExt;
use http::{HeaderMap, header::RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::{Method, Response, StatusCode};

/// How much of an answer is read, in bytes.
const ANSWER: usize = 1 << 10;
/// What stands where a secret was.
const HIDDEN: &str = "***";

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// How long to wait before asking again, in milliseconds, where it says so.
    pub after_ms: Option<u64>,
    /// The beginning of what it says, fit to be shown, without what was asked with.
    pub text: String,
}

/// Why nothing was answered; whether it may be later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unanswered {
    pub(super) why: String,
    pub(super) may_pass: bool,
}

/// Sends a request. `secrets` are texts that no message may hold; `now` is for dates that are answered.
pub(super) async fn post(web: &Web, request: Request, secrets: &[&[u8]], now: Timestamp) -> Result<Answer, Unanswered> {
    let Request { url, headers, body } = request;
    let host = url.host_str().unwrap_or_default().to_owned();
    let failed = |why: Unfetched| Unanswered {
        may_pass: matches!(why, Unfetched::Away(_)),
        // A path may be a secret, as Slack's are.
        why: why.to_string().replace(&acre_web::shown(&url), &host),
    };
    let line = web.line(&url).await.map_err(failed)?;
    let response = line.send(Method::POST, &url, headers, body).await.map_err(failed)?;
    let (status, after_ms) = (response.status(), wait(response.headers(), now));
    let text = clip(&without(secrets, &beginning(response).await));
    Ok(Answer { status, after_ms, text })
}

/// What is answered, as far as it is read; what breaks off says what came.
async fn beginning(response: Response) -> String {
    let (mut pieces, mut read) = (response.bytes_stream(), Vec::new());
    while let Some(Ok(piece)) = pieces.next().await {
        read.extend_from_slice(&piece[..piece.len().min(ANSWER - read.len())]);
        if read.len() == ANSWER {
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Whoever is asked may say what was asked.
fn without(secrets: &[&[u8]], text: &str) -> String {
    let known =
        secrets.iter().filter_map(|secret| std::str::from_utf8(secret).ok()).filter(|secret| !secret.is_empty());
    known.fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
}

/// How long the answer asks to be left alone, in milliseconds.
fn wait(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // GitHub's limit for an hour ("Rate limits for the REST API"): none left, and the second in which there are more.
    let reset = || {
        let seconds = text("x-ratelimit-reset").filter(|_| text("x-ratelimit-remaining") == Some("0"))?;
        Some(seconds.trim().parse::<u64>().ok()?.saturating_mul(1000).saturating_sub(now.as_millis()))
    };
    text(RETRY_AFTER.as_str()).and_then(|text| after(text, now)).or_else(reset)
}

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
fn after(text: &str, now: Timestamp) -> Option<u64> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let at = DateTimeParser::new().parse_timestamp(text.trim()).ok()?.as_millisecond();
    Some(u64::try_from(at).ok()?.saturating_sub(now.as_millis()))
}

impl Answer {
    /// What it means for a message. Who asks to wait is waited for, also where it is GitHub, which says 403 to those who
    /// ask too often.
    pub(super) fn verdict(self) -> Verdict {
        let Self { status, after_ms, .. } = self;
        let asks_to_wait = status == StatusCode::FORBIDDEN && after_ms.is_some();
        let may_pass = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            || asks_to_wait;
        let why = self.to_string();
        match () {
            () if status.is_success() => Verdict::Taken,
            () if may_pass => Verdict::Later { why, after_ms },
            () => Verdict::Refused(why),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, text, .. } = self;
        match text.as_str() {
            "" => write!(f, "it answers {status}"),
            text => write!(f, "it answers {status}: {text}"),
        }
    }
}

impl From<Unanswered> for Verdict {
    fn from(Unanswered { why, may_pass }: Unanswered) -> Self {
        if may_pass { Self::Later { why, after_ms: None } } else { Self::Refused(why) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_that_it_is_over_or_that_it_may_pass() {
        let later = |after_ms| Some(after_ms);
        let table = [
            (200, None, true, None),
            (201, None, true, None),
            (204, Some(5), true, None),
            (301, None, false, None),
            (400, None, false, None),
            (401, None, false, None),
            (403, None, false, None),
            (403, Some(7), false, later(Some(7))),
            (404, None, false, None),
            (408, None, false, later(None)),
            (410, None, false, None),
            (422, Some(7), false, None),
            (429, Some(7), false, later(Some(7))),
            (500, None, false, later(None)),
            (503, Some(7), false, later(Some(7))),
        ];
        for (status, after_ms, is_taken, expected) in table {
            let answer = Answer { status: StatusCode::from_u16(status).unwrap(), after_ms, text: "no".to_owned() };
            match answer.verdict() {
                Verdict::Taken => assert!(is_taken, "{status}"),
                Verdict::Later { after_ms, .. } => assert_eq!(Some(after_ms), expected, "{status}"),
                Verdict::Refused(why) => {
                    assert!(!is_taken && expected.is_none() && why.ends_with(": no"), "{status}: {why}")
                }
            }
        }
    }

    #[test]
    fn waits_are_seconds_or_a_date() {
        // Sun, 06 Nov 1994 08:49:07 GMT.
        let now = Timestamp::from_millis(784_111_747_000);
        let table = [
            ("120", Some(120_000)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30_000)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-3", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(after(text, now), expected, "{text}");
        }
    }

    #[test]
    fn answers_say_how_long_to_wait() {
        let now = Timestamp::from_millis(784_111_747_000);
        let table: [(&[(&str, &str)], _); 6] = [
            (&[], None),
            (&[("retry-after", "7")], Some(7_000)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111807")], Some(60_000)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")], Some(0)),
            (&[("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "784111807")], None),
            (&[("retry-after", "7"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111807")], Some(7_000)),
        ];
        for (headers, expected) in table {
            let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            assert_eq!(wait(&HeaderMap::from_iter(pairs), now), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_was_asked_with_is_not_in_what_is_said() {
        let said = without(&[b"s3cret", b"", b"/services/T0"], "bad token s3cret at /services/T0/s3cret");
        assert_eq!(said, "bad token *** at ***/***");
    }
}
