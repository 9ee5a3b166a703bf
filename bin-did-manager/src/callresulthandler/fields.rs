//! The fields of a report, read leniently: scripts send numbers as texts, leave fields out, and send empty ones.

use std::collections::HashMap;

use bin_common_handler::models::time::Timestamp;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

/// Longest call, in seconds; a larger number is no length of a call.
const DURATION_MAX: f64 = 86_400.0;
/// Later epochs are milliseconds.
const EPOCH_SECONDS_MAX: f64 = 1e11;
const LOCAL_TIMES: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
/// What an editor or an encoder leaves around a text, and nobody sees.
const MARKS: [char; 4] = ['\u{feff}', '\u{200b}', '\u{200e}', '\u{200f}'];
/// Longest text that is kept, in characters: a VARCHAR(64).
const KEPT_MAX: usize = 64;

/// What a script sent, by name.
pub(super) struct Fields(HashMap<String, String>);

impl Fields {
    /// From a JSON body.
    pub(super) fn of_body(body: &Map<String, Json>) -> Self {
        let text = |value: &Json| match value {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(flag) => Some(flag.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        let pairs = body.iter();
        Self::of_query(
            pairs
                .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
                .collect(),
        )
    }

    /// From a query.
    pub(super) fn of_query(query: HashMap<String, String>) -> Self {
        let unmarked = |text: String| match text.trim_matches(MARKS) {
            bare if bare.len() == text.len() => text,
            bare => bare.to_owned(),
        };
        let pairs = query.into_iter();
        let fields = pairs.map(|(name, text)| (unmarked(name), unmarked(text)));
        Self(fields.filter(|(_, text)| !is_nothing(text)).collect())
    }

    /// The first of `names` that says anything, as it was sent: phone numbers may begin with a telling space.
    pub(super) fn raw(&self, names: &[&str]) -> &str {
        let found = names.iter().find_map(|name| self.0.get(*name));
        found.map_or("", String::as_str)
    }

    /// The same without spaces around it.
    pub(super) fn text(&self, names: &[&str]) -> &str {
        self.raw(names).trim()
    }

    /// The same as it may be kept: short, and without control characters.
    pub(super) fn short(&self, names: &[&str]) -> String {
        let chars = self.text(names).chars();
        chars
            .filter(|c| !c.is_control())
            .take(KEPT_MAX)
            .collect::<String>()
    }

    /// A length of a call, whole seconds; what cannot be one is none.
    pub(super) fn seconds(&self, names: &[&str]) -> Option<i32> {
        let seconds: f64 = self.text(names).parse().ok()?;
        let is_length = (0.0..=DURATION_MAX).contains(&seconds);
        #[expect(clippy::cast_possible_truncation, reason = "its range was checked")]
        is_length.then_some(seconds as i32)
    }

    /// A time as seconds or milliseconds since the Unix epoch, or written out with its zone.
    pub(super) fn time(&self, names: &[&str]) -> Option<Timestamp> {
        let text = self.text(names);
        let Ok(epoch) = text.parse::<f64>() else {
            return text.parse().ok();
        };
        let seconds = if epoch >= EPOCH_SECONDS_MAX {
            epoch / 1e3
        } else {
            epoch
        };
        let is_time = (1.0..EPOCH_SECONDS_MAX).contains(&seconds);
        #[expect(clippy::cast_possible_truncation, reason = "its range was checked")]
        is_time.then(|| Timestamp::from_micros((seconds * 1e6) as i64))
    }

    /// A time as the clocks of `zone` show it; of two equal ones the first.
    pub(super) fn local_time(&self, names: &[&str], zone: Tz) -> Option<Timestamp> {
        let text = self.text(names);
        let read = |form: &str| NaiveDateTime::parse_from_str(text, form).ok();
        let local = LOCAL_TIMES.iter().find_map(|form| read(form))?;
        let time = local.and_local_timezone(zone).earliest()?;
        Some(time.to_utc().into())
    }
}

/// Empty, a name that the dialer did not replace, or what some languages make of a missing value.
fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    text.is_empty()
        || (text.starts_with("--A--") && text.ends_with("--B--"))
        || ["null", "undefined"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn fields(value: Json) -> Fields {
        Fields::of_body(&json!({"x": value}).as_object().cloned().unwrap())
    }

    #[rstest]
    #[case(json!("a"), "a")]
    #[case(json!(7), "7")]
    #[case(json!(" a "), "a")]
    #[case(json!(null), "")]
    #[case(json!(""), "")]
    #[case(json!("null"), "")]
    #[case(json!("--A--lead_id--B--"), "")]
    #[case(json!("\u{feff}1.3"), "1.3")]
    #[case(json!("\u{feff}"), "")]
    #[case(json!("\u{200b} null\u{200b}"), "")]
    #[case(json!(["a"]), "")]
    #[case(json!({"a": 1}), "")]
    #[case(json!(4_155_550_123_u64), "4155550123")]
    fn a_text(#[case] value: Json, #[case] expected: &str) {
        assert_eq!(fields(value).text(&["y", "x"]), expected);
    }

    #[test]
    fn a_name_may_have_a_mark_before_it() {
        let body = json!({"\u{feff}x": "1.3"}).as_object().cloned().unwrap();
        assert_eq!(Fields::of_body(&body).text(&["x"]), "1.3");
    }

    #[test]
    fn a_kept_text_is_short_and_harmless() {
        assert_eq!(fields(json!("a\u{0}\nb")).short(&["x"]), "ab");
        assert_eq!(
            fields(json!("é".repeat(100))).short(&["x"]).chars().count(),
            64
        );
    }

    #[rstest]
    #[case(json!("37"), Some(37))]
    #[case(json!(37.9), Some(37))]
    #[case(json!(0), Some(0))]
    #[case(json!("-1"), None)]
    #[case(json!("86401"), None)]
    #[case(json!("NaN"), None)]
    #[case(json!("long"), None)]
    fn a_length(#[case] value: Json, #[case] expected: Option<i32>) {
        assert_eq!(fields(value).seconds(&["x"]), expected);
    }

    #[rstest]
    #[case(json!(1_795_000_000), Some(1_795_000_000))]
    #[case(json!("1795000000.25"), Some(1_795_000_000))]
    #[case(json!(1_795_000_000_000_u64), Some(1_795_000_000))]
    #[case(json!("2026-11-18T11:06:40Z"), Some(1_795_000_000))]
    #[case(json!(0), None)]
    #[case(json!("inf"), None)]
    #[case(json!("soon"), None)]
    fn an_epoch(#[case] value: Json, #[case] seconds: Option<i64>) {
        let time = fields(value).time(&["x"]);
        assert_eq!(time.map(|time| time.micros() / 1_000_000), seconds);
    }

    #[rstest]
    #[case("2026-11-20 09:00:00", Some("2026-11-20T14:00:00Z"))]
    #[case("2026-11-20T09:00:00", Some("2026-11-20T14:00:00Z"))]
    #[case("2026-11-20 09:00:00.5", Some("2026-11-20T14:00:00.5Z"))]
    #[case("2026-11-01 01:30:00", Some("2026-11-01T05:30:00Z"))]
    #[case("2026-03-08 02:30:00", None)]
    #[case("20/11/2026", None)]
    fn a_local_time(#[case] text: &str, #[case] expected: Option<&str>) {
        let time = fields(json!(text)).local_time(&["x"], chrono_tz::America::New_York);
        assert_eq!(time, expected.map(|text| text.parse().unwrap()));
    }
}
