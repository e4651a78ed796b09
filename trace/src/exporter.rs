//! The way of a process's spans to a collector.

use crate::{Recorder, ids::Ids};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::time::Duration;
use tonic::transport::ClientTlsConfig;
use tracing::{Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// How long a collector may take to accept spans.
const ACCEPT: Duration = Duration::from_secs(5);
/// How long a process that ends waits for a collector to accept the last of them.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where the spans of a process go.
#[derive(Debug)]
pub struct Exporter {
    provider: SdkTracerProvider,
    service: &'static str,
}

/// Why spans cannot go where they should.
#[derive(Debug, thiserror::Error)]
#[error(
    "spans cannot be sent to {endpoint}: {why}; write the address of an OTLP collector (gRPC), as http://127.0.0.1:4317"
)]
pub struct BadEndpoint {
    endpoint: String,
    why: String,
}

impl Exporter {
    /// The way of `service`'s spans to the collector at `endpoint` (`http://HOST:PORT`, or https). To be called where a
    /// tokio runtime is entered. Nobody is asked yet: a collector may come later.
    pub fn start(service: &'static str, version: &'static str, endpoint: &str) -> Result<Self, BadEndpoint> {
        let bad = |why: String| BadEndpoint { endpoint: endpoint.to_owned(), why };
        if !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme)) {
            return Err(bad("it names no scheme".to_owned()));
        }
        let mut builder = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(ACCEPT);
        if endpoint.starts_with("https://") {
            builder = builder.with_tls_config(ClientTlsConfig::new().with_native_roots());
        }
        let exporter = builder.build().map_err(|why| bad(why.to_string()))?;
        let resource = Resource::builder().with_service_name(service);
        let resource = resource.with_attribute(KeyValue::new("service.version", version)).build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_id_generator(Ids::default());
        Ok(Self { provider: provider.with_resource(resource).build(), service })
    }

    /// Takes the spans of acre's own crates out of `tracing`; no events.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let layer = OpenTelemetryLayer::new(self.provider.tracer(self.service));
        layer.with_location(false).with_threads(false).with_target(false).with_filter(filter_fn(is_own_span))
    }

    /// Records spans of what has ended.
    pub fn recorder(&self) -> Recorder {
        Recorder(self.provider.tracer(self.service))
    }

    /// Sends what is left, and waits for it a moment.
    pub async fn finish(self) {
        // It blocks, and what it waits for is done by other threads.
        let sent = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FAREWELL)).await;
        if let Ok(Err(why)) = sent {
            tracing::warn!(%why, "the last spans were not accepted");
        }
    }
}

fn is_own_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("acre")
}
