//! What a bidder says, read with suspicion: anything may stand there.

use bin_common_handler::models::{json, text::shown};
use serde::Deserialize;
use serde_json::Value as Json;

/// Largest answer, in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Highest bid, in minor units.
const AMOUNT_MAX: i64 = crate::models::account::AMOUNT_MAX;
/// How long a bid counts where the bidder does not say, and at most, in seconds.
const EXPIRES_DEFAULT: u64 = 30;
const EXPIRES_MAX: u64 = 300;
/// What is kept of a reason, in characters.
const REASON_MAX: usize = 100;
/// Words with which a post is taken.
const YES: [&str; 8] = [
    "ok", "yes", "true", "accept", "accepted", "success", "taken", "won",
];
/// Words with which a field such as `status` refuses a post.
const NO: [&str; 14] = [
    "no", "false", "reject", "rejected", "refused", "decline", "declined", "denied", "error",
    "fail", "failed", "failure", "busy", "full",
];
/// Why an answer does not count that says no, and one that says neither yes nor no.
const REJECTED: &str = "REJECTED";
const UNCLEAR: &str = "UNCLEAR";

/// What a bidder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It bids.
    Bid {
        /// Minor units, from 1.
        amount: i64,
        /// ISO 4217 code; empty = the campaign's.
        currency: String,
        /// How long the bid counts.
        expires_in_seconds: u64,
        /// Where the call would go; empty = as the profile says.
        destination: String,
    },
    /// It does not want the call; why, in a plain line.
    No(String),
    /// Nothing that is understood.
    Broken,
}

#[derive(Deserialize)]
struct Body {
    amount: Option<Json>,
    currency: Option<String>,
    expires_in_seconds: Option<Json>,
    destination: Option<String>,
    reject_reason: Option<String>,
}

/// Reads an answer to a ping.
pub fn read(body: &[u8]) -> Said {
    let Ok(body) = serde_json::from_slice::<Body>(body) else {
        return Said::Broken;
    };
    if let Some(reason) = body
        .reject_reason
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        return Said::No(plain(reason));
    }
    let Some(amount) = body.amount else {
        return Said::Broken;
    };
    match amount.as_i64() {
        Some(0) => Said::No(String::new()),
        Some(amount) if (1..=AMOUNT_MAX).contains(&amount) => Said::Bid {
            amount,
            currency: body.currency.unwrap_or_default(),
            expires_in_seconds: seconds(body.expires_in_seconds.as_ref()),
            destination: body.destination.unwrap_or_default(),
        },
        _ => Said::Broken,
    }
}

/// Why an answer to a post refuses the call; nothing where it takes it. It takes it by nothing at all, by a word such as
/// `ok`, or by an object in which nothing says no; anything else is no answer to a post.
pub(super) fn refusal(body: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(body).map(str::trim) else {
        return Some(UNCLEAR.to_owned());
    };
    if text.is_empty() || is_yes(text) {
        return None;
    }
    match json::from_str::<Json>(text) {
        Ok(Json::Object(fields)) => fields.iter().find_map(|(key, value)| no(key, value)),
        Ok(Json::String(word)) if is_yes(&word) => None,
        Ok(Json::Null) => None,
        Ok(Json::Bool(false)) => Some(REJECTED.to_owned()),
        _ => Some(UNCLEAR.to_owned()),
    }
}

/// Why a field refuses a call, however its name is written; nothing where it does not.
fn no(key: &str, value: &Json) -> Option<String> {
    let letters = key.chars().filter(char::is_ascii_alphanumeric);
    let key = letters.collect::<String>().to_ascii_lowercase();
    let is_no = match key.as_str() {
        "reject" | "rejected" | "rejectcode" | "rejectreason" | "rejection" | "rejectionreason"
        | "declined" | "refused" | "error" | "errors" => !is_nothing(value),
        "accept" | "accepted" | "ok" | "result" | "status" | "success" | "taken" => says_no(value),
        // As in an answer to a ping: no bid is a no.
        "amount" => value.as_i64() == Some(0),
        _ => false,
    };
    is_no.then(|| rejected(value.as_str().unwrap_or_default()))
}

/// As the reason stands among those whose answers do not count.
pub(super) fn rejected(reason: &str) -> String {
    match plain(reason) {
        reason if reason.is_empty() => REJECTED.to_owned(),
        reason => format!("{REJECTED}: {reason}"),
    }
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(is_so) => !is_so,
        Json::Number(number) => number.as_i64() == Some(0),
        Json::String(text) => text.trim().is_empty(),
        Json::Array(parts) => parts.is_empty(),
        Json::Object(parts) => parts.is_empty(),
    }
}

fn says_no(value: &Json) -> bool {
    match value {
        Json::Bool(is_so) => !is_so,
        // As HTTP says it.
        Json::Number(number) => number
            .as_i64()
            .is_none_or(|number| number != 1 && !(200..300).contains(&number)),
        Json::String(text) => is_one_of(&NO, text),
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}

fn is_yes(text: &str) -> bool {
    is_one_of(&YES, text)
}

fn is_one_of(words: &[&str], text: &str) -> bool {
    let text = text.trim();
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn seconds(given: Option<&Json>) -> u64 {
    given
        .and_then(Json::as_u64)
        .map_or(EXPIRES_DEFAULT, |seconds| seconds.min(EXPIRES_MAX))
}

/// A line without anything that a terminal would obey, or that turns the order of letters.
fn plain(text: &str) -> String {
    shown(text)
        .chars()
        .filter(|c| !c.is_control())
        .take(REASON_MAX)
        .collect()
}

/// Whatever stands there: a bid is within its bounds, and a reason is a plain line.
#[cfg(any(test, feature = "test-support"))]
pub(crate) fn hostile(data: &[u8]) {
    match read(data) {
        Said::Bid {
            amount,
            expires_in_seconds,
            ..
        } => {
            assert!((1..=AMOUNT_MAX).contains(&amount), "{amount}");
            assert!(expires_in_seconds <= EXPIRES_MAX, "{expires_in_seconds}");
        }
        Said::No(reason) => {
            let is_plain = !reason.chars().any(char::is_control);
            assert!(
                is_plain && reason.chars().count() <= REASON_MAX,
                "{reason:?}"
            );
        }
        Said::Broken => {}
    }
    if let Some(reason) = refusal(data) {
        assert!(reason.starts_with(REJECTED) || reason == UNCLEAR);
        assert!(reason.chars().count() <= REASON_MAX + REJECTED.len() + 2);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn bid(amount: i64, expires_in_seconds: u64) -> Said {
        Said::Bid {
            amount,
            currency: String::new(),
            expires_in_seconds,
            destination: String::new(),
        }
    }

    #[rstest]
    #[case::plain(r#"{"amount": 525}"#, bid(525, 30))]
    #[case::more(
        r#"{"amount": 525, "expires_in_seconds": 60, "model": "x"}"#,
        bid(525, 60)
    )]
    #[case::for_ever(r#"{"amount": 525, "expires_in_seconds": 99999999999}"#, bid(525, 300))]
    #[case::odd_time(r#"{"amount": 525, "expires_in_seconds": "soon"}"#, bid(525, 30))]
    #[case::no(r#"{"reject_reason": "no\u0007t now"}"#, Said::No("not now".to_owned()))]
    #[case::no_and_amount(r#"{"amount": 5, "reject_reason": "no"}"#, Said::No("no".to_owned()))]
    #[case::nothing(r#"{"amount": 0}"#, Said::No(String::new()))]
    #[case::negative(r#"{"amount": -5}"#, Said::Broken)]
    #[case::fraction(r#"{"amount": 5.25}"#, Said::Broken)]
    #[case::huge(r#"{"amount": 99999999999999999999999999}"#, Said::Broken)]
    #[case::too_high(r#"{"amount": 9223372036854775807}"#, Said::Broken)]
    #[case::text(r#"{"amount": "525"}"#, Said::Broken)]
    #[case::no_amount("{}", Said::Broken)]
    #[case::array("[525]", Said::Broken)]
    #[case::no_json("525 dollars", Said::Broken)]
    #[case::empty("", Said::Broken)]
    fn an_answer_is_a_bid_a_no_or_broken(#[case] body: &str, #[case] expected: Said) {
        assert_eq!(read(body.as_bytes()), expected);
    }

    #[rstest]
    #[case::nothing("", None)]
    #[case::blank(" \n", None)]
    #[case::word("ok", None)]
    #[case::capitals("OK\n", None)]
    #[case::text(r#""accepted""#, None)]
    #[case::null("null", None)]
    #[case::yes("true", None)]
    #[case::empty("{}", None)]
    #[case::bid(r#"{"amount": 500, "destination": "+14155550191"}"#, None)]
    #[case::no_reason(r#"{"reject_reason": ""}"#, None)]
    #[case::null_reason(r#"{"reject_reason": null, "reject_code": 0}"#, None)]
    #[case::taken(r#"{"accepted": true, "status": "success", "error": null}"#, None)]
    #[case::status(r#"{"status": 200, "id": "x"}"#, None)]
    #[case::refused(r#"{"reject_reason": "full"}"#, Some("REJECTED: full"))]
    #[case::in_another_case(r#"{"Reject_Reason": "full"}"#, Some("REJECTED: full"))]
    #[case::in_another_form(r#"{"rejectReason": "full"}"#, Some("REJECTED: full"))]
    #[case::turned(r#"{"reject_reason": "\u202efull\u0007"}"#, Some("REJECTED: full"))]
    #[case::no_text(r#"{"reject_reason": ["full"]}"#, Some("REJECTED"))]
    #[case::number(r#"{"reject_reason": 5}"#, Some("REJECTED"))]
    #[case::code(r#"{"reject_code": 1006}"#, Some("REJECTED"))]
    #[case::not_accepted(r#"{"accepted": false}"#, Some("REJECTED"))]
    #[case::not_by_text(r#"{"accepted": "no"}"#, Some("REJECTED: no"))]
    #[case::rejected(r#"{"status": "rejected"}"#, Some("REJECTED: rejected"))]
    #[case::underway(r#"{"status": "queued"}"#, None)]
    #[case::failed(r#"{"status": 500}"#, Some("REJECTED"))]
    #[case::error(r#"{"error": {"code": 1}}"#, Some("REJECTED"))]
    #[case::no_bid(r#"{"amount": 0}"#, Some("REJECTED"))]
    #[case::no("false", Some("REJECTED"))]
    #[case::twice(r#"{"reject_reason": "full", "reject_reason": ""}"#, Some("UNCLEAR"))]
    #[case::cut_off(r#"{"reject_reason": "ful"#, Some("UNCLEAR"))]
    #[case::page("<html>Sorry</html>", Some("UNCLEAR"))]
    #[case::no_word("full", Some("UNCLEAR"))]
    #[case::list("[]", Some("UNCLEAR"))]
    fn an_answer_to_a_post_takes_it_or_says_why_not(
        #[case] body: &str,
        #[case] refused: Option<&str>,
    ) {
        assert_eq!(refusal(body.as_bytes()).as_deref(), refused);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_yes() {
        assert_eq!(refusal(&[0xff, 0xfe]).as_deref(), Some("UNCLEAR"));
    }

    proptest! {
        #[test]
        fn whatever_stands_there_a_bid_is_within_its_bounds(body in proptest::collection::vec(any::<u8>(), 0..200), amount in any::<i64>(), seconds in any::<u64>()) {
            for body in [body, format!(r#"{{"amount":{amount},"expires_in_seconds":{seconds}}}"#).into_bytes()] {
                if let Said::Bid { amount, expires_in_seconds, .. } = read(&body) {
                    prop_assert!((1..=AMOUNT_MAX).contains(&amount) && expires_in_seconds <= EXPIRES_MAX);
                }
            }
        }
    }
}
