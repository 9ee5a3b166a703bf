//! Counts webhooks and calls that cost nobody anything, and says so when somebody tries signatures, or calls numbers that
//! nobody knows.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    daemon::{ManagerContext, StartError},
    loglimit::LogLimit,
    metrics::IntCounterVec,
    redact,
    webhooks::signatures::BadSignatures,
};
use tracing::warn;

const MINUTE: Duration = Duration::from_secs(60);

/// Watches the webhooks of one process. Clones share it.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Inner>);

struct Inner {
    webhooks: IntCounterVec,
    uncharged: Uncharged,
    signatures: BadSignatures,
    unknown: LogLimit,
}

impl Watch {
    pub(crate) fn new(ctx: &ManagerContext) -> Result<Self, StartError> {
        let help = "Webhooks of carriers about calls, by route and by what became of them";
        let webhooks = ctx
            .metrics
            .counter("webhooks_total", help, &["route", "result"])
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        Ok(Self(Arc::new(Inner {
            webhooks,
            uncharged: Uncharged::new(ctx)?,
            signatures: BadSignatures::new(ctx)?,
            unknown: LogLimit::new(MINUTE),
        })))
    }

    pub(crate) fn count(&self, route: &str, result: &str) {
        self.0.webhooks.with_label_values(&[route, result]).inc();
    }

    /// A webhook of a number that is nobody's here.
    pub(crate) fn unknown(&self, number: &str) {
        if self.0.unknown.admit() {
            let number = redact::phone(number);
            warn!(%number, "a carrier sends calls of a number that is nobody's here");
        }
    }

    /// A wrong signature.
    pub(crate) fn wrong(&self) {
        self.0.signatures.note();
    }

    /// A buyer talked to a caller after its turn was over: its answer was told too late.
    pub(crate) fn answered_too_late(&self) {
        self.0.uncharged.count(Missing::Answer);
    }
}

/// What was not told of a call in time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Missing {
    /// That its buyer answered.
    Answer,
    /// That it ended.
    End,
    /// Whether it converted.
    Conversion,
}

impl Missing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::End => "end",
            Self::Conversion => "conversion",
        }
    }
}

/// Counts calls that were talked and cost nobody anything, as a report did not come in time.
#[derive(Clone)]
pub(crate) struct Uncharged(IntCounterVec);

impl Uncharged {
    /// The same figure each time.
    pub(crate) fn new(ctx: &ManagerContext) -> Result<Self, StartError> {
        let help =
            "Calls that were talked and that nobody paid, by the report that did not come in time";
        let counter = ctx
            .metrics
            .counter("uncharged_calls_total", help, &["missing"]);
        let counter = counter.map_err(|fault| StartError::Other(fault.to_string()))?;
        Ok(Self(counter))
    }

    pub(crate) fn count(&self, missing: Missing) {
        self.0.with_label_values(&[missing.as_str()]).inc();
    }
}
