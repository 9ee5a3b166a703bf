//! Whether a call is a fraud: looked at in the transaction that makes it, so that no limit is overrun by many at once.

mod entries;
mod erased;
mod score;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery},
    ids,
    listenhandler::List,
    models::error::{Error, Result},
    phone::E164,
    sealer::Sealer,
};
use serde_json::json;
use sqlx::types::Json;

pub(crate) use score::Verdict;

use self::score::{Signs, judge};
use crate::{
    app::App,
    dbhandler::frauds,
    modelhandler::Learned,
    models::{
        call::Call,
        callcampaign::CallCampaign,
        fraudcheck::{self, FraudAction, FraudCheck},
        ping::Reject,
    },
    viewer::ensure_operator,
};

/// Judges a call that is about to be made, writes down why, and says so where somebody should look. The caller makes
/// the call in the same transaction, unless it is refused.
///
/// # Errors
/// 503.
pub(crate) async fn check(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    campaign: &CallCampaign,
    learned: Learned,
    sealer: &Sealer,
) -> Result<FraudCheck> {
    frauds::lock_turns(tx, call).await?;
    let verdict = look(tx, call, campaign, learned, sealer).await?;
    let now = tx.now();
    let check = FraudCheck {
        id: ids::next(),
        customer_id: call.customer_id,
        call_campaign_id: campaign.id,
        account_id: call.seller_id,
        call_id: Some(call.id).filter(|_| verdict.action != FraudAction::Block),
        phone: call.person().to_owned(),
        score: verdict.score,
        action: verdict.action,
        flags: Json(verdict.flags),
        parts: Json(verdict.parts),
        tm_create: now,
        tm_update: now,
    };
    tx.insert(&check).await?;
    if check.action != FraudAction::Allow {
        tx.emit(fraudcheck::FLAGGED, &check, check.customer_id)
            .await?;
    }
    Ok(check)
}

/// What would be said of a call now; nothing is locked or written.
///
/// # Errors
/// 503.
pub(crate) async fn look(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    campaign: &CallCampaign,
    learned: Learned,
    sealer: &Sealer,
) -> Result<Verdict> {
    let terms = campaign.fraud.0;
    let now = tx.now();
    let mut signs = Signs {
        listed: frauds::listed(tx, call, now).await?,
        recent: frauds::recent(tx, call).await?,
        is_assigned: E164::parse(call.person()).is_some_and(|number| number.is_assigned()),
        learned,
        ..Signs::default()
    };
    if let Some(limit) = terms.calls_per_caller_hour {
        let erased = erased::stand_in(tx, sealer, call).await?;
        let most = limit.saturating_add(1);
        let before = frauds::calls_of_person(tx, call, erased.as_deref(), most).await?;
        signs.caller_calls = Some(before.saturating_add(1));
    }
    if let Some(limit) = terms.calls_per_account_hour {
        let before = frauds::calls_of_account(tx, call, limit.saturating_add(1)).await?;
        signs.account_calls = Some(before.saturating_add(1));
    }
    Ok(judge(&signs, &terms))
}

/// 403 for a call that is refused.
pub(crate) fn refusal(check: &FraudCheck) -> Error {
    Error::permission_denied(
        "FRAUD_DETECTED",
        "The call is refused: it looks like a fraud.",
    )
    .with_detail(json!({"flags": check.flags}))
}

/// How the trade numbers it: too many calls, or the caller itself.
pub(crate) fn reject(verdict: &Verdict) -> Reject {
    let is_rate = verdict
        .flags
        .iter()
        .all(|flag| flag.starts_with("calls_per_"));
    if is_rate {
        Reject::Rate
    } else {
        Reject::CallerId
    }
}

/// The checks of a customer, for its operator.
///
/// # Errors
/// 403 for keys that are bound to an account; 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<FraudCheck>> {
    ensure_operator(ctx)?;
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let time = |check: &FraudCheck| check.tm_create;
    app.store.db.list(&query, time).await
}
