//! Buyers whose endpoints bid and then refuse the call when they are told that they won. After some refusals in a row such
//! a buyer is not asked for a while: its bid would only keep the call from those who take it.
//!
//! Each process counts for itself: what one does not know costs a few more refusals, and no money.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bin_common_handler::models::time::Timestamp;
use uuid::Uuid;

/// Refusals in a row until a buyer rests.
const REFUSALS_MAX: u32 = 3;
/// The first rest; each refusal right after one doubles it, so many times.
const REST: Duration = Duration::from_secs(60);
const DOUBLINGS_MAX: u32 = 4;
/// Buyers that are remembered.
const BUYERS_MAX: usize = 10_000;

/// Who refused of late.
#[derive(Default)]
pub(crate) struct Refusing(Mutex<HashMap<Uuid, Row>>);

#[derive(Clone, Copy)]
struct Row {
    in_a_row: u32,
    until: Timestamp,
}

impl Refusing {
    /// A buyer was told that it won, and takes the call or not.
    pub(crate) fn note(&self, buyer_id: Uuid, is_taken: bool, now: Timestamp) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_taken {
            rows.remove(&buyer_id);
            return;
        }
        if rows.len() >= BUYERS_MAX {
            rows.retain(|_, row| row.until > now);
        }
        if rows.len() >= BUYERS_MAX && !rows.contains_key(&buyer_id) {
            return;
        }
        let row = rows.entry(buyer_id).or_insert(Row {
            in_a_row: 0,
            until: now,
        });
        row.in_a_row = row.in_a_row.saturating_add(1);
        if let Some(beyond) = row.in_a_row.checked_sub(REFUSALS_MAX) {
            row.until = now.plus(REST * 2_u32.pow(beyond.min(DOUBLINGS_MAX)));
        }
    }

    /// Whether a buyer is not asked now.
    pub(crate) fn rests(&self, buyer_id: Uuid, now: Timestamp) -> bool {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(&buyer_id).is_some_and(|row| row.until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUYER: Uuid = Uuid::from_u128(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(seconds))
    }

    #[test]
    fn who_refuses_again_and_again_rests_ever_longer() {
        let refusing = Refusing::default();
        for _ in 0..2 {
            refusing.note(BUYER, false, at(0));
            assert!(!refusing.rests(BUYER, at(0)));
        }
        refusing.note(BUYER, false, at(0));
        assert!(refusing.rests(BUYER, at(59)) && !refusing.rests(BUYER, at(60)));
        refusing.note(BUYER, false, at(60));
        assert!(refusing.rests(BUYER, at(179)) && !refusing.rests(BUYER, at(180)));
        for _ in 0..100 {
            refusing.note(BUYER, false, at(200));
        }
        assert!(refusing.rests(BUYER, at(1_159)) && !refusing.rests(BUYER, at(1_160)));
        assert!(!refusing.rests(Uuid::from_u128(2), at(200)));
    }

    #[test]
    fn who_takes_a_call_begins_anew() {
        let refusing = Refusing::default();
        for is_taken in [false, false, true, false, false] {
            refusing.note(BUYER, is_taken, at(0));
        }
        assert!(!refusing.rests(BUYER, at(0)));
        refusing.note(BUYER, false, at(0));
        assert!(refusing.rests(BUYER, at(0)));
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let refusing = Refusing::default();
        for buyer in 0..20_000 {
            for _ in 0..3 {
                refusing.note(Uuid::from_u128(buyer), false, at(0));
            }
        }
        let held = |refusing: &Refusing| refusing.0.lock().unwrap().len();
        assert_eq!(held(&refusing), BUYERS_MAX);
        refusing.note(Uuid::from_u128(30_000), false, at(61));
        assert_eq!(held(&refusing), 1);
    }
}
