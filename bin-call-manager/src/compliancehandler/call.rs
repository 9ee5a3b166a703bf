//! The law of one call: asked when it is made, kept with it, and counted.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, EventPayload},
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{Knowledge, VerdictView, checks::Question};
use crate::{
    app::App,
    dbhandler::{frauds, law},
    models::{
        call::{Call, Direction},
        callcampaign::CallCampaign,
    },
};

/// Announced when a call was refused by law.
const VIOLATED: &str = "compliance_violated";

/// What the law must know of an outbound call, read before its transaction; nothing for an inbound one.
///
/// # Errors
/// 503.
pub(crate) async fn prepare(
    app: &App,
    customer_id: Uuid,
    call: &Call,
) -> Result<Option<Knowledge>> {
    if call.direction != Direction::Outbound {
        return Ok(None);
    }
    Knowledge::read(app, customer_id, &[call.person()])
        .await
        .map(Some)
}

/// What the law says of an outbound call; a refusal is announced. Nothing for an inbound one.
///
/// # Errors
/// 503.
pub(crate) async fn judge(
    tx: &mut ChangeTx<'_>,
    knowledge: Option<Knowledge>,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Option<VerdictView>> {
    let Some(mut knowledge) = knowledge else {
        return Ok(None);
    };
    // Attempts that are not there yet cannot be locked: whoever would make one has the person's turn first.
    frauds::lock_turns(tx, call).await?;
    let attempts = law::attempts(tx, call.customer_id, call.person()).await?;
    knowledge.set_attempts(call.person(), attempts);
    let opted_out = law::is_opted_out(tx, call.customer_id, call.person()).await?;
    knowledge.set_opted_out(call.person(), opted_out);
    let verdict = knowledge.answer(&question(call, campaign.require_consent, tx.now()));
    if !verdict.allowed {
        announce(tx, call, &verdict).await?;
    }
    Ok(Some(verdict))
}

/// Counts an outbound call that is about to be placed, and keeps what the law said. Until it is sold or ends it keeps its
/// place among the calls that the law allows.
///
/// # Errors
/// 503.
pub(crate) async fn count(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    verdict: Option<VerdictView>,
) -> Result<()> {
    let Some(verdict) = verdict else {
        return Ok(());
    };
    law::save_verdict(tx, call.customer_id, call.id, &verdict).await?;
    law::add_attempt(tx, call.id, call.customer_id, call.person(), call.tm_create).await
}

pub(super) fn question(call: &Call, requires_consent: bool, at: Timestamp) -> Question {
    Question {
        phone: call.person().to_owned(),
        at,
        purpose: call.purpose,
        is_inbound: call.direction != Direction::Outbound,
        zip: call.zip.clone(),
        state: call.state.clone(),
        requires_consent,
        attempts: Vec::new(),
    }
}

/// 403 with the rule, its citation and when the call may be placed; nothing where it may be placed now.
pub(crate) fn refusal(verdict: Option<&VerdictView>) -> Option<Error> {
    let verdict = verdict.filter(|verdict| !verdict.allowed)?;
    let refused =
        Error::permission_denied(verdict.rule_name(), "The law does not allow this call now.");
    Some(refused.with_detail(json!(verdict)))
}

pub(super) async fn announce(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    verdict: &VerdictView,
) -> Result<()> {
    let id = ids::next();
    let data = json!({
        "id": id, "customer_id": call.customer_id, "call_campaign_id": call.call_campaign_id,
        "phone": call.person(), "purpose": call.purpose, "rule": verdict.rule,
        "citation": verdict.citation, "next_allowed": verdict.next_allowed, "tm_create": tx.now(),
    });
    let payload = EventPayload {
        resource_id: id,
        customer_id: call.customer_id,
        version: tx.now(),
        data: data.to_string(),
    };
    tx.emit_payload(VIOLATED, payload).await
}

/// What the law said about a call: as it was kept, or, of an inbound one, that it asks nothing.
///
/// # Errors
/// 503.
pub(crate) async fn of_call(db: &Db, call: &Call) -> Result<serde_json::Value> {
    if let Some(kept) = law::verdict(db, call.customer_id, call.id).await? {
        return Ok(kept);
    }
    if call.direction == Direction::Outbound {
        return Ok(serde_json::Value::Null);
    }
    Ok(json!(Knowledge::default().answer(&question(
        call,
        false,
        call.tm_create
    ))))
}
