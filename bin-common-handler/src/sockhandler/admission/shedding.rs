//! When requests come faster than they can even be refused, they grow old before they come here, and those who are
//! served then have given up. So most are refused, at once, until those that come are fresh again: each tenant is
//! let in so many times a period, and whoever asks less than most is served as before.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

/// Those that waited for longer before they came are old.
const OLD: Duration = Duration::from_millis(100);
/// Those that waited for less are fresh again.
const FRESH: Duration = Duration::from_millis(20);

/// Load shedding: a time in which most requests are refused.
#[derive(Debug)]
pub(super) struct LoadShedding {
    /// How many are let in, in a period, of all tenants together.
    allowance: usize,
    /// It does not become less than this.
    floor: usize,
    /// Those who came in this period, and how often.
    came: HashMap<Option<Uuid>, usize>,
    /// Those who came in the period before.
    came_before: HashMap<Option<Uuid>, usize>,
    /// How often all of them came together.
    all_before: usize,
    /// How often those came in this period who ask seldom.
    low_volume: usize,
}

impl LoadShedding {
    /// What follows `before` when those that come have waited for so long; `served` is how many were served in a
    /// period.
    pub(super) fn after(before: Option<Self>, waited: Duration, served: usize) -> Option<Self> {
        match before {
            None if waited > OLD => Some(Self::new(served)),
            None => None,
            Some(_) if waited < FRESH => None,
            Some(shedding) => Some(Self {
                allowance: (shedding.allowance / 2).max(shedding.floor),
                ..shedding
            }),
        }
    }

    /// Half of what is served otherwise, and a quarter where that is too much: the rest of the time is needed for
    /// refusing.
    fn new(served: usize) -> Self {
        Self {
            allowance: served / 2,
            floor: served / 4,
            came: HashMap::new(),
            came_before: HashMap::new(),
            all_before: 0,
            low_volume: 0,
        }
    }

    /// Whether one more of this tenant is let in: each one at least. Those who ask less than most have the allowance
    /// for themselves, as they come in bursts when what has waited comes at once.
    pub(super) fn admits(&mut self, tenant: Option<Uuid>) -> bool {
        let came = self.came.entry(tenant).or_default();
        *came += 1;
        let tenants = self.came_before.len().max(1);
        let before = self.came_before.get(&tenant);
        if before.is_some_and(|before| before * tenants < self.all_before) {
            self.low_volume += 1;
            return self.low_volume <= self.allowance || *came == 1;
        }
        *came <= (self.allowance / tenants).max(1)
    }

    /// A period has ended.
    pub(super) fn end_period(&mut self) {
        self.came_before = std::mem::take(&mut self.came);
        self.all_before = self.came_before.values().sum();
        self.low_volume = 0;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SERVED: usize = 120;
    const NOISY: Option<Uuid> = Some(Uuid::from_u128(1));
    const MODEST: Option<Uuid> = Some(Uuid::from_u128(2));

    fn begun() -> LoadShedding {
        LoadShedding::after(None, OLD * 2, SERVED).expect("they are old")
    }

    /// How many of `asks` are let in.
    fn admitted(shedding: &mut LoadShedding, tenant: Option<Uuid>, asks: usize) -> usize {
        (0..asks).filter(|_| shedding.admits(tenant)).count()
    }

    #[rstest]
    #[case::fresh(false, Duration::ZERO, false)]
    #[case::not_yet_old(false, OLD, false)]
    #[case::old(false, OLD + Duration::from_millis(1), true)]
    #[case::less_old_is_old_still(true, FRESH, true)]
    #[case::fresh_again(true, FRESH - Duration::from_millis(1), false)]
    fn it_begins_with_old_ones_and_ends_with_fresh_ones(
        #[case] was_short: bool,
        #[case] waited: Duration,
        #[case] is_short: bool,
    ) {
        let before = was_short.then(begun);
        assert_eq!(
            LoadShedding::after(before, waited, SERVED).is_some(),
            is_short
        );
    }

    #[test]
    fn as_long_as_they_are_old_fewer_are_let_in_and_never_none() {
        let mut shedding = begun();
        assert_eq!(admitted(&mut shedding, NOISY, 500), SERVED / 2);
        for _ in 0..3 {
            shedding.end_period();
            shedding = LoadShedding::after(Some(shedding), OLD, 7).expect("they are old still");
            assert_eq!(admitted(&mut shedding, NOISY, 500), SERVED / 4);
        }
        let mut shedding = LoadShedding::after(None, OLD * 2, 0).expect("they are old");
        assert_eq!(admitted(&mut shedding, NOISY, 500), 1);
    }

    #[test]
    fn whoever_asks_no_more_often_than_others_may_is_let_in() {
        let mut shedding = begun();
        for _ in 0..5 {
            admitted(&mut shedding, NOISY, 500);
            admitted(&mut shedding, MODEST, 13);
            shedding.end_period();
            shedding =
                LoadShedding::after(Some(shedding), OLD, SERVED).expect("they are old still");
        }
        assert_eq!(admitted(&mut shedding, NOISY, 500), SERVED / 8);
        assert_eq!(
            admitted(&mut shedding, MODEST, 25),
            25,
            "in a burst, more than its share"
        );
    }

    #[test]
    fn those_who_ask_seldom_have_no_more_than_the_allowance_together() {
        let mut shedding = begun();
        let many = || (10..60).map(|number| Some(Uuid::from_u128(number)));
        admitted(&mut shedding, NOISY, 500);
        for tenant in many() {
            shedding.admits(tenant);
        }
        shedding.end_period();
        let let_in: usize = many()
            .map(|tenant| admitted(&mut shedding, tenant, 5))
            .sum();
        // Each one once, all the same.
        assert!((SERVED / 2..SERVED / 2 + 50).contains(&let_in), "{let_in}");
    }
}
