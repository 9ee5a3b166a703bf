//! Who waits, in the queue of which tenant, and who has to go.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

use super::{Queued, TICK_PERIOD, WAITING_MAX, shedding::LoadShedding};
use crate::sockhandler::CONCURRENCY;

/// However few are served, so many may wait.
pub(super) const WAITING_MIN: usize = CONCURRENCY;
/// Of so many periods it is counted how many were served: the wait is not to be longer.
pub(super) const PERIODS: usize = 5;
/// How long too many may wait before somebody is sent away: a short stall is sat out.
pub(super) const WAIT_MAX: Duration = TICK_PERIOD.saturating_mul(PERIODS as u32);

/// What the queue knows.
pub(super) struct State<J> {
    /// How many are served now.
    pub running: usize,
    /// How many wait, of all tenants together.
    pub waiting: usize,
    /// In the order in which they are served next.
    tenant_queues: VecDeque<(Option<Uuid>, VecDeque<J>)>,
    full_since: Option<Instant>,
    /// How many were served in this period, and in those before.
    pub served: usize,
    pub served_before: [usize; PERIODS],
    /// Present while those that come are old already.
    pub shedding: Option<LoadShedding>,
}

impl<J> Default for State<J> {
    fn default() -> Self {
        Self {
            running: 0,
            waiting: 0,
            tenant_queues: VecDeque::new(),
            full_since: None,
            served: 0,
            served_before: [0; PERIODS],
            shedding: None,
        }
    }
}

impl<J: Queued> State<J> {
    pub(super) fn put(&mut self, job: J) {
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

    pub(super) fn end_period(&mut self) {
        self.served_before.rotate_right(1);
        if let Some(last) = self.served_before.first_mut() {
            *last = std::mem::take(&mut self.served);
        }
        if let Some(shedding) = &mut self.shedding {
            shedding.end_period();
        }
    }

    pub(super) fn is_full_for_long(&mut self, now: Instant) -> bool {
        if self.waiting <= self.waiting_max() {
            return false;
        }
        let since = *self.full_since.get_or_insert(now);
        now.duration_since(since) >= WAIT_MAX
    }

    /// The first of the queue whose turn it is; that queue is last then.
    pub(super) fn take(&mut self) -> Option<J> {
        let (tenant, mut queue) = self.tenant_queues.pop_front()?;
        let job = queue.pop_front();
        if !queue.is_empty() {
            self.tenant_queues.push_back((tenant, queue));
        }
        self.left();
        job
    }

    /// Removes the newest request, of the longest queue with one that can be refused.
    pub(super) fn shed_newest(&mut self) -> Option<J> {
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

    /// Nobody waits any more.
    pub(super) fn forget(&mut self) {
        (self.tenant_queues, self.waiting) = (VecDeque::new(), 0);
    }

    /// Once it is half empty, the room may be full for a while again.
    fn left(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting <= self.waiting_max() / 2 {
            self.full_since = None;
        }
    }
}
