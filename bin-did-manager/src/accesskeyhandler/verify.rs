//! What a shown key allows: the question that the bridge asks before it lets a caller in.

use bin_common_handler::{
    context::RequestContext,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::token::read_hash;
use crate::{
    app::App,
    dbhandler::accesskeys::{self, KeyRow},
    models::check::wrong,
};

/// What is told of a shown key; the key itself does not travel.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "KeyQuestion")]
pub(crate) struct Question {
    /// Its first 12 characters.
    prefix: String,
    /// SHA-256 of the whole key, 64 hex digits.
    hash: String,
}

/// What a key allows.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "KeyVerdict")]
pub(crate) struct Verdict {
    id: Uuid,
    customer_id: Uuid,
    scopes: Vec<String>,
    /// The account that everything is confined to; absent = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<Uuid>,
    /// What its bearer is; absent = whatever its scopes allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The user that it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    /// From then on it opens nothing; null = never.
    tm_expire: Option<Timestamp>,
    /// Requests a second, and at once; null = the installation's limit.
    rate_per_second: Option<i32>,
    rate_burst: Option<i32>,
    /// The same of all the customer's keys together.
    customer_rate_per_second: Option<i32>,
    customer_rate_burst: Option<i32>,
}

/// Says what a key allows, and that it was used.
pub(crate) async fn verify(
    app: &App,
    ctx: &RequestContext,
    question: &Question,
) -> Result<Verdict> {
    let hash = read_hash(&question.hash).ok_or_else(|| wrong("hash", "must be 64 hex digits"))?;
    let now = app.store.clock.now();
    let known = accesskeys::find(&app.store.db, &hash).await?;
    let known = known
        .filter(|known| is_shown(known, question) && known.is_open(now))
        .filter(|known| ctx.scope.allows(known.customer_id))
        // One answer for all of these: a guess must not learn which it was.
        .ok_or_else(|| Error::unauthenticated("INVALID_API_KEY", "Invalid API key"))?;
    app.uses.note(known.id, known.tm_used, now);
    Ok(Verdict::of(known))
}

/// The digest alone finds the key; a prefix that is not the key's own tells of a mistake of the asker.
fn is_shown(known: &KeyRow, question: &Question) -> bool {
    let (own, shown) = (known.prefix.as_bytes(), question.prefix.as_bytes());
    own.ct_eq(shown).into()
}

impl KeyRow {
    fn is_open(&self, now: Timestamp) -> bool {
        self.tm_expire.is_none_or(|end| now < end)
    }
}

impl Verdict {
    fn of(known: KeyRow) -> Self {
        Self {
            id: known.id,
            customer_id: known.customer_id,
            scopes: known.scopes.0,
            account_id: known.account_id,
            role: known.role,
            user_id: known.user_id,
            tm_expire: known.tm_expire,
            rate_per_second: known.rate_per_second,
            rate_burst: known.rate_burst,
            customer_rate_per_second: known.customer_rate_per_second,
            customer_rate_burst: known.customer_rate_burst,
        }
    }
}
