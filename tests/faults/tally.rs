//! What came of a round, or of many.

use std::{any::Any, time::Duration};

/// Figures of a round, and what was not as it should be.
#[derive(Debug, Default)]
pub struct Tally {
    /// Attempts that callers made.
    pub requests: u64,
    /// Operations that were acknowledged.
    pub acknowledged: u64,
    /// Acknowledged, and not in the rows.
    pub lost: u64,
    /// Done more than once, or told of under more than one id.
    pub twice: u64,
    /// Changes that no event told of.
    pub missing: u64,
    /// Events that were told again under the same id, which is allowed.
    pub repeated: u64,
    /// From the healing until everything is answered again.
    pub recovery: Duration,
    /// Other promises that were broken.
    pub broken: Vec<String>,
}

impl Tally {
    /// Of a round that did not come to its end.
    pub fn of_a_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Self {
            broken: vec![text.unwrap_or("a panic without a word").to_owned()],
            ..Self::default()
        }
    }

    /// Whether every promise was kept.
    pub fn is_good(&self) -> bool {
        self.is_safe() && self.broken.is_empty()
    }

    /// Whether nothing was lost, done twice or left untold, as far as the round came.
    pub fn is_safe(&self) -> bool {
        self.lost + self.twice + self.missing == 0
    }

    /// In a word or a few.
    pub fn verdict(&self) -> String {
        if self.is_good() {
            return "ok".to_owned();
        }
        let Self {
            lost,
            twice,
            missing,
            ..
        } = self;
        format!("FAILED (lost {lost}, twice {twice}, events missing {missing})")
    }

    /// Counts what was acknowledged and is not there.
    pub fn lost(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.lost += count;
        self.promise(count == 0, || format!("lost: {}", what()));
    }

    /// Counts what was done, or told of, too often.
    pub fn twice(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.twice += count;
        self.promise(count == 0, || format!("twice: {}", what()));
    }

    /// Counts changes that no event told of.
    pub fn missing(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.missing += count;
        self.promise(count == 0, || format!("no event: {}", what()));
    }

    /// Notes a broken promise unless `is_kept`.
    pub fn promise(&mut self, is_kept: bool, what: impl FnOnce() -> String) {
        if !is_kept {
            self.broken.push(what());
        }
    }

    /// Adds the figures of another round.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.twice += other.twice;
        self.missing += other.missing;
        self.repeated += other.repeated;
        self.recovery = self.recovery.max(other.recovery);
        self.broken.extend(other.broken);
    }
}
