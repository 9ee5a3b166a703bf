//! A line for a few turns: whoever asked first is next. Unlike a semaphore, it lets somebody in at the place that they had.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, time::Instant};

/// Since when somebody waits; among those of one moment whoever came first is first.
type Place = (Instant, u64);

/// Turns, and who waits for one.
///
/// A turn is either free, or somebody's [`Seat`], or on its way to a [`Waiter`]; it is free only while nobody waits.
pub(super) struct Line(Mutex<State>);

struct State {
    free: usize,
    waiting: BTreeMap<Place, oneshot::Sender<()>>,
    came: u64,
}

impl State {
    /// Gives a turn to whoever is first.
    fn pass_on(&mut self) {
        let Some((_, first)) = self.waiting.pop_first() else {
            self.free += 1;
            return;
        };
        // Whoever goes away at this very moment passes it on.
        let _ = first.send(());
    }
}

/// A turn; it is passed on when this is dropped.
pub(super) struct Seat<'l>(&'l Line);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.state().pass_on();
    }
}

/// Somebody in the line, who may go away.
struct Waiter<'l> {
    line: &'l Line,
    place: Place,
    turn: oneshot::Receiver<()>,
    is_served: bool,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.line.state();
        let is_waiting = state.waiting.remove(&self.place).is_some();
        if !is_waiting && !self.is_served {
            state.pass_on();
        }
    }
}

impl Line {
    /// With so many turns.
    pub(super) fn new(free: usize) -> Self {
        Self(Mutex::new(State {
            free,
            waiting: BTreeMap::new(),
            came: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn that is free now.
    pub(super) fn try_take(&self) -> Option<Seat<'_>> {
        let mut state = self.state();
        state.free = state.free.checked_sub(1)?;
        Some(Seat(self))
    }

    /// A turn, before all who asked after `asked`. Who stops waiting leaves the line.
    pub(super) async fn take(&self, asked: Instant) -> Seat<'_> {
        let Some(mut waiter) = self.join(asked) else {
            return Seat(self);
        };
        // A sender is dropped only after it was used.
        let _ = (&mut waiter.turn).await;
        waiter.is_served = true;
        Seat(self)
    }

    /// A place in the line; none where a turn was free, which is taken then.
    fn join(&self, asked: Instant) -> Option<Waiter<'_>> {
        let mut state = self.state();
        if let Some(left) = state.free.checked_sub(1) {
            state.free = left;
            return None;
        }
        state.came = state.came.wrapping_add(1);
        let place = (asked, state.came);
        let (sender, turn) = oneshot::channel();
        state.waiting.insert(place, sender);
        Some(Waiter {
            line: self,
            place,
            turn,
            is_served: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use futures_util::{FutureExt, poll};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_asked_first_is_next() {
        let line = Line::new(1);
        let held = line.try_take().unwrap();
        assert!(line.try_take().is_none());
        let earlier = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        let (mut late, mut early) = (pin!(line.take(Instant::now())), pin!(line.take(earlier)));
        assert!(poll!(late.as_mut()).is_pending());
        assert!(poll!(early.as_mut()).is_pending());
        drop(held);
        assert!(poll!(late.as_mut()).is_pending());
        let early = early.now_or_never().unwrap();
        drop(early);
        assert!(late.now_or_never().is_some());
        assert!(line.try_take().is_some());
    }

    #[tokio::test]
    async fn whoever_goes_away_keeps_no_turn() {
        let line = Line::new(1);
        let held = line.try_take().unwrap();
        let mut away = Box::pin(line.take(Instant::now()));
        let mut leaves = Box::pin(line.take(Instant::now()));
        let mut stays = Box::pin(line.take(Instant::now()));
        for waiting in [&mut away, &mut leaves, &mut stays] {
            assert!(poll!(waiting).is_pending());
        }
        // One leaves the line, the other as its turn is on its way.
        drop(away);
        drop(held);
        drop(leaves);
        drop(stays.now_or_never().unwrap());
        assert!(line.try_take().is_some());
        assert_eq!(line.state().waiting.len(), 0);
    }
}
