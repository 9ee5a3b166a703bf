//! A lead: somebody who may become a customer of the business, and how promising that is.

use bin_common_handler::{
    Resource,
    models::{
        error::{Error, Result},
        identity::uuid_or_nil,
        money::Currency,
        text::{NAME_MAX, TEXT_MAX},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use super::catalogitem::PRICE_MAX;
use crate::booking::score::{Facts, Points, Urgency, points};

/// Calls that a lead remembers.
pub const CALLS_MAX: usize = 100;
/// Texts that count.
const MESSAGES_MAX: i32 = 1_000_000;
/// Longest number or address of a person, in bytes.
const PERSON_MAX: usize = 64;

text_enum!(
    /// Where a lead stands.
    pub enum LeadStatus {
        /// Somebody called or wrote.
        New = "new",
        /// What they need is known.
        Qualified = "qualified",
        /// They have an appointment.
        AppointmentScheduled = "appointment_scheduled",
        /// The work is done.
        Completed = "completed",
        /// Nothing came of it.
        Lost = "lost",
    }
);

impl LeadStatus {
    /// Whether nothing follows it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Lost)
    }

    /// Whether `next` may follow. An appointment that is called off makes it qualified again.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::New => matches!(
                next,
                Self::Qualified | Self::AppointmentScheduled | Self::Lost
            ),
            Self::Qualified => matches!(next, Self::AppointmentScheduled | Self::Lost),
            Self::AppointmentScheduled => {
                matches!(next, Self::Qualified | Self::Completed | Self::Lost)
            }
            Self::Completed | Self::Lost | Self::Other(_) => false,
        }
    }

    /// All that may follow, for a refusal.
    pub fn following(self) -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|next| self.may_become(*next)).collect()
    }
}

/// Somebody who may become a customer.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "lead", table = "chat_leads", check = check)]
pub struct Lead {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The conversation that it came of; nil for none. Each has one open lead at most.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub conversation_id: Uuid,
    /// `conversation_id` while it is open, else null: unique.
    #[serde(skip)]
    pub open_conversation_id: Option<Uuid>,
    /// Their number or address; empty = not known.
    #[resource(set, filter, max_bytes = PERSON_MAX)]
    pub person: String,
    /// Their name; empty = not known.
    #[resource(set, max_chars = NAME_MAX)]
    pub name: String,
    /// Where it stands; changed by `/status`.
    #[resource(filter)]
    pub status: LeadStatus,
    /// Why it was lost; empty = not told.
    pub reason: String,
    /// The work that they ask for; nil = not known.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub catalog_item_id: Uuid,
    /// Where the work is, at most 65,535 bytes.
    #[resource(set, max_bytes = TEXT_MAX)]
    pub address: String,
    /// How much of a hurry there is.
    #[resource(set, filter)]
    pub urgency: Urgency,
    /// What it may be worth, in minor units of `currency`; from 0.
    #[resource(set, min = 0, max = PRICE_MAX)]
    pub value_cents: i64,
    /// ISO 4217; empty = USD.
    #[resource(set)]
    pub currency: String,
    /// Whether the work is where the business works; null = not known.
    #[resource(set)]
    pub in_area: Option<bool>,
    /// Texts that the person wrote.
    #[resource(set, min = 0, max = MESSAGES_MAX)]
    pub messages: i32,
    /// Whether they came while the business was open; null = not known.
    #[resource(set)]
    pub in_hours: Option<bool>,
    /// How promising it is: 0 to 100, the sum of `score_inputs`.
    pub score: i32,
    /// Points by input.
    #[schemars(with = "Points")]
    pub score_inputs: Json<Points>,
    /// The calls that it came of, at most 100.
    #[schemars(with = "Vec<Uuid>")]
    pub call_ids: Json<Vec<Uuid>>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Lead {
    /// Counts the score anew, and whether it is its conversation's open lead.
    pub fn settle(&mut self) {
        let inputs = points(Facts {
            urgency: self.urgency,
            value_cents: self.value_cents,
            is_in_area: self.in_area,
            messages: self.messages,
            is_in_hours: self.in_hours,
        });
        self.score = inputs.total();
        self.score_inputs = Json(inputs);
        let is_open = !self.status.is_final() && self.tm_delete.is_none();
        self.open_conversation_id = Some(self.conversation_id).filter(|id| is_open && !id.is_nil());
    }

    /// The same with another status, where that may follow.
    ///
    /// # Errors
    /// 409 `INVALID_LEAD_STATE`.
    pub fn with_status(&self, next: LeadStatus, reason: &str) -> Result<Self> {
        if self.status == next {
            return Ok(self.clone());
        }
        if !self.status.may_become(next) {
            let text = format!("The lead is {}.", self.status);
            return Err(
                Error::failed_precondition("INVALID_LEAD_STATE", text).with_detail(
                    json!({ "status": self.status, "allowed": self.status.following() }),
                ),
            );
        }
        let mut after = self.clone();
        after.status = next;
        after.reason = match next {
            LeadStatus::Lost => reason.to_owned(),
            _ => String::new(),
        };
        after.settle();
        Ok(after)
    }
}

fn check(lead: &mut Lead, _: Option<&Lead>, _: Timestamp) -> Result<()> {
    if lead.currency.is_empty() {
        lead.currency = Currency::USD.to_string();
    }
    lead.currency.parse::<Currency>()?;
    lead.settle();
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(LeadStatus::New, "qualified appointment_scheduled lost")]
    #[case(LeadStatus::Qualified, "appointment_scheduled lost")]
    #[case(LeadStatus::AppointmentScheduled, "qualified completed lost")]
    #[case(LeadStatus::Completed, "")]
    #[case(LeadStatus::Lost, "")]
    fn what_may_follow_what(#[case] from: LeadStatus, #[case] expected: &str) {
        let next = from.following().into_iter();
        let next: Vec<_> = next.map(LeadStatus::as_str).collect();
        assert_eq!(next.join(" "), expected);
    }

    #[test]
    fn a_lead_is_its_conversations_until_it_ends() {
        let mut lead = Lead {
            conversation_id: Uuid::from_u128(1),
            ..Lead::default()
        };
        lead.settle();
        assert_eq!(lead.open_conversation_id, Some(Uuid::from_u128(1)));
        let lost = lead.with_status(LeadStatus::Lost, "too far").unwrap();
        assert_eq!(
            (lost.open_conversation_id, &*lost.reason),
            (None, "too far")
        );
        let mut alone = Lead::default();
        alone.settle();
        assert_eq!(alone.open_conversation_id, None);
    }
}
