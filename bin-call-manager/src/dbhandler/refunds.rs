//! What of calls was given back.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};

use crate::models::call::Call;

/// What of a call's price and payout went back already, in minor units.
#[derive(bin_common_handler::FromRow)]
pub(crate) struct Refunded {
    pub amount: i64,
    pub reversed: i64,
}

/// What of a locked call's price and payout went back already.
///
/// # Errors
/// 503.
pub(crate) async fn refunded(tx: &mut ChangeTx<'_>, call: &Call) -> Result<Refunded> {
    let sql = "SELECT amount, reversed FROM exchange_refunds WHERE call_id = ? AND customer_id = ?";
    let values = vec![call.id.into(), call.customer_id.into()];
    let rows: Vec<Refunded> = tx.sql().fetch_all(sql, values).await?;
    Ok(Refunded {
        amount: rows
            .iter()
            .fold(0, |sum, row| sum.saturating_add(row.amount)),
        reversed: rows
            .iter()
            .fold(0, |sum, row| sum.saturating_add(row.reversed)),
    })
}
