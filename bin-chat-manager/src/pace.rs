//! How often one person may tell what is not kept, such as that they type: so many times at once, then once a pause. Counted
//! in this process, so each replica allows as much.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bin_common_handler::models::{
    error::{Error, Result},
    time::Timestamp,
};
use serde_json::json;
use uuid::Uuid;

/// Between two changes in the long run, in microseconds; as sockets are listened to.
const PAUSE_US: i64 = 3_000_000;
/// Changes at once.
const BURST: i64 = 5;
/// People who are counted at a time; while more change something, those that are new are not.
const KEPT_MAX: usize = 10_000;

/// Whose changes: of what, and who.
type Whose = (Uuid, Uuid);

/// The changes of one process.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When each would be free of changes if they had come one a pause, in microseconds since 1970.
    free_at_us: Mutex<HashMap<Whose, i64>>,
}

impl Pace {
    /// Counts a change.
    ///
    /// # Errors
    /// 429 `RATE_LIMITED`, with the whole seconds to wait.
    pub(crate) fn take(&self, whose: Whose, now: Timestamp) -> Result<()> {
        let now_us = now.micros();
        let mut all = self
            .free_at_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&whose).copied().unwrap_or(now_us).max(now_us);
        let next = known.saturating_add(PAUSE_US);
        let wait_us = next.saturating_sub(now_us).saturating_sub(BURST * PAUSE_US);
        if wait_us > 0 {
            let seconds = wait_us.saturating_add(999_999) / 1_000_000;
            return Err(Error::resource_exhausted(
                "RATE_LIMITED",
                "Too many changes; come again later.",
            )
            .with_detail(json!({ "retry_after_s": seconds })));
        }
        if all.len() >= KEPT_MAX {
            all.retain(|_, free_at_us| *free_at_us > now_us);
        }
        if all.len() < KEPT_MAX || all.contains_key(&whose) {
            all.insert(whose, next);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn some_changes_at_once_then_one_a_pause() {
        let (pace, start) = (Pace::default(), Timestamp::from_micros(0));
        let (one, other) = (
            (Uuid::from_u128(1), Uuid::nil()),
            (Uuid::from_u128(2), Uuid::nil()),
        );
        for _ in 0..BURST {
            pace.take(one, start).unwrap();
        }
        let refused = pace
            .take(one, start.plus(Duration::from_secs(2)))
            .unwrap_err();
        assert_eq!(refused.reason(), "RATE_LIMITED");
        pace.take(other, start).unwrap();
        pace.take(one, start.plus(Duration::from_secs(3))).unwrap();
        assert!(pace.take(one, start.plus(Duration::from_secs(5))).is_err());
    }

    #[test]
    fn it_remembers_a_bounded_number_of_people() {
        let pace = Pace::default();
        for number in 0..KEPT_MAX + 10 {
            let whose = (Uuid::from_u128(number as u128), Uuid::nil());
            pace.take(whose, Timestamp::from_micros(0)).unwrap();
        }
        assert_eq!(pace.free_at_us.lock().unwrap().len(), KEPT_MAX);
        pace.take(
            (Uuid::nil(), Uuid::max()),
            Timestamp::from_micros(60_000_000),
        )
        .unwrap();
        assert_eq!(
            pace.free_at_us.lock().unwrap().len(),
            1,
            "the others are free again"
        );
    }
}
