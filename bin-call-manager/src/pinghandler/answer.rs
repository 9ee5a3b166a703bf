//! What a bidder says, read with suspicion: anything may stand there.

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

/// Whether an answer to a post refuses the call; one that says nothing takes it.
pub(super) fn refuses(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        reject_reason: Option<String>,
    }
    serde_json::from_slice::<Refusal>(body)
        .ok()
        .and_then(|body| body.reject_reason)
        .is_some_and(|reason| !reason.is_empty())
}

fn seconds(given: Option<&Json>) -> u64 {
    given
        .and_then(Json::as_u64)
        .map_or(EXPIRES_DEFAULT, |seconds| seconds.min(EXPIRES_MAX))
}

/// A line without anything that a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
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
    let _ = refuses(data);
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
    #[case("", false)]
    #[case("ok", false)]
    #[case(r#"{"reject_reason": ""}"#, false)]
    #[case(r#"{"reject_reason": "full"}"#, true)]
    fn a_post_is_taken_unless_it_is_refused(#[case] body: &str, #[case] refused: bool) {
        assert_eq!(refuses(body.as_bytes()), refused);
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
