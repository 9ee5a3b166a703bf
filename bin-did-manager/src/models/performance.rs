//! How the calls of a number went, and the reputation that follows from it.

/// What one usage adds to its number's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// 1 when the call's outcome is known.
    pub calls: i64,
    /// 1 when a person or a machine answered.
    pub answered: i64,
    /// 1 when a person answered.
    pub human: i64,
    /// Length of an answered call, in seconds.
    pub duration_seconds: i64,
    /// 1 when the network refused the call because of its caller.
    pub blocked: i64,
}

impl Tally {
    /// What changes when `before` becomes this.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            answered: self.answered - before.answered,
            human: self.human - before.human,
            duration_seconds: self.duration_seconds - before.duration_seconds,
            blocked: self.blocked - before.blocked,
        }
    }
}

/// The figures of one number: calls whose outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bin_common_handler::FromRow)]
pub struct Performance {
    /// Calls.
    pub calls: i64,
    /// Calls that a person or a machine answered.
    pub answered: i64,
    /// Calls that a person answered.
    pub human: i64,
    /// Length of the answered calls, in seconds.
    pub duration_seconds: i64,
    /// Calls of late: when they reach [`RECENT_MAX`], all three are halved.
    pub recent_calls: i32,
    /// Of those, answered.
    pub recent_answered: i32,
    /// Of those, refused by the network because of the caller.
    pub recent_blocked: i32,
    /// The reputation that was published last; null = none yet.
    pub reputation: Option<i32>,
}

/// Calls of late are forgotten by halves from here on.
pub const RECENT_MAX: i32 = 200;
/// Fewer results say nothing of a number.
const RESULTS_MIN: i32 = 20;
/// What a number is worth whose calls go as expected.
const SCORE_USUAL: f64 = 70.0;
/// Share of outbound calls that are usually answered.
const ANSWERED_USUAL: f64 = 0.3;
/// Points for each whole share of answered calls above the usual.
const ANSWERED_WEIGHT: f64 = 60.0;
/// Points lost for each whole share of refused calls: with one in ten a number loses 30.
const BLOCKED_WEIGHT: f64 = 300.0;
/// A smaller move is not published: the number's row is read by everybody who gives numbers out.
const MOVE_MIN: i32 = 5;

impl Performance {
    /// Share of calls that were answered, 0 to 1; 0 without calls.
    pub fn answer_rate(&self) -> f64 {
        share(self.answered, self.calls)
    }

    /// The reputation that the calls of late speak for, 0 to 100; nothing before there are 20 of them.
    pub fn score(&self) -> Option<i32> {
        if self.recent_calls < RESULTS_MIN {
            return None;
        }
        let calls = i64::from(self.recent_calls);
        let answered = share(self.recent_answered.into(), calls);
        let blocked = share(self.recent_blocked.into(), calls);
        let score =
            SCORE_USUAL + ANSWERED_WEIGHT * (answered - ANSWERED_USUAL) - BLOCKED_WEIGHT * blocked;
        #[expect(clippy::cast_possible_truncation, reason = "it is from 0 to 100")]
        Some(score.clamp(0.0, 100.0).round() as i32)
    }

    /// The reputation to publish: there is one, and it moved by enough.
    pub fn news(&self) -> Option<i32> {
        let score = self.score()?;
        let is_news = self
            .reputation
            .is_none_or(|known| score.abs_diff(known) >= MOVE_MIN.unsigned_abs());
        is_news.then_some(score)
    }

    /// With the calls of late halved when there are enough of them.
    #[must_use]
    pub fn aged(self) -> Self {
        if self.recent_calls < RECENT_MAX {
            return self;
        }
        Self {
            recent_calls: self.recent_calls / 2,
            recent_answered: self.recent_answered / 2,
            recent_blocked: self.recent_blocked / 2,
            ..self
        }
    }
}

/// A part of a whole, 0 to 1, whatever corrections and halving made of the two.
fn share(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    let share = part as f64 / whole as f64;
    share.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn of_late(calls: i32, answered: i32, blocked: i32) -> Performance {
        Performance {
            recent_calls: calls,
            recent_answered: answered,
            recent_blocked: blocked,
            ..Performance::default()
        }
    }

    #[rstest]
    #[case::too_few(19, 19, 0, None)]
    #[case::as_usual(20, 6, 0, Some(70))]
    #[case::nobody_answers(100, 0, 0, Some(52))]
    #[case::half_answer(100, 50, 0, Some(82))]
    #[case::all_answer(100, 100, 0, Some(100))]
    #[case::some_refused(100, 30, 10, Some(40))]
    #[case::many_refused(100, 0, 50, Some(0))]
    #[case::corrected_below_zero(20, -1, -1, Some(52))]
    fn a_reputation_follows_the_calls_of_late(
        #[case] calls: i32,
        #[case] answered: i32,
        #[case] blocked: i32,
        #[case] expected: Option<i32>,
    ) {
        assert_eq!(of_late(calls, answered, blocked).score(), expected);
    }

    #[rstest]
    #[case::first(None, Some(70))]
    #[case::same(Some(70), None)]
    #[case::a_little(Some(74), None)]
    #[case::enough(Some(75), Some(70))]
    fn only_a_move_of_five_points_is_news(
        #[case] known: Option<i32>,
        #[case] expected: Option<i32>,
    ) {
        let performance = Performance {
            reputation: known,
            ..of_late(20, 6, 0)
        };
        assert_eq!(performance.news(), expected);
    }

    #[test]
    fn old_calls_are_forgotten_by_halves() {
        assert_eq!(of_late(199, 9, 3).aged(), of_late(199, 9, 3));
        assert_eq!(of_late(200, 9, 3).aged(), of_late(100, 4, 1));
    }

    proptest! {
        #[test]
        fn a_reputation_is_a_percentage_and_never_grows_with_refusals(
            calls in 20_i32..300,
            answered in -5_i32..300,
            blocked in -5_i32..300,
        ) {
            let score = of_late(calls, answered, blocked).score().unwrap();
            let worse = of_late(calls, answered, blocked + 1).score().unwrap();
            prop_assert!((0..=100).contains(&score) && worse <= score);
        }
    }
}
