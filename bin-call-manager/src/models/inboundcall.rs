//! A call that came in at a business's number: put through, and answered or missed. It stands beside the calls that are
//! sold, and no rule of the market touches it.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced once for each call that nobody answered.
pub const MISSED: &str = "call_missed";
/// Announced once for each call that somebody answered.
pub const ANSWERED: &str = "call_answered";
/// Why a call was missed, beside the carrier's own words.
pub mod reason {
    /// A machine answered: a mailbox, or a fax.
    pub const MACHINE: &str = "machine";
    /// It was answered for less than `TREAT_SHORT_AS_MISSED_SECONDS`.
    pub const TOO_SHORT: &str = "too-short";
    /// The business has nobody to put calls through to.
    pub const NOT_FORWARDED: &str = "not-forwarded";
    /// The carrier never told how dialling went: it ended a minute ago, or must have.
    pub const NO_VERDICT: &str = "no-verdict";
}

text_enum!(
    /// Where it stands.
    pub enum InboundStatus {
        /// It is put through, or under way.
        Ringing = "ringing",
        /// Somebody answered.
        Answered = "answered",
        /// Nobody answered.
        Missed = "missed",
    }
);

/// A call at a business's number.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Entity,
)]
#[entity(table = "exchange_inbound_calls")]
pub struct InboundCall {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The business.
    pub customer_id: Uuid,
    /// The number's row.
    pub phone_number_id: Uuid,
    /// The provider's row.
    pub provider_id: Uuid,
    /// The carrier's id of the call, unique at the provider.
    pub call_sid: String,
    /// Who calls, as the carrier writes it: E.164, or a word such as `anonymous`.
    pub from_number: String,
    /// E.164 of the business's number.
    pub to_number: String,
    /// Whom it was put through to; empty for nobody.
    pub forward_target: String,
    /// Where it stands.
    pub status: InboundStatus,
    /// Why it was missed, e.g. `no-answer` or `busy`; empty until then.
    pub reason: String,
    /// How long it was talked, in seconds.
    pub duration_seconds: i32,
    /// When it ended; null until that is known.
    pub tm_ended: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("phone_number_id", FilterKind::Uuid),
    ("status", FilterKind::OneOf(InboundStatus::WORDS)),
    ("from_number", FilterKind::Phone),
    ("to_number", FilterKind::Phone),
];

/// What the event of a missed call says.
#[derive(Debug, Clone, Serialize)]
pub struct MissedCall<'c> {
    /// The call.
    pub call_id: Uuid,
    /// The business.
    pub customer_id: Uuid,
    /// Who called.
    pub from: &'c str,
    /// The business's number.
    pub to: &'c str,
    /// Why it was missed.
    pub reason: &'c str,
    /// When it ended.
    pub tm_ended: Timestamp,
}

/// What the event of an answered call says.
#[derive(Debug, Clone, Serialize)]
pub struct AnsweredCall<'c> {
    /// The call.
    pub call_id: Uuid,
    /// The business.
    pub customer_id: Uuid,
    /// Who called.
    pub from: &'c str,
    /// The business's number.
    pub to: &'c str,
    /// How long was talked, in seconds.
    pub duration_seconds: i32,
    /// When it ended.
    pub tm_ended: Timestamp,
}

/// How dialling went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody spoke.
    Answered,
    /// Nobody did, for this reason.
    Missed(&'static str),
}

/// What the carrier tells of dialling.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dialled<'d> {
    /// `DialCallStatus`; the call's own status is `completed` whatever came of dialling.
    pub status: &'d str,
    /// `DialCallDuration`, in seconds.
    pub duration_seconds: i32,
    /// `AnsweredBy`, where machines are listened for; empty otherwise.
    pub answered_by: &'d str,
}

impl Dialled<'_> {
    /// The verdict; none for a status that is none yet. An answer of less than `short_seconds` counts as a miss (0 = none
    /// does): a mobile's own mailbox answers, too.
    pub fn verdict(&self, short_seconds: i32) -> Option<Verdict> {
        let missed = match self.status {
            "no-answer" => "no-answer",
            "busy" => "busy",
            "failed" => "failed",
            // The caller gave up.
            "canceled" => "canceled",
            "completed" | "answered" => return Some(self.answered(short_seconds)),
            _ => return None,
        };
        Some(Verdict::Missed(missed))
    }

    fn answered(&self, short_seconds: i32) -> Verdict {
        if self.answered_by.starts_with("machine") || self.answered_by == "fax" {
            Verdict::Missed(reason::MACHINE)
        } else if self.duration_seconds < short_seconds {
            Verdict::Missed(reason::TOO_SHORT)
        } else {
            Verdict::Answered
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("no-answer", 0, "", 0, Some(Verdict::Missed("no-answer")))]
    #[case("busy", 0, "", 0, Some(Verdict::Missed("busy")))]
    #[case("failed", 0, "", 0, Some(Verdict::Missed("failed")))]
    #[case("canceled", 0, "", 0, Some(Verdict::Missed("canceled")))]
    #[case("completed", 0, "", 0, Some(Verdict::Answered))]
    #[case("answered", 9, "human", 0, Some(Verdict::Answered))]
    #[case("completed", 9, "machine_start", 0, Some(Verdict::Missed("machine")))]
    #[case("completed", 9, "fax", 0, Some(Verdict::Missed("machine")))]
    #[case("completed", 9, "unknown", 0, Some(Verdict::Answered))]
    #[case("completed", 4, "", 5, Some(Verdict::Missed("too-short")))]
    #[case("completed", 5, "", 5, Some(Verdict::Answered))]
    #[case("ringing", 0, "", 0, None)]
    #[case("", 0, "", 0, None)]
    fn the_verdict_is_what_dialling_says(
        #[case] status: &str,
        #[case] duration_seconds: i32,
        #[case] answered_by: &str,
        #[case] short_seconds: i32,
        #[case] expected: Option<Verdict>,
    ) {
        let dialled = Dialled {
            status,
            duration_seconds,
            answered_by,
        };
        assert_eq!(dialled.verdict(short_seconds), expected);
    }
}
