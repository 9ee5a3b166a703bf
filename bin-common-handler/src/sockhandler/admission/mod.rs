//! Admission queue with a queue per tenant, served round-robin, and load shedding.
//!
//! As many requests may wait as were served in the last half second. When more have waited for that long, the newest
//! of the longest queue is refused, so the wait stays short for those that are served. Where requests
//! grow old before they even come here, most are refused at once ([`shedding`]).

mod shedding;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use self::shedding::LoadShedding;
use super::CONCURRENCY;
use crate::models::{error::Error, sock::Response};

/// Requests that may wait here, besides those being served, however many are served. No more, as the broker looks
/// through all that are older whenever one is acknowledged.
const WAITING_MAX: usize = 128;
/// Requests that are being refused: so many that it is not waited for the broker to hand over the next.
const REFUSED_MAX: usize = 128;
/// Requests that a consumer holds at most: those that are served, those that wait, and those that are refused.
pub(super) const HELD_MAX: usize = CONCURRENCY + WAITING_MAX + REFUSED_MAX;
/// However few are served, so many may wait.
const WAITING_MIN: usize = CONCURRENCY;
/// How often it is looked how many are served, and who has to go.
pub(super) const TICK_PERIOD: Duration = Duration::from_millis(100);
/// Of so many periods it is counted how many were served: the wait is not to be longer.
const PERIODS: usize = 5;
/// How long too many may wait before somebody is sent away: a short stall is sat out.
const WAIT_MAX: Duration = TICK_PERIOD.saturating_mul(PERIODS as u32);

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

struct State<J> {
    running: usize,
    waiting: usize,
    /// In the order in which they are served next.
    tenant_queues: VecDeque<(Option<Uuid>, VecDeque<J>)>,
    full_since: Option<Instant>,
    /// How many were served in this period, and in those before.
    served: usize,
    served_before: [usize; PERIODS],
    /// Present while those that come are old already.
    shedding: Option<LoadShedding>,
}

impl<J> Default for AdmissionQueue<J> {
    fn default() -> Self {
        Self(Mutex::new(State {
            running: 0,
            waiting: 0,
            tenant_queues: VecDeque::new(),
            full_since: None,
            served: 0,
            served_before: [0; PERIODS],
            shedding: None,
        }))
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
        (state.tenant_queues, state.waiting) = (VecDeque::new(), 0);
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

impl<J: Queued> State<J> {
    fn put(&mut self, job: J) {
        let tenant = job.tenant();
        self.waiting += 1;
        match self
            .tenant_queues
            .iter_mut()
            .find(|(whose, _)| *whose == tenant)
        {
            Some((_, queue)) => queue.push_back(job),
            None => self
                .tenant_queues
                .push_back((tenant, VecDeque::from([job]))),
        }
    }

    /// As many as were served in [`WAIT_MAX`]: with more, the last would wait for longer.
    fn waiting_max(&self) -> usize {
        let served: usize = self.served_before.iter().sum();
        served.clamp(WAITING_MIN, WAITING_MAX)
    }

    fn end_period(&mut self) {
        self.served_before.rotate_right(1);
        if let Some(last) = self.served_before.first_mut() {
            *last = std::mem::take(&mut self.served);
        }
        if let Some(shedding) = &mut self.shedding {
            shedding.end_period();
        }
    }

    fn is_full_for_long(&mut self, now: Instant) -> bool {
        if self.waiting <= self.waiting_max() {
            return false;
        }
        let since = *self.full_since.get_or_insert(now);
        now.duration_since(since) >= WAIT_MAX
    }

    /// The first of the queue whose turn it is; that queue is last then.
    fn take(&mut self) -> Option<J> {
        let (tenant, mut queue) = self.tenant_queues.pop_front()?;
        let job = queue.pop_front();
        if !queue.is_empty() {
            self.tenant_queues.push_back((tenant, queue));
        }
        self.left();
        job
    }

    /// Removes the newest request, of the longest queue with one that can be refused.
    fn shed_newest(&mut self) -> Option<J> {
        let longest = self
            .tenant_queues
            .iter()
            .enumerate()
            .filter(|(_, (_, queue))| queue.iter().any(Queued::can_be_refused))
            .max_by_key(|(_, (_, queue))| queue.len())
            .map(|(position, _)| position)?;
        let (_, queue) = self.tenant_queues.get_mut(longest)?;
        let newest = queue.iter().rposition(Queued::can_be_refused)?;
        let job = queue.remove(newest);
        if queue.is_empty() {
            self.tenant_queues.remove(longest);
        }
        self.left();
        job
    }

    /// Once it is half empty, the room may be full for a while again.
    fn left(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting <= self.waiting_max() / 2 {
            self.full_since = None;
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Job {
        tenant: u128,
        number: usize,
        hears: bool,
    }

    impl Queued for Job {
        fn tenant(&self) -> Option<Uuid> {
            Some(Uuid::from_u128(self.tenant))
        }

        fn can_be_refused(&self) -> bool {
            self.hears
        }
    }

    /// So long that those that come are old.
    const LONG: Duration = Duration::from_secs(1);

    fn job(tenant: u128, number: usize) -> Job {
        Job {
            tenant,
            number,
            hears: true,
        }
    }

    /// All handlers are busy.
    fn all_busy(now: Instant) -> AdmissionQueue<Job> {
        let admission = AdmissionQueue::default();
        for number in 0..CONCURRENCY {
            assert!(matches!(
                admission.arrive(job(0, number), now),
                Admission::Now(_)
            ));
        }
        admission
    }

    /// The queue has been full for long with `tenant`'s.
    fn full(tenant: u128) -> (AdmissionQueue<Job>, Instant) {
        let start = Instant::now();
        let admission = all_busy(start);
        for number in 0..=WAITING_MAX {
            assert_eq!(
                admission.arrive(job(tenant, number), start),
                Admission::Later
            );
        }
        (admission, start + WAIT_MAX)
    }

    #[test]
    fn so_many_are_served_at_a_time_and_the_next_when_one_is_done() {
        let now = Instant::now();
        let admission = all_busy(now);
        assert_eq!(admission.arrive(job(1, 0), now), Admission::Later);
        assert_eq!(admission.next(), Some(job(1, 0)));
        assert_eq!(admission.next(), None, "a place is free");
        assert_eq!(admission.arrive(job(1, 1), now), Admission::Now(job(1, 1)));
        assert_eq!(admission.arrive(job(1, 2), now), Admission::Later);
    }

    #[test]
    fn tenants_take_turns() {
        let now = Instant::now();
        let admission = all_busy(now);
        for number in 0..50 {
            admission.arrive(job(1, number), now);
        }
        admission.arrive(job(2, 0), now);
        admission.arrive(job(2, 1), now);
        let served: Vec<_> = (0..5)
            .filter_map(|_| admission.next())
            .map(|job| job.tenant)
            .collect();
        assert_eq!(served, [1, 2, 1, 2, 1]);
    }

    #[test]
    fn a_short_stall_is_sat_out_and_a_long_one_is_not() {
        let start = Instant::now();
        let admission = all_busy(start);
        for number in 0..WAITING_MAX + 50 {
            assert_eq!(admission.arrive(job(1, number), start), Admission::Later);
        }
        let almost = start + WAIT_MAX - Duration::from_millis(1);
        assert_eq!(admission.arrive(job(1, 900), almost), Admission::Later);
        let newest = job(1, 901);
        assert_eq!(
            admission.arrive(newest, start + WAIT_MAX),
            Admission::Refuse(newest)
        );
        while admission.next().is_some() {}
        let later = start + WAIT_MAX * 10;
        admission.arrive(job(1, 0), later);
        for number in 0..WAITING_MAX {
            assert_eq!(
                admission.arrive(job(1, number), later),
                Admission::Later,
                "it starts anew"
            );
        }
    }

    #[test]
    fn as_many_may_wait_as_were_served_in_that_time() {
        let start = Instant::now();
        let admission = all_busy(start);
        for number in 0..500 {
            admission.arrive(job(1, number), start);
        }
        for _ in 0..PERIODS {
            for _ in 0..20 {
                admission.next();
            }
            assert_eq!(admission.tick(start), []);
        }
        let left = 500 - 20 * PERIODS;
        let gone = admission.tick(start + WAIT_MAX).len();
        assert_eq!(
            left - gone,
            20 * (PERIODS - 1),
            "of the last five periods one was idle"
        );
    }

    #[test]
    fn when_nobody_is_done_those_that_are_too_many_go_all_the_same() {
        let start = Instant::now();
        let admission = all_busy(start);
        for number in 0..WAITING_MAX + 3 {
            admission.arrive(job(1, number), start);
        }
        assert_eq!(admission.tick(start), []);
        let gone = admission.tick(start + WAIT_MAX);
        assert_eq!(
            gone.first(),
            Some(&job(1, WAITING_MAX + 2)),
            "the newest first"
        );
        assert_eq!(gone.len(), WAITING_MAX + 3 - WAITING_MIN);
        assert_eq!(admission.tick(start + WAIT_MAX), []);
    }

    #[test]
    fn whoever_asks_most_is_sent_away() {
        let (admission, now) = full(1);
        assert!(
            matches!(admission.arrive(job(2, 0), now), Admission::Refuse(job) if job.tenant == 1)
        );
        assert!(
            matches!(admission.arrive(job(1, 900), now), Admission::Refuse(job) if job.number == 900)
        );
        admission.next();
        assert_eq!(admission.next(), Some(job(2, 0)));
    }

    #[test]
    fn nobody_is_sent_away_who_would_not_hear_it() {
        let (admission, now) = full(1);
        let posted = Job {
            hears: false,
            ..job(1, 900)
        };
        let Admission::Refuse(refused) = admission.arrive(posted, now) else {
            panic!("one that hears is sent away");
        };
        assert_eq!(refused.number, WAITING_MAX);
    }

    #[test]
    fn while_those_that_come_are_old_few_are_let_in_though_there_is_room() {
        let now = Instant::now();
        let admission = AdmissionQueue::default();
        admission.report_broker_wait(LONG);
        assert_eq!(admission.arrive(job(1, 0), now), Admission::Now(job(1, 0)));
        assert_eq!(
            admission.arrive(job(1, 1), now),
            Admission::Refuse(job(1, 1))
        );
        let other = admission.arrive(job(2, 2), now);
        assert_eq!(other, Admission::Now(job(2, 2)), "another tenant's first");
        let posted = Job {
            hears: false,
            ..job(1, 3)
        };
        assert_eq!(
            admission.arrive(posted, now),
            Admission::Now(posted),
            "it would not hear it"
        );
        assert_eq!(admission.tick(now), []);
        assert!(
            matches!(admission.arrive(job(1, 4), now), Admission::Now(_)),
            "a new period"
        );
        admission.report_broker_wait(Duration::ZERO);
        assert_eq!(admission.arrive(job(1, 5), now), Admission::Now(job(1, 5)));
    }

    #[test]
    fn it_is_crowded_where_many_wait_and_until_those_that_come_are_fresh() {
        let now = Instant::now();
        let admission = all_busy(now);
        for number in 1..WAITING_MIN {
            admission.arrive(job(1, number), now);
        }
        assert!(!admission.is_crowded());
        admission.arrive(job(1, 0), now);
        assert!(admission.is_crowded());
        admission.report_broker_wait(LONG);
        while admission.next().is_some() {}
        assert!(
            admission.is_crowded(),
            "somebody has to say when it is over"
        );
        admission.report_broker_wait(Duration::ZERO);
        assert!(!admission.is_crowded());
    }

    #[test]
    fn the_tenant_is_read_off_the_envelope() {
        let tenant = Uuid::from_u128(7);
        let text =
            format!(r#"{{"uri":"/v1/x","data":{{"customer_id":1}},"customer_id":"{tenant}"}}"#);
        assert_eq!(tenant_of(text.as_bytes()), Some(tenant));
        for text in [
            "{}",
            "[]",
            "",
            r#"{"customer_id":null}"#,
            r#"{"customer_id":7}"#,
        ] {
            assert_eq!(tenant_of(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn everybody_is_served_or_sent_away_once(
            steps in prop::collection::vec((0..4_u128, any::<bool>(), 0..700_u64), 0..600)
        ) {
            let admission = AdmissionQueue::default();
            let (mut now, mut running, mut done) = (Instant::now(), 0, 0);
            for (number, (tenant, hears, pause_ms)) in steps.iter().enumerate() {
                now += Duration::from_millis(*pause_ms / 100);
                if *pause_ms % 50 == 0 {
                    admission.report_broker_wait(Duration::from_millis(*pause_ms));
                    done += admission.tick(now).len();
                }
                let job = Job { tenant: *tenant, number, hears: *hears };
                match admission.arrive(job, now) {
                    Admission::Now(_) => running += 1,
                    Admission::Later => {}
                    Admission::Refuse(job) => {
                        prop_assert!(job.hears);
                        done += 1;
                    }
                }
                prop_assert!(running <= CONCURRENCY);
                if *pause_ms % 3 == 0 && running > 0 {
                    done += 1;
                    running -= usize::from(admission.next().is_none());
                }
            }
            while running > 0 {
                done += 1;
                running -= usize::from(admission.next().is_none());
            }
            prop_assert_eq!(done, steps.len());
        }
    }
}
