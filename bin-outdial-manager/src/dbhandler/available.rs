//! Which targets may be handed out: the one query whose cost must not grow with the table.
//!
//! For each destination a generated column holds the target's own count while the target is live, idle and
//! not leased, and NULL otherwise. An index on (outdial, that column, tm_update) therefore has the targets
//! with exactly that many tries in the order in which they are handed out, and nothing else: a target is
//! found without reading one that is done, exhausted, leased, deleted or another outdial's. A target whose
//! lease has ended is found by a second index, (outdial, lease_until), until the lease is forgotten.

mod candidates;
mod conditions;
mod leases;
mod limits;
mod optedout;

use std::{collections::BTreeSet, time::Duration};

use bin_common_handler::{
    databasehandler::{Db, Dialect, Entity, Reader, Tx, Value, list},
    models::error::{Error, Result},
};
use uuid::Uuid;

use self::{
    candidates::{candidates, slots},
    conditions::is_free,
    leases::lease_all,
    limits::LIMIT_MAX,
};
use crate::models::outdialtarget::OutdialTarget;
pub(crate) use leases::{forget_old_leases, put_off};
pub(crate) use limits::Limits;
pub(crate) use optedout::{opted_out, opted_out_in};

/// How often targets are looked for anew when others took all that were seen, each time twice as far.
const ROUNDS_MAX: u32 = 8;
/// How often others are waited for, when whoever went first took what was waited for.
const WAITS_MAX: u32 = 32;
/// How far is looked then, as a power of two.
const WAIT_REACH: u32 = 3;

/// Looks without taking.
pub(crate) async fn look(db: &Db, outdial_id: Uuid, limits: &Limits) -> Result<Vec<OutdialTarget>> {
    let mut reader = Reader::Db(db);
    let slots = slots(&mut reader, outdial_id, limits).await?;
    let candidates = candidates(&mut reader, outdial_id, limits, &slots).await?;
    let (sql, values) = select_ids(db.dialect(), &candidates);
    let targets = reader.fetch_all(&sql, values).await?;
    Ok(in_order(targets, limits))
}

/// Takes targets and leases them, in the transaction that selects them. Nothing is said only where nothing
/// was free: an empty list ends a campaign.
///
/// Rows are locked by their primary key only, in its order, and nobody waits while he holds one: whoever
/// locks by another index locks that first and the row second, and a change of the row the other way round.
pub(crate) async fn claim(
    tx: &mut Tx,
    outdial_id: Uuid,
    limits: &Limits,
    lease: Duration,
) -> Result<Vec<OutdialTarget>> {
    let (mut taken, mut tried) = (Vec::new(), BTreeSet::new());
    for round in 0..ROUNDS_MAX {
        let reach = limits.reaching(round);
        let mut reader = Reader::Tx(tx);
        let slots = slots(&mut reader, outdial_id, &reach).await?;
        let seen = candidates(&mut reader, outdial_id, &reach, &slots).await?;
        if seen.is_empty() && taken.is_empty() && (round > 0 || !limits.are_many()) {
            return Ok(Vec::new());
        }
        let fresh: Vec<_> = seen
            .iter()
            .copied()
            .filter(|id| tried.insert(*id))
            .collect();
        let skip = tx.dialect().for_update_skip_locked();
        taken.extend(take(tx, outdial_id, limits, &fresh, skip).await?);
        let is_all = seen.len() < reach.count as usize || reach.count == LIMIT_MAX;
        if taken.len() >= limits.count as usize || (is_all && taken.len() == tried.len()) {
            break;
        }
        if is_all || round + 1 == ROUNDS_MAX {
            // Others hold some: they are waited for, with nothing in hand. A row that somebody holds for a
            // moment is no reason for a short answer.
            tx.restart().await?;
            taken = wait(tx, outdial_id, limits).await?;
            break;
        }
    }
    let taken = in_order(taken, limits);
    lease_all(tx, &taken, lease).await?;
    Ok(taken)
}

/// Takes those of some targets that are still free, passing over what others hold. They are leased by [`lease`].
///
/// # Errors
/// 503.
pub(crate) async fn take_of(
    tx: &mut Tx,
    outdial_id: Uuid,
    limits: &Limits,
    ids: &[Uuid],
) -> Result<Vec<OutdialTarget>> {
    let skip = tx.dialect().for_update_skip_locked();
    take(tx, outdial_id, limits, ids, skip).await
}

/// Leases targets that were taken; they are told in their order.
///
/// # Errors
/// 503.
pub(crate) async fn lease(
    tx: &mut Tx,
    taken: Vec<OutdialTarget>,
    limits: &Limits,
    lease: Duration,
) -> Result<Vec<OutdialTarget>> {
    let taken = in_order(taken, limits);
    lease_all(tx, &taken, lease).await?;
    Ok(taken)
}

/// Takes what is free once those who hold it have gone. Between the look and the lock somebody may take it all;
/// then another look is due.
async fn wait(tx: &mut Tx, outdial_id: Uuid, limits: &Limits) -> Result<Vec<OutdialTarget>> {
    for round in 0..WAITS_MAX {
        // Few at a time: all of them are held while the next is waited for.
        let reach = limits.reaching(round.min(WAIT_REACH));
        let mut reader = Reader::Tx(tx);
        let slots = slots(&mut reader, outdial_id, &reach).await?;
        let seen = candidates(&mut reader, outdial_id, &reach, &slots).await?;
        let locking = tx.dialect().for_update();
        let taken = take(tx, outdial_id, limits, &seen, locking).await?;
        if !taken.is_empty() || (seen.is_empty() && (round > 0 || !limits.are_many())) {
            return Ok(taken);
        }
    }
    Err(Error::unavailable(
        "database",
        "others took every target that was seen",
    ))
}

/// Least recently updated first, and no more than wanted.
fn in_order(mut targets: Vec<OutdialTarget>, limits: &Limits) -> Vec<OutdialTarget> {
    targets.sort_by_key(|target| (target.tm_update, target.id));
    targets.truncate(limits.count as usize);
    targets
}

/// Holds those of some targets that are still free; fewer where `locking` passes over held rows.
async fn take(
    tx: &mut Tx,
    outdial_id: Uuid,
    limits: &Limits,
    ids: &[Uuid],
    locking: &str,
) -> Result<Vec<OutdialTarget>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = tx.dialect();
    let (sql, mut values) = select_ids(dialect, ids);
    let sql = format!(
        "{sql} AND outdial_id = ? AND (lease_until IS NULL OR lease_until <= {}) AND {} ORDER BY id{locking}",
        dialect.now_micros(),
        is_free(dialect, limits)
    );
    values.push(outdial_id.into());
    Ok(tx.fetch_all(&sql, values).await?)
}

/// By primary key: whatever else the optimiser would use, it would lock.
fn select_ids(dialect: Dialect, ids: &[Uuid]) -> (String, Vec<Value>) {
    // An empty list is no SQL; the nil id is no target.
    let ids = if ids.is_empty() {
        vec![Uuid::nil()]
    } else {
        ids.to_vec()
    };
    let (marks, values) = list(ids);
    let columns = OutdialTarget::COLUMNS.join(", ");
    let by_key = match dialect {
        Dialect::MySql => " FORCE INDEX (PRIMARY)",
        Dialect::Sqlite => "",
    };
    let sql = format!("SELECT {columns} FROM outdial_outdialtargets{by_key} WHERE id IN ({marks})");
    (sql, values)
}
