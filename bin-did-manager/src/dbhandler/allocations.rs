//! Usages as they are made: written many at a time, and found again by the key of their request.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Value, list, marks, runs},
    models::error::Result,
};
use sqlx::Error as SqlError;

use crate::models::usage::Usage;

/// A usage, and what its row holds beside it.
#[derive(Debug, Clone)]
pub(crate) struct NewUsage {
    pub usage: Usage,
    /// The key of its request, and until when (µs) a repetition gets the same number.
    pub key: Option<([u8; 16], i64)>,
    /// The dialer's id of the call, hashed.
    pub call_ref: Option<i64>,
    /// The dialer's name for the whole call, hashed.
    pub call_id_ref: Option<i64>,
}

/// A usage found by its request.
#[derive(Debug, Clone, bin_common_handler::FromRow)]
pub(crate) struct StoredUsage {
    #[row(flatten)]
    pub usage: Usage,
    request_key: Vec<u8>,
    /// Until when (µs) a repetition gets the same number.
    pub request_until: i64,
}

/// Usages by the keys of their requests.
pub(crate) async fn by_keys(
    db: &Db,
    keys: &[[u8; 16]],
) -> Result<HashMap<Vec<u8>, StoredUsage>, SqlError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (marks, values) = list(keys.iter().map(|key| key.to_vec()));
    let sql = format!(
        "SELECT {}, request_key, request_until FROM did_usages WHERE request_key IN ({marks})",
        Usage::COLUMNS.join(", "),
    );
    let rows: Vec<StoredUsage> = db.fetch_all(&sql, values).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.request_key.clone(), row))
        .collect())
}

/// Takes keys from usages whose time is over, so that new ones can have them.
pub(crate) async fn free_keys(tx: &mut ChangeTx<'_>, keys: &[[u8; 16]]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let (marks, values) = list(keys.iter().map(|key| key.to_vec()));
    let sql = format!("UPDATE did_usages SET request_key = NULL WHERE request_key IN ({marks})");
    tx.sql().execute(&sql, values).await?;
    Ok(())
}

/// Writes usages; a key that another replica has just used fails them all with 409.
pub(crate) async fn insert(tx: &mut ChangeTx<'_>, usages: &[NewUsage]) -> Result<()> {
    let columns = Usage::COLUMNS.len() + 4;
    let group = format!("({})", marks(columns));
    for usages in runs(usages) {
        let sql = format!(
            "INSERT INTO did_usages ({}, request_key, request_until, call_ref, call_id_ref) \
             VALUES {}",
            Usage::COLUMNS.join(", "),
            vec![group.as_str(); usages.len()].join(", ")
        );
        let mut values = Vec::with_capacity(columns * usages.len());
        for new in usages {
            values.extend(new.usage.values());
            values.push(new.key.map(|(key, _)| key.to_vec()).into());
            values.push(new.key.map(|(_, until)| until).into());
            values.push(Value::from(new.call_ref));
            values.push(Value::from(new.call_id_ref));
        }
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}
