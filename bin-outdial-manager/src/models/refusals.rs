//! The guard against a second call: what to do with an `idle` that may come from the caller who was refused.
//!
//! A caller slower than its lease asks for `progressing` on a target that somebody else is calling, is
//! refused, and then puts `idle`, as it does after every failure. That `idle` must not free the winner's
//! target, so one `idle` per refusal changes nothing. Where the transport tells the two callers apart (each
//! has its own direct reply-to channel) the winner's own `idle` is known and obeyed at once. Where it does
//! not, an `idle` is the refused caller's as long as refusals are open: a person who is on the phone is never
//! dialled again for a lost message; the winner's next `idle`, or the reaper, frees the target.

use bin_common_handler::models::time::Timestamp;

/// What a target remembers of refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusals {
    /// Refusals whose `idle` is still expected.
    pub open: i32,
    /// Until when (µs by the database's clock) they count.
    pub until: Option<i64>,
    /// The caller whose call it is, where the transport tells.
    pub winner: Option<String>,
    /// The caller who was refused last, where the transport tells.
    pub refused: Option<String>,
}

impl Refusals {
    /// Whether an `idle` by `caller` at `now` is the refused caller's, so that it changes nothing.
    pub(crate) fn swallows(&self, caller: Option<&str>, now: Timestamp) -> bool {
        let counts = self.open > 0 && self.until.is_some_and(|until| now.micros() < until);
        counts && !self.is_winner(caller)
    }

    fn is_winner(&self, caller: Option<&str>) -> bool {
        caller.is_some() && caller == self.winner.as_deref() && self.winner != self.refused
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn refusals(open: i32, winner: Option<&str>, refused: Option<&str>) -> Refusals {
        Refusals {
            open,
            until: Some(100),
            winner: winner.map(Into::into),
            refused: refused.map(Into::into),
        }
    }

    #[rstest]
    #[case::no_refusal(refusals(0, None, None), None, 50, false)]
    #[case::unknown_callers(refusals(1, None, None), None, 50, true)]
    #[case::window_over(refusals(1, None, None), None, 100, false)]
    #[case::the_refused_one(refusals(1, Some("a"), Some("b")), Some("b"), 50, true)]
    #[case::the_winner(refusals(1, Some("a"), Some("b")), Some("a"), 50, false)]
    #[case::one_channel_for_both(refusals(1, Some("a"), Some("a")), Some("a"), 50, true)]
    #[case::winner_known_caller_not(refusals(1, Some("a"), None), None, 50, true)]
    fn an_idle_of_the_refused_caller_changes_nothing(
        #[case] refusals: Refusals,
        #[case] caller: Option<&str>,
        #[case] now: i64,
        #[case] swallowed: bool,
    ) {
        assert_eq!(
            refusals.swallows(caller, Timestamp::from_micros(now)),
            swallowed
        );
    }
}
