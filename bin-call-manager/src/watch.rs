//! Counts webhooks, and says so when somebody tries signatures, or calls numbers that nobody knows.

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
}
