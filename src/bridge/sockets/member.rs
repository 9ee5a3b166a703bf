//! One socket in one room: how far it is told, and that nothing is told twice or left out.
//!
//! A member is bound first and catches up then: while it does, events are not kept for it, as the manager's table has them.
//! One that comes meanwhile, that is not the next one, or that does not fit, only says that there is more to fetch; so does
//! one that may take the room away, where the socket is in it only as long as its manager says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::outbox::Outbox;

/// One socket in one room.
pub(super) struct Member {
    /// The socket.
    pub socket: Uuid,
    pub outbox: Arc<Outbox>,
    /// It sees its own only, as the manager says.
    is_confined: bool,
    /// Wakes the session when there is something to fetch.
    wake: Arc<Notify>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    /// Events in numbers are told in their order; else whatever comes.
    is_ordered: bool,
    /// Private notes are told, too.
    reads_notes: bool,
    is_catching_up: bool,
    /// There is more in the manager's table than was fetched.
    is_behind: bool,
    seq: i64,
    note_seq: i64,
}

/// The number of an event: in the order that all see, or in that of private notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Seq(i64),
    Note(i64),
    /// It has none, and is never told again.
    None,
}

/// An event that is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'f> {
    pub number: Number,
    /// It may take the room from whoever sees their own only.
    pub may_end: bool,
    pub frame: &'f Utf8Bytes,
}

impl Member {
    pub(super) fn new(
        socket: Uuid,
        outbox: Arc<Outbox>,
        wake: Arc<Notify>,
        is_confined: bool,
    ) -> Self {
        Self {
            socket,
            outbox,
            is_confined,
            wake,
            progress: Mutex::default(),
        }
    }

    /// From now on its events are fetched, until [`Self::settle`].
    pub(super) fn catch_up(&self, reads_notes: bool) {
        let mut progress = self.progress();
        progress.is_ordered = true;
        progress.reads_notes = reads_notes;
        progress.is_catching_up = true;
        progress.is_behind = false;
    }

    /// Everything up to these numbers was told. False where more has come meanwhile: it is to be fetched first.
    pub(super) fn settle(&self, seq: i64, note_seq: i64) -> bool {
        let mut progress = self.progress();
        progress.seq = seq;
        progress.note_seq = note_seq;
        progress.is_catching_up = std::mem::take(&mut progress.is_behind);
        !progress.is_catching_up
    }

    /// What was told last: number, and number of private notes.
    pub(super) fn told(&self) -> (i64, i64) {
        let progress = self.progress();
        (progress.seq, progress.note_seq)
    }

    /// Takes the word that there is something to fetch.
    pub(super) fn take_behind(&self) -> bool {
        let mut progress = self.progress();
        let is_behind = std::mem::take(&mut progress.is_behind);
        if is_behind {
            progress.is_catching_up = true;
        }
        is_behind
    }

    /// Everything up to these numbers was told, and more is to come.
    pub(super) fn reach(&self, seq: i64, note_seq: i64) {
        let mut progress = self.progress();
        progress.seq = seq;
        progress.note_seq = note_seq;
    }

    /// Events may have been missed.
    pub(super) fn doubt(&self) {
        let mut progress = self.progress();
        if progress.is_ordered {
            progress.is_behind = true;
            self.wake.notify_one();
        }
    }

    /// What was to be fetched was not.
    pub(super) fn again(&self) {
        self.progress().is_behind = true;
        self.wake.notify_one();
    }

    /// Whether it may still be here is to be asked, where it sees its own only.
    pub(super) fn look_again(&self) {
        if self.is_confined {
            self.progress().is_behind = true;
            self.wake.notify_one();
        }
    }

    /// An event. True where its outbox should be emptied before the next one.
    pub(super) fn tell(&self, told: Told<'_>) -> bool {
        let mut progress = self.progress();
        if !progress.is_ordered {
            return self.outbox.push(told.frame);
        }
        if progress.is_told(told.number) {
            return false;
        }
        let may_end = told.may_end && self.is_confined;
        if progress.is_next(told.number) && !may_end && self.outbox.offer(told.frame) {
            progress.move_to(told.number);
            return false;
        }
        if told.number == Number::None {
            // Never told again, and of no weight: what does not fit is gone.
            return false;
        }
        if !progress.is_behind {
            progress.is_behind = true;
            // Who catches up looks by itself.
            if !progress.is_catching_up {
                self.wake.notify_one();
            }
        }
        // Nothing more until it was asked.
        progress.is_catching_up |= may_end;
        false
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Whether an event is nothing new, or not for this member.
    const fn is_told(&self, number: Number) -> bool {
        match number {
            Number::Seq(seq) => seq <= self.seq && !self.is_catching_up,
            Number::Note(_) if !self.reads_notes => true,
            Number::Note(note_seq) => note_seq <= self.note_seq && !self.is_catching_up,
            Number::None => self.is_catching_up,
        }
    }

    /// Whether it may be told now.
    const fn is_next(&self, number: Number) -> bool {
        !self.is_catching_up
            && match number {
                Number::Seq(seq) => seq == self.seq.saturating_add(1),
                Number::Note(note_seq) => note_seq == self.note_seq.saturating_add(1),
                Number::None => true,
            }
    }

    const fn move_to(&mut self, number: Number) {
        match number {
            Number::Seq(seq) => self.seq = seq,
            Number::Note(note_seq) => self.note_seq = note_seq,
            Number::None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::{super::outbox::BYTES_MAX, *};

    fn text(seq: i64) -> Utf8Bytes {
        Utf8Bytes::from(seq.to_string())
    }

    fn tell(member: &Member, number: Number, frame: &Utf8Bytes) {
        member.tell(Told {
            number,
            may_end: false,
            frame,
        });
    }

    fn told(outbox: &Outbox) -> Vec<i64> {
        std::iter::from_fn(|| outbox.next().now_or_never())
            .map(|frame| frame.as_str().parse().unwrap())
            .collect()
    }

    #[test]
    fn what_comes_while_it_catches_up_is_fetched_and_not_told_twice() {
        let (outbox, wake) = (Arc::new(Outbox::default()), Arc::new(Notify::new()));
        let member = Member::new(Uuid::nil(), Arc::clone(&outbox), Arc::clone(&wake), false);
        member.catch_up(false);
        tell(&member, Number::Seq(3), &text(3));
        assert!(!member.settle(2, 0), "3 came meanwhile");
        assert!(member.settle(3, 0));
        tell(&member, Number::Seq(3), &text(3));
        tell(&member, Number::Seq(4), &text(4));
        tell(&member, Number::Note(1), &text(-1));
        tell(&member, Number::Seq(6), &text(6));
        assert_eq!(told(&outbox), [4], "5 is missing");
        assert!(wake.notified().now_or_never().is_some());
        assert!(member.take_behind() && !member.take_behind());
        assert_eq!(member.told(), (4, 0));
    }

    #[test]
    fn what_does_not_fit_is_fetched_and_the_socket_stays() {
        let (outbox, wake) = (Arc::new(Outbox::default()), Arc::new(Notify::new()));
        let member = Member::new(Uuid::nil(), Arc::clone(&outbox), Arc::clone(&wake), false);
        member.catch_up(false);
        assert!(member.settle(0, 0));
        let large = Utf8Bytes::from("x".repeat(BYTES_MAX / 2));
        for seq in 1..=5 {
            tell(&member, Number::Seq(seq), &large);
            tell(&member, Number::None, &large);
        }
        assert!(outbox.overflowed().now_or_never().is_none());
        assert!(wake.notified().now_or_never().is_some() && member.take_behind());
        assert_eq!(member.told(), (1, 0), "from there on it is fetched");
        member.reach(3, 0);
        member.doubt();
        assert_eq!(member.told(), (3, 0), "nothing of it is fetched twice");
    }

    #[test]
    fn whoever_sees_their_own_only_hears_nothing_more_until_it_was_asked() {
        for is_confined in [true, false] {
            let (outbox, wake) = (Arc::new(Outbox::default()), Arc::new(Notify::new()));
            let room = Arc::clone(&outbox);
            let member = Member::new(Uuid::nil(), room, Arc::clone(&wake), is_confined);
            member.catch_up(true);
            assert!(member.settle(0, 0));
            tell(&member, Number::Seq(1), &text(1));
            member.tell(Told {
                number: Number::Seq(2),
                may_end: true,
                frame: &text(2),
            });
            tell(&member, Number::Note(1), &text(-1));
            tell(&member, Number::None, &text(0));
            tell(&member, Number::Seq(3), &text(3));
            let all: &[i64] = if is_confined { &[1] } else { &[1, 2, -1, 0, 3] };
            assert_eq!(told(&outbox), all);
            assert_eq!(wake.notified().now_or_never().is_some(), is_confined);
            assert_eq!(member.take_behind(), is_confined);
        }
    }

    proptest! {
        /// Events come repeated, late and with gaps; whoever is woken fetches what the table has by then.
        #[test]
        fn whatever_comes_is_told_in_order_without_gaps(
            coming in prop::collection::vec(1_i64..40, 1..200),
            sees in any::<bool>(),
        ) {
            let (outbox, wake) = (Arc::new(Outbox::default()), Arc::new(Notify::new()));
            let member = Member::new(Uuid::nil(), Arc::clone(&outbox), Arc::clone(&wake), false);
            member.catch_up(sees);
            prop_assert!(member.settle(0, 0));
            let (mut heard, mut table) = (Vec::new(), 0);
            for seq in coming {
                table = table.max(seq);
                tell(&member, Number::Seq(seq), &text(seq));
                heard.extend(told(&outbox));
                if wake.notified().now_or_never().is_some() && member.take_behind() {
                    let (from, _) = member.told();
                    heard.extend(from + 1..=table);
                    prop_assert!(member.settle(table, 0));
                }
            }
            heard.extend(told(&outbox));
            prop_assert_eq!(heard, (1..=table).collect::<Vec<_>>());
        }
    }
}
