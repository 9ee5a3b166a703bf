//! Admission queue with a queue per tenant, served round-robin, and load shedding.
//!
//! As many requests may wait as were served in the last half second. When more have waited for that long, the newest
//! of the longest queue is refused, so the wait stays short for those that are served. Where requests
//! grow old before they even come here, most are refused at once ([`shedding`]).

mod shedding;
#[cfg(test)]
mod tests;
mod waiting;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use self::{
    shedding::LoadShedding,
    waiting::{PERIODS, State, WAITING_MIN},
};
use super::CONCURRENCY;
use crate::models::{error::Error, sock::Response};

/// Requests that may wait here, besides those being served, however many are served. No more, as the broker looks
/// through all that are older whenever one is acknowledged.
const WAITING_MAX: usize = 128;
/// Requests that are being refused: so many that it is not waited for the broker to hand over the next.
const REFUSED_MAX: usize = 128;
/// Requests that a consumer holds at most: those that are served, those that wait, and those that are refused.
pub(super) const HELD_MAX: usize = CONCURRENCY + WAITING_MAX + REFUSED_MAX;
/// How often it is looked how many are served, and who has to go.
pub(super) const TICK_PERIOD: Duration = Duration::from_millis(100);

/// Something that waits for its turn.
pub(super) trait Queued: Send {
    /// Whose queue it stands in; none for trusted peers, who share one.
    fn tenant(&self) -> Option<Uuid>;

    /// Whether its caller hears when it is sent away.
    fn can_be_refused(&self) -> bool;
}

/// What becomes of one that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission<J> {
    /// It is served now.
    Now(J),
    /// It waits.
    Later,
    /// Somebody is sent away: this one, or another, in whose place it waits.
    Refuse(J),
}

/// The queue before the handlers.
pub(super) struct AdmissionQueue<J>(Mutex<State<J>>);

impl<J> Default for AdmissionQueue<J> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<J: Queued> AdmissionQueue<J> {
    /// One came. Whoever is served now is followed by [`Self::next`].
    pub(super) fn arrive(&self, job: J, now: Instant) -> Admission<J> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shedding) = &mut state.shedding
            && job.can_be_refused()
            && !shedding.admits(job.tenant())
        {
            return Admission::Refuse(job);
        }
        if state.running < CONCURRENCY {
            state.running += 1;
            return Admission::Now(job);
        }
        state.put(job);
        if !state.is_full_for_long(now) {
            return Admission::Later;
        }
        state
            .shed_newest()
            .map_or(Admission::Later, Admission::Refuse)
    }

    /// A [`TICK_PERIOD`] has ended: those that have to go, though nobody comes in their place.
    pub(super) fn tick(&self, now: Instant) -> Vec<J> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.end_period();
        let mut shed = Vec::new();
        while state.is_full_for_long(now)
            && let Some(job) = state.shed_newest()
        {
            shed.push(job);
        }
        shed
    }

    /// Whether so many wait that more may wait elsewhere.
    pub(super) fn is_crowded(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting >= WAITING_MIN || state.shedding.is_some()
    }

    /// Load shedding begins or ends by how long requests waited at the broker before they came.
    pub(super) fn report_broker_wait(&self, waited: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let served = state.served_before.iter().sum::<usize>() / PERIODS;
        state.shedding = LoadShedding::after(state.shedding.take(), waited, served);
    }

    /// Those that wait are somebody else's now.
    pub(super) fn forget(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget();
    }

    /// One was served: who is next. With none the place is free.
    pub(super) fn next(&self) -> Option<J> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.served += 1;
        let next = state.take();
        if next.is_none() {
            state.running = state.running.saturating_sub(1);
        }
        next
    }
}

/// What somebody is told who cannot wait, in the name of the daemon `domain`.
pub(super) fn busy(domain: &str) -> Response {
    let error = Error::resource_exhausted("TOO_BUSY", "Too many requests; come again in a second.");
    error
        .with_detail(json!({ "retry_after_s": 1 }))
        .to_response(domain)
}

/// The tenant that an envelope names; none where it names none or is none.
pub(super) fn tenant_of(envelope: &[u8]) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Scope {
        customer_id: Option<Uuid>,
    }
    serde_json::from_slice::<Scope>(envelope).ok()?.customer_id
}
