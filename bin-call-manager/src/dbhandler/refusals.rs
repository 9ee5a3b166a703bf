//! Buyers that refused what they had bid for, for all processes.

use std::collections::BTreeSet;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value, list},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

/// How often a buyer refused in a row, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bin_common_handler::FromRow)]
pub(crate) struct Refusals {
    pub in_a_row: i32,
    /// It is not asked before.
    pub rests_until: Timestamp,
    /// Then all of it is forgotten.
    pub expires: Timestamp,
}

/// What is known of a buyer, held until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    buyer_id: Uuid,
) -> Result<Option<Refusals>> {
    let sql = format!(
        "SELECT in_a_row, rests_until, expires FROM exchange_refusals \
         WHERE customer_id = ? AND buyer_id = ?{}",
        tx.sql().dialect().for_update()
    );
    let values = vec![customer_id.into(), buyer_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// Notes what is known of a buyer now.
///
/// # Errors
/// 503.
pub(crate) async fn save(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    buyer_id: Uuid,
    row: Refusals,
) -> Result<()> {
    let sql = "REPLACE INTO exchange_refusals (customer_id, buyer_id, in_a_row, rests_until, expires) \
        VALUES (?, ?, ?, ?, ?)";
    let values: Vec<Value> = vec![
        customer_id.into(),
        buyer_id.into(),
        i64::from(row.in_a_row).into(),
        row.rests_until.into(),
        row.expires.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The buyer took a call: it begins anew.
///
/// # Errors
/// 503.
pub(crate) async fn forget(db: &Db, customer_id: Uuid, buyer_id: Uuid) -> Result<()> {
    let sql = "DELETE FROM exchange_refusals WHERE customer_id = ? AND buyer_id = ?";
    db.execute(sql, vec![customer_id.into(), buyer_id.into()])
        .await?;
    Ok(())
}

#[derive(bin_common_handler::FromRow)]
struct Buyer {
    buyer_id: Uuid,
}

/// Who of these buyers rests at `now`.
///
/// # Errors
/// 503.
pub(crate) async fn resting(
    db: &Db,
    customer_id: Uuid,
    buyers: BTreeSet<Uuid>,
    now: Timestamp,
) -> Result<BTreeSet<Uuid>> {
    let buyers: Vec<Uuid> = buyers.into_iter().collect();
    let mut resting = BTreeSet::new();
    for some in buyers.chunks(500) {
        let (marks, ids) = list(some.iter().copied());
        let sql = format!(
            "SELECT buyer_id FROM exchange_refusals \
             WHERE customer_id = ? AND buyer_id IN ({marks}) AND rests_until > ?"
        );
        let mut values: Vec<Value> = vec![customer_id.into()];
        values.extend(ids);
        values.push(now.into());
        let found: Vec<Buyer> = db.fetch_all(&sql, values).await?;
        resting.extend(found.into_iter().map(|row| row.buyer_id));
    }
    Ok(resting)
}
