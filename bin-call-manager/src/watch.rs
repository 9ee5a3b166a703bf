//! Counts webhooks, and says so when somebody tries signatures, or calls numbers that nobody knows.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bin_common_handler::{
    daemon::{ManagerContext, StartError},
    loglimit::LogLimit,
    metrics::IntCounterVec,
    redact,
};
use tokio::time::Instant;
use tracing::{error, warn};

/// Wrong signatures in a minute that are no accident any more.
const WRONG_MAX: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// Watches the webhooks of one process. Clones share it.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Inner>);

struct Inner {
    webhooks: IntCounterVec,
    wrong: Mutex<Option<(Instant, u32)>>,
    unknown: LogLimit,
    alarm: LogLimit,
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
            wrong: Mutex::new(None),
            unknown: LogLimit::new(MINUTE),
            alarm: LogLimit::new(MINUTE),
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
        let count = self.wrong_in_this_minute();
        if count > WRONG_MAX && self.0.alarm.admit() {
            error!(
                count,
                "webhooks with wrong signatures: a secret was changed, or somebody tries"
            );
        }
    }

    fn wrong_in_this_minute(&self) -> u32 {
        let mut wrong = self.0.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = match *wrong {
            Some((since, count)) if since.elapsed() < MINUTE => (since, count.saturating_add(1)),
            _ => (Instant::now(), 1),
        };
        *wrong = Some((since, count));
        count
    }
}
