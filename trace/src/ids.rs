//! Ids of spans: made up at random, but for those that follow from what they are of.

use acre_model::trace::{SpanId, TraceId};
use opentelemetry::trace::{SpanId as OtelSpanId, TraceId as OtelTraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use std::cell::Cell;

thread_local! {
    /// What the next span that this thread begins is called.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Begins a span that has these ids, unless it is part of another trace.
pub(crate) fn begin<T>(trace: TraceId, span: SpanId, begin: impl FnOnce() -> T) -> T {
    NEXT.set(Some((trace, span)));
    let begun = begin();
    NEXT.set(None);
    begun
}

/// Gives spans their ids.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> OtelTraceId {
        NEXT.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| OtelTraceId::from_bytes(trace.bytes()))
    }

    fn new_span_id(&self) -> OtelSpanId {
        NEXT.get().map_or_else(|| self.0.new_span_id(), |(_, span)| OtelSpanId::from_bytes(span.bytes()))
    }
}
