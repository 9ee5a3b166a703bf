//! Who is served when more ask than can be: so many at a time, the rest waits a moment, each tenant in a line of
//! its own, and the lines take turns. As many may wait as were served in the last half second; when more have waited
//! for that long, the newest of the longest line is told to come again: so the wait stays short for those who are
//! served, whoever asks how often. Where requests grow old before they even come here, most are refused at once
//! ([`shortage`]).

mod shortage;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use self::shortage::Shortage;
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
pub(super) const LOOK_PERIOD: Duration = Duration::from_millis(100);
/// Of so many periods it is counted how many were served: the wait is not to be longer.
const PERIODS: usize = 5;
/// How long too many may wait before somebody is sent away: a short stall is sat out.
const WAIT_MAX: Duration = LOOK_PERIOD.saturating_mul(PERIODS as u32);

/// Something that waits for its turn.
pub(super) trait Waits: Send {
    /// Whose line it stands in; none for trusted peers, who share one.
    fn tenant(&self) -> Option<Uuid>;

    /// Whether its caller hears when it is sent away.
    fn can_be_refused(&self) -> bool;
}

/// What becomes of one that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<J> {
    /// It is served now.
    Now(J),
    /// It waits.
    Later,
    /// Somebody is sent away: this one, or another, in whose place it waits.
    Refuse(J),
}

/// The room before the handlers.
pub(super) struct Gate<J>(Mutex<Room<J>>);

struct Room<J> {
    running: usize,
    waiting: usize,
    /// In the order in which they are served next.
    lines: VecDeque<(Option<Uuid>, VecDeque<J>)>,
    full_since: Option<Instant>,
    /// How many were served in this period, and in those before.
    served: usize,
    served_before: [usize; PERIODS],
    /// Present while those that come are old already.
    shortage: Option<Shortage>,
}

impl<J> Default for Gate<J> {
    fn default() -> Self {
        Self(Mutex::new(Room {
            running: 0,
            waiting: 0,
            lines: VecDeque::new(),
            full_since: None,
            served: 0,
            served_before: [0; PERIODS],
            shortage: None,
        }))
    }
}

impl<J: Waits> Gate<J> {
    /// One came. Whoever is served now is followed by [`Self::next`].
    pub(super) fn arrive(&self, job: J, now: Instant) -> Turn<J> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shortage) = &mut room.shortage
            && job.can_be_refused()
            && !shortage.admits(job.tenant())
        {
            return Turn::Refuse(job);
        }
        if room.running < CONCURRENCY {
            room.running += 1;
            return Turn::Now(job);
        }
        room.put(job);
        if !room.is_full_for_long(now) {
            return Turn::Later;
        }
        room.send_away().map_or(Turn::Later, Turn::Refuse)
    }

    /// A [`LOOK_PERIOD`] has ended: those that have to go, though nobody comes in their place.
    pub(super) fn look(&self, now: Instant) -> Vec<J> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.end_period();
        let mut sent_away = Vec::new();
        while room.is_full_for_long(now)
            && let Some(job) = room.send_away()
        {
            sent_away.push(job);
        }
        sent_away
    }

    /// Whether so many wait that more may wait elsewhere.
    pub(super) fn is_crowded(&self) -> bool {
        let room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.waiting >= WAITING_MIN || room.shortage.is_some()
    }

    /// Those that come now have waited for so long before.
    pub(super) fn heard(&self, waited: Duration) {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let served = room.served_before.iter().sum::<usize>() / PERIODS;
        room.shortage = Shortage::after(room.shortage.take(), waited, served);
    }

    /// Those that wait are somebody else's now.
    pub(super) fn forget(&self) {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (room.lines, room.waiting) = (VecDeque::new(), 0);
    }

    /// One was served: who is next. With none the place is free.
    pub(super) fn next(&self) -> Option<J> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.served += 1;
        let next = room.take();
        if next.is_none() {
            room.running = room.running.saturating_sub(1);
        }
        next
    }
}

impl<J: Waits> Room<J> {
    fn put(&mut self, job: J) {
        let tenant = job.tenant();
        self.waiting += 1;
        match self.lines.iter_mut().find(|(whose, _)| *whose == tenant) {
            Some((_, line)) => line.push_back(job),
            None => self.lines.push_back((tenant, VecDeque::from([job]))),
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
        if let Some(shortage) = &mut self.shortage {
            shortage.end_period();
        }
    }

    fn is_full_for_long(&mut self, now: Instant) -> bool {
        if self.waiting <= self.waiting_max() {
            return false;
        }
        let since = *self.full_since.get_or_insert(now);
        now.duration_since(since) >= WAIT_MAX
    }

    /// The first of the line whose turn it is; that line is last then.
    fn take(&mut self) -> Option<J> {
        let (tenant, mut line) = self.lines.pop_front()?;
        let job = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back((tenant, line));
        }
        self.left();
        job
    }

    /// The newest of the longest line that has one who hears it.
    fn send_away(&mut self) -> Option<J> {
        let longest = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, (_, line))| line.iter().any(Waits::can_be_refused))
            .max_by_key(|(_, (_, line))| line.len())
            .map(|(position, _)| position)?;
        let (_, line) = self.lines.get_mut(longest)?;
        let newest = line.iter().rposition(Waits::can_be_refused)?;
        let job = line.remove(newest);
        if line.is_empty() {
            self.lines.remove(longest);
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

    impl Waits for Job {
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

    /// A gate at which everybody is being served.
    fn all_busy(now: Instant) -> Gate<Job> {
        let gate = Gate::default();
        for number in 0..CONCURRENCY {
            assert!(matches!(gate.arrive(job(0, number), now), Turn::Now(_)));
        }
        gate
    }

    /// A gate whose room has been full for long with `tenant`'s.
    fn full(tenant: u128) -> (Gate<Job>, Instant) {
        let start = Instant::now();
        let gate = all_busy(start);
        for number in 0..=WAITING_MAX {
            assert_eq!(gate.arrive(job(tenant, number), start), Turn::Later);
        }
        (gate, start + WAIT_MAX)
    }

    #[test]
    fn so_many_are_served_at_a_time_and_the_next_when_one_is_done() {
        let now = Instant::now();
        let gate = all_busy(now);
        assert_eq!(gate.arrive(job(1, 0), now), Turn::Later);
        assert_eq!(gate.next(), Some(job(1, 0)));
        assert_eq!(gate.next(), None, "a place is free");
        assert_eq!(gate.arrive(job(1, 1), now), Turn::Now(job(1, 1)));
        assert_eq!(gate.arrive(job(1, 2), now), Turn::Later);
    }

    #[test]
    fn lines_take_turns() {
        let now = Instant::now();
        let gate = all_busy(now);
        for number in 0..50 {
            gate.arrive(job(1, number), now);
        }
        gate.arrive(job(2, 0), now);
        gate.arrive(job(2, 1), now);
        let served: Vec<_> = (0..5)
            .filter_map(|_| gate.next())
            .map(|job| job.tenant)
            .collect();
        assert_eq!(served, [1, 2, 1, 2, 1]);
    }

    #[test]
    fn a_short_stall_is_sat_out_and_a_long_one_is_not() {
        let start = Instant::now();
        let gate = all_busy(start);
        for number in 0..WAITING_MAX + 50 {
            assert_eq!(gate.arrive(job(1, number), start), Turn::Later);
        }
        let almost = start + WAIT_MAX - Duration::from_millis(1);
        assert_eq!(gate.arrive(job(1, 900), almost), Turn::Later);
        let newest = job(1, 901);
        assert_eq!(gate.arrive(newest, start + WAIT_MAX), Turn::Refuse(newest));
        while gate.next().is_some() {}
        let later = start + WAIT_MAX * 10;
        gate.arrive(job(1, 0), later);
        for number in 0..WAITING_MAX {
            assert_eq!(
                gate.arrive(job(1, number), later),
                Turn::Later,
                "it starts anew"
            );
        }
    }

    #[test]
    fn as_many_may_wait_as_were_served_in_that_time() {
        let start = Instant::now();
        let gate = all_busy(start);
        for number in 0..500 {
            gate.arrive(job(1, number), start);
        }
        for _ in 0..PERIODS {
            for _ in 0..20 {
                gate.next();
            }
            assert_eq!(gate.look(start), []);
        }
        let left = 500 - 20 * PERIODS;
        let gone = gate.look(start + WAIT_MAX).len();
        assert_eq!(
            left - gone,
            20 * (PERIODS - 1),
            "of the last five periods one was idle"
        );
    }

    #[test]
    fn when_nobody_is_done_those_that_are_too_many_go_all_the_same() {
        let start = Instant::now();
        let gate = all_busy(start);
        for number in 0..WAITING_MAX + 3 {
            gate.arrive(job(1, number), start);
        }
        assert_eq!(gate.look(start), []);
        let gone = gate.look(start + WAIT_MAX);
        assert_eq!(
            gone.first(),
            Some(&job(1, WAITING_MAX + 2)),
            "the newest first"
        );
        assert_eq!(gone.len(), WAITING_MAX + 3 - WAITING_MIN);
        assert_eq!(gate.look(start + WAIT_MAX), []);
    }

    #[test]
    fn whoever_asks_most_is_sent_away() {
        let (gate, now) = full(1);
        assert!(matches!(gate.arrive(job(2, 0), now), Turn::Refuse(job) if job.tenant == 1));
        assert!(matches!(gate.arrive(job(1, 900), now), Turn::Refuse(job) if job.number == 900));
        gate.next();
        assert_eq!(gate.next(), Some(job(2, 0)));
    }

    #[test]
    fn nobody_is_sent_away_who_would_not_hear_it() {
        let (gate, now) = full(1);
        let posted = Job {
            hears: false,
            ..job(1, 900)
        };
        let Turn::Refuse(refused) = gate.arrive(posted, now) else {
            panic!("one that hears is sent away");
        };
        assert_eq!(refused.number, WAITING_MAX);
    }

    #[test]
    fn while_those_that_come_are_old_few_are_let_in_though_there_is_room() {
        let now = Instant::now();
        let gate = Gate::default();
        gate.heard(LONG);
        assert_eq!(gate.arrive(job(1, 0), now), Turn::Now(job(1, 0)));
        assert_eq!(gate.arrive(job(1, 1), now), Turn::Refuse(job(1, 1)));
        let other = gate.arrive(job(2, 2), now);
        assert_eq!(other, Turn::Now(job(2, 2)), "another tenant's first");
        let posted = Job {
            hears: false,
            ..job(1, 3)
        };
        assert_eq!(
            gate.arrive(posted, now),
            Turn::Now(posted),
            "it would not hear it"
        );
        assert_eq!(gate.look(now), []);
        assert!(
            matches!(gate.arrive(job(1, 4), now), Turn::Now(_)),
            "a new period"
        );
        gate.heard(Duration::ZERO);
        assert_eq!(gate.arrive(job(1, 5), now), Turn::Now(job(1, 5)));
    }

    #[test]
    fn it_is_crowded_where_many_wait_and_until_those_that_come_are_fresh() {
        let now = Instant::now();
        let gate = all_busy(now);
        for number in 1..WAITING_MIN {
            gate.arrive(job(1, number), now);
        }
        assert!(!gate.is_crowded());
        gate.arrive(job(1, 0), now);
        assert!(gate.is_crowded());
        gate.heard(LONG);
        while gate.next().is_some() {}
        assert!(gate.is_crowded(), "somebody has to say when it is over");
        gate.heard(Duration::ZERO);
        assert!(!gate.is_crowded());
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
            let gate = Gate::default();
            let (mut now, mut running, mut done) = (Instant::now(), 0, 0);
            for (number, (tenant, hears, pause_ms)) in steps.iter().enumerate() {
                now += Duration::from_millis(*pause_ms / 100);
                if *pause_ms % 50 == 0 {
                    gate.heard(Duration::from_millis(*pause_ms));
                    done += gate.look(now).len();
                }
                let job = Job { tenant: *tenant, number, hears: *hears };
                match gate.arrive(job, now) {
                    Turn::Now(_) => running += 1,
                    Turn::Later => {}
                    Turn::Refuse(job) => {
                        prop_assert!(job.hears);
                        done += 1;
                    }
                }
                prop_assert!(running <= CONCURRENCY);
                if *pause_ms % 3 == 0 && running > 0 {
                    done += 1;
                    running -= usize::from(gate.next().is_none());
                }
            }
            while running > 0 {
                done += 1;
                running -= usize::from(gate.next().is_none());
            }
            prop_assert_eq!(done, steps.len());
        }
    }
}
