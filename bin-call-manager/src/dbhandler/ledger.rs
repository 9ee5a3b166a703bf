//! The ledger added up again: whatever is found is wrong. Each reads all entries.

use bin_common_handler::{databasehandler::Db, models::error::Result};
use uuid::Uuid;

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Total {
    customer_id: Uuid,
    currency: String,
}

/// Accounts whose balance or held amount is not what their entries add up to.
///
/// # Errors
/// 503.
pub(crate) async fn wrong_sums(db: &Db) -> Result<Vec<Uuid>> {
    let sql = "SELECT a.id AS id FROM exchange_accounts a LEFT JOIN exchange_ledger_entries e ON e.account_id = a.id \
        GROUP BY a.id, a.balance, a.held \
        HAVING a.balance <> SUM(CASE WHEN e.kind IN ('deposit', 'capture', 'payout', 'refund', 'adjustment') \
            THEN e.amount ELSE 0 END) \
        OR a.held <> SUM(CASE WHEN e.kind IN ('hold', 'release', 'capture') THEN e.amount ELSE 0 END)";
    ids(db, sql).await
}

/// Tenants, and currencies, whose entries do not add up to zero.
///
/// # Errors
/// 503.
pub(crate) async fn wrong_totals(db: &Db) -> Result<Vec<(Uuid, String)>> {
    let sql = "SELECT customer_id, currency FROM exchange_ledger_entries \
        GROUP BY customer_id, currency HAVING SUM(amount) <> 0";
    let rows: Vec<Total> = db.fetch_all(sql, vec![]).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.customer_id, row.currency))
        .collect())
}

/// Buyers whose balance less held is below their credit limit.
///
/// # Errors
/// 503.
pub(crate) async fn overdrawn(db: &Db) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM exchange_accounts \
        WHERE type = 'buyer' AND held > 0 AND balance - held < -credit_limit";
    ids(db, sql).await
}

async fn ids(db: &Db, sql: &str) -> Result<Vec<Uuid>> {
    let rows: Vec<Id> = db.fetch_all(sql, vec![]).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
