//! Who is served when more ask than can be: so many at a time, the rest waits a moment, each tenant in a line of
//! its own, and the lines take turns. When the room has been full for long, or the wait is long, the newest of the
//! longest line is told to come again: so the wait stays short for those who are served, whoever asks how often.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::CONCURRENCY;
use crate::models::{error::Error, sock::Response};

/// Requests that wait here, besides those being served; with more the room is full.
const WAITING_MAX: usize = 320;
/// Requests that a consumer holds at most: those that are served, those that wait, and as many again to whom it
/// is said that they cannot wait.
pub(super) const HELD_MAX: usize = CONCURRENCY + WAITING_MAX + CONCURRENCY;
/// How long the room may be full, or anybody wait, before somebody is sent away: a short stall is sat out.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// How often it is looked who has to go.
pub(super) const LOOK_PERIOD: Duration = Duration::from_millis(100);

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
    lines: VecDeque<(Option<Uuid>, Line<J>)>,
    full_since: Option<Instant>,
}

/// Those of one tenant and when they came, the oldest first.
type Line<J> = VecDeque<(Instant, J)>;

impl<J> Default for Gate<J> {
    fn default() -> Self {
        Self(Mutex::new(Room {
            running: 0,
            waiting: 0,
            lines: VecDeque::new(),
            full_since: None,
        }))
    }
}

impl<J: Waits> Gate<J> {
    /// One came. Whoever is served now is followed by [`Self::next`].
    pub(super) fn arrive(&self, job: J, now: Instant) -> Turn<J> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if room.running < CONCURRENCY {
            room.running += 1;
            return Turn::Now(job);
        }
        room.put(job, now);
        if !room.is_full_for_long(now) && !room.waits_for_long(now) {
            return Turn::Later;
        }
        room.send_away().map_or(Turn::Later, Turn::Refuse)
    }

    /// Those that have to go though nobody comes, because nobody is done: asked every [`LOOK_PERIOD`].
    pub(super) fn overdue(&self, now: Instant) -> Vec<J> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sent_away = Vec::new();
        while room.is_full_for_long(now)
            && let Some(job) = room.send_away()
        {
            sent_away.push(job);
        }
        sent_away
    }

    /// Those that wait are somebody else's now.
    pub(super) fn forget(&self) {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (room.lines, room.waiting) = (VecDeque::new(), 0);
    }

    /// One was served: who is next. With none the place is free.
    pub(super) fn next(&self) -> Option<J> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = room.take();
        if next.is_none() {
            room.running = room.running.saturating_sub(1);
        }
        next
    }
}

impl<J: Waits> Room<J> {
    fn put(&mut self, job: J, now: Instant) {
        let tenant = job.tenant();
        self.waiting += 1;
        match self.lines.iter_mut().find(|(whose, _)| *whose == tenant) {
            Some((_, line)) => line.push_back((now, job)),
            None => self.lines.push_back((tenant, VecDeque::from([(now, job)]))),
        }
    }

    fn is_full_for_long(&mut self, now: Instant) -> bool {
        if self.waiting <= WAITING_MAX {
            return false;
        }
        let since = *self.full_since.get_or_insert(now);
        now.duration_since(since) >= WAIT_MAX
    }

    /// However few they are, they wait too long.
    fn waits_for_long(&self, now: Instant) -> bool {
        let mut oldest = self.lines.iter().filter_map(|(_, line)| line.front());
        oldest.any(|(came, _)| now.duration_since(*came) >= WAIT_MAX)
    }

    /// The first of the line whose turn it is; that line is last then.
    fn take(&mut self) -> Option<J> {
        let (tenant, mut line) = self.lines.pop_front()?;
        let (_, job) = line.pop_front()?;
        if !line.is_empty() {
            self.lines.push_back((tenant, line));
        }
        self.left();
        Some(job)
    }

    /// The newest of the longest line that has one who hears it.
    fn send_away(&mut self) -> Option<J> {
        let longest = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, (_, line))| line.iter().any(hears))
            .max_by_key(|(_, (_, line))| line.len())
            .map(|(position, _)| position)?;
        let (_, line) = self.lines.get_mut(longest)?;
        let newest = line.iter().rposition(hears)?;
        let (_, job) = line.remove(newest)?;
        if line.is_empty() {
            self.lines.remove(longest);
        }
        self.left();
        Some(job)
    }

    /// Once it is half empty, the room may be full for a while again.
    fn left(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting <= WAITING_MAX / 2 {
            self.full_since = None;
        }
    }
}

fn hears<J: Waits>((_, job): &(Instant, J)) -> bool {
    job.can_be_refused()
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
    fn where_few_are_served_few_wait() {
        let start = Instant::now();
        let gate = all_busy(start);
        gate.arrive(job(1, 0), start);
        gate.arrive(job(1, 1), start);
        let later = start + WAIT_MAX;
        assert_eq!(gate.arrive(job(1, 2), later), Turn::Refuse(job(1, 2)));
        assert_eq!(gate.arrive(job(2, 3), later), Turn::Refuse(job(1, 1)));
        assert_eq!(gate.next(), Some(job(1, 0)));
        assert_eq!(
            gate.arrive(job(1, 4), later),
            Turn::Later,
            "the wait is short again"
        );
    }

    #[test]
    fn when_nobody_is_done_those_that_are_too_many_go_all_the_same() {
        let start = Instant::now();
        let gate = all_busy(start);
        for number in 0..WAITING_MAX + 3 {
            gate.arrive(job(1, number), start);
        }
        assert_eq!(gate.overdue(start), []);
        let gone: Vec<_> = gate
            .overdue(start + WAIT_MAX)
            .iter()
            .map(|job| job.number)
            .collect();
        assert_eq!(gone, [WAITING_MAX + 2, WAITING_MAX + 1, WAITING_MAX]);
        assert_eq!(gate.overdue(start + WAIT_MAX), []);
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
