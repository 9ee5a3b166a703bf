//! Where answers to our mail go: a plus-address (RFC 5233) that names the conversation, and that nobody can make up.

use bin_common_handler::{
    config::Setting,
    models::{error::Result, identity::parse_uuid, text::hex},
};
use serde_json::Value;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    app::App,
    contacthandler,
    models::{conversation::Conversation, notification::Notification},
};

/// Where answers come in.
pub(crate) const EMAIL_REPLY_TO: Setting<String> = Setting::mail_address(
    "EMAIL_REPLY_TO",
    "",
    "The address at which answers to mail come in; conversations add +… to its name; empty = they go to EMAIL_FROM",
    "reply@in.example.com",
);
/// Bytes of the proof in an address: 64 bits, and the name stays below 64 characters (RFC 5321, 4.5.3.1.1).
const PROOF_BYTES: usize = 8;
/// Characters of a UUID without dashes.
const ID_CHARS: usize = 32;

/// The conversation that a notification names as its own.
pub(crate) fn conversation_of(row: &Notification) -> Option<Uuid> {
    let named = row.data.0.get("conversation_id").and_then(Value::as_str)?;
    parse_uuid(named)
}

/// The address of a conversation; empty where there is none, or the conversation is not the tenant's.
///
/// # Errors
/// 503.
pub(crate) async fn address(app: &App, customer_id: Uuid, id: Uuid) -> Result<String> {
    let base = app.config.get(&EMAIL_REPLY_TO);
    let Some((name, domain)) = base.split_once('@') else {
        return Ok(String::new());
    };
    let found = app.store.get::<Conversation>(id).await?;
    if found.is_none_or(|found| found.customer_id != customer_id) {
        return Ok(String::new());
    }
    let proof = proof(app, id).await?;
    Ok(format!("{name}+{}{proof}@{domain}", id.simple()))
}

/// The conversation of one of the addresses.
///
/// # Errors
/// 503.
pub(crate) async fn find<'a>(
    app: &App,
    addresses: impl Iterator<Item = &'a str>,
) -> Result<Option<Uuid>> {
    let base = app.config.get(&EMAIL_REPLY_TO);
    let Some((id, given)) = addresses.filter_map(|address| read(&base, address)).next() else {
        return Ok(None);
    };
    let proof = proof(app, id).await?;
    let is_ours = bool::from(proof.as_bytes().ct_eq(given.as_bytes()));
    Ok(is_ours.then_some(id))
}

/// Conversation and proof of an address.
fn read(base: &str, address: &str) -> Option<(Uuid, String)> {
    let (name, domain) = base.split_once('@')?;
    let (local, at) = address.trim().rsplit_once('@')?;
    let (plain, token) = local.split_once('+')?;
    let is_ours = plain.eq_ignore_ascii_case(name) && at.eq_ignore_ascii_case(domain);
    let (id, proof) = token.split_at_checked(ID_CHARS).filter(|_| is_ours)?;
    let id = Uuid::try_parse(id).ok()?;
    Some((id, proof.to_ascii_lowercase()))
}

async fn proof(app: &App, id: Uuid) -> Result<String> {
    let hash = contacthandler::hash(app, &format!("reply:{id}")).await?;
    Ok(hex(hash.get(..PROOF_BYTES).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "reply+000000000000000000000000000000070123456789abcdef@in.example.com",
        true
    )]
    #[case(
        "Reply+000000000000000000000000000000070123456789ABCDEF@IN.example.com",
        true
    )]
    #[case("reply@in.example.com", false)]
    #[case("reply+7@in.example.com", false)]
    #[case(
        "reply+000000000000000000000000000000070123456789abcdef@example.com",
        false
    )]
    #[case(
        "other+000000000000000000000000000000070123456789abcdef@in.example.com",
        false
    )]
    #[case(
        "reply+0000000000000000000000000000000é0123456789abcdef@in.example.com",
        false
    )]
    fn an_address_names_its_conversation(#[case] address: &str, #[case] is_read: bool) {
        let expected = is_read.then(|| (Uuid::from_u128(7), "0123456789abcdef".to_owned()));
        assert_eq!(read("reply@in.example.com", address), expected);
    }
}
