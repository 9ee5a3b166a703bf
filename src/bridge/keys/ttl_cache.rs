//! Answers that are believed for a short time, counted from when they were asked for; a bounded number.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

/// SHA-256 of what was asked about: no secret is kept.
pub(in crate::bridge) type Digest = [u8; 32];

/// Answers by digest, none older than a given age.
#[derive(Debug)]
pub(in crate::bridge) struct TtlCache<V> {
    age_max: Duration,
    len_max: usize,
    answers: HashMap<Digest, Entry<V>>,
    /// Every entry, oldest first; some are gone already.
    order: VecDeque<(Instant, u64, Digest)>,
    next_number: u64,
}

#[derive(Debug)]
struct Entry<V> {
    number: u64,
    value: V,
}

impl<V: Clone> TtlCache<V> {
    pub(in crate::bridge) fn new(age_max: Duration, len_max: usize) -> Self {
        Self {
            age_max,
            len_max,
            answers: HashMap::new(),
            order: VecDeque::new(),
            next_number: 0,
        }
    }

    /// The answer, when it was asked for less than the age ago.
    pub(in crate::bridge) fn get(&mut self, digest: &Digest, now: Instant) -> Option<V> {
        self.drop_oldest(now, self.len_max);
        self.answers.get(digest).map(|entry| entry.value.clone())
    }

    /// Keeps an answer that is asked for at `now`; its number is for [`Self::forget`].
    pub(in crate::bridge) fn insert(
        &mut self,
        digest: Digest,
        now: Instant,
        make: impl FnOnce(u64) -> V,
    ) -> V {
        self.drop_oldest(now, self.len_max.saturating_sub(1));
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        let value = make(number);
        self.order.push_back((now, number, digest));
        let entry = Entry {
            number,
            value: value.clone(),
        };
        self.answers.insert(digest, entry);
        value
    }

    /// Forgets one answer, unless another took its place.
    pub(in crate::bridge) fn forget(&mut self, digest: &Digest, number: u64) {
        if self
            .answers
            .get(digest)
            .is_some_and(|entry| entry.number == number)
        {
            self.answers.remove(digest);
        }
    }

    /// Forgets everything, also what is still being asked.
    pub(in crate::bridge) fn clear(&mut self) {
        self.answers.clear();
        self.order.clear();
    }

    fn drop_oldest(&mut self, now: Instant, len_max: usize) {
        while let Some((asked, number, digest)) = self.order.front().copied() {
            let is_old = now.saturating_duration_since(asked) >= self.age_max;
            if !is_old && self.order.len() <= len_max {
                return;
            }
            self.order.pop_front();
            self.forget(&digest, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AGE: Duration = Duration::from_secs(5);
    const MS: Duration = Duration::from_millis(1);

    fn digest(of: u8) -> Digest {
        [of; 32]
    }

    #[test]
    fn an_answer_is_believed_until_its_age_and_not_a_moment_longer() {
        let (start, mut fresh) = (Instant::now(), TtlCache::new(AGE, 10));
        fresh.insert(digest(1), start, |_| "yes");
        assert_eq!(fresh.get(&digest(1), start + AGE - MS), Some("yes"));
        assert_eq!(fresh.get(&digest(1), start + AGE), None);
    }

    #[test]
    fn a_later_answer_has_an_age_of_its_own() {
        let (start, mut fresh) = (Instant::now(), TtlCache::new(AGE, 10));
        fresh.insert(digest(1), start, |_| "first");
        fresh.insert(digest(1), start + 2 * MS, |_| "second");
        assert_eq!(fresh.get(&digest(1), start + AGE + MS), Some("second"));
        assert_eq!(fresh.get(&digest(1), start + AGE + 2 * MS), None);
    }

    #[test]
    fn forgetting_an_answer_leaves_the_one_that_took_its_place() {
        let (now, mut fresh) = (Instant::now(), TtlCache::new(AGE, 10));
        fresh.insert(digest(1), now, |number| number);
        let second = fresh.insert(digest(1), now, |number| number);
        fresh.forget(&digest(1), second - 1);
        assert_eq!(fresh.get(&digest(1), now), Some(second));
        fresh.forget(&digest(1), second);
        assert_eq!(fresh.get(&digest(1), now), None);
    }

    #[test]
    fn nothing_is_left_after_a_clear() {
        let (now, mut fresh) = (Instant::now(), TtlCache::new(AGE, 10));
        fresh.insert(digest(1), now, |_| 1);
        fresh.clear();
        assert_eq!(fresh.get(&digest(1), now), None);
    }

    proptest! {
        #[test]
        fn it_stays_bounded_and_young_and_keeps_the_newest(
            steps in prop::collection::vec((0..20_u8, 0..2_000_u64), 1..200),
        ) {
            let mut fresh = TtlCache::new(AGE, 8);
            let mut now = Instant::now();
            for (key, pause_ms) in steps {
                now += Duration::from_millis(pause_ms);
                fresh.insert(digest(key), now, |_| now);
                prop_assert!(fresh.order.len() <= 8 && fresh.answers.len() <= 8);
                prop_assert_eq!(fresh.get(&digest(key), now), Some(now));
                for key in 0..20 {
                    if let Some(asked) = fresh.get(&digest(key), now) {
                        prop_assert!(now - asked < AGE);
                    }
                }
            }
        }
    }
}
