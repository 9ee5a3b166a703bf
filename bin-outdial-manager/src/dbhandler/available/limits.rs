//! Up to how many tries, and how many targets: what a caller may be handed out.

use bin_common_handler::models::address::Address;

use crate::models::outdialtarget::{AvailableBody, DESTINATIONS, OutdialTarget};

/// Targets handed out at once when the caller does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Targets handed out at once at most.
pub(super) const LIMIT_MAX: u32 = 1_000;
/// More counts than this are not tried one by one: those that occur are asked for first.
const SLOTS_MAX: usize = 16;

/// Up to how many tries each destination may have had, and how many targets are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(super) tries: [u32; DESTINATIONS],
    pub(super) count: u32,
}

impl From<AvailableBody> for Limits {
    fn from(body: AvailableBody) -> Self {
        let tries = [
            body.try_count_0,
            body.try_count_1,
            body.try_count_2,
            body.try_count_3,
            body.try_count_4,
        ];
        let count = body
            .limit
            .filter(|limit| *limit > 0)
            .unwrap_or(LIMIT_DEFAULT)
            .min(LIMIT_MAX);
        Self {
            tries: tries.map(Option::unwrap_or_default),
            count,
        }
    }
}

impl Limits {
    pub(crate) fn admit_nothing(&self) -> bool {
        self.tries.iter().all(|tries| *tries == 0)
    }

    /// Whether the counts are too many to be tried one by one.
    pub(super) fn are_many(&self) -> bool {
        self.slots().nth(SLOTS_MAX).is_some()
    }

    /// The same limits, looking further than the first targets.
    pub(super) fn reaching(self, round: u32) -> Self {
        let count = self.count.saturating_mul(1 << round).min(LIMIT_MAX);
        Self { count, ..self }
    }

    /// The same limits, of so many targets.
    pub(crate) fn of(self, count: u32) -> Self {
        let count = count.min(LIMIT_MAX);
        Self { count, ..self }
    }

    /// How many targets are wanted.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// The addresses of a target that may be called within these limits.
    pub(crate) fn admitted<'t>(&self, target: &'t OutdialTarget) -> Vec<&'t Address> {
        let destinations = target.destinations().into_iter().zip(self.tries);
        let admitted = destinations
            .filter(|((_, tried), limit)| u32::try_from(*tried).is_ok_and(|tried| tried < *limit));
        let addresses = admitted.filter_map(|((destination, _), _)| destination.0.as_ref());
        addresses.collect()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let per_destination = |(destination, tries): (usize, u32)| {
            (0..tries).map(move |tries| Slot {
                destination,
                tries: i64::from(tries),
            })
        };
        self.tries.into_iter().enumerate().flat_map(per_destination)
    }
}

/// A place in the index: targets whose `destination` was tried exactly `tries` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) destination: usize,
    pub(super) tries: i64,
}
