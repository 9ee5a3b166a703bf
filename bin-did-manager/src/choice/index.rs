//! Numbers that may be given, by how near they are and in the order of an algorithm.
//!
//! A pick looks at the front of a set or draws from it: its cost does not grow with the pool.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexSet;

use super::number::Number;
use crate::models::{calendar::Windows, rotationrule::Algorithm};

/// Position of a number in its view.
pub(crate) type Slot = u32;

/// Where numbers are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    /// Area code and exchange.
    Exchange(u16, u16),
    /// Area code.
    Npa(u16),
    /// State, two letters.
    State([u8; 2]),
    /// Everywhere.
    Any,
}

/// Numbers of one pool, in the order of one algorithm.
#[derive(Debug)]
pub(crate) struct Index {
    algorithm: Algorithm,
    sets: HashMap<Bucket, Set>,
}

/// Numbers of one bucket that may be given.
#[derive(Debug, Default)]
pub(crate) struct Set {
    /// By rank; empty where numbers are drawn by chance.
    ordered: BTreeSet<(i64, Slot)>,
    /// Where numbers are drawn by chance.
    drawn: IndexSet<Slot>,
    /// Round robin: who had the last turn, and when.
    turn: Option<(i64, Slot)>,
}

impl Set {
    pub(crate) fn len(&self) -> usize {
        self.ordered.len().max(self.drawn.len())
    }

    /// The first in order.
    pub(crate) fn first(&self) -> Option<(i64, Slot)> {
        self.ordered.first().copied()
    }

    /// All in order.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = Slot> + '_ {
        self.ordered.iter().map(|(_, slot)| *slot)
    }

    /// The one whose turn it is after the last.
    pub(crate) fn next_turn(&self) -> Option<Slot> {
        let after = self.turn.map(|(_, slot)| (0, slot.saturating_add(1)));
        let next = after.and_then(|after| self.ordered.range(after..).next());
        next.or_else(|| self.ordered.first()).map(|(_, slot)| *slot)
    }

    /// The one at a position, in no order.
    pub(crate) fn at(&self, position: usize) -> Option<Slot> {
        self.drawn.get_index(position).copied()
    }
}

impl Index {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            sets: HashMap::new(),
        }
    }

    pub(crate) fn set(&self, bucket: Bucket) -> Option<&Set> {
        self.sets.get(&bucket).filter(|set| set.len() > 0)
    }

    /// Notes whose turn it was.
    pub(crate) fn took_turn(&mut self, bucket: Bucket, slot: Slot) {
        self.sets.entry(bucket).or_default().turn = Some((i64::MAX, slot));
    }

    /// Round robin goes on after whoever was used last, also when this process has just begun.
    pub(crate) fn meet(&mut self, slot: Slot, number: &Number) {
        let used = number.used.last_used;
        if self.algorithm != Algorithm::RoundRobin || used == 0 {
            return;
        }
        for bucket in buckets(number) {
            let turn = &mut self.sets.entry(bucket).or_default().turn;
            if turn.is_none_or(|(last, _)| last < used) {
                *turn = Some((used, slot));
            }
        }
    }

    pub(crate) fn insert(&mut self, slot: Slot, number: &Number, windows: &Windows) {
        let rank = rank(self.algorithm, number, windows);
        for bucket in buckets(number) {
            let set = self.sets.entry(bucket).or_default();
            match rank {
                Some(rank) => drop(set.ordered.insert((rank, slot))),
                None => drop(set.drawn.insert(slot)),
            }
        }
    }

    /// `number` must be as it was when it was inserted.
    pub(crate) fn remove(&mut self, slot: Slot, number: &Number, windows: &Windows) {
        let rank = rank(self.algorithm, number, windows);
        for bucket in buckets(number) {
            let Some(set) = self.sets.get_mut(&bucket) else {
                continue;
            };
            match rank {
                Some(rank) => drop(set.ordered.remove(&(rank, slot))),
                None => drop(set.drawn.swap_remove(&slot)),
            }
        }
    }
}

/// Lower goes first; nothing where chance decides.
fn rank(algorithm: Algorithm, number: &Number, windows: &Windows) -> Option<i64> {
    let today = i64::from(number.used.today(windows));
    Some(match algorithm {
        Algorithm::Lru | Algorithm::Nearest | Algorithm::Other(_) => number.used.last_used,
        Algorithm::RoundRobin => 0,
        // Among equals the one used longest ago, to the second; microseconds would not fit beside the count.
        Algorithm::LeastUsed => by_count(today, number),
        Algorithm::Weighted => {
            let weight = i64::from(number.weight.max(1));
            by_count((today + 1) * WEIGHT_SCALE / weight, number)
        }
        Algorithm::Performance => return None,
    })
}

/// Greater than any weight, so that shares of one call differ.
const WEIGHT_SCALE: i64 = 10_000;
const SECOND: i64 = 1_000_000;
/// Seconds since the Unix epoch fit below this for some centuries.
const SECONDS_MAX: i64 = 1 << 34;

fn by_count(count: i64, number: &Number) -> i64 {
    let seconds = (number.used.last_used / SECOND).clamp(0, SECONDS_MAX - 1);
    count.min(i64::MAX / SECONDS_MAX - 1) * SECONDS_MAX + seconds
}

fn buckets(number: &Number) -> impl Iterator<Item = Bucket> + use<> {
    let exchange = (number.nxx > 0).then_some(Bucket::Exchange(number.npa, number.nxx));
    let npa = (number.npa > 0).then_some(Bucket::Npa(number.npa));
    let state = state(&number.state).map(Bucket::State);
    [exchange, npa, state, Some(Bucket::Any)]
        .into_iter()
        .flatten()
}

/// A state's two letters.
pub(crate) fn state(code: &str) -> Option<[u8; 2]> {
    code.as_bytes().try_into().ok()
}
