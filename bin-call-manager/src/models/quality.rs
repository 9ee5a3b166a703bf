//! How an account's calls went: moving averages, each with the number of calls behind it.

use bin_common_handler::models::{check::within, error::Result};
use serde::{Deserialize, Serialize};

/// An average forgets: a call weighs a hundredth at least.
const CALLS_MAX: u32 = 100;
/// One whole, in millionths.
pub const WHOLE: u32 = 1_000_000;

/// Shares from 0 to 1; null = no history, which counts as a half.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quality {
    /// Of its answered calls, how many converted.
    pub conversion: Option<f64>,
    /// Of the calls that it won, how many it answered.
    pub answer: Option<f64>,
    /// Of its calls, how many were complained about; set by the operator.
    pub complaint: Option<f64>,
    /// Of the calls that it won, how many did not fail.
    pub reliability: Option<f64>,
    /// How likely it is a fraud; set by the operator.
    pub fraud_risk: Option<f64>,
    /// Calls behind `conversion`.
    pub conversion_calls: u32,
    /// How many of them converted.
    pub conversions: u32,
    /// Calls behind `answer`.
    pub answer_calls: u32,
    /// Calls behind `reliability`.
    pub reliability_calls: u32,
}

impl Quality {
    /// Refuses what is no share.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<()> {
        for (field, share) in [
            ("quality.conversion", self.conversion),
            ("quality.answer", self.answer),
            ("quality.complaint", self.complaint),
            ("quality.reliability", self.reliability),
            ("quality.fraud_risk", self.fraud_risk),
        ] {
            within(field, &share, 0.0, 1.0)?;
        }
        Ok(())
    }

    /// A call was answered, or not.
    pub fn note_answer(&mut self, answered: bool) {
        average(&mut self.answer, &mut self.answer_calls, answered);
    }

    /// An answered call converted, or not.
    pub fn note_conversion(&mut self, converted: bool) {
        average(&mut self.conversion, &mut self.conversion_calls, converted);
        self.conversions = self.conversions.saturating_add(converted.into());
    }

    /// A call that was won was taken, or failed.
    pub fn note_reliability(&mut self, taken: bool) {
        average(&mut self.reliability, &mut self.reliability_calls, taken);
    }
}

fn average(share: &mut Option<f64>, calls: &mut u32, is: bool) {
    let value = if is { 1.0 } else { 0.0 };
    let weight = f64::from(calls.saturating_add(1).min(CALLS_MAX));
    let old = share.unwrap_or(value);
    *share = Some((old + (value - old) / weight).clamp(0.0, 1.0));
    *calls = calls.saturating_add(1);
}

/// A share from 0 to 1 in millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within 0 and 1,000,000"
)]
pub fn millionths(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * f64::from(WHOLE)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_is_the_average_and_later_ones_move_it_less() {
        let mut quality = Quality::default();
        quality.note_answer(true);
        assert_eq!((quality.answer, quality.answer_calls), (Some(1.0), 1));
        quality.note_answer(false);
        assert_eq!((quality.answer, quality.answer_calls), (Some(0.5), 2));
        for _ in 0..1_000 {
            quality.note_answer(true);
        }
        assert!(
            quality
                .answer
                .is_some_and(|share| share > 0.99 && share <= 1.0)
        );
    }

    #[test]
    fn a_share_beyond_one_is_refused() {
        let quality: Quality = serde_json::from_str(r#"{"complaint": 1.5}"#).unwrap();
        assert_eq!(quality.check().unwrap_err().reason(), "INVALID_FIELD");
        let quality: Quality = serde_json::from_str(r#"{"complaint": 0.1}"#).unwrap();
        assert!(quality.check().is_ok());
        assert_eq!(quality.complaint.map(millionths), Some(100_000));
    }
}
