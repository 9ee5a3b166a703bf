//! A push subscription: one browser of a user, as its Push API tells it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bin_common_handler::{
    Resource,
    models::{check::ensure, error::Result, identity::uuid_or_nil, text::hex, time::Timestamp},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest address of a push service, in bytes.
const ENDPOINT_MAX: usize = 2_048;
/// Bytes of an uncompressed point of P-256, and its first byte.
const POINT_BYTES: usize = 65;
const UNCOMPRESSED: u8 = 4;
/// Bytes of the shared secret (RFC 8291, 3.2).
const AUTH_BYTES: usize = 16;

/// One browser of a user.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "pushsubscription", table = "chat_push_subscriptions", check = check)]
pub struct PushSubscription {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// Whose browser it is.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub user_id: Uuid,
    /// Where its push service takes messages: https.
    #[resource(set, not_blank, max_bytes = ENDPOINT_MAX)]
    pub endpoint: String,
    /// Its public key: an uncompressed point of P-256 in base64url.
    #[resource(set)]
    pub p256dh: String,
    /// Its secret of 16 bytes in base64url. Never shown; sealed in its column.
    #[serde(default, skip_serializing)]
    #[resource(set)]
    pub auth: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl PushSubscription {
    /// Its public key, as bytes.
    pub fn point(&self) -> Option<Vec<u8>> {
        let point = decoded(&self.p256dh)?;
        let is_point = point.len() == POINT_BYTES && point.first() == Some(&UNCOMPRESSED);
        is_point.then_some(point)
    }

    /// Where its secret belongs.
    pub fn secret_place(&self) -> String {
        format!(
            "{}/chat_push_subscriptions/auth/{}",
            self.customer_id,
            hex(self.id.as_bytes())
        )
    }
}

/// Base64url, whether padded or not: browsers' libraries do either.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

fn check(
    subscription: &mut PushSubscription,
    before: Option<&PushSubscription>,
    _: Timestamp,
) -> Result<()> {
    ensure(
        !subscription.user_id.is_nil(),
        "user_id",
        "must name a user",
    )?;
    let is_point = subscription.point().is_some();
    ensure(is_point, "p256dh", "must be a point of P-256 in base64url")?;
    // A secret that stays is sealed already.
    let is_new = before.is_none_or(|before| before.auth != subscription.auth);
    let is_secret = decoded(&subscription.auth).is_some_and(|auth| auth.len() == AUTH_BYTES);
    ensure(
        !is_new || is_secret,
        "auth",
        "must be 16 bytes in base64url",
    )
}
