//! What callers were told.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// A call that was given a number.
#[derive(Debug, Clone)]
pub struct Given {
    pub uniqueid: String,
    /// When it was asked for first.
    pub began: Instant,
    /// When it was answered.
    pub ended: Instant,
    pub number: String,
}

/// A call that was told that there is no number for it.
#[derive(Debug, Clone)]
pub struct Refused {
    pub began: Instant,
    pub reason: String,
}

/// The callers' ledger.
#[derive(Debug, Default)]
pub struct Book {
    pub given: Vec<Given>,
    pub refused: Vec<Refused>,
    /// How often each status was answered.
    pub statuses: BTreeMap<u16, u64>,
    /// Attempts that nobody answered.
    pub unanswered: u64,
    /// What must not be.
    pub faults: Vec<String>,
}

impl Book {
    /// Calls that were answered, with a number or without.
    pub fn answered(&self) -> usize {
        self.given.len() + self.refused.len()
    }

    /// Attempts that came to nothing: unanswered, or told to come again.
    pub fn unserved(&self) -> u64 {
        let told = self.statuses.get(&503).copied().unwrap_or(0);
        self.unanswered + told - self.refused.len() as u64
    }

    /// Numbers given to calls that began after `moment`.
    pub fn given_after(&self, moment: Instant) -> impl Iterator<Item = &Given> {
        self.given.iter().filter(move |call| call.began > moment)
    }

    /// How often each number was given.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.given {
            *counts.entry(call.number.as_str()).or_default() += 1;
        }
        counts
    }
}
