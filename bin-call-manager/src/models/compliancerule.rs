//! A customer's own rule of when people may be called: it only restricts what the law allows.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, plain, short_list, within},
        error::Result,
        text::check_name,
        time::Timestamp,
    },
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::compliance::{
    Layer, place,
    rules::{self, Row, territory},
};

/// Calls in 24 hours that a rule may allow at most.
const ATTEMPTS_MAX: i64 = 1_000;

/// When people may be called, local time of the person; days that it does not name are the law's alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "compliancerule", table = "exchange_compliance_rules", check = check)]
pub struct ComplianceRule {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Postal code of the state; `US` = everywhere.
    #[resource(set, filter)]
    pub state: String,
    /// `mon` … `sun`, or `mon-fri`; empty = every day.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub weekday: Json<Vec<String>>,
    /// `HH:MM` from which calls are allowed.
    #[resource(set)]
    pub open: String,
    /// `HH:MM` from which they are not, up to `24:00`; the same as `open` = never.
    #[resource(set)]
    pub close: String,
    /// Calls to one person in any 24 hours; null = the law's limit alone.
    #[resource(set)]
    pub max_per_24h: Option<i64>,
    /// Closed on legal holidays.
    #[resource(set)]
    pub holidays: bool,
    /// First day, `YYYY-MM-DD`; empty = always.
    #[resource(set)]
    pub effective_from: String,
    /// Last day, `YYYY-MM-DD`; empty = for ever.
    #[resource(set)]
    pub effective_to: String,
    /// What a refusal names.
    #[resource(set)]
    pub citation: String,
    /// Where the rule was taken from.
    #[resource(set)]
    pub source: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// The same, or when it was deleted: a rule does not change, another follows it.
    pub tm_update: Timestamp,
    /// When it was deleted; null while it holds.
    pub tm_delete: Option<Timestamp>,
}

impl Default for ComplianceRule {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            state: rules::WHOLE_COUNTRY.to_owned(),
            weekday: Json::default(),
            open: "00:00".to_owned(),
            close: "24:00".to_owned(),
            max_per_24h: None,
            holidays: false,
            effective_from: String::new(),
            effective_to: String::new(),
            citation: String::new(),
            source: String::new(),
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

fn check(rule: &mut ComplianceRule, _: Option<&ComplianceRule>, _: Timestamp) -> Result<()> {
    rule.state = rule.state.to_ascii_uppercase();
    let state = territory(&rule.state);
    let is_known = state.is_some_and(|state| state.is_none_or(place::is_state));
    ensure(
        is_known,
        "state",
        "must be US or the postal code of a state",
    )?;
    short_list("weekday", &rule.weekday.0)?;
    let is_day = |name: &String| rules::days(name).is_some();
    ensure(
        rule.weekday.0.iter().all(is_day),
        "weekday",
        "has days such as mon or mon-fri",
    )?;
    let hours = (rules::seconds(&rule.open), rules::seconds(&rule.close));
    let (Some(open), Some(close)) = hours else {
        return ensure(
            false,
            if hours.0.is_none() { "open" } else { "close" },
            "must be a time such as 09:00",
        );
    };
    ensure(open <= close, "open", "must not be later than close")?;
    within("max_per_24h", &rule.max_per_24h, 0, ATTEMPTS_MAX)?;
    for (field, text) in [
        ("effective_from", &rule.effective_from),
        ("effective_to", &rule.effective_to),
    ] {
        let is_date = text.is_empty() || text.parse::<NaiveDate>().is_ok();
        ensure(is_date, field, "must be a day such as 2026-01-31")?;
    }
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let days = day(&rule.effective_from).zip(day(&rule.effective_to));
    ensure(
        days.is_none_or(|(from, to)| from <= to),
        "effective_to",
        "must not be before effective_from, as the rule would never hold",
    )?;
    for (field, text) in [("citation", &rule.citation), ("source", &rule.source)] {
        check_name(field, text)?;
        plain(field, text)?;
    }
    Ok(())
}

impl ComplianceRule {
    /// As the check wants it; nothing where the row says nothing that can be read.
    pub fn layer(&self) -> Option<Layer> {
        let state = territory(&self.state)?;
        let mut days = [self.weekday.0.is_empty(); 7];
        for name in &self.weekday.0 {
            for (day, named) in days.iter_mut().zip(rules::days(name)?) {
                *day |= named;
            }
        }
        let date = |text: &str| text.parse().ok();
        let citation = if self.citation.is_empty() {
            format!("rule {}", self.id)
        } else {
            self.citation.clone()
        };
        let row = Row {
            state,
            days,
            open: rules::seconds(&self.open)?,
            close: rules::seconds(&self.close)?,
            rest: Layer {
                state,
                from: date(&self.effective_from),
                to: date(&self.effective_to),
                days: [rules::Day::Free; 7],
                max_per_24h: self.max_per_24h.and_then(|max| u32::try_from(max).ok()),
                holidays: self.holidays,
                relationship: false,
                citation: citation.into(),
                source: self.source.clone().into(),
            },
        };
        Some(row.alone())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::compliance::rules::Day;

    fn rule(json: &str) -> ComplianceRule {
        let mut row = serde_json::to_value(ComplianceRule::default()).unwrap();
        let given: serde_json::Value = serde_json::from_str(json).unwrap();
        row.as_object_mut()
            .unwrap()
            .extend(given.as_object().unwrap().clone());
        serde_json::from_value(row).unwrap()
    }

    #[rstest]
    #[case(r#"{"state": "XX"}"#, "state")]
    #[case(r#"{"weekday": ["monday"]}"#, "weekday")]
    #[case(r#"{"open": "9"}"#, "open")]
    #[case(r#"{"close": "25:00"}"#, "close")]
    #[case(
        r#"{"open": "10:00", "close": "09:00"}"#,
        "open must not be later than close"
    )]
    #[case(
        r#"{"effective_from": "2026-06-02", "effective_to": "2026-06-01"}"#,
        "effective_to"
    )]
    #[case(r#"{"max_per_24h": -1}"#, "max_per_24h")]
    #[case(r#"{"effective_to": "tomorrow"}"#, "effective_to")]
    fn what_is_wrong_is_named(#[case] json: &str, #[case] field: &str) {
        let mut rule = rule(json);
        let refused = check(&mut rule, None, Timestamp::default()).unwrap_err();
        assert!(
            refused.message().starts_with(field),
            "{}",
            refused.message()
        );
    }

    #[test]
    fn a_rule_may_hold_for_one_day() {
        let mut rule = rule(r#"{"effective_from": "2026-06-01", "effective_to": "2026-06-01"}"#);
        check(&mut rule, None, Timestamp::default()).unwrap();
    }

    #[test]
    fn a_row_becomes_a_layer_of_the_days_that_it_names() {
        let mut rule =
            rule(r#"{"state": "ga", "weekday": ["sat-sun"], "open": "10:00", "close": "12:00"}"#);
        check(&mut rule, None, Timestamp::default()).unwrap();
        let layer = rule.layer().unwrap();
        assert_eq!(
            layer.days[4..],
            [
                Day::Free,
                Day::Window(36_000, 43_200),
                Day::Window(36_000, 43_200)
            ]
        );
    }
}
