//! What a decision knows of the call.

use std::collections::BTreeMap;

use bin_common_handler::models::time::Timestamp;
use uuid::Uuid;

use super::place::{Code, Point};

/// A phone number as its digits: E.164 never begins with 0, so no two numbers share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(u64);

impl Number {
    /// `+` and 2 to 15 digits, as the common crate's E.164 writes it.
    pub fn new(e164: &str) -> Option<Self> {
        let digits = e164.strip_prefix('+')?;
        let valid = (2..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| digits.parse().ok().map(Self)).flatten()
    }
}

/// When the caller was last put through, and last converted; nothing = never, or before the rule's days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The latest connected call.
    pub connect: Option<Timestamp>,
    /// The latest converted call.
    pub conversion: Option<Timestamp>,
}

/// The call, as plain facts. What is unknown is absent: a criterion about it then fails.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Call {
    /// The tenant.
    pub customer_id: Uuid,
    /// The campaign that it came in on.
    pub call_campaign_id: Uuid,
    /// The consumer's number: who calls, or who is called.
    pub number: Option<Number>,
    /// The consumer's country, ISO 3166-1 alpha-2.
    pub country: Option<Code>,
    /// The consumer's state.
    pub state: Option<Code>,
    /// The area code of the consumer's number.
    pub npa: Option<u16>,
    /// The consumer's postal code.
    pub zip: Option<Code>,
    /// Where the consumer is.
    pub point: Option<Point>,
    /// What the seller says about it.
    pub tags: BTreeMap<String, String>,
    /// Buyers that were tried already: they are not asked again, and their bids set no price.
    pub tried: Vec<Uuid>,
    /// Attempts so far.
    pub attempts: u32,
    /// The caller's history with any buyer of the campaign.
    pub seen: Seen,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+14155550100", true)]
    #[case("14155550100", false)]
    #[case("+04155550100", false)]
    #[case("+1415555010a", false)]
    #[case("+1234567890123456", false)]
    #[case("+", false)]
    fn a_number_is_plain_e164(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(Number::new(text).is_some(), valid);
    }
}
