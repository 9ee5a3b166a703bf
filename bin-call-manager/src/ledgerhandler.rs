//! The ledger: writes the entries of a movement and keeps the sums on the accounts' rows, which the caller has locked.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db},
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use uuid::Uuid;

use crate::models::{
    account::{Account, BALANCE_CHANGED},
    ledgerentry::{LedgerEntry, POSTED, ReferenceType},
    posting::{Posting, Side},
};

/// What a movement refers to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    pub kind: ReferenceType,
    pub id: Uuid,
}

/// Writes a movement's entries and applies them to `party` and `seller`, which the caller writes afterwards with
/// [`save`]. Amounts of zero make no entry.
///
/// # Errors
/// 409 when the same movement was posted before; 400 when a sum leaves 64 bits; 503.
pub(crate) async fn post(
    tx: &mut ChangeTx<'_>,
    reference: Reference,
    postings: &[Posting],
    party: &mut Account,
    mut seller: Option<&mut Account>,
) -> Result<()> {
    let now = tx.now();
    let mut entries = Vec::with_capacity(postings.len());
    for posting in postings.iter().filter(|posting| posting.amount != 0) {
        let account_id = match (posting.side, seller.as_deref_mut()) {
            (Side::House, _) => party.customer_id,
            (Side::Party, _) => {
                party.apply(posting)?;
                party.id
            }
            (Side::Seller, Some(seller)) => {
                seller.apply(posting)?;
                seller.id
            }
            (Side::Seller, None) => return Err(Error::internal("a payout without a seller")),
        };
        entries.push(entry(posting, reference, party, account_id, now));
    }
    if entries.is_empty() {
        return Ok(());
    }
    tx.insert_all(&entries).await?;
    tx.announce_all(POSTED, &entries, party.customer_id).await
}

fn entry(
    posting: &Posting,
    reference: Reference,
    party: &Account,
    account_id: Uuid,
    now: Timestamp,
) -> LedgerEntry {
    LedgerEntry {
        id: ids::next(),
        customer_id: party.customer_id,
        account_id,
        kind: posting.kind,
        amount: posting.amount,
        currency: party.currency.clone(),
        reference_type: reference.kind,
        reference_id: reference.id,
        tm_create: now,
        tm_update: now,
    }
}

/// Writes a locked account whose money moved.
///
/// # Errors
/// 503.
pub(crate) async fn save(tx: &mut ChangeTx<'_>, account: &mut Account) -> Result<()> {
    account.tm_update = tx.next_version(account.tm_update);
    tx.update(account).await?;
    tx.emit(BALANCE_CHANGED, account, account.customer_id).await
}

/// A fault of the ledger: what must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerFault {
    /// An account's balance or held is not the sum of its entries.
    Sum(Uuid),
    /// Entries of a customer and currency do not add up to zero.
    Total(Uuid, String),
    /// An account's balance less held is below its credit limit.
    Overdrawn(Uuid),
}

#[derive(sqlx::FromRow)]
struct Id {
    id: Uuid,
}

#[derive(sqlx::FromRow)]
struct Total {
    customer_id: Uuid,
    currency: String,
}

/// Adds every account up again. Reads all entries: for tests and for an operator who doubts.
///
/// # Errors
/// 503 when the database is away.
pub async fn check(db: &Db) -> Result<Vec<LedgerFault>> {
    let sums = "SELECT a.id AS id FROM exchange_accounts a LEFT JOIN exchange_ledger_entries e ON e.account_id = a.id \
        GROUP BY a.id, a.balance, a.held \
        HAVING a.balance <> SUM(CASE WHEN e.kind IN ('deposit', 'capture', 'payout', 'refund', 'adjustment') \
            THEN e.amount ELSE 0 END) \
        OR a.held <> SUM(CASE WHEN e.kind IN ('hold', 'release', 'capture') THEN e.amount ELSE 0 END)";
    let totals = "SELECT customer_id, currency FROM exchange_ledger_entries \
        GROUP BY customer_id, currency HAVING SUM(amount) <> 0";
    let overdrawn = "SELECT id FROM exchange_accounts \
        WHERE type = 'buyer' AND held > 0 AND balance - held < -credit_limit";
    let mut faults: Vec<_> = db
        .fetch_all::<Id>(sums, vec![])
        .await?
        .into_iter()
        .map(|row| LedgerFault::Sum(row.id))
        .collect();
    let rows: Vec<Total> = db.fetch_all(totals, vec![]).await?;
    faults.extend(
        rows.into_iter()
            .map(|row| LedgerFault::Total(row.customer_id, row.currency)),
    );
    let rows: Vec<Id> = db.fetch_all(overdrawn, vec![]).await?;
    faults.extend(rows.into_iter().map(|row| LedgerFault::Overdrawn(row.id)));
    Ok(faults)
}
