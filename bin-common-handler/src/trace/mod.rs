//! One trace for one request, across the bridge, managers, their siblings, events and timers.
//!
//! The context travels as W3C `traceparent` (Trace Context, level 1): in HTTP, in AMQP headers, and in the rows of
//! events and timers. Within a process it belongs to the task that works ([`within`], [`current`]), so that nobody has to
//! hand it on. Spans are recorded only while an exporter runs (`otlp.rs`); else a span is its parent's context and
//! nothing more.

mod context;
pub(crate) mod otlp;
mod span;
#[cfg(test)]
mod tests;

pub use context::{TRACEPARENT, TraceContext, TraceId};
pub use span::{Kind, Span};
use tracing::field::{DisplayValue, display};

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// What a log line tells of a trace, as its field `trace_id`.
pub(crate) fn told(trace: Option<TraceContext>) -> Option<DisplayValue<TraceId>> {
    trace.map(|trace| display(trace.id()))
}

/// What the work of this task belongs to.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|trace| *trace).ok()
}

/// Does `work` as part of `trace`.
pub async fn within<F: Future>(trace: Option<TraceContext>, work: F) -> F::Output {
    match trace {
        Some(trace) => CURRENT.scope(trace, work).await,
        None => work.await,
    }
}
