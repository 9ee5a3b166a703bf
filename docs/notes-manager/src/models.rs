//! A note: text about an outdial, and when to remind of it.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, in_range},
        error::Result,
        identity::uuid_or_nil,
        money::{Currency, Money},
        text::TEXT_MAX,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest URL, in bytes.
const URL_MAX: usize = 2_048;

/// A note.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "note", table = "note_notes", check = check)]
pub struct Note {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The outdial it is about; nil for none.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub outdial_id: Uuid,
    /// What it says, at most 65,535 bytes.
    #[resource(set, max_bytes = TEXT_MAX)]
    pub text: String,
    /// Asked when the note is due; empty for nobody.
    #[resource(set, max_bytes = URL_MAX)]
    pub url: String,
    /// Verifies webhooks: 16 to 128 bytes, or empty for none. Never shown; sealed in its column.
    #[serde(default, skip_serializing)]
    #[resource(set)]
    pub secret: String,
    /// What reminding costs, in minor units of `fee_currency`; from 0.
    #[resource(set, min = 0, max = 1_000_000_000)]
    pub fee_amount: i64,
    /// ISO 4217; empty = USD.
    #[resource(set)]
    pub fee_currency: String,
    /// When to remind; null for never.
    #[resource(set)]
    pub remind_at: Option<Timestamp>,
    /// Webhooks that were accepted.
    pub inbound_count: i32,
    /// When it became due; null until then.
    pub tm_due: Option<Timestamp>,
    /// When its URL took the reminder; null until then.
    pub tm_called: Option<Timestamp>,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change, which is also the version.
    pub tm_update: Timestamp,
    /// When it was deleted; null while it lives.
    pub tm_delete: Option<Timestamp>,
}

impl Note {
    /// What reminding costs.
    ///
    /// # Errors
    /// 400 when the currency is no ISO 4217 code.
    pub fn fee(&self) -> Result<Money> {
        let currency: Currency = self.fee_currency.parse()?;
        Ok(Money::new(self.fee_amount, currency))
    }

    /// Where its secret belongs: a sealed text that is copied into another row does not open.
    pub(crate) fn secret_place(&self) -> String {
        format!("{}/note_notes/secret/{}", self.customer_id, self.id)
    }
}

fn check(note: &mut Note, before: Option<&Note>, _: Timestamp) -> Result<()> {
    if note.fee_currency.is_empty() {
        note.fee_currency = Currency::USD.to_string();
    }
    note.fee()?;
    let is_web = note.url.starts_with("https://") || note.url.starts_with("http://");
    ensure(
        note.url.is_empty() || is_web,
        "url",
        "must be http or https",
    )?;
    // A secret that stays is sealed already, and longer.
    let is_new = before.is_none_or(|before| before.secret != note.secret);
    if is_new && !note.secret.is_empty() {
        in_range("the length of secret", note.secret.len(), 16, 128)?;
    }
    Ok(())
}
