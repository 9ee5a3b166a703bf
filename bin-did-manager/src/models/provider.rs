//! A provider: a business's account at a carrier of calls and texts.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, in_range},
        error::Result,
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::check::short;

/// Shortest and longest secret, in bytes.
const SECRET_MIN: usize = 8;
const SECRET_MAX: usize = 256;

text_enum!(
    /// Whose API it has.
    pub enum ProviderType {
        /// Twilio's, or a compatible carrier's (`TWILIO_BASE_URL`).
        Twilio = "twilio",
    }
);

text_enum!(
    /// Who answers the words of opt-outs (STOP, HELP, START).
    pub enum OptOutReplies {
        /// The carrier, by itself.
        Provider = "provider",
        /// We do.
        Tandem = "tandem",
    }
);

/// A business's account at a carrier.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "provider", table = "did_providers", check = check)]
pub struct Provider {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The business.
    pub customer_id: Uuid,
    /// Whose API it has; fixed at creation.
    #[resource(set, filter)]
    pub r#type: ProviderType,
    /// The carrier's id of the account, e.g. `AC…`; webhooks must name it.
    #[resource(set, filter, check = short, not_blank)]
    pub account_id: String,
    /// What opens its API and signs its webhooks, 8 to 256 bytes. Never shown; sealed in its column.
    #[serde(default, skip_serializing)]
    #[resource(set)]
    pub secret: String,
    /// Who answers the words of opt-outs.
    #[resource(set)]
    pub opt_out_replies: OptOutReplies,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

impl Provider {
    /// Where its secret belongs: a sealed text that is copied into another row does not open.
    pub(crate) fn secret_place(&self) -> String {
        format!("{}/did_providers/secret/{}", self.customer_id, self.id)
    }
}

fn check(provider: &mut Provider, before: Option<&Provider>, _: Timestamp) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ensure(
        provider.account_id.bytes().all(plain),
        "account_id",
        "has letters, digits, -, _ and . only",
    )?;
    let is_same_type = before.is_none_or(|before| before.r#type == provider.r#type);
    ensure(is_same_type, "type", "cannot be changed")?;
    // A secret that stays is sealed already, and longer.
    if before.is_none_or(|before| before.secret != provider.secret) {
        let length = provider.secret.len();
        in_range("the length of secret", length, SECRET_MIN, SECRET_MAX)?;
        let is_shown = provider.secret.bytes().all(|byte| byte.is_ascii_graphic());
        ensure(is_shown, "secret", "has visible ASCII characters only")?;
    }
    Ok(())
}
