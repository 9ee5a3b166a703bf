//! Keys that the first replica makes, sealed, and all of them share.

use bin_common_handler::{databasehandler::Db, models::error::Result};

use super::insert_new;

#[derive(bin_common_handler::FromRow)]
struct Sealed {
    sealed: String,
}

/// The sealed key of this name.
///
/// # Errors
/// 503.
pub(crate) async fn find(db: &Db, name: &str) -> Result<Option<String>> {
    let sql = "SELECT sealed FROM chat_keys WHERE name = ?";
    let found: Option<Sealed> = db.fetch_optional(sql, vec![name.into()]).await?;
    Ok(found.map(|row| row.sealed))
}

/// Keeps a sealed key, unless another replica was faster.
///
/// # Errors
/// 503.
pub(crate) async fn keep(db: &Db, name: &str, sealed: &str) -> Result<()> {
    let sql = format!(
        "{} INTO chat_keys (name, sealed) VALUES (?, ?)",
        insert_new(db.dialect())
    );
    db.execute(&sql, vec![name.into(), sealed.into()]).await?;
    Ok(())
}
