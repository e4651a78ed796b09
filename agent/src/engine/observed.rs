//! Calls of an engine, watched: each is a span of the trace that it is part of, and is measured.

use super::EngineError;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field::Empty};

/// Who is told of calls that are over.
pub trait Watch: Send + Sync + 'static {
    /// How long the call of this name took, and what it failed with.
    fn called(&self, call: &'static str, took: Duration, error: Option<&EngineError>);
}

/// A call, watched.
pub(super) async fn observed<T>(
    call: &'static str,
    watch: &dyn Watch,
    calling: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let span = span(call);
    let began = Instant::now();
    let answer = calling.instrument(span.clone()).await;
    let error = answer.as_ref().err();
    if let Some(error) = error {
        span.record("error.type", error.kind());
    }
    watch.called(call, began.elapsed(), error);
    answer
}

/// The span of a call that is part of something.
fn span(call: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!("engine", otel.name = format!("engine {call}"), otel.kind = "client", error.type = Empty)
}
