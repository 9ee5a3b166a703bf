//! The states of a call and what may follow what.

use bin_common_handler::text_enum;

text_enum!(
    /// Where a call stands.
    pub enum CallStatus {
        /// Made, not sold.
        Pending = "pending",
        /// Sold: the buyer is about to be called.
        Queued = "queued",
        /// The buyer rings.
        Ringing = "ringing",
        /// The buyer answered.
        InProgress = "in_progress",
        /// Ended after an answer.
        Completed = "completed",
        /// Ended by a fault.
        Failed = "failed",
        /// Ended by the caller or the operator before it was through.
        Canceled = "canceled",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// Everybody was busy.
        Busy = "busy",
    }
);

impl CallStatus {
    /// Whether nothing follows it.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Canceled | Self::NoAnswer | Self::Busy
        )
    }

    /// Whether `next` may follow it. The way back from ringing to queued, for the next buyer, is the exchange's
    /// own and not among these.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Queued)
                | (Self::Queued, Self::Ringing)
                | (
                    Self::Ringing,
                    Self::InProgress | Self::NoAnswer | Self::Busy
                )
                | (Self::InProgress, Self::Completed)
                | (
                    Self::Pending | Self::Queued | Self::Ringing | Self::InProgress,
                    Self::Failed | Self::Canceled
                )
        )
    }

    /// What may be reported next. Queued is not: a call gets there by being routed.
    pub fn reportable(self) -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|next| self.may_become(*next) && *next != Self::Queued)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{CallStatus as S, *};

    #[test]
    fn these_follow_each_other_and_no_others() {
        let legal = [
            (S::Pending, vec![S::Queued, S::Failed, S::Canceled]),
            (S::Queued, vec![S::Ringing, S::Failed, S::Canceled]),
            (
                S::Ringing,
                vec![S::InProgress, S::Failed, S::Canceled, S::NoAnswer, S::Busy],
            ),
            (S::InProgress, vec![S::Completed, S::Failed, S::Canceled]),
        ];
        for &from in CallStatus::ALL {
            let allowed = legal.iter().find(|(state, _)| *state == from);
            for &to in CallStatus::ALL {
                let expected = allowed.is_some_and(|(_, next)| next.contains(&to));
                assert_eq!(from.may_become(to), expected, "{from} to {to}");
                let is_told = from.reportable().contains(&to);
                assert_eq!(is_told, expected && to != S::Queued, "{from} to {to}");
            }
            assert_eq!(from.is_final(), allowed.is_none(), "{from}");
        }
    }
}
