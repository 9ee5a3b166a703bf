//! The rules of refunds: never more than was captured, and the payout goes back in proportion.

use bin_common_handler::{
    context::RequestContext,
    ids,
    models::{
        check::{ensure, in_range, short},
        error::{Error, Result},
        money::CURRENCY_MISMATCH,
        text::null_is_default,
    },
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    callhandler::{self, invalid_state},
    dbhandler::refunds,
    ledgerhandler::{self, Reference},
    models::{
        account::{AMOUNT_MAX, Account},
        call::Call,
        ledgerentry::ReferenceType,
        posting,
        refund::Refund,
    },
    turns,
    viewer::{Viewer, ensure_operator},
};

/// Body of `POST /v1/refunds`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct RefundCreate {
    call_id: Uuid,
    amount: i64,
    currency: String,
    #[serde(default, deserialize_with = "null_is_default")]
    reason: String,
}

/// Gives money of a captured call back.
///
/// # Errors
/// 400 `CURRENCY_MISMATCH`; 404; 409 `INVALID_CALL_STATE` before a capture, `REFUND_TOO_LARGE`; 503.
pub(crate) async fn create(app: &App, ctx: &RequestContext, body: &RefundCreate) -> Result<Refund> {
    ensure_operator(ctx)?;
    in_range("amount", body.amount, 0, AMOUNT_MAX)?;
    short("reason", &body.reason)?;
    let turn = turns::without(ctx);
    loop {
        match Box::pin(create_once(app, ctx, body)).await {
            // It was rolled back, e.g. beside another call of the same accounts.
            Err(error) => turn.again(error).await?,
            made => return made,
        }
    }
}

/// One transaction.
async fn create_once(app: &App, ctx: &RequestContext, body: &RefundCreate) -> Result<Refund> {
    let mut tx = app.store.begin(ctx).await?;
    let call = callhandler::lock(&mut tx, ctx, Viewer::Operator, body.call_id).await?;
    let (Some(buyer_id), Some(true)) = (call.buyer_id, call.converted) else {
        return Err(invalid_state(&call, "Nothing was captured for the call."));
    };
    if body.currency != call.currency {
        return Err(Error::invalid_argument(
            CURRENCY_MISMATCH,
            format!("The call's currency is {}.", call.currency),
        ));
    }
    let reversed = reversed(&mut tx, &call, body.amount).await?;
    let now = tx.now();
    let refund = Refund {
        id: ids::next(),
        customer_id: call.customer_id,
        call_id: call.id,
        buyer_id,
        seller_id: call.seller_id,
        amount: body.amount,
        reversed,
        currency: call.currency.clone(),
        reason: body.reason.clone(),
        tm_create: now,
        tm_update: now,
    };
    tx.insert(&refund).await?;
    move_money(&mut tx, &refund).await?;
    tx.commit(refund).await
}

/// What of the payout goes back with `amount` of the price. A call that cost nothing is refunded by 0, once: its seller may have
/// been paid all the same.
async fn reversed(
    tx: &mut bin_common_handler::databasehandler::ChangeTx<'_>,
    call: &Call,
    amount: i64,
) -> Result<i64> {
    let (price, payout) = (
        call.price.unwrap_or_default(),
        call.payout.unwrap_or_default(),
    );
    let before = refunds::refunded(tx, call).await?;
    if price > 0 {
        in_range("amount", amount, 1, AMOUNT_MAX)?;
        ensure_left(price, before.amount, amount)?;
        return Ok(posting::reversed(payout, price, before.amount, amount));
    }
    ensure_left(price, 0, amount)?;
    if before.reversed == payout {
        return Err(too_large(price, before.amount));
    }
    Ok(payout)
}

fn ensure_left(price: i64, before: i64, amount: i64) -> Result<()> {
    let left = price - before;
    if amount <= left {
        return Ok(());
    }
    ensure(left >= 0, "amount", "is more than was captured")?;
    Err(too_large(price, before))
}

fn too_large(price: i64, before: i64) -> Error {
    Error::failed_precondition(
        "REFUND_TOO_LARGE",
        "Refunds together are never more than was captured.",
    )
    .with_detail(serde_json::json!({"captured": price, "refunded": before}))
}

async fn move_money(
    tx: &mut bin_common_handler::databasehandler::ChangeTx<'_>,
    refund: &Refund,
) -> Result<()> {
    // In the order of their ids, as everybody locks accounts.
    let mut ids = [refund.buyer_id, refund.seller_id];
    ids.sort_unstable();
    let mut accounts = Vec::with_capacity(2);
    for id in ids {
        let found = tx.lock::<Account>(id).await?;
        accounts.push(found.ok_or_else(|| Error::internal("an account of the call is gone"))?);
    }
    let (mut party, mut seller) = (None, None);
    for account in accounts {
        if account.id == refund.buyer_id {
            party = Some(account);
        } else {
            seller = Some(account);
        }
    }
    let mut party = party.ok_or_else(|| Error::internal("a refund without a buyer"))?;
    let reference = Reference {
        kind: ReferenceType::Refund,
        id: refund.id,
    };
    let postings = posting::refund(refund.amount, refund.reversed);
    ledgerhandler::post(tx, reference, &postings, &mut party, seller.as_mut()).await?;
    ledgerhandler::save(tx, &mut party).await?;
    match seller {
        Some(mut seller) if refund.reversed != 0 => ledgerhandler::save(tx, &mut seller).await,
        _ => Ok(()),
    }
}
