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

use crate::{
    dbhandler::ledger,
    models::{
        account::{Account, BALANCE_CHANGED},
        ledgerentry::{LedgerEntry, POSTED, ReferenceType},
        posting::{Posting, Side},
    },
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

/// Adds every account up again. Reads all entries: for tests and for an operator who doubts.
///
/// # Errors
/// 503 when the database is away.
pub async fn check(db: &Db) -> Result<Vec<LedgerFault>> {
    let sums = ledger::wrong_sums(db).await?.into_iter();
    let totals = ledger::wrong_totals(db).await?.into_iter();
    let overdrawn = ledger::overdrawn(db).await?.into_iter();
    Ok(sums
        .map(LedgerFault::Sum)
        .chain(totals.map(|(customer_id, currency)| LedgerFault::Total(customer_id, currency)))
        .chain(overdrawn.map(LedgerFault::Overdrawn))
        .collect())
}
