//! Traces: spans of a process on their way to a collector, by OTLP over gRPC, and the context that goes from one process
//! to the next.
//!
//! Spans come into being in two ways. What one process does from beginning to end is a span of `tracing`. What outlives
//! processes, as a run does, is put together when it has ended: see [`Finished`].
//!
//! *Invariant: nothing waits for a collector, but for a moment when the process ends; what it does not take is lost.*

mod exporter;
mod finished;
mod ids;

pub use exporter::{BadEndpoint, Exporter};
pub use finished::{Attributes, Finished, Recorder, Role};

use acre_model::trace::{SpanId, TraceId, TraceParent};
use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header by which a context travels.
pub const HEADER: &str = "traceparent";

/// Makes a span part of one that was begun elsewhere. To be called before it is entered.
pub fn set_parent(span: &Span, parent: TraceParent) {
    // Refused where nothing is recorded.
    drop(span.set_parent(context(parent)));
}

/// What another process is told of a span; `None`: it is not recorded here.
pub fn context_of(span: &Span) -> Option<TraceParent> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    let (trace, span) = (TraceId::new(context.trace_id().to_bytes())?, SpanId::new(context.span_id().to_bytes())?);
    Some(TraceParent { trace, span, sampled: context.is_sampled() })
}

/// In the words of OpenTelemetry.
fn context(parent: TraceParent) -> Context {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let trace = opentelemetry::TraceId::from_bytes(parent.trace.bytes());
    let span = opentelemetry::SpanId::from_bytes(parent.span.bytes());
    Context::new().with_remote_span_context(SpanContext::new(trace, span, flags, true, TraceState::NONE))
}
