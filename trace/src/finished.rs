//! Spans that are put together when what they are of has ended.

use crate::ids;
use acre_model::{
    time::Timestamp,
    trace::{RunTrace, SpanId, TraceParent},
};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanKind, Status, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;
use std::{
    borrow::Cow,
    time::{Duration, UNIX_EPOCH},
};

/// Names and values.
pub type Attributes = Vec<(&'static str, String)>;

/// Of what kind a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It answers what somebody else asked for.
    Server,
    /// It is part of something here.
    Internal,
}

/// A span of something that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The trace it is in.
    pub trace: RunTrace,
    /// Its id.
    pub span: SpanId,
    /// The span it is part of; `None`: the trace begins with it.
    pub parent: Option<SpanId>,
    /// Its name.
    pub name: Cow<'static, str>,
    /// Of what kind it is.
    pub role: Role,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What is to be known of it.
    pub attributes: Attributes,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Records spans of what has ended.
#[derive(Clone, Debug)]
pub struct Recorder(pub(crate) SdkTracer);

impl Recorder {
    /// Records a span, unless its trace is not recorded.
    pub fn record(&self, finished: Finished) {
        if !finished.trace.sampled {
            return;
        }
        let Finished { trace, span, parent, name, role, began, ended, attributes, error } = finished;
        let of_parent = |span| crate::context(TraceParent { trace: trace.id, span, sampled: true });
        let parent = parent.map_or_else(Context::new, of_parent);
        let builder = self.0.span_builder(name).with_kind(kind(role)).with_start_time(instant(began));
        let attributes = attributes.into_iter().map(|(name, value)| KeyValue::new(name, value));
        let builder = builder.with_attributes(attributes);
        let mut span = ids::begin(trace.id, span, || self.0.build_with_context(builder, &parent));
        if let Some(error) = error {
            span.set_status(Status::error(error));
        }
        span.end_with_timestamp(instant(ended));
    }
}

fn kind(role: Role) -> SpanKind {
    match role {
        Role::Server => SpanKind::Server,
        Role::Internal => SpanKind::Internal,
    }
}

fn instant(at: Timestamp) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.as_millis())
}
