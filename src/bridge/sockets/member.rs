//! One socket in one room: how far it is told, and that nothing is told twice or left out.
//!
//! A member is bound first and catches up then: while it does, events are not kept for it, as the manager's table has them.
//! One that comes meanwhile, or that is not the next one, only says that there is more to fetch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::outbox::Outbox;

/// One socket in one room.
pub(super) struct Member {
    /// The socket.
    pub socket: Uuid,
    outbox: Arc<Outbox>,
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

impl Member {
    pub(super) fn new(socket: Uuid, outbox: Arc<Outbox>, wake: Arc<Notify>) -> Self {
        Self {
            socket,
            outbox,
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

    /// Events may have been missed.
    pub(super) fn doubt(&self) {
        let mut progress = self.progress();
        if progress.is_ordered {
            progress.is_behind = true;
            self.wake.notify_one();
        }
    }

    /// An event.
    pub(super) fn tell(&self, number: Number, frame: &Utf8Bytes) {
        let mut progress = self.progress();
        let Progress {
            is_ordered,
            reads_notes,
            is_catching_up,
            ..
        } = *progress;
        if !is_ordered {
            self.outbox.push(frame);
            return;
        }
        let (told, next) = match number {
            Number::Seq(next) => (&mut progress.seq, next),
            Number::Note(_) if !reads_notes => return,
            Number::Note(next) => (&mut progress.note_seq, next),
            Number::None if is_catching_up => return,
            Number::None => return self.outbox.push(frame),
        };
        if next <= *told && !is_catching_up {
            return;
        }
        if !is_catching_up && next == told.saturating_add(1) {
            *told = next;
            self.outbox.push(frame);
            return;
        }
        if !progress.is_behind {
            progress.is_behind = true;
            // Who catches up looks by itself.
            if !is_catching_up {
                self.wake.notify_one();
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn text(seq: i64) -> Utf8Bytes {
        Utf8Bytes::from(seq.to_string())
    }

    fn told(outbox: &Outbox) -> Vec<i64> {
        std::iter::from_fn(|| outbox.next().now_or_never())
            .map(|frame| frame.as_str().parse().unwrap())
            .collect()
    }

    #[test]
    fn what_comes_while_it_catches_up_is_fetched_and_not_told_twice() {
        let (outbox, wake) = (Arc::new(Outbox::default()), Arc::new(Notify::new()));
        let member = Member::new(Uuid::nil(), Arc::clone(&outbox), Arc::clone(&wake));
        member.catch_up(false);
        member.tell(Number::Seq(3), &text(3));
        assert!(!member.settle(2, 0), "3 came meanwhile");
        assert!(member.settle(3, 0));
        member.tell(Number::Seq(3), &text(3));
        member.tell(Number::Seq(4), &text(4));
        member.tell(Number::Note(1), &text(-1));
        member.tell(Number::Seq(6), &text(6));
        assert_eq!(told(&outbox), [4], "5 is missing");
        assert!(wake.notified().now_or_never().is_some());
        assert!(member.take_behind() && !member.take_behind());
        assert_eq!(member.told(), (4, 0));
    }

    proptest! {
        /// Events come repeated, late and with gaps; whoever is woken fetches what the table has by then.
        #[test]
        fn whatever_comes_is_told_in_order_without_gaps(
            coming in prop::collection::vec(1_i64..40, 1..200),
            sees in any::<bool>(),
        ) {
            let (outbox, wake) = (Arc::new(Outbox::default()), Arc::new(Notify::new()));
            let member = Member::new(Uuid::nil(), Arc::clone(&outbox), Arc::clone(&wake));
            member.catch_up(sees);
            prop_assert!(member.settle(0, 0));
            let (mut heard, mut table) = (Vec::new(), 0);
            for seq in coming {
                table = table.max(seq);
                member.tell(Number::Seq(seq), &text(seq));
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
