//! The law, asked again wherever an outbound call is sold: since it was made a consent may have been revoked, a number
//! listed, a person's word to stop have come, or the hours be over.

use bin_common_handler::{
    databasehandler::{ChangeTx, Reader},
    models::error::{Error, Result},
};

use super::{
    Knowledge, VerdictView,
    call::{announce, question, refusal},
};
use crate::{
    dbhandler::law,
    dncbookhandler::DncBook,
    models::{
        call::{Call, Direction},
        callcampaign::CallCampaign,
    },
};

/// What forbids now that a call is sold; nothing where it may be. The call itself was counted when it was made, and is
/// not counted again.
///
/// # Errors
/// 503.
async fn forbidden(
    tx: &mut ChangeTx<'_>,
    dnc: &DncBook,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Option<VerdictView>> {
    if call.direction != Direction::Outbound {
        return Ok(None);
    }
    let (phone, now) = (call.person(), tx.now());
    let reader = &mut Reader::Tx(tx.sql());
    let mut knowledge = Knowledge::read_by(reader, dnc, call.customer_id, &[phone], now).await?;
    knowledge.forget_attempts_since(phone, call.tm_create);
    let verdict = knowledge.answer(&question(call, campaign.require_consent, now));
    Ok(Some(verdict).filter(|verdict| !verdict.allowed))
}

/// An outbound call was sold, and is placed: it counts from now.
///
/// # Errors
/// 503.
pub(crate) async fn placed(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    match call.tm_route {
        Some(at) if call.direction == Direction::Outbound => {
            law::move_attempt(tx, call.customer_id, call.id, at).await
        }
        _ => Ok(()),
    }
}

/// A call ended: one that nobody ever bought called nobody, and counts no more.
///
/// # Errors
/// 503.
pub(crate) async fn ended(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    if call.direction != Direction::Outbound || call.tm_route.is_some() {
        return Ok(());
    }
    law::remove_attempt(tx, call.customer_id, call.id).await
}

/// The rule that forbids now that a call is sold, such as `OPTED_OUT`; nothing where it may be.
///
/// # Errors
/// 503.
pub(crate) async fn rule_against(
    tx: &mut ChangeTx<'_>,
    dnc: &DncBook,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Option<String>> {
    let verdict = forbidden(tx, dnc, call, campaign).await?;
    Ok(verdict.map(|verdict| verdict.rule_name().to_owned()))
}

/// 403 with the verdict, which is announced; nothing where the call may be sold.
///
/// # Errors
/// 503.
pub(crate) async fn refuse(
    tx: &mut ChangeTx<'_>,
    dnc: &DncBook,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Option<Error>> {
    let Some(verdict) = forbidden(tx, dnc, call, campaign).await? else {
        return Ok(None);
    };
    announce(tx, call, &verdict).await?;
    Ok(refusal(Some(&verdict)))
}
