//! A span: recorded from its start to its drop, while somebody exports spans.
//!
//! **Invariants.** Where nothing is exported a span costs the look at one flag. Recording never waits: what finds no room
//! in the exporter's queue is lost. Attributes hold no number, address or body of a caller.

use std::{
    borrow::Cow,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{TraceContext, current};
use crate::{clock::Clock, models::time::Timestamp};

static IS_EXPORTED: AtomicBool = AtomicBool::new(false);
static EXPORTER: RwLock<Option<mpsc::Sender<Finished>>> = RwLock::new(None);

/// On which side of an exchange a span stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Serves a request.
    Server,
    /// Asks somebody else and waits.
    Client,
    /// Works on what was handed over before: an event, a timer.
    Consumer,
    /// Part of the work of a process.
    Internal,
}

/// A span that ends with its drop.
#[derive(Debug)]
pub struct Span {
    context: Option<TraceContext>,
    recording: Option<Box<Finished>>,
}

/// A span that is over, for the exporter.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) context: TraceContext,
    /// The span above it; 0 for none.
    pub(super) parent_id: u64,
    pub(super) kind: Kind,
    pub(super) service: &'static str,
    pub(super) name: Cow<'static, str>,
    pub(super) start: Timestamp,
    started: Instant,
    pub(super) took: Duration,
    pub(super) attributes: Vec<(&'static str, i64)>,
    pub(super) is_failed: bool,
}

impl Span {
    /// A request comes in: goes on with the caller's trace, or begins one where there is none.
    pub fn server(
        caller: Option<TraceContext>,
        service: &'static str,
        name: impl FnOnce() -> String,
    ) -> Self {
        if caller.is_none() && is_exported() {
            let context = TraceContext::begin(true);
            return Self::recorded(context, 0, Kind::Server, service, name());
        }
        Self::after(caller, Kind::Server, service, name)
    }

    /// Goes on with a trace, where there is one.
    pub fn after(
        parent: Option<TraceContext>,
        kind: Kind,
        service: &'static str,
        name: impl FnOnce() -> String,
    ) -> Self {
        match parent {
            Some(parent) if parent.is_sampled && is_exported() => {
                Self::recorded(parent.child(), parent.span_id, kind, service, name())
            }
            context => Self {
                context,
                recording: None,
            },
        }
    }

    /// Goes on with the trace of this task, where it has one.
    pub fn here(kind: Kind, service: &'static str, name: impl FnOnce() -> String) -> Self {
        Self::after(current(), kind, service, name)
    }

    fn recorded(
        context: TraceContext,
        parent_id: u64,
        kind: Kind,
        service: &'static str,
        name: String,
    ) -> Self {
        let recording = Finished {
            context,
            parent_id,
            kind,
            service,
            name: name.into(),
            start: Clock::default().now(),
            started: Instant::now(),
            took: Duration::ZERO,
            attributes: Vec::new(),
            is_failed: false,
        };
        Self {
            context: Some(context),
            recording: Some(Box::new(recording)),
        }
    }

    /// What belongs to this span: its own context where it is recorded, else its parent's.
    pub const fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// Notes the status that was answered; 5xx is a failure.
    pub fn status(&mut self, code: u16) {
        if let Some(recording) = &mut self.recording {
            let status = ("http.response.status_code", i64::from(code));
            recording.attributes.push(status);
            recording.is_failed = code >= 500;
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(mut finished) = self.recording.take() else {
            return;
        };
        finished.took = finished.started.elapsed();
        let exporter = EXPORTER.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(exporter) = exporter.as_ref() {
            // A full queue costs this span, and nobody a wait.
            let _ = exporter.try_send(*finished);
        }
    }
}

fn is_exported() -> bool {
    IS_EXPORTED.load(Ordering::Relaxed)
}

/// From now on spans are sent to `exporter`, or nowhere.
pub(super) fn export_to(exporter: Option<mpsc::Sender<Finished>>) {
    IS_EXPORTED.store(exporter.is_some(), Ordering::Relaxed);
    *EXPORTER.write().unwrap_or_else(PoisonError::into_inner) = exporter;
}
