//! Figures for Prometheus: voipbin's names in milliseconds, ours beside them in base units.

mod own;

use std::{fmt, time::Duration};

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};
pub use prometheus::{Histogram, IntCounterVec};

use own::Own;

/// voipbin's buckets, in milliseconds.
const BUCKETS_MS: [f64; 5] = [50.0, 100.0, 500.0, 1000.0, 3000.0];
/// Ours, in seconds.
const BUCKETS_S: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
/// What the bridge answers by itself.
const BRIDGE_STATUSES: [&str; 14] = [
    "200", "204", "207", "400", "401", "403", "404", "405", "408", "413", "415", "429", "500",
    "503",
];
/// Of groups, in requests.
const BUCKETS_REQUESTS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// The figures of one process. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// `tandem_request_duration_seconds{manager,route,method,status}`.
    pub request_seconds: HistogramVec,
    /// `tandem_group_requests{manager}`: requests that shared one transaction.
    pub group_requests: HistogramVec,
    /// `tandem_requests_dropped_total{manager,reason}`: late, looping, poison …
    pub dropped: IntCounterVec,
    /// `tandem_request_queue_wait_milliseconds{manager}`: in the broker, while many wait.
    pub queue_wait_ms: IntGaugeVec,
    /// `tandem_queues_redeclared_total{manager}`: request queues that were gone with what waited in them.
    pub redeclared: IntCounterVec,
    /// `tandem_replies_failed_total{manager}`.
    pub replies_failed: IntCounterVec,
    /// `tandem_outbox_depth{manager}`.
    pub outbox_depth: IntGaugeVec,
    /// `tandem_outbox_oldest_milliseconds{manager}`.
    pub outbox_oldest_ms: IntGaugeVec,
    /// `tandem_events_total{manager,result}`: published, repeated, parked.
    pub events: IntCounterVec,
    /// `tandem_received_events_total{subscriber,result}`: taken, unheard; done, repeated, outdated, unwanted, retried, parked,
    /// dead.
    pub received_events: IntCounterVec,
    /// `tandem_incoming_depth{manager}`: events that wait to be worked on.
    pub incoming_depth: IntGaugeVec,
    /// `tandem_timers_total{manager,kind,result}`: fired, retried, dead.
    pub timers: IntCounterVec,
    /// `tandem_timer_late_seconds{manager}`: from when a timer was due to its commit.
    pub timer_late_seconds: HistogramVec,
    /// `tandem_deferred_requests_total{manager,result}`: retried, parked.
    pub deferred: IntCounterVec,
    /// `tandem_disk_free_bytes`: where DATA_DIR lies.
    pub disk_free_bytes: IntGauge,
    /// `tandem_feature_available{feature}`: 1 or 0, e.g. the broker's delay plugin.
    pub feature: IntGaugeVec,
    /// `tandem_connections{listener}`: open ones.
    pub connections: IntGaugeVec,
    /// `tandem_connections_refused_total{listener,reason}`: closed from our side before they were through.
    pub connections_refused: IntCounterVec,
    /// `tandem_bridge_requests_total{status}`: HTTP requests by status code.
    pub bridge_requests: IntCounterVec,
    /// `tandem_bridge_rate_limited_total{by}`: refusals by an empty bucket: key, customer, address, webhook,
    /// route, visitor.
    pub rate_limited: IntCounterVec,
    /// `tandem_bridge_over_share_total{limit}`: refusals of what one customer took at once: bulk, bytes.
    pub over_share: IntCounterVec,
    /// `tandem_bridge_request_duration_seconds`: from the headers to the whole answer.
    pub bridge_seconds: Histogram,
    /// `tandem_outgoing_http_total{result}`: ok, 4xx, 5xx, or why no answer came.
    pub outgoing_http: IntCounterVec,
    /// `tandem_outgoing_http_seconds`: to the whole answer, repetitions included.
    pub outgoing_http_seconds: Histogram,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// A fresh set, with the process's own figures (memory, CPU, file descriptors).
    ///
    /// # Errors
    /// When two figures have the same name, which is a fault of ours.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        if let Some(odd) = crate::databasehandler::stored::NOT_UNDERSTOOD.as_ref() {
            registry.register(Box::new(odd.clone()))?;
        }
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(
                &registry,
                IntCounterVec::new(Opts::new(name, help), labels)?,
            )
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        Ok(Self {
            request_seconds: register(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "tandem_request_duration_seconds",
                        "Time to serve a request.",
                    )
                    .buckets(BUCKETS_S.to_vec()),
                    &["manager", "route", "method", "status"],
                )?,
            )?,
            group_requests: register(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "tandem_group_requests",
                        "Requests that shared one transaction.",
                    )
                    .buckets(BUCKETS_REQUESTS.to_vec()),
                    &["manager"],
                )?,
            )?,
            dropped: counter(
                "tandem_requests_dropped_total",
                "Requests that were acknowledged without work.",
                &["manager", "reason"],
            )?,
            queue_wait_ms: gauge(
                "tandem_request_queue_wait_milliseconds",
                "How long requests wait in the broker before they come; 0 unless many wait.",
                &["manager"],
            )?,
            redeclared: counter(
                "tandem_queues_redeclared_total",
                "Request queues that were gone, with what waited in them, and were declared anew.",
                &["manager"],
            )?,
            replies_failed: counter(
                "tandem_replies_failed_total",
                "Replies that could not be sent.",
                &["manager"],
            )?,
            outbox_depth: gauge(
                "tandem_outbox_depth",
                "Events that wait to be published.",
                &["manager"],
            )?,
            outbox_oldest_ms: gauge(
                "tandem_outbox_oldest_milliseconds",
                "Age of the oldest event that waits.",
                &["manager"],
            )?,
            events: counter(
                "tandem_events_total",
                "Events by what became of them.",
                &["manager", "result"],
            )?,
            received_events: counter(
                "tandem_received_events_total",
                "Events of others by what became of them.",
                &["subscriber", "result"],
            )?,
            incoming_depth: gauge(
                "tandem_incoming_depth",
                "Events of others that wait to be worked on.",
                &["manager"],
            )?,
            timers: counter(
                "tandem_timers_total",
                "Timers by what became of them.",
                &["manager", "kind", "result"],
            )?,
            timer_late_seconds: register(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "tandem_timer_late_seconds",
                        "Time from when a timer was due to its effect.",
                    )
                    .buckets(BUCKETS_S.to_vec()),
                    &["manager"],
                )?,
            )?,
            deferred: counter(
                "tandem_deferred_requests_total",
                "Deferred requests that failed, by what became of them.",
                &["manager", "result"],
            )?,
            disk_free_bytes: register(
                &registry,
                IntGauge::new(
                    "tandem_disk_free_bytes",
                    "Bytes that are free where DATA_DIR lies.",
                )?,
            )?,
            feature: gauge(
                "tandem_feature_available",
                "1 when the feature can be used.",
                &["feature"],
            )?,
            connections: gauge(
                "tandem_connections",
                "Connections that are open.",
                &["listener"],
            )?,
            connections_refused: counter(
                "tandem_connections_refused_total",
                "Connections that were refused, or closed for others or for their slowness.",
                &["listener", "reason"],
            )?,
            bridge_requests: counter(
                "tandem_bridge_requests_total",
                "HTTP requests by status code.",
                &["status"],
            )?,
            rate_limited: counter(
                "tandem_bridge_rate_limited_total",
                "HTTP requests refused by a rate limit.",
                &["by"],
            )?,
            over_share: counter(
                "tandem_bridge_over_share_total",
                "HTTP requests refused because too much of their customer, or of all, was under way.",
                &["limit"],
            )?,
            bridge_seconds: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "tandem_bridge_request_duration_seconds",
                        "Time to answer an HTTP request.",
                    )
                    .buckets(BUCKETS_S.to_vec()),
                )?,
            )?,
            outgoing_http: counter(
                "tandem_outgoing_http_total",
                "Requests to third parties by what became of them.",
                &["result"],
            )?,
            outgoing_http_seconds: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "tandem_outgoing_http_seconds",
                        "Time to a third party's whole answer.",
                    )
                    .buckets(BUCKETS_S.to_vec()),
                )?,
            )?,
            registry,
        })
    }

    /// The figures under voipbin's names for one manager (`outdial` …).
    ///
    /// # Errors
    /// When the manager was registered before.
    pub fn for_manager(&self, name: &str) -> prometheus::Result<ManagerMetrics> {
        let name = name.trim_end_matches("-manager").replace('-', "_");
        let histogram = |what: &str, help: &str, labels: &[&str]| {
            let options = HistogramOpts::new(format!("{name}_manager_{what}"), help)
                .buckets(BUCKETS_MS.to_vec());
            register(&self.registry, HistogramVec::new(options, labels)?)
        };
        Ok(ManagerMetrics {
            own: Own::new(self.registry.clone(), format!("{name}_manager")),
            receive_ms: histogram(
                "receive_request_process_time",
                "Time to serve a request, in milliseconds.",
                &["type", "method"],
            )?,
            notify_ms: histogram(
                "notify_process_time",
                "Time from commit to confirmed event, in milliseconds.",
                &["type"],
            )?,
            request_ms: histogram(
                "request_process_time",
                "Time of a request to another service, in milliseconds.",
                &["target", "resource", "method"],
            )?,
            notify_total: register(
                &self.registry,
                IntCounterVec::new(
                    Opts::new(format!("{name}_manager_notify_total"), "Events published."),
                    &["type"],
                )?,
            )?,
            breaker_state: register(
                &self.registry,
                IntGaugeVec::new(
                    Opts::new(
                        format!("{name}_manager_circuitbreaker_state"),
                        "0 closed, 1 half open, 2 open.",
                    ),
                    &["target"],
                )?,
            )?,
        })
    }

    /// Shows every counter of a manager whose labels are known before anything was counted: a rate over a counter
    /// that is not there yet misses its first event.
    pub fn start_manager(&self, name: &str) {
        for reason in ["late", "caller_gone", "busy", "reply_loop", "unreadable"] {
            self.dropped.with_label_values(&[name, reason]);
        }
        for result in ["published", "repeated", "parked"] {
            self.events.with_label_values(&[name, result]);
        }
        for result in ["retried", "parked"] {
            self.deferred.with_label_values(&[name, result]);
        }
        self.redeclared.with_label_values(&[name]);
        self.replies_failed.with_label_values(&[name]);
        self.outbox_depth.with_label_values(&[name]);
        self.outbox_oldest_ms.with_label_values(&[name]);
        self.queue_wait_ms.with_label_values(&[name]);
    }

    /// As [`Self::start_manager`], of one who hears events.
    pub fn start_subscriber(&self, name: &str) {
        for result in ["done", "retried", "parked"] {
            self.received_events.with_label_values(&[name, result]);
        }
    }

    /// As [`Self::start_manager`], of the bridge.
    pub fn start_bridge(&self) {
        for status in BRIDGE_STATUSES {
            self.bridge_requests.with_label_values(&[status]);
        }
        for by in ["key", "customer", "address"] {
            self.rate_limited.with_label_values(&[by]);
        }
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// When a figure cannot be encoded.
    pub fn encode(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// The figures of one manager under voipbin's names.
#[derive(Clone)]
pub struct ManagerMetrics {
    /// Requests served, ms.
    pub receive_ms: HistogramVec,
    /// Events, commit to confirm, ms.
    pub notify_ms: HistogramVec,
    /// Requests made, ms.
    pub request_ms: HistogramVec,
    /// Events published.
    pub notify_total: IntCounterVec,
    /// Circuit breakers.
    pub breaker_state: IntGaugeVec,
    own: Own,
}

/// Milliseconds, as voipbin's histograms want them.
pub fn as_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
