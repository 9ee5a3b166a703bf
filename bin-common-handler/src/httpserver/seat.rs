//! One connection: what it waits for, and since when.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    options::Options,
    room::Reason,
    wire::{Framing, Intake},
};

/// So long a connection may wait before it can be closed for another: time for the head that follows it.
pub(super) const AGE_MIN: Duration = Duration::from_millis(20);
/// A caller that was answered before counts as one that came so much later.
const REGULAR: Duration = Duration::from_secs(2);
/// However full it is, so long a connection may wait.
pub(super) const WAIT_MIN: Duration = Duration::from_millis(500);

/// One connection.
pub(super) struct Seat {
    pub(super) id: u64,
    listener: &'static str,
    pub(super) address: IpAddr,
    state: Mutex<State>,
    close: CancellationToken,
}

pub(super) struct State {
    phase: Phase,
    since: Instant,
    has_served: bool,
    stalled_since: Option<Instant>,
    intake: Intake,
}

/// What a connection is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A head is to come, or has begun.
    Head,
    /// Between two requests.
    Idle,
    /// A request is under way.
    Busy,
    /// It is a socket now, whose own rules say how long it may be silent and how slowly it may read.
    Kept,
}

/// A request under way; over when this is dropped.
pub(super) struct Busy(Arc<Seat>);

/// A connection that another protocol has taken over; until this is dropped.
pub(super) struct Kept(Arc<Seat>);

impl State {
    /// Since when it waits, for the order in which connections are closed; none while it may not be closed.
    pub(super) fn waits_since(&self, now: Instant) -> Option<Instant> {
        let is_old = now.saturating_duration_since(self.since) >= AGE_MIN;
        let since = if self.has_served {
            self.since + REGULAR
        } else {
            self.since
        };
        let waits = matches!(self.phase, Phase::Head | Phase::Idle);
        (waits && is_old).then_some(since)
    }

    fn rest(&mut self) {
        (self.phase, self.since, self.has_served) = (Phase::Idle, Instant::now(), true);
    }

    /// Whether another protocol has taken it over.
    pub(super) fn is_kept(&self) -> bool {
        self.phase == Phase::Kept
    }

    /// Whether it has waited too long while so many seats are taken; then the reason, where it is worth counting.
    pub(super) fn slow(
        &self,
        options: &Options,
        taken: usize,
        now: Instant,
    ) -> Option<Option<Reason>> {
        if self.is_kept() {
            return None;
        }
        let is_over = |since: Instant, limit: Duration| {
            let limit = shortened(limit, taken, options.connections_max);
            now.saturating_duration_since(since) >= limit
        };
        if self
            .stalled_since
            .is_some_and(|since| is_over(since, options.stall_max))
        {
            return Some(Some(Reason::SlowReader));
        }
        match self.phase {
            Phase::Head if is_over(self.since, options.head_max) => Some(Some(Reason::SlowHead)),
            Phase::Idle if is_over(self.since, options.idle_max) => Some(None),
            _ => None,
        }
    }
}

/// A limit as it is while up to half of all seats are taken; then less, by the share that is free.
fn shortened(limit: Duration, taken: usize, all: usize) -> Duration {
    let free = all.saturating_sub(taken);
    if free >= taken {
        return limit;
    }
    let (free, all) = (
        u32::try_from(free).unwrap_or(u32::MAX),
        u32::try_from(all).unwrap_or(u32::MAX).max(1),
    );
    let short = limit.saturating_mul(2).saturating_mul(free) / all;
    short.max(WAIT_MIN).min(limit)
}

impl Seat {
    pub(super) fn new(id: u64, listener: &'static str, address: IpAddr) -> Self {
        let state = State {
            phase: Phase::Head,
            since: Instant::now(),
            has_served: false,
            stalled_since: None,
            intake: Intake::default(),
        };
        Self {
            id,
            listener,
            address,
            state: Mutex::new(state),
            close: CancellationToken::new(),
        }
    }

    /// Ends the connection.
    pub(super) fn close(&self) {
        self.close.cancel();
    }

    pub(super) fn listener(&self) -> &'static str {
        self.listener
    }

    /// When the connection is to be closed.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }

    /// A request has its head; what follows on the wire is said by `framing`. True when that head had lines that
    /// ended as they must not.
    pub(super) fn begin(self: &Arc<Self>, framing: Framing) -> (Busy, bool) {
        let mut state = self.state();
        (state.phase, state.since) = (Phase::Busy, Instant::now());
        (Busy(Arc::clone(self)), state.intake.begin(framing))
    }

    /// Another protocol takes the connection over. The request that asked for it ends later, and changes nothing.
    pub(super) fn keep(self: &Arc<Self>) -> Kept {
        let mut state = self.state();
        (state.phase, state.since) = (Phase::Kept, Instant::now());
        state.intake.begin(Framing::Unknown);
        Kept(Arc::clone(self))
    }

    /// How many of the bytes that came belong to what is read now; the others are for later.
    pub(super) fn take_in(&self, bytes: &[u8]) -> usize {
        let mut state = self.state();
        if state.phase == Phase::Idle && !bytes.is_empty() {
            (state.phase, state.since) = (Phase::Head, Instant::now());
        }
        state.intake.take(bytes)
    }

    /// Whether nothing that the caller began is still to be read.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state().intake.is_at_rest()
    }

    /// Whether the caller takes what is written to it.
    pub(super) fn stalls(&self, stalls: bool) {
        self.state().stalled_since = stalls.then(Instant::now);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        // The answer 101 is taken after the socket was made of the connection.
        if !state.is_kept() {
            state.rest();
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.state().rest();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 10_000)]
    #[case(50, 10_000)]
    #[case(60, 8_000)]
    #[case(75, 5_000)]
    #[case(90, 2_000)]
    #[case(100, 500)]
    #[case(120, 500)]
    fn a_limit_shrinks_from_half_of_all_seats_on(#[case] taken: usize, #[case] expected_ms: u64) {
        let limit = shortened(Duration::from_secs(10), taken, 100);
        assert_eq!(limit, Duration::from_millis(expected_ms));
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_answered_before_is_closed_later_and_who_is_served_never() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let seat = Arc::new(Seat::new(1, "bridge", address));
        let since = || seat.state().waits_since(Instant::now());
        assert_eq!(since(), None, "it has only come");
        tokio::time::advance(Duration::from_secs(1)).await;
        let first = since().unwrap();
        let (busy, _) = seat.begin(Framing::Length(0));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(since(), None, "a request is under way");
        drop(busy);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(since(), Some(first + Duration::from_secs(2) + REGULAR));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_keeps_its_place_after_the_request_that_made_it_has_ended() {
        let options = Options::bridge(u64::MAX);
        let seat = Arc::new(Seat::new(1, "bridge", IpAddr::from([127, 0, 0, 1])));
        let (busy, _) = seat.begin(Framing::Length(0));
        let kept = seat.keep();
        drop(busy);
        // It is silent, and reads nothing.
        seat.stalls(true);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let now = Instant::now();
        let most = options.connections_max;
        assert!(seat.state().is_kept());
        assert_eq!(seat.state().waits_since(now), None);
        assert_eq!(seat.state().slow(&options, most, now), None);

        seat.stalls(false);
        drop(kept);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let now = Instant::now();
        assert!(seat.state().waits_since(now).is_some(), "nobody keeps it");
        assert_eq!(seat.state().slow(&options, most, now), Some(None));
    }
}
