//! Requests counted ahead: whoever may ask hundreds of times a second has those of the next moment counted with one
//! question to Redis, and they go through without another.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::bucket::Steps;

/// At most as many are counted ahead as the rate has for this time.
const SPAN_US: u64 = 10_000;
/// And no more than these.
const COUNT_MAX: u64 = 64;
/// So long they can be used; then they are lost, as the bucket has filled up again meanwhile.
const USABLE: Duration = Duration::from_millis(100);
/// Keys with requests counted ahead at a time; those of more are counted one by one.
const KEYS_MAX: usize = 10_000;

/// What was counted ahead, by access key.
#[derive(Default)]
pub(super) struct Ahead(Mutex<HashMap<Uuid, Counted>>);

struct Counted {
    /// The rates it was counted by; by others it counts nothing.
    steps: Vec<Steps>,
    left: u64,
    until: Instant,
}

/// How many requests of a key with these rates are counted at once.
pub(super) fn count(steps: impl Iterator<Item = Steps>) -> u64 {
    let at_once = steps.map(|steps| SPAN_US / steps.step_us.max(1));
    at_once.min().unwrap_or(1).clamp(1, COUNT_MAX)
}

impl Ahead {
    /// Uses one that was counted for the key; false when there is none.
    pub(super) fn use_one(
        &self,
        key_id: Uuid,
        steps: impl Iterator<Item = Steps>,
        now: Instant,
    ) -> bool {
        let mut counted = self.counted();
        let Some(counted) = counted.get_mut(&key_id) else {
            return false;
        };
        let is_usable =
            counted.left > 0 && now < counted.until && steps.eq(counted.steps.iter().copied());
        if is_usable {
            counted.left -= 1;
        }
        is_usable
    }

    /// Notes that so many more were counted for the key.
    pub(super) fn add(&self, key_id: Uuid, steps: Vec<Steps>, more: u64, now: Instant) {
        let mut counted = self.counted();
        if counted.len() >= KEYS_MAX {
            counted.retain(|_, counted| now < counted.until);
        }
        if counted.len() >= KEYS_MAX {
            return;
        }
        let of_key = counted.entry(key_id).or_insert_with(|| Counted {
            steps: Vec::new(),
            left: 0,
            until: now,
        });
        if now >= of_key.until || of_key.steps != steps {
            (of_key.left, of_key.steps) = (0, steps);
        }
        of_key.left = of_key.left.saturating_add(more);
        of_key.until = now + USABLE;
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<Uuid, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::bridge::bucket::Rate;

    const KEY: Uuid = Uuid::from_u128(1);

    fn steps(per_second: u32) -> Vec<Steps> {
        let rate = Rate {
            per_second,
            burst: 1,
        };
        rate.steps().into_iter().collect()
    }

    fn used(ahead: &Ahead, per_second: u32, now: Instant) -> bool {
        ahead.use_one(KEY, steps(per_second).into_iter(), now)
    }

    #[rstest]
    #[case(&[], 1)]
    #[case(&[100], 1)]
    #[case(&[199], 1)]
    #[case(&[1_000], 10)]
    #[case(&[1_000, 300], 3)]
    #[case(&[1_000_000], 64)]
    fn a_hundredth_of_a_second_is_counted_at_once(#[case] rates: &[u32], #[case] expected: u64) {
        assert_eq!(count(rates.iter().flat_map(|rate| steps(*rate))), expected);
    }

    #[test]
    fn what_was_counted_is_used_once_soon_and_by_the_same_rate() {
        let (ahead, now) = (Ahead::default(), Instant::now());
        assert!(!used(&ahead, 1_000, now));
        ahead.add(KEY, steps(1_000), 2, now);
        assert!(!used(&ahead, 2_000, now), "the rate is another now");
        assert!(!ahead.use_one(Uuid::nil(), steps(1_000).into_iter(), now));
        assert!(used(&ahead, 1_000, now));
        assert!(!used(&ahead, 1_000, now + USABLE), "too late");
        assert!(used(&ahead, 1_000, now + USABLE / 2));
        assert!(!used(&ahead, 1_000, now), "all are used");
    }

    #[test]
    fn those_counted_by_several_at_a_time_add_up_and_the_late_are_forgotten() {
        let (ahead, now) = (Ahead::default(), Instant::now());
        ahead.add(KEY, steps(1_000), 2, now);
        ahead.add(KEY, steps(1_000), 1, now);
        ahead.add(KEY, steps(1_000), 1, now + USABLE);
        assert!(used(&ahead, 1_000, now + USABLE));
        assert!(!used(&ahead, 1_000, now + USABLE));
        ahead.add(KEY, steps(1_000), 1, now + USABLE);
        ahead.add(KEY, steps(500), 1, now + USABLE);
        assert!(used(&ahead, 500, now + USABLE));
        assert!(!used(&ahead, 500, now + USABLE));
    }

    #[test]
    fn it_stays_bounded() {
        let (ahead, now) = (Ahead::default(), Instant::now());
        for id in 0..KEYS_MAX + 5 {
            ahead.add(Uuid::from_u128(id as u128), steps(1_000), 1, now);
        }
        assert_eq!(ahead.counted().len(), KEYS_MAX);
        ahead.add(KEY, steps(1_000), 1, now + USABLE);
        assert_eq!(ahead.counted().len(), 1);
    }
}
