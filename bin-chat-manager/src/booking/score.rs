//! How good a lead is: 0 to 100, as a sum whose parts are shown beside it.

use bin_common_handler::text_enum;
use serde::{Deserialize, Serialize};

text_enum!(
    /// How much of a hurry there is.
    pub enum Urgency {
        /// Nobody knows yet.
        Unknown = "unknown",
        /// Some day.
        Low = "low",
        /// In the next days.
        Normal = "normal",
        /// Today.
        High = "high",
        /// Now: water, gas, smoke.
        Emergency = "emergency",
    }
);

/// Points at most for each input; together 100.
const URGENCY_MAX: i32 = 30;
const VALUE_MAX: i32 = 25;
const AREA_MAX: i32 = 20;
const ENGAGEMENT_MAX: i32 = 15;
const HOUR_MAX: i32 = 10;
/// Value from which there are all points for it, in minor units.
const VALUE_FULL_CENTS: i64 = 100_000;
/// Texts of the person from which there are all points for engagement.
const MESSAGES_FULL: i32 = 5;

/// What is known of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// How much of a hurry there is.
    pub urgency: Urgency,
    /// What it may be worth, in minor units.
    pub value_cents: i64,
    /// Whether the work is where the business works; none = not known.
    pub is_in_area: Option<bool>,
    /// Texts that the person wrote.
    pub messages: i32,
    /// Whether they came while the business was open; none = not known.
    pub is_in_hours: Option<bool>,
}

/// Points by input: what a score is made of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(default)]
pub struct Points {
    /// Of 30.
    pub urgency: i32,
    /// Of 25.
    pub value: i32,
    /// Of 20; half of it while nobody knows.
    pub in_area: i32,
    /// Of 15.
    pub engagement: i32,
    /// Of 10; half of it while nobody knows.
    pub hour: i32,
}

impl Points {
    /// The score, 0 to 100.
    pub fn total(self) -> i32 {
        self.urgency + self.value + self.in_area + self.engagement + self.hour
    }
}

/// The points of what is known.
pub fn points(facts: Facts) -> Points {
    let urgency = match facts.urgency {
        Urgency::Unknown | Urgency::Other(_) => 10,
        Urgency::Low => 5,
        Urgency::Normal => 15,
        Urgency::High => 25,
        Urgency::Emergency => URGENCY_MAX,
    };
    let value = facts.value_cents.clamp(0, VALUE_FULL_CENTS);
    let value = i64::from(VALUE_MAX) * value / VALUE_FULL_CENTS;
    let known = |is: Option<bool>, most: i32| match is {
        Some(true) => most,
        None => most / 2,
        Some(false) => 0,
    };
    Points {
        urgency,
        value: i32::try_from(value).unwrap_or(VALUE_MAX),
        in_area: known(facts.is_in_area, AREA_MAX),
        engagement: facts.messages.clamp(0, MESSAGES_FULL) * (ENGAGEMENT_MAX / MESSAGES_FULL),
        hour: known(facts.is_in_hours, HOUR_MAX),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> impl Strategy<Value = Facts> {
        let urgency = prop::sample::select(Urgency::ALL.to_vec());
        let known = || prop::option::of(any::<bool>());
        (urgency, any::<i64>(), known(), any::<i32>(), known()).prop_map(
            |(urgency, value_cents, is_in_area, messages, is_in_hours)| Facts {
                urgency,
                value_cents,
                is_in_area,
                messages,
                is_in_hours,
            },
        )
    }

    #[test]
    fn the_best_lead_has_100_and_the_worst_few() {
        let best = Facts {
            urgency: Urgency::Emergency,
            value_cents: 500_000,
            is_in_area: Some(true),
            messages: 9,
            is_in_hours: Some(true),
        };
        assert_eq!(points(best).total(), 100);
        let worst = Facts {
            urgency: Urgency::Low,
            is_in_area: Some(false),
            is_in_hours: Some(false),
            ..Facts::default()
        };
        assert_eq!(points(worst).total(), 5);
        assert_eq!(points(Facts::default()).total(), 25);
    }

    proptest! {
        #[test]
        fn a_score_is_from_0_to_100_and_more_of_anything_never_lowers_it(facts in facts()) {
            let score = points(facts).total();
            prop_assert!((0..=100).contains(&score));
            let better = [
                Facts { urgency: Urgency::Emergency, ..facts },
                Facts { value_cents: facts.value_cents.saturating_add(10_000), ..facts },
                Facts { is_in_area: Some(true), ..facts },
                Facts { messages: facts.messages.saturating_add(1), ..facts },
                Facts { is_in_hours: Some(true), ..facts },
            ];
            for facts in better {
                prop_assert!(points(facts).total() >= score, "{:?}", facts);
            }
        }
    }
}
