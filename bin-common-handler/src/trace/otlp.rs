//! Spans to a collector: OTLP over HTTP as JSON, in batches, by a job of the process.
//!
//! A collector that is away costs spans, never a request: the queue is bounded, and what finds no room is dropped.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_http::{HttpClient as SendBytes, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as Export, SpanLinks},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::span::{Finished, Kind, export_to};
use crate::{
    config::settings,
    daemon::{ProcessContext, StartError, Tasks},
    httphandler::{HttpClient, HttpRequest},
    loglimit::LogLimit,
};

/// Spans that wait for their batch.
const WAITING_MAX: usize = 8_192;
/// Spans of one request to the collector.
const BATCH_MAX: usize = 512;
/// Between batches.
const PERIOD: Duration = Duration::from_millis(500);
/// How long the collector may take.
const EXPORT_MAX: Duration = Duration::from_secs(5);
/// At most one line about a collector that is away in this time.
static AWAY_LOG: LogLimit = LogLimit::new(Duration::from_secs(60));

/// Starts the export where OTLP_ENDPOINT says so.
pub(crate) fn start(parts: &ProcessContext, tasks: &Tasks) -> Result<(), StartError> {
    let endpoint = parts.config.get(&settings::OTLP_ENDPOINT);
    if endpoint.is_empty() {
        return Ok(());
    }
    let other = |fault: &dyn fmt::Display| StartError::Other(format!("OTLP_ENDPOINT: {fault}"));
    // A collector stands in the operator's own network; the operator names it.
    let http = HttpClient::new(parts.metrics.clone(), true).map_err(|fault| other(&fault))?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector(http))
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(EXPORT_MAX)
        .build()
        .map_err(|fault| other(&fault))?;
    let resource = Resource::builder_empty().with_service_name("tandem");
    exporter.set_resource(&resource.build());
    let (sender, spans) = mpsc::channel(WAITING_MAX);
    export_to(Some(sender));
    tasks.spawn("span exporter", |stop| run(exporter, spans, stop));
    Ok(())
}

async fn run(exporter: SpanExporter, mut spans: mpsc::Receiver<Finished>, stop: CancellationToken) {
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(PERIOD) => false,
        };
        while let Some(batch) = next_batch(&mut spans) {
            let count = batch.len();
            if let Err(fault) = exporter.export(batch).await
                && AWAY_LOG.admit()
            {
                warn!(%fault, spans = count, "spans were not exported");
            }
        }
        if is_last {
            return;
        }
    }
}

/// What waits, as much as one request holds; nothing when nothing does.
fn next_batch(spans: &mut mpsc::Receiver<Finished>) -> Option<Vec<SpanData>> {
    let mut batch = Vec::new();
    while batch.len() < BATCH_MAX
        && let Ok(span) = spans.try_recv()
    {
        batch.push(to_data(span));
    }
    (!batch.is_empty()).then_some(batch)
}

fn to_data(span: Finished) -> SpanData {
    let micros = u64::try_from(span.start.micros()).unwrap_or(0);
    let start_time = UNIX_EPOCH + Duration::from_micros(micros);
    let attributes = span.attributes.into_iter();
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(span.context.trace_id.to_be_bytes()),
            SpanId::from_bytes(span.context.span_id.to_be_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::from_bytes(span.parent_id.to_be_bytes()),
        parent_span_is_remote: matches!(span.kind, Kind::Server | Kind::Consumer),
        span_kind: match span.kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Consumer => SpanKind::Consumer,
            Kind::Internal => SpanKind::Internal,
        },
        name: span.name,
        start_time,
        end_time: start_time + span.took,
        attributes: attributes
            .map(|(name, value)| KeyValue::new(name, value))
            .collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: if span.is_failed {
            Status::error("")
        } else {
            Status::Unset
        },
        instrumentation_scope: InstrumentationScope::builder(span.service).build(),
    }
}

/// The collector, asked by the one client.
struct Collector(HttpClient);

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

#[async_trait]
impl SendBytes for Collector {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let mut wanted = HttpRequest::new(head.method, head.uri.to_string()).within(EXPORT_MAX);
        for (name, value) in &head.headers {
            if name != http::header::CONTENT_TYPE {
                wanted = wanted.header(name.as_str(), value.to_str()?)?;
            }
        }
        let answer = self.0.send(&wanted.body("application/json", body)).await?;
        let mut response = http::Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}
