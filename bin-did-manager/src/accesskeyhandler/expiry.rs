//! When a key ends, as people say it: a time, a date, or a span from now.

use std::time::Duration;

use bin_common_handler::{
    config::parse_duration,
    models::{error::Result, patch::Patch, time::Timestamp},
};

use crate::models::{
    accesskey::{AccesskeyPatch, END_FORMS, EndText},
    check::{ensure, wrong},
};

/// 100 years: a key that ends later may as well never end, and every time up to there fits its column.
const SPAN_MAX: Duration = Duration::from_secs(36_525 * 86_400);

/// When the key is to end, by either name that a body has for it; null = never.
///
/// # Errors
/// 400 naming the field when it is no time after `now`, or when both are given.
pub(super) fn resolve(patch: &AccesskeyPatch, now: Timestamp) -> Result<Patch<Option<Timestamp>>> {
    let (name, end) = match (&patch.expires, &patch.tm_expire) {
        (Patch::Absent, end) => ("tm_expire", end),
        (end, Patch::Absent) => ("expires", end),
        _ => return Err(wrong("tm_expire", "is also called expires; name it once")),
    };
    Ok(match end {
        Patch::Absent => Patch::Absent,
        Patch::Null => Patch::Null,
        Patch::Value(text) => Patch::Value(Some(read(name, text, now)?)),
    })
}

fn read(name: &str, text: &EndText, now: Timestamp) -> Result<Timestamp> {
    let end = moment(text.0.trim(), now).ok_or_else(|| wrong(name, END_FORMS))?;
    ensure(
        end > now,
        name,
        "must lie in the future; to end a key now, delete it",
    )?;
    ensure(end <= now.plus(SPAN_MAX), name, "must lie within 100 years")?;
    Ok(end)
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
    use bin_common_handler::resource::read_fields;
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::*;

    fn resolved(fields: Json) -> Result<Patch<Option<Timestamp>>> {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let Json::Object(fields) = fields else {
            panic!("no object");
        };
        resolve(&read_fields(fields)?, now)
    }

    #[rstest]
    #[case(json!({"expires": "2027-01-31T18:00:00+02:00"}), "2027-01-31T16:00:00Z")]
    #[case(json!({"expires": "2027-01-31"}), "2027-01-31T00:00:00Z")]
    #[case(json!({"expires": " 90d "}), "2027-02-18T10:00:00Z")]
    #[case(json!({"expires": "12h"}), "2026-11-20T22:00:00Z")]
    #[case(json!({"expires": "36525d"}), "2126-11-21T10:00:00Z")]
    #[case(json!({"EXPIRES": "12h"}), "2026-11-20T22:00:00Z")]
    #[case(json!({"tm_expire": "90d", "name": "x"}), "2027-02-18T10:00:00Z")]
    fn an_end_is_said_in_many_ways(#[case] fields: Json, #[case] expected: &str) {
        let end = resolved(fields).unwrap();
        assert_eq!(end, Patch::Value(Some(expected.parse().unwrap())));
    }

    #[rstest]
    #[case(json!({"expires": null}), Patch::Null)]
    #[case(json!({"tm_expire": null}), Patch::Null)]
    #[case(json!({"name": "x"}), Patch::Absent)]
    fn never_is_told_from_nothing(
        #[case] fields: Json,
        #[case] expected: Patch<Option<Timestamp>>,
    ) {
        assert_eq!(resolved(fields).unwrap(), expected);
    }

    #[rstest]
    #[case(json!({"expires": "soon"}), "expires must be a time")]
    #[case(json!({"expires": ""}), "expires must be a time")]
    #[case(json!({"expires": "90"}), "expires must be a time")]
    #[case(json!({"expires": 90}), "expires must be a time such as 2027-01-31T18:00:00Z, a date (its first moment in UTC), a span from now such as 90d, or null for never.")]
    #[case(json!({"tm_expire": null, "expires": null}), "tm_expire is also called expires")]
    #[case(json!({"tm_expire": "2027-13-01"}), "tm_expire must be a time")]
    #[case(json!({"expires": "2026-11-20"}), "expires must lie in the future")]
    #[case(json!({"expires": "0d"}), "expires must lie in the future")]
    #[case(json!({"expires": "36526d"}), "expires must lie within 100 years")]
    #[case(json!({"expires": "18446744073709551d"}), "expires must")]
    #[case(json!({"expires": "9999-12-31T23:59:59Z"}), "expires must lie within 100 years")]
    #[case(json!({"expires": "9999-12-31T23:59:59-10:00"}), "expires must be a time")]
    #[case(json!({"expires": "90d", "tm_expire": "90d"}), "tm_expire is also called expires")]
    fn anything_else_is_refused_by_its_name(#[case] fields: Json, #[case] message: &str) {
        let error = resolved(fields).unwrap_err();
        assert_eq!(error.reason(), "INVALID_FIELD");
        assert!(error.message().starts_with(message), "{}", error.message());
    }
}
