//! The client's part of a trace, for who says by `OTEL_EXPORTER_OTLP_ENDPOINT` where spans go.

use crate::error::Error;
use acre_trace::{Exporter, HEADER};
use tonic::Request;
use tracing::Span;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

/// The environment's word for a collector (OpenTelemetry Protocol Exporter).
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Begins to record spans, if they go anywhere. To be called once in a program's life, where a tokio runtime is entered.
pub fn begin() -> Result<Option<Exporter>, Error> {
    let endpoint = std::env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty());
    let Some(endpoint) = endpoint else { return Ok(None) };
    let exporter = Exporter::start("acre", env!("CARGO_PKG_VERSION"), &endpoint);
    let exporter = exporter.map_err(|why| Error::Usage(format!("{ENDPOINT}: {why}")))?;
    // Only a second call could be refused.
    drop(tracing::subscriber::set_global_default(Registry::default().with(exporter.layer())));
    Ok(Some(exporter))
}

/// The span of a command: what it hands in is part of it.
pub fn of_command(name: &'static str) -> Span {
    tracing::info_span!("command", otel.name = name)
}

/// The span of something that a command does.
pub(crate) fn of_part(name: &'static str) -> Span {
    tracing::info_span!("part", otel.name = name)
}

/// The span of a call to the farm.
pub(crate) fn of_call(service: &'static str, method: &'static str) -> Span {
    tracing::info_span!(
        "call",
        otel.name = format!("{service}/{method}"),
        otel.kind = "client",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method
    )
}

/// Tells the farm which span a request is part of, if it is recorded.
pub(crate) fn tell<T>(request: &mut Request<T>, span: &Span) {
    let context = acre_trace::context_of(span).and_then(|context| context.to_string().parse().ok());
    if let Some(context) = context {
        request.metadata_mut().insert(HEADER, context);
    }
}
