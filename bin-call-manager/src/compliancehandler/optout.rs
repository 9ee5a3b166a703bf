//! A person who told the customer to stop: looked at again wherever an outbound call is sold, as a call may have been made
//! before the word came.

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::error::{Error, Result},
};

use super::{Knowledge, announce, question, refusal};
use crate::{
    compliance::Purpose,
    dbhandler::law,
    models::call::{Call, Direction},
};

/// Whether the word to stop stands against a call: an outbound one that is no emergency.
///
/// # Errors
/// 503.
pub(crate) async fn stands_against(tx: &mut ChangeTx<'_>, call: &Call) -> Result<bool> {
    if call.direction != Direction::Outbound || call.purpose == Purpose::Emergency {
        return Ok(false);
    }
    law::is_opted_out(tx, call.customer_id, call.person()).await
}

/// 403 `OPTED_OUT` with the verdict, which is announced; nothing where nobody said to stop.
///
/// # Errors
/// 503.
pub(crate) async fn refuse(tx: &mut ChangeTx<'_>, call: &Call) -> Result<Option<Error>> {
    if !stands_against(tx, call).await? {
        return Ok(None);
    }
    let mut knowledge = Knowledge::default();
    knowledge.set_opted_out(call.person(), true);
    // That word comes before everything else that the law asks.
    let verdict = knowledge.answer(&question(call, false, tx.now()));
    announce(tx, call, &verdict).await?;
    Ok(refusal(Some(&verdict)))
}
