//! How good a buyer's calls are, and how much that counts in a bid.

use super::terms::WHOLE_MILLIONTHS;

/// Least factor of a bid: one hundredth, so that what a rival's bid is worth can always be told.
pub const FACTOR_MIN_MILLIONTHS: u32 = 10_000;
/// What a figure without history counts as.
const UNKNOWN_MILLIONTHS: u32 = WHOLE_MILLIONTHS / 2;

/// A buyer's figures in millionths, 0 to 1,000,000; nothing = no history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Share of connected calls that converted.
    pub conversion: Option<u32>,
    /// Share of calls that were answered.
    pub answer: Option<u32>,
    /// Share of calls that were complained about.
    pub complaint: Option<u32>,
    /// Share of attempts that went as agreed.
    pub reliability: Option<u32>,
    /// How likely its calls are fraud.
    pub fraud_risk: Option<u32>,
    /// Calls that the conversion rate is known from.
    pub conversion_calls: u32,
    /// How many of them converted.
    pub conversions: u32,
}

impl Quality {
    /// The mean of conversion, answer, 1 − complaint, reliability and 1 − fraud risk, in millionths.
    pub fn mean_millionths(&self) -> u32 {
        let good = |figure: Option<u32>| figure.unwrap_or(UNKNOWN_MILLIONTHS).min(WHOLE_MILLIONTHS);
        let bad = |figure: Option<u32>| WHOLE_MILLIONTHS - good(figure);
        let sum = good(self.conversion)
            + good(self.answer)
            + bad(self.complaint)
            + good(self.reliability)
            + bad(self.fraud_risk);
        sum / 5
    }

    /// 1 − w + w × mean, in millionths: 10,000 to 1,000,000. `weight_millionths` above one counts as one.
    pub fn factor_millionths(&self, weight_millionths: u32) -> u32 {
        let weight = u64::from(weight_millionths.min(WHOLE_MILLIONTHS));
        let whole = u64::from(WHOLE_MILLIONTHS);
        let factor = whole - weight + weight * u64::from(self.mean_millionths()) / whole;
        u32::try_from(factor)
            .unwrap_or(WHOLE_MILLIONTHS)
            .max(FACTOR_MIN_MILLIONTHS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const PERFECT: Quality = Quality {
        conversion: Some(WHOLE_MILLIONTHS),
        answer: Some(WHOLE_MILLIONTHS),
        complaint: Some(0),
        reliability: Some(WHOLE_MILLIONTHS),
        fraud_risk: Some(0),
        conversion_calls: 0,
        conversions: 0,
    };
    const WORST: Quality = Quality {
        conversion: Some(0),
        answer: Some(0),
        complaint: Some(WHOLE_MILLIONTHS),
        reliability: Some(0),
        fraud_risk: Some(WHOLE_MILLIONTHS),
        conversion_calls: 0,
        conversions: 0,
    };

    #[rstest]
    #[case(PERFECT, 1_000_000, 1_000_000)]
    #[case(WORST, 0, 1_000_000)]
    #[case(WORST, 400_000, 600_000)]
    #[case(WORST, 1_000_000, FACTOR_MIN_MILLIONTHS)]
    #[case(Quality::default(), 1_000_000, 500_000)]
    #[case(Quality::default(), 500_000, 750_000)]
    #[case(Quality { fraud_risk: Some(1_000_000), ..Quality::default() }, 1_000_000, 400_000)]
    fn a_factor_is_quality_by_weight(
        #[case] quality: Quality,
        #[case] weight: u32,
        #[case] factor: u32,
    ) {
        assert_eq!(quality.factor_millionths(weight), factor);
    }

    proptest! {
        #[test]
        fn more_fraud_is_never_a_larger_factor(
            conversion in proptest::option::of(0_u32..=WHOLE_MILLIONTHS),
            fraud in 0_u32..=WHOLE_MILLIONTHS, more: u32, weight: u32,
        ) {
            let of = |fraud_risk| Quality {
                conversion, fraud_risk: Some(fraud_risk), ..Quality::default()
            }.factor_millionths(weight);
            let factor = of(fraud);
            prop_assert!(of(fraud.saturating_add(more)) <= factor);
            prop_assert!((FACTOR_MIN_MILLIONTHS..=WHOLE_MILLIONTHS).contains(&factor));
        }
    }
}
