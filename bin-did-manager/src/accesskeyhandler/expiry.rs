//! When a key ends, as people say it: a time, a date, or a span from now.

use std::time::Duration;

use bin_common_handler::{
    config::parse_duration,
    models::{error::Result, time::Timestamp},
};
use serde_json::{Map, Value as Json};

use crate::models::check::{ensure, wrong};

/// What callers may call the field; the last is its name in answers.
const NAMES: [&str; 2] = ["expires", FIELD];
const FIELD: &str = "tm_expire";
/// 100 years: a key that ends later may as well never end, and every time up to there fits its column.
const SPAN_MAX: Duration = Duration::from_secs(36_525 * 86_400);
const FORMS: &str = "must be a time such as 2027-01-31T18:00:00Z, a date (its first moment in UTC), a span \
                     from now such as 90d, or null for never";

/// The fields with `tm_expire` in the form that it has in an entity; without it when nobody names it.
///
/// # Errors
/// 400 naming the field when it is no time after `now`.
pub(super) fn resolve(fields: &Map<String, Json>, now: Timestamp) -> Result<Map<String, Json>> {
    let mut resolved = fields.clone();
    let mut given = NAMES
        .iter()
        .filter_map(|name| Some((*name, resolved.remove(*name)?)));
    let (first, second) = (given.next(), given.next());
    ensure(
        second.is_none(),
        FIELD,
        "is also called expires; name it once",
    )?;
    if let Some((name, value)) = first {
        resolved.insert(FIELD.to_owned(), read(name, &value, now)?);
    }
    Ok(resolved)
}

fn read(name: &str, value: &Json, now: Timestamp) -> Result<Json> {
    let text = match value {
        Json::Null => return Ok(Json::Null),
        Json::String(text) => text.trim(),
        _ => return Err(wrong(name, FORMS)),
    };
    let end = moment(text, now).ok_or_else(|| wrong(name, FORMS))?;
    ensure(
        end > now,
        name,
        "must lie in the future; to end a key now, delete it",
    )?;
    ensure(end <= now.plus(SPAN_MAX), name, "must lie within 100 years")?;
    Ok(end.to_string().into())
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let span = || {
        // A bare number would be seconds in a setting, and is more likely days here.
        let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
        let span = parse_duration(text).filter(|_| has_unit)?;
        Some(now.plus(span))
    };
    let date = || format!("{text} 00:00:00").parse().ok();
    text.parse().ok().or_else(date).or_else(span)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn resolved(fields: &Json) -> Result<Json> {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        resolve(fields.as_object().unwrap(), now).map(Json::Object)
    }

    #[rstest]
    #[case(json!({"expires": "2027-01-31T18:00:00+02:00"}), json!({"tm_expire": "2027-01-31T16:00:00Z"}))]
    #[case(json!({"expires": "2027-01-31"}), json!({"tm_expire": "2027-01-31T00:00:00Z"}))]
    #[case(json!({"expires": " 90d "}), json!({"tm_expire": "2027-02-18T10:00:00Z"}))]
    #[case(json!({"expires": "12h"}), json!({"tm_expire": "2026-11-20T22:00:00Z"}))]
    #[case(json!({"expires": "36525d"}), json!({"tm_expire": "2126-11-21T10:00:00Z"}))]
    #[case(json!({"tm_expire": "90d", "name": "x"}), json!({"tm_expire": "2027-02-18T10:00:00Z", "name": "x"}))]
    #[case(json!({"expires": null}), json!({"tm_expire": null}))]
    #[case(json!({"name": "x"}), json!({"name": "x"}))]
    fn an_end_is_said_in_many_ways(#[case] fields: Json, #[case] expected: Json) {
        assert_eq!(resolved(&fields).unwrap(), expected);
    }

    #[rstest]
    #[case(json!({"expires": "soon"}), "expires must be a time")]
    #[case(json!({"expires": ""}), "expires must be a time")]
    #[case(json!({"expires": "90"}), "expires must be a time")]
    #[case(json!({"expires": 90}), "expires must be a time")]
    #[case(json!({"tm_expire": "2027-13-01"}), "tm_expire must be a time")]
    #[case(json!({"expires": "2026-11-20"}), "expires must lie in the future")]
    #[case(json!({"expires": "0d"}), "expires must lie in the future")]
    #[case(json!({"expires": "36526d"}), "expires must lie within 100 years")]
    #[case(json!({"expires": "18446744073709551d"}), "expires must")]
    #[case(json!({"expires": "9999-12-31T23:59:59Z"}), "expires must lie within 100 years")]
    #[case(json!({"expires": "9999-12-31T23:59:59-10:00"}), "expires must be a time")]
    #[case(json!({"expires": "90d", "tm_expire": "90d"}), "tm_expire is also called expires")]
    fn anything_else_is_refused_by_its_name(#[case] fields: Json, #[case] message: &str) {
        let error = resolved(&fields).unwrap_err();
        assert_eq!(error.reason(), "INVALID_FIELD");
        assert!(error.message().starts_with(message), "{}", error.message());
    }
}
