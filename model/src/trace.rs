//! The trace that a run is part of, in the words of W3C's Trace Context, level 1.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Of a trace; never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceId([u8; 16]);

/// Of a span; never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpanId([u8; 8]);

/// What a span is told of the span that it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The span in it.
    pub span: SpanId,
    /// Whether that span is recorded.
    pub sampled: bool,
}

/// The trace of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTrace {
    /// Which.
    pub id: TraceId,
    /// The span that the run is part of; `None`: the trace begins with the run.
    #[serde(default)]
    pub parent: Option<SpanId>,
    /// Whether it is recorded.
    pub sampled: bool,
}

impl RunTrace {
    /// What the part of this name is told by the run: its own span, for all that is part of it.
    ///
    /// A run outlives the processes that record it, so the ids of its spans follow from what they are of: whoever records
    /// the end of one need not have seen its beginning, and two who record it record the same.
    pub fn part(&self, name: &str) -> TraceParent {
        TraceParent { trace: self.id, span: SpanId::named(self.id, name), sampled: self.sampled }
    }
}

impl From<TraceParent> for RunTrace {
    fn from(parent: TraceParent) -> Self {
        Self { id: parent.trace, parent: Some(parent.span), sampled: parent.sampled }
    }
}

impl TraceId {
    /// The id of these bytes; `None`: they are zeros.
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// The id of these bytes; `None`: they are zeros.
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// The span of this name in a trace: the same id whoever asks (FNV-1a, 64 bits).
    pub fn named(trace: TraceId, name: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in trace.0.iter().chain(name.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(hash.max(1).to_be_bytes())
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

/// Why a text is not part of a trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a trace context; it looks like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct BadTrace;

/// The header `traceparent`. Of versions to come only what this one has is read, as the standard asks.
impl FromStr for TraceParent {
    type Err = BadTrace;

    fn from_str(text: &str) -> Result<Self, BadTrace> {
        let mut parts = text.splitn(5, '-');
        let mut next = || parts.next().ok_or(BadTrace);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        let ([version], [flags]) = (bytes::<1>(version)?, bytes::<1>(flags)?);
        let is_longer = parts.next().is_some();
        if version == 0xff || (version == 0 && is_longer) {
            return Err(BadTrace);
        }
        Ok(Self { trace: trace.parse()?, span: span.parse()?, sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// Lower-case hexadecimal digits, two for each byte.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], BadTrace> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| BadTrace)?;
    bytes.try_into().map_err(|_| BadTrace)
}

macro_rules! hexadecimal {
    ($id:ident) => {
        impl FromStr for $id {
            type Err = BadTrace;

            fn from_str(text: &str) -> Result<Self, BadTrace> {
                Self::new(bytes(text)?).ok_or(BadTrace)
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl TryFrom<String> for $id {
            type Error = BadTrace;

            fn try_from(text: String) -> Result<Self, BadTrace> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

hexadecimal!(TraceId);
hexadecimal!(SpanId);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn the_header_is_read_as_the_standard_says() {
        let table = [
            (format!("00-{TRACE}-{SPAN}-01"), Some(true)),
            (format!("00-{TRACE}-{SPAN}-00"), Some(false)),
            (format!("00-{TRACE}-{SPAN}-03"), Some(true)),
            (format!("cc-{TRACE}-{SPAN}-01-what-comes"), Some(true)),
            (format!("cc-{TRACE}-{SPAN}-01"), Some(true)),
            (format!("00-{TRACE}-{SPAN}-01-more"), None),
            (format!("ff-{TRACE}-{SPAN}-01"), None),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{TRACE}-{SPAN}"), None),
            (format!("00-{TRACE}-{SPAN}-"), None),
            (format!("00-{TRACE}é-{SPAN}-01"), None),
            (String::new(), None),
        ];
        for (text, sampled) in table {
            let read = text.parse::<TraceParent>();
            assert_eq!(read.ok().map(|parent| parent.sampled), sampled, "{text}");
            // Further flags, and what versions to come add, are not told on.
            if let Ok(read) = read
                && text.starts_with("00")
                && !text.ends_with("03")
            {
                assert_eq!(read.to_string(), text);
            }
        }
    }

    #[test]
    fn parts_of_a_run_have_the_same_spans_whoever_asks() {
        let parent: TraceParent = format!("00-{TRACE}-{SPAN}-01").parse().unwrap();
        let trace = RunTrace::from(parent);
        assert_eq!(trace.part("r.1.1"), trace.part("r.1.1"));
        assert_ne!(trace.part("r.1.1").span, trace.part("r.1.2").span);
        assert_eq!(trace.part("r").trace, parent.trace);
        let stored = serde_json::to_string(&trace).unwrap();
        assert_eq!(stored, format!("{{\"id\":\"{TRACE}\",\"parent\":\"{SPAN}\",\"sampled\":true}}"));
        assert_eq!(serde_json::from_str::<RunTrace>(&stored).unwrap(), trace);
    }
}
