//! Leases: who holds a target, until when, and what becomes of those that have ended.

use std::time::Duration;

use bin_common_handler::{
    StoredRow,
    databasehandler::{Db, Tx, Value, list},
    models::error::Result,
};
use uuid::Uuid;

use super::conditions::{indexed_table, is_idle};
use crate::{dbhandler::target::micros, models::outdialtarget::OutdialTarget};

/// Ended leases that may stand before they are cleared.
const OLD_LEASES_MAX: usize = 100;
/// Ended leases cleared at once.
const OLD_LEASES_BATCH: i64 = 500;

#[derive(StoredRow)]
#[entity(table = "outdial_outdialtargets")]
struct Id {
    id: Uuid,
}

/// A lease changes no tm_update and sends no event.
pub(super) async fn lease_all(
    tx: &mut Tx,
    targets: &[OutdialTarget],
    lease: Duration,
) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let (marks, ids) = list(targets.iter().map(|target| target.id));
    let sql = format!(
        "UPDATE outdial_outdialtargets SET lease_until = {} + ? WHERE id IN ({marks})",
        tx.dialect().now_micros()
    );
    let values = std::iter::once(micros(lease)).chain(ids).collect();
    tx.execute(&sql, values).await?;
    Ok(())
}

/// Keeps targets from being handed out for so long, as a lease does; those that somebody took meanwhile are not
/// touched.
pub(crate) async fn put_off(db: &Db, ids: &[Uuid], by: Duration) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let now = db.dialect().now_micros();
    let idle = is_idle(db.dialect());
    let (marks, ids) = list(ids.iter().copied());
    let sql = format!(
        "UPDATE outdial_outdialtargets SET lease_until = {now} + ? WHERE id IN ({marks}) AND {idle} \
         AND (lease_until IS NULL OR lease_until <= {now})"
    );
    let values = std::iter::once(micros(by)).chain(ids).collect();
    db.execute(&sql, values).await?;
    Ok(())
}

/// Leases that ended unused are forgotten once there are many, so that the second index stays small: each
/// lease is cleared once, whatever the size of the outdial.
pub(crate) async fn forget_old_leases(db: &Db, outdial_id: Uuid) -> Result<()> {
    let now = db.dialect().now_micros();
    let sql = format!(
        "SELECT id FROM {} WHERE outdial_id = ? AND lease_until <= {now} ORDER BY lease_until LIMIT ?",
        indexed_table(db.dialect(), "outdial_target_lease")
    );
    let old: Vec<Id> = db
        .fetch_all(&sql, vec![outdial_id.into(), Value::Int(OLD_LEASES_BATCH)])
        .await?;
    if old.len() < OLD_LEASES_MAX {
        return Ok(());
    }
    let (marks, ids) = list(old.into_iter().map(|row| row.id));
    let sql = format!(
        "UPDATE outdial_outdialtargets SET lease_until = NULL WHERE id IN ({marks}) AND lease_until <= {now}"
    );
    // A row that is held now is cleared next time.
    let _ = db.execute(&sql, ids).await;
    Ok(())
}
