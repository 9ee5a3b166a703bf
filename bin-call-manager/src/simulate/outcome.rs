//! What came of a simulated market, and how fair it was.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

/// What came of it. Money in cents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Calls that came in.
    pub calls: u64,
    /// Calls that a buyer answered.
    pub answered: u64,
    /// Calls that nobody took.
    pub unsold: u64,
    /// Turns that buyers had, answered or not.
    pub wins: u64,
    /// What buyers paid.
    pub revenue: i64,
    /// What the seller got.
    pub payout: i64,
    /// What is left to the house.
    pub margin: i64,
    /// By buyer.
    pub shares: Vec<Share>,
    /// How often each rule kept a buyer from a call.
    pub refused: BTreeMap<&'static str, u64>,
    /// Most that two buyers differed by in a run of calls that the same buyers could have had.
    pub round_robin_difference: u64,
    /// Most that a buyer's part of all turns differed from what weights gave it, as a share from 0 to 1.
    pub weighted_deviation: f64,
    /// Ledger entries that were written.
    pub ledger_entries: u64,
    /// What they add up to.
    pub ledger_sum: i64,
    /// What is still set aside when all calls have ended.
    pub held: i64,
}

/// One buyer's part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Share {
    /// What it is called.
    pub name: String,
    /// What it bids, in cents.
    pub bid: i64,
    /// Its weight.
    pub weight: i32,
    /// Turns that it had.
    pub won: u64,
    /// Calls that it answered.
    pub answered: u64,
    /// Calls that converted, and were paid.
    pub converted: u64,
    /// What it paid, in cents.
    pub spent: i64,
}

/// Counts how even turns were.
#[derive(Debug, Default)]
pub(super) struct Fairness {
    /// Turns of each in a run of decisions about the same buyers.
    run: BTreeMap<Uuid, u64>,
    difference: u64,
    /// What weights gave each, in turns.
    due: BTreeMap<Uuid, f64>,
    had: BTreeMap<Uuid, u64>,
}

impl Fairness {
    /// Notes one decision: who could have had the call (id and weight), and who had it.
    pub(super) fn note(&mut self, could: &[(Uuid, u32)], won: Uuid) {
        let is_same =
            self.run.len() == could.len() && could.iter().all(|(id, _)| self.run.contains_key(id));
        if !is_same {
            self.run = could.iter().map(|(id, _)| (*id, 0)).collect();
        }
        *self.run.entry(won).or_default() += 1;
        let (least, most) = (self.run.values().min(), self.run.values().max());
        if let Some((least, most)) = least.zip(most) {
            self.difference = self.difference.max(most - least);
        }
        let total: f64 = could.iter().map(|(_, weight)| f64::from(*weight)).sum();
        for (id, weight) in could {
            *self.due.entry(*id).or_default() += f64::from(*weight) / total;
        }
        *self.had.entry(won).or_default() += 1;
    }

    pub(super) fn round_robin_difference(&self) -> u64 {
        self.difference
    }

    #[expect(clippy::cast_precision_loss, reason = "fewer turns than 2^53")]
    pub(super) fn weighted_deviation(&self) -> f64 {
        let turns: u64 = self.had.values().sum();
        let had = |id| self.had.get(id).copied().unwrap_or_default() as f64;
        let most = self
            .due
            .iter()
            .map(|(id, due)| (had(id) - due).abs())
            .fold(0.0, f64::max);
        most / (turns.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_when_other_buyers_could_have_the_call() {
        let id = Uuid::from_u128;
        let mut fairness = Fairness::default();
        fairness.note(&[(id(1), 1), (id(2), 3)], id(1));
        fairness.note(&[(id(1), 1)], id(1));
        fairness.note(&[(id(1), 1), (id(2), 3)], id(1));
        assert_eq!(fairness.round_robin_difference(), 1);
        // 1 had three turns, and was due 0.25 + 1 + 0.25.
        assert_eq!(fairness.weighted_deviation(), 0.5);
        fairness.note(&[(id(1), 1), (id(2), 3)], id(1));
        assert_eq!(fairness.round_robin_difference(), 2);
    }
}
