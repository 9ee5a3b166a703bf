//! Counts of nonces that were used, for all processes.

use bin_common_handler::{
    databasehandler::{Db, Dialect},
    models::{error::Result, time::Timestamp},
};

/// Notes that a nonce was used under this count, both in `digest`; false where it was before.
///
/// # Errors
/// 503.
pub(crate) async fn use_once(db: &Db, digest: &str, expires: Timestamp) -> Result<bool> {
    let insert = match db.dialect() {
        Dialect::MySql => "INSERT IGNORE",
        Dialect::Sqlite => "INSERT OR IGNORE",
    };
    let sql = format!("{insert} INTO exchange_sip_nonces (digest, expires) VALUES (?, ?)");
    // Done twice after a lost answer it looks used: the sender is challenged again.
    let made = db
        .execute(&sql, vec![digest.into(), expires.into()])
        .await?;
    Ok(made == 1)
}
