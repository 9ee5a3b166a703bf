//! The rules of accounts: who is made, what is paid in and taken out, and their statements.

use bin_common_handler::{
    context::RequestContext,
    csv,
    databasehandler::{ChangeTx, ListQuery, Store},
    ids,
    listenhandler::List,
    models::{
        check::{ensure, in_range},
        error::{Error, Result},
        money::CURRENCY_MISMATCH,
        page::{Filters, Page},
        patch::Patch,
    },
    quota::Quota,
    resource::{self, Resource, ResourceHooks},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::market,
    ledgerhandler::{self, Reference},
    models::{
        account::{AMOUNT_MAX, Account, AccountPatch, AccountStatus, AccountType},
        ledgerentry::{LedgerEntry, ReferenceType},
        posting,
    },
    viewer::{Viewer, ensure_operator},
};

/// Rows of one statement as CSV.
pub(crate) const STATEMENT_ROWS_MAX: u32 = 1_000;

/// Body of a deposit or a withdrawal.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Payment {
    /// Minor units.
    amount: i64,
    /// ISO 4217 code; must be the account's.
    currency: String,
}

impl ResourceHooks<Account> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ensure_operator(ctx)?;
        ctx.scope.required_owner(named)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(&self.rooms.accounts)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&Account>,
        after: &mut Account,
    ) -> Result<()> {
        ensure_operator(ctx)?;
        let is_ending = after.tm_delete.is_some() || after.status == AccountStatus::Closed;
        let Some(before) = before else {
            return Ok(());
        };
        if is_ending {
            return ensure_empty(tx, after).await;
        }
        ensure_covered(before, after)
    }
}

/// No money is left behind: neither what is there, nor what calls that are on may bring yet.
async fn ensure_empty(tx: &mut ChangeTx<'_>, account: &Account) -> Result<()> {
    if account.balance != 0 || account.held != 0 {
        return Err(Error::failed_precondition(
            "ACCOUNT_NOT_EMPTY",
            "The account has money; take it out first.",
        ));
    }
    if market::has_held_calls(tx, account).await? {
        return Err(Error::failed_precondition(
            "ACCOUNT_HAS_CALLS",
            "The account has calls whose payout is not decided yet.",
        ));
    }
    Ok(())
}

/// A credit that is in use cannot be taken back: balance less held never goes below it.
fn ensure_covered(before: &Account, after: &Account) -> Result<()> {
    let used = after.held.saturating_sub(after.balance);
    let is_lowered = after.credit_limit < before.credit_limit;
    if after.r#type == AccountType::Seller || !is_lowered || after.credit_limit >= used {
        return Ok(());
    }
    Err(Error::failed_precondition(
        "CREDIT_LIMIT_IN_USE",
        "So much of the credit is in use; details has the least limit.",
    )
    .with_detail(serde_json::json!({"credit_limit": used})))
}

/// An account from which money is taken: also one that is closed or deleted, so that what comes in late is not lost.
async fn lock_payee(tx: &mut ChangeTx<'_>, ctx: &RequestContext, id: Uuid) -> Result<Account> {
    let found = tx.lock::<Account>(id).await?;
    found
        .filter(|account| ctx.scope.allows(account.customer_id))
        .ok_or_else(resource::not_found::<Account>)
}

/// Makes an account. Its type has no default: a seller by mistake would be paid.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &AccountPatch,
) -> Result<Account> {
    let is_typed = matches!(patch.r#type, Patch::Value(_));
    ensure(is_typed, "type", "must be buyer or seller")?;
    resource::create(app, ctx, named, patch).await
}

/// An account that the caller may see.
///
/// # Errors
/// 404; 403 for a key whose own account is gone; 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Account> {
    match own_account(app, ctx).await? {
        Some(own) if own != id => Err(resource::not_found::<Account>()),
        _ => resource::get(app, ctx, id).await,
    }
}

/// The account that the caller's key is bound to; none for the operator.
async fn own_account(app: &App, ctx: &RequestContext) -> Result<Option<Uuid>> {
    Ok(match Viewer::of(&app.store, ctx).await? {
        Viewer::Operator => None,
        Viewer::Buyer(id) | Viewer::Seller(id) => Some(id),
    })
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Account>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    if let Some(own) = own_account(app, ctx).await? {
        query = query.matching("id", own);
    }
    app.store.db.list(&query, Account::tm_create).await
}

/// Pays in, or takes out where `sign` is -1. Only what is not held can be taken out, and no credit; also of an account that
/// is closed or deleted, which a late payout or refund may have reached.
pub(crate) async fn pay(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    payment: &Payment,
    sign: i64,
) -> Result<Account> {
    ensure_operator(ctx)?;
    in_range("amount", payment.amount, 1, AMOUNT_MAX)?;
    let mut tx = app.store.begin(ctx).await?;
    let mut account = if sign < 0 {
        lock_payee(&mut tx, ctx, id).await?
    } else {
        resource::lock_live::<Account>(&mut tx, ctx, id).await?
    };
    ensure_payable(&account, payment, sign)?;
    let reference = Reference {
        kind: ReferenceType::Operation,
        id: operation_id(ctx),
    };
    let postings = posting::deposit(sign * payment.amount);
    ledgerhandler::post(&mut tx, reference, &postings, &mut account, None).await?;
    ledgerhandler::save(&mut tx, &mut account).await?;
    tx.commit(account).await
}

fn ensure_payable(account: &Account, payment: &Payment, sign: i64) -> Result<()> {
    if payment.currency != account.currency {
        return Err(Error::invalid_argument(
            CURRENCY_MISMATCH,
            format!("The account's currency is {}.", account.currency),
        ));
    }
    if sign > 0 && account.status == AccountStatus::Closed {
        return Err(
            Error::failed_precondition("INVALID_ACCOUNT_STATE", "The account is closed.")
                .with_detail(serde_json::json!({"status": account.status})),
        );
    }
    let free = account.balance.saturating_sub(account.held);
    if sign < 0 && free < payment.amount {
        return Err(insufficient(payment.amount, free));
    }
    Ok(())
}

/// 402: there is less than is needed.
pub(crate) fn insufficient(needed: i64, available: i64) -> Error {
    Error::new(
        bin_common_handler::models::error::Status::PaymentRequired,
        "INSUFFICIENT_FUNDS",
        "The account has too little money.",
    )
    .with_detail(serde_json::json!({"needed": needed, "available": available}))
}

/// The operation's key as an id: a repeated request is the same movement.
fn operation_id(ctx: &RequestContext) -> Uuid {
    let key = ctx
        .operation
        .as_ref()
        .and_then(|operation| operation.key.first_chunk());
    key.map_or_else(ids::next, |bytes: &[u8; 16]| Uuid::from_bytes(*bytes))
}

/// One page of an account's entries, or of all entries that the caller may see.
pub(crate) async fn entries(
    app: &App,
    ctx: &RequestContext,
    account_id: Option<Uuid>,
    page: Page,
    filters: &Filters,
) -> Result<Vec<LedgerEntry>> {
    let mut query = ListQuery::new(filters, page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let own = own_account(app, ctx).await?;
    for id in [account_id, own].into_iter().flatten() {
        query = query.matching("account_id", id);
    }
    app.store
        .db
        .list(&query, |entry: &LedgerEntry| entry.tm_create)
        .await
}

/// A statement as CSV, newest first.
pub(crate) fn statement(entries: &[LedgerEntry]) -> String {
    let mut text = String::from("tm_create,kind,amount,currency,reference_type,reference_id\n");
    for entry in entries {
        let cells = [
            entry.tm_create.to_string(),
            entry.kind.to_string(),
            entry.amount.to_string(),
            entry.currency.clone(),
            entry.reference_type.to_string(),
            entry.reference_id.to_string(),
        ];
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            csv::write_cell(cell, &mut text);
        }
        text.push('\n');
    }
    text
}
