//! Queries of target calls.

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::models::outdialtargetcall::CallStatus;

/// Closes the open attempt of a target.
pub(crate) async fn close(tx: &mut ChangeTx<'_>, target_id: Uuid, now: Timestamp) -> Result<()> {
    let sql = "UPDATE outdial_outdialtargetcalls SET status = ?, tm_update = ? \
               WHERE outdial_target_id = ? AND status = ?";
    let values = vec![
        CallStatus::Done.into(),
        now.into(),
        target_id.into(),
        CallStatus::Progressing.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}
