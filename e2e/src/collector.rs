//! A collector of spans, which speaks OTLP over gRPC.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span as Sent,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// A collector; it listens until it is dropped.
pub struct Collector {
    address: String,
    spans: Arc<Mutex<Vec<Span>>>,
    _runtime: Runtime,
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    /// Who sent it.
    pub service: String,
    /// Of its trace.
    pub trace: String,
    /// Of itself.
    pub id: String,
    /// Of what it is part of; empty: nothing.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// What is known of it.
    pub attributes: BTreeMap<String, String>,
    /// Since when, and until when, in nanoseconds.
    pub time: (u64, u64),
    /// Whether it failed.
    pub is_error: bool,
}

impl Collector {
    /// A collector on a free port of the loopback.
    pub fn new() -> Self {
        let runtime = Runtime::new().expect("threads can be started");
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let server = Server::builder().add_service(TraceServiceServer::new(Service(spans.clone())));
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, spans, _runtime: runtime }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What has arrived of a trace.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().filter(|span| span.trace == id).cloned().collect()
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

struct Service(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in request.into_inner().resource_spans {
            let service = resource.resource.map(|resource| known(resource.attributes)).unwrap_or_default();
            let service = service.get("service.name").cloned().unwrap_or_default();
            let sent = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(sent.map(|sent| read(&service, sent)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(service: &str, sent: Sent) -> Span {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    Span {
        service: service.to_owned(),
        trace: hex(&sent.trace_id),
        id: hex(&sent.span_id),
        parent: hex(&sent.parent_span_id),
        name: sent.name,
        attributes: known(sent.attributes),
        time: (sent.start_time_unix_nano, sent.end_time_unix_nano),
        is_error: sent.status.is_some_and(|status| status.code == 2),
    }
}

fn known(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |pair: KeyValue| (pair.key, text(pair.value.and_then(|value| value.value)));
    attributes.into_iter().map(pair).collect()
}
