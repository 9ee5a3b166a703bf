//! Where a number is in its life, which changes are legal, and which come by themselves.

use std::time::Duration;

use bin_common_handler::{models::time::Timestamp, text_enum};

const DAY: Duration = Duration::from_secs(86_400);
/// How long a flagged number rests.
pub const REST: Duration = DAY.saturating_mul(30);
/// How long a number is on probation after its rest.
pub const PROBATION: Duration = DAY.saturating_mul(30);
/// Calls a day on probation.
pub const PROBATION_DAILY_CAP: i32 = 30;
/// A week of warming up.
pub const WEEK: Duration = DAY.saturating_mul(7);

text_enum!(
    /// Where a number is in its life.
    pub enum DidStatus {
        /// May be given, within its caps.
        Active = "active",
        /// New: may be given, within a cap that grows by the week.
        Warming = "warming",
        /// Not given until its rest is over, then on probation.
        Resting = "resting",
        /// May be given, 30 times a day; then active.
        Probation = "probation",
        /// Labelled as spam somewhere: not given for 30 days, then on probation.
        Flagged = "flagged",
        /// Given back to its carrier; stays so.
        Retired = "retired",
        /// Switched off by hand.
        Inactive = "inactive",
    }
);

/// A status and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusPeriod {
    /// Where the number is.
    pub status: DidStatus,
    /// When the status ends by itself; nothing = it does not.
    pub until: Option<Timestamp>,
}

impl DidStatus {
    /// Whether a number may be given at all.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Active | Self::Warming | Self::Probation)
    }

    /// Whether a caller may change a number from this status to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            // What went back to its carrier is somebody else's by now.
            (Self::Retired, Self::Retired) => true,
            (Self::Retired, _) => false,
            // A number with a bad name does not come back as a new one.
            (Self::Flagged, Self::Warming) => false,
            _ => true,
        }
    }

    /// When a status that begins at `now` ends by itself; `warmup_weeks` is the length of the warm-up.
    pub fn ends(self, now: Timestamp, warmup_weeks: usize) -> Option<Timestamp> {
        let weeks = u32::try_from(warmup_weeks).unwrap_or(u32::MAX);
        let length = match self {
            Self::Warming => WEEK.saturating_mul(weeks),
            Self::Resting | Self::Flagged => REST,
            Self::Probation => PROBATION,
            Self::Active | Self::Retired | Self::Inactive | Self::Other(_) => return None,
        };
        Some(now.plus(length))
    }

    const fn successor(self) -> Option<Self> {
        match self {
            Self::Warming | Self::Probation => Some(Self::Active),
            Self::Resting | Self::Flagged => Some(Self::Probation),
            Self::Active | Self::Retired | Self::Inactive | Self::Other(_) => None,
        }
    }
}

impl StatusPeriod {
    /// The standing at `now`, after every change that comes by itself.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let mut status_period = self;
        while let (Some(until), Some(next)) =
            (status_period.until, status_period.status.successor())
            && until <= now
        {
            status_period = Self {
                status: next,
                until: next.ends(until, 0),
            };
        }
        status_period
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn day(n: u32) -> Timestamp {
        Timestamp::from_micros(0).plus(DAY.saturating_mul(n))
    }

    #[rstest]
    #[case(DidStatus::Flagged, 29, DidStatus::Flagged)]
    #[case(DidStatus::Flagged, 30, DidStatus::Probation)]
    #[case(DidStatus::Resting, 59, DidStatus::Probation)]
    #[case(DidStatus::Resting, 60, DidStatus::Active)]
    #[case(DidStatus::Flagged, 9_999, DidStatus::Active)]
    #[case(DidStatus::Warming, 27, DidStatus::Warming)]
    #[case(DidStatus::Warming, 28, DidStatus::Active)]
    #[case(DidStatus::Inactive, 9_999, DidStatus::Inactive)]
    #[case(DidStatus::Retired, 9_999, DidStatus::Retired)]
    fn a_status_ends_by_itself(#[case] from: DidStatus, #[case] days: u32, #[case] to: DidStatus) {
        let status_period = StatusPeriod {
            status: from,
            until: from.ends(day(0), 4),
        };
        assert_eq!(status_period.at(day(days)).status, to);
    }

    #[test]
    fn a_status_without_an_end_stays() {
        let status_period = StatusPeriod {
            status: DidStatus::Resting,
            until: None,
        };
        assert_eq!(status_period.at(day(9_999)), status_period);
    }

    #[rstest]
    #[case(DidStatus::Retired, DidStatus::Active, false)]
    #[case(DidStatus::Retired, DidStatus::Retired, true)]
    #[case(DidStatus::Flagged, DidStatus::Warming, false)]
    #[case(DidStatus::Flagged, DidStatus::Active, true)]
    #[case(DidStatus::Inactive, DidStatus::Warming, true)]
    fn some_changes_are_not_legal(
        #[case] from: DidStatus,
        #[case] to: DidStatus,
        #[case] legal: bool,
    ) {
        assert_eq!(from.may_become(to), legal);
    }
}
