//! Which failed requests are made again, and when (promises S14). Pure, but for [`random`].

use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::time::Duration;

/// Tries of one request, at most.
const TRIES: u32 = 3;
/// The wait after the first try, in milliseconds; doubled by each further one.
const WAIT_MS: u64 = 250;
/// The longest wait that a registry is granted, in seconds.
const LONGEST: u64 = 60;

/// Whether an answer may be another one later.
pub fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// The wait after the try with this number (from 1), if there is another one. `asked` is what the registry wants
/// (`Retry-After`, in seconds), `random` any number: waits differ, so that many agents do not come back as one.
pub fn wait(tried: u32, asked: Option<u64>, random: u64) -> Option<Duration> {
    if tried >= TRIES {
        return None;
    }
    let most = WAIT_MS << tried.saturating_sub(1).min(8);
    let own = most / 2 + random % (most / 2 + 1);
    Some(Duration::from_millis(own + asked.unwrap_or(0).min(LONGEST) * 1000))
}

/// When a registry wants to be asked again, in seconds.
pub fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// Any number; should the system have none, waits are the shortest.
pub fn random() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let table = [
            ((1, None, 0), Some(125)),
            ((1, None, 125), Some(250)),
            ((1, None, 126), Some(125)),
            ((2, None, 0), Some(250)),
            ((2, Some(7), 250), Some(7_500)),
            ((1, Some(u64::MAX), 0), Some(60_125)),
            ((3, None, 0), None),
            ((3, Some(1), 0), None),
        ];
        for ((tried, asked, random), expected) in table {
            assert_eq!(wait(tried, asked, random), expected.map(Duration::from_millis), "{tried} {asked:?} {random}");
        }
    }

    #[test]
    fn some_answers_may_pass() {
        let table = [(429, true), (408, true), (500, true), (503, true), (401, false), (403, false), (404, false)];
        for (status, expected) in table {
            assert_eq!(may_pass(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}
