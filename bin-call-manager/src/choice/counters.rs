//! Whose turn it is: a campaign's memory for round robin and weights, kept on the campaign as data.
//!
//! Weights go by what each is owed (smooth weighted round robin). Round robin goes by the last turn: so any run of
//! the same candidates is even, whoever came and went before, which owed parts promise only from an even start.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Profiles that a campaign remembers. Beyond, those that have waited longest are forgotten; as newcomers
/// they are first in line again, so their order stays.
const ENTRIES_MAX: usize = 10_000;
/// A profile is never ahead or behind by more than so many times the sum of the weights: who comes back after a
/// change of weights neither floods the others nor starves.
const AHEAD_MAX: i64 = 2;

/// One profile's turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counter {
    /// What it is owed, in parts of weight: grows by its weight each time it takes part, falls by the sum of
    /// all weights when it wins.
    pub owed: i64,
    /// The turn that it won last; 0 = never.
    pub last_turn: u64,
}

/// The turns of a campaign's profiles. Locked with the campaign, changed by a decision, stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Turns so far.
    turn: u64,
    /// Ids are made by this system, so nobody can choose them to collide, and a thousand lookups cost a decision little.
    profiles: FxHashMap<Uuid, Counter>,
}

impl Counters {
    /// What is remembered of a profile.
    pub fn of(&self, profile_id: Uuid) -> Counter {
        self.profiles.get(&profile_id).copied().unwrap_or_default()
    }

    /// Forgets a profile that is no more.
    pub fn forget(&mut self, profile_id: Uuid) {
        self.profiles.remove(&profile_id);
    }

    /// Notes that the profile had its turn.
    pub(super) fn took_turn(&mut self, profile_id: Uuid) {
        self.turn = self.turn.saturating_add(1);
        self.profiles.entry(profile_id).or_default().last_turn = self.turn;
        self.bound();
    }

    /// Notes a choice by weight: each of `entrants` (id and weight) is owed its weight, the first pays for all. Where nobody has
    /// weight, all have the same.
    pub(super) fn took_share(&mut self, entrants: &[(Uuid, u32)]) {
        let least = u32::from(entrants.iter().all(|(_, weight)| *weight == 0));
        let of = |weight: u32| i64::from(weight.max(least));
        let total = entrants
            .iter()
            .fold(0_i64, |sum, (_, weight)| sum.saturating_add(of(*weight)));
        let most = total.saturating_mul(AHEAD_MAX);
        let mut pays = total;
        for (id, weight) in entrants {
            let counter = self.profiles.entry(*id).or_default();
            let owed = counter.owed.saturating_add(of(*weight));
            counter.owed = owed.saturating_sub(pays).clamp(-most, most);
            pays = 0;
        }
        self.bound();
    }

    fn bound(&mut self) {
        let Some(surplus) = self.profiles.len().checked_sub(ENTRIES_MAX + 1) else {
            return;
        };
        let mut turns: Vec<(u64, Uuid)> = self
            .profiles
            .iter()
            .map(|(id, counter)| (counter.last_turn, *id))
            .collect();
        turns.sort_unstable();
        for (_, id) in turns.iter().take(surplus + 1) {
            self.profiles.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_remembers_a_bounded_number_of_profiles() {
        let mut counters = Counters::default();
        for id in 0..ENTRIES_MAX as u128 + 10 {
            counters.took_turn(Uuid::from_u128(id));
        }
        assert_eq!(counters.profiles.len(), ENTRIES_MAX);
        assert_eq!(counters.of(Uuid::from_u128(9)).last_turn, 0);
        assert_eq!(counters.of(Uuid::from_u128(10)).last_turn, 11);
    }

    #[test]
    fn they_are_stored_and_read_again() {
        let mut counters = Counters::default();
        counters.took_turn(Uuid::from_u128(1));
        counters.took_share(&[(Uuid::from_u128(2), 3), (Uuid::from_u128(1), 1)]);
        let text = serde_json::to_string(&counters).unwrap();
        assert_eq!(serde_json::from_str::<Counters>(&text).unwrap(), counters);
        assert_eq!(counters.of(Uuid::from_u128(2)).owed, -1);
        assert_eq!(counters.of(Uuid::from_u128(1)).owed, 1);
        assert_eq!(
            serde_json::from_str::<Counters>("{}").unwrap(),
            Counters::default()
        );
    }
}
