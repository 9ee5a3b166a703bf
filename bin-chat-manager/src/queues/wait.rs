//! Estimated wait: position × average handling time ÷ eligible agents.

/// Handling time of a queue that ended no chat in the last day, in seconds.
const HANDLING_DEFAULT: i64 = 300;

/// The median of handling times in seconds; of none, five minutes.
pub fn handling_seconds(mut durations: Vec<i64>) -> i64 {
    durations.sort_unstable();
    let middle = durations.len() / 2;
    durations.get(middle).copied().unwrap_or(HANDLING_DEFAULT)
}

/// Of agents who have the skills, by their spare capacity, those who are eligible: with room. Where none has any, a chat
/// waits for whoever is done first, so all of them count.
pub fn takers(spare: impl Iterator<Item = i64>) -> i64 {
    let (mut all, mut free) = (0, 0);
    for room in spare {
        all += 1;
        free += i64::from(room > 0);
    }
    if free == 0 { all } else { free }
}

/// How long the chat at `position` (1 is the next) waits, in seconds; none while nobody can take it.
pub fn estimate_seconds(position: i64, handling_seconds: i64, agents: i64) -> Option<i64> {
    if agents <= 0 {
        return None;
    }
    let work = position.max(0).saturating_mul(handling_seconds.max(0));
    Some(work / agents)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(3, 300, 2, Some(450))]
    #[case(1, 300, 4, Some(75))]
    #[case(1, 300, 0, None)]
    #[case(0, 300, 1, Some(0))]
    fn a_wait_is_the_work_before_it(
        #[case] position: i64,
        #[case] handling: i64,
        #[case] agents: i64,
        #[case] expected: Option<i64>,
    ) {
        assert_eq!(estimate_seconds(position, handling, agents), expected);
    }

    #[rstest]
    #[case::nobody(vec![], 0)]
    #[case::with_room(vec![0, 2, 1, -1], 2)]
    #[case::all_are_full(vec![0, -1], 2)]
    fn who_is_full_counts_only_where_all_are(#[case] spare: Vec<i64>, #[case] expected: i64) {
        assert_eq!(takers(spare.into_iter()), expected);
    }

    #[rstest]
    #[case(vec![], 300)]
    #[case(vec![7], 7)]
    #[case(vec![900, 10, 20], 20)]
    fn the_handling_time_is_the_median(#[case] durations: Vec<i64>, #[case] expected: i64) {
        assert_eq!(handling_seconds(durations), expected);
    }
}
