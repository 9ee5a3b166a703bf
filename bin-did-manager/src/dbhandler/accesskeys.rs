//! Digests of access keys, and the one lookup that verifies a key.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Id},
    models::{error::Result, time::Timestamp},
};
use sqlx::{Error as SqlError, types::Json};
use uuid::Uuid;

/// A live key of an active customer.
#[derive(Debug, bin_common_handler::FromRow)]
pub(crate) struct KeyRow {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub prefix: String,
    pub account_id: Option<Uuid>,
    pub scopes: Json<Vec<String>>,
    pub role: Option<String>,
    pub user_id: Option<Uuid>,
    pub tm_expire: Option<Timestamp>,
    pub tm_used: Option<Timestamp>,
    pub rate_per_second: Option<i32>,
    pub rate_burst: Option<i32>,
    pub customer_rate_per_second: Option<i32>,
    pub customer_rate_burst: Option<i32>,
}

/// Writes the digest of a new key.
pub(crate) async fn insert_hash(tx: &mut ChangeTx<'_>, key: Uuid, hash: &[u8; 32]) -> Result<()> {
    let sql = "INSERT INTO did_accesskey_hashes (token_hash, accesskey_id) VALUES (?, ?)";
    let values = vec![hash.to_vec().into(), key.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The key that has this digest, by three primary keys in a row.
pub(crate) async fn find(db: &Db, hash: &[u8; 32]) -> Result<Option<KeyRow>, SqlError> {
    let sql = "SELECT k.id, k.customer_id, k.prefix, k.account_id, k.scopes, k.role, k.user_id, k.tm_expire, k.tm_used, \
               k.rate_per_second, k.rate_burst, \
               c.rate_per_second AS customer_rate_per_second, c.rate_burst AS customer_rate_burst \
               FROM did_accesskey_hashes h \
               JOIN did_accesskeys k ON k.id = h.accesskey_id \
               JOIN did_customers c ON c.id = k.customer_id \
               WHERE h.token_hash = ? AND k.tm_delete IS NULL \
               AND c.tm_delete IS NULL AND c.status = 'active'";
    db.fetch_optional(sql, vec![hash.to_vec().into()]).await
}

/// Live keys that are bound to an account.
///
/// # Errors
/// 503.
pub(crate) async fn bound_to(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    account_id: Uuid,
) -> Result<Vec<Id>> {
    live(tx, "account_id", customer_id, account_id).await
}

/// Live keys that stand for a user.
///
/// # Errors
/// 503.
pub(crate) async fn of_user(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<Id>> {
    live(tx, "user_id", customer_id, user_id).await
}

/// Live keys with this value in a column, in the order of their ids.
async fn live(
    tx: &mut ChangeTx<'_>,
    column: &'static str,
    customer_id: Uuid,
    value: Uuid,
) -> Result<Vec<Id>> {
    let sql = format!(
        "SELECT id FROM did_accesskeys \
         WHERE customer_id = ? AND {column} = ? AND tm_delete IS NULL ORDER BY id"
    );
    let values = vec![customer_id.into(), value.into()];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// Notes that a key was used at `at`, unless it was used after `since` already.
pub(crate) async fn mark_used(
    db: &Db,
    key: Uuid,
    at: Timestamp,
    since: Timestamp,
) -> Result<(), SqlError> {
    let sql =
        "UPDATE did_accesskeys SET tm_used = ? WHERE id = ? AND (tm_used IS NULL OR tm_used <= ?)";
    let values = vec![at.into(), key.into(), since.into()];
    db.execute(sql, values).await.map(drop)
}
