//! How many bytes one customer may send to be stored: so many a second in the long run, so many at once.
//!
//! Each customer is one point in time: when all that it sent would have come at the rate. It may not lie further
//! ahead than the burst. Every way in passes here once; callers without a scope are trusted.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{
    config::{Config, settings},
    models::{
        error::{Error, Result},
        identity::Scope,
        time::Timestamp,
    },
};

const MIB: u64 = 1024 * 1024;
/// Customers that are remembered.
const CUSTOMERS_MAX: usize = 10_000;

/// The rate, and what each customer has used of it.
#[derive(Debug, Default)]
pub struct Intake {
    mib_per_second: u64,
    burst_mib: u64,
    points: Mutex<HashMap<Uuid, u64>>,
}

impl Intake {
    /// As the settings say.
    pub fn new(config: &Config) -> Self {
        Self {
            mib_per_second: config.get(&settings::STORE_MIB_PER_SECOND),
            burst_mib: config.get(&settings::STORE_MIB_BURST),
            points: Mutex::default(),
        }
    }

    /// Lets a body of an effect in.
    ///
    /// # Errors
    /// 429 naming the setting.
    pub(super) fn admit(&self, scope: Scope, bytes: usize, now: Timestamp) -> Result<()> {
        let (Some(customer_id), true) = (scope.customer_id(), self.mib_per_second > 0) else {
            return Ok(());
        };
        let micros = |bytes: u64| bytes.saturating_mul(1_000_000) / (self.mib_per_second * MIB);
        let now = u64::try_from(now.micros()).unwrap_or(0);
        let furthest = now.saturating_add(micros(self.burst_mib.saturating_mul(MIB)));
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        if points.len() >= CUSTOMERS_MAX && !points.contains_key(&customer_id) {
            points.retain(|_, point| *point > now);
        }
        let point = points.entry(customer_id).or_insert(now);
        // A point further ahead is of a clock that was set back.
        *point = (*point).clamp(now, furthest);
        let next = (*point).saturating_add(micros(u64::try_from(bytes).unwrap_or(u64::MAX)));
        if next > furthest {
            return Err(Error::resource_exhausted(
                "TOO_MANY_BYTES",
                format!(
                    "A customer may store {} MiB a second, and {} MiB at once (STORE_MIB_PER_SECOND, STORE_MIB_BURST); wait a second, then repeat.",
                    self.mib_per_second, self.burst_mib
                ),
            ));
        }
        *point = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const START: i64 = 1_700_000_000_000_000;

    fn intake(mib_per_second: u64, burst_mib: u64) -> Intake {
        Intake {
            mib_per_second,
            burst_mib,
            points: Mutex::default(),
        }
    }

    /// How many bodies of 1 MiB go through at once.
    fn at_once(intake: &Intake, customer_id: Option<Uuid>, at: i64) -> usize {
        let scope = Scope::from_envelope(customer_id);
        (0..100)
            .take_while(|_| {
                let now = Timestamp::from_micros(at);
                intake.admit(scope, 1024 * 1024, now).is_ok()
            })
            .count()
    }

    #[rstest]
    #[case(4, 64, Some(ONE), 64)]
    #[case(1, 2, Some(ONE), 2)]
    #[case(0, 2, Some(ONE), 100)]
    #[case(4, 64, None, 100)]
    fn as_many_as_the_burst(
        #[case] rate: u64,
        #[case] burst: u64,
        #[case] customer_id: Option<Uuid>,
        #[case] expected: usize,
    ) {
        assert_eq!(at_once(&intake(rate, burst), customer_id, START), expected);
    }

    #[test]
    fn then_as_the_rate_says_and_each_customer_alone() {
        let intake = intake(4, 8);
        assert_eq!(at_once(&intake, Some(ONE), START), 8);
        assert_eq!(at_once(&intake, Some(ONE), START + 1_000_000), 4);
        assert_eq!(at_once(&intake, Some(Uuid::from_u128(2)), START), 8);
        // A clock that was set back stops nobody for long.
        assert_eq!(at_once(&intake, Some(ONE), START - 3_600_000_000), 0);
        assert_eq!(at_once(&intake, Some(ONE), START - 3_599_000_000), 4);
    }
}
