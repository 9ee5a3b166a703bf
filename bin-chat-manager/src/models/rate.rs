//! A rate: when work costs more, or less.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, wrong},
        error::Result,
        hours::{Hours, Window},
        text::NAME_MAX,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Highest factor.
const FACTOR_MAX: f64 = 100.0;
/// A factor is kept to the millionth.
const MILLION: f64 = 1_000_000.0;

/// By how much prices are multiplied at some hours: evenings, nights, weekends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "rate", table = "chat_rates", check = check)]
pub struct Rate {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What it is called, e.g. `night`.
    #[resource(set, filter, not_blank, max_chars = NAME_MAX)]
    pub name: String,
    /// `mon` … `sun`; empty = every day.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub days: Json<Vec<String>>,
    /// `HH:MM`, local time of the business.
    #[resource(set)]
    pub from: String,
    /// `HH:MM`, not included; one that is not after `from` is on the next day. `24:00` is the end of the day.
    #[resource(set)]
    pub to: String,
    /// 1.5 is half as much again; above 0, at most 100.
    #[resource(set)]
    pub factor: f64,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            days: Json::default(),
            from: "00:00".to_owned(),
            to: "24:00".to_owned(),
            factor: 1.0,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

fn check(rate: &mut Rate, _: Option<&Rate>, _: Timestamp) -> Result<()> {
    let is_factor = rate.factor > 0.0 && rate.factor <= FACTOR_MAX;
    ensure(is_factor, "factor", "must be above 0, and at most 100")?;
    rate.hours().map(drop)
}

impl Rate {
    /// When it applies.
    ///
    /// # Errors
    /// 400 naming the fields.
    pub fn hours(&self) -> Result<Hours> {
        let window = Window {
            days: self.days.0.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
        };
        Hours::new(vec![window]).map_err(|_| {
            wrong(
                "days, from and to",
                "must be days among mon … sun and times such as 18:00",
            )
        })
    }

    /// The factor in millionths.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 100 millions; there is no checked conversion from f64"
    )]
    pub fn factor_millionths(&self) -> u32 {
        (self.factor.clamp(0.0, FACTOR_MAX) * MILLION).round() as u32
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rate(days: &[&str], from: &str, to: &str, factor: f64) -> Rate {
        Rate {
            name: "night".to_owned(),
            days: Json(days.iter().map(|day| (*day).to_owned()).collect()),
            from: from.to_owned(),
            to: to.to_owned(),
            factor,
            ..Rate::default()
        }
    }

    #[rstest]
    #[case::night(rate(&[], "22:00", "06:00", 2.0), None)]
    #[case::weekend(rate(&["sat", "sun"], "00:00", "24:00", 1.25), None)]
    #[case::no_day(rate(&["weekend"], "00:00", "24:00", 1.5), Some("days"))]
    #[case::no_time(rate(&[], "6pm", "24:00", 1.5), Some("days, from"))]
    #[case::nothing(rate(&[], "18:00", "22:00", 0.0), Some("factor"))]
    #[case::no_number(rate(&[], "18:00", "22:00", f64::NAN), Some("factor"))]
    #[case::too_much(rate(&[], "18:00", "22:00", 100.1), Some("factor"))]
    fn a_bad_rate_is_refused_by_its_field(#[case] mut rate: Rate, #[case] field: Option<&str>) {
        let refused = check(&mut rate, None, Timestamp::default()).err();
        let said = refused.map(|error| error.message().to_owned());
        match field {
            Some(field) => assert!(said.is_some_and(|said| said.starts_with(field))),
            None => assert_eq!(said, None),
        }
    }

    #[test]
    fn a_factor_is_exact_to_the_millionth() {
        assert_eq!(
            rate(&[], "00:00", "24:00", 1.1).factor_millionths(),
            1_100_000
        );
        assert_eq!(
            rate(&[], "00:00", "24:00", 100.0).factor_millionths(),
            100_000_000
        );
    }
}
