//! Which targets may be handed out: the one query whose cost must not grow with the table.
//!
//! For each destination a generated column holds the target's own count while the target is live, idle and
//! not leased, and NULL otherwise. An index on (outdial, that column, tm_update) therefore has the targets
//! with exactly that many tries in the order in which they are handed out, and nothing else: a target is
//! found without reading one that is done, exhausted, leased, deleted or another outdial's. A target whose
//! lease has ended is found by a second index, (outdial, lease_until), until the lease is forgotten.

use std::{collections::BTreeSet, time::Duration};

use bin_common_handler::{
    StoredRow,
    databasehandler::{Db, Dialect, Entity, Tx, Value, list},
    models::{
        address::AddressType,
        error::{Error, Result},
        time::Timestamp,
    },
};
use uuid::Uuid;

use super::target::micros;
use crate::models::outdialtarget::{AvailableBody, DESTINATIONS, OutdialTarget};

/// Targets handed out at once when the caller does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Targets handed out at once at most.
const LIMIT_MAX: u32 = 1_000;
/// More counts than this are not tried one by one: those that occur are asked for first.
const SLOTS_MAX: usize = 16;
/// How often targets are looked for anew when others took all that were seen, each time twice as far.
const ROUNDS_MAX: u32 = 8;
/// How often others are waited for, when whoever went first took what was waited for.
const WAITS_MAX: u32 = 32;
/// How far is looked then, as a power of two.
const WAIT_REACH: u32 = 3;
/// Ended leases that may stand before they are cleared.
const OLD_LEASES_MAX: usize = 100;
/// Ended leases cleared at once.
const OLD_LEASES_BATCH: i64 = 500;

/// Up to how many tries each destination may have had, and how many targets are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    tries: [u32; DESTINATIONS],
    count: u32,
}

impl From<AvailableBody> for Limits {
    fn from(body: AvailableBody) -> Self {
        let tries = [
            body.try_count_0,
            body.try_count_1,
            body.try_count_2,
            body.try_count_3,
            body.try_count_4,
        ];
        let count = body
            .limit
            .filter(|limit| *limit > 0)
            .unwrap_or(LIMIT_DEFAULT)
            .min(LIMIT_MAX);
        Self {
            tries: tries.map(Option::unwrap_or_default),
            count,
        }
    }
}

impl Limits {
    pub(crate) fn admit_nothing(&self) -> bool {
        self.tries.iter().all(|tries| *tries == 0)
    }

    /// Whether the counts are too many to be tried one by one.
    fn are_many(&self) -> bool {
        self.slots().nth(SLOTS_MAX).is_some()
    }

    /// The same limits, looking further than the first targets.
    fn reaching(self, round: u32) -> Self {
        let count = self.count.saturating_mul(1 << round).min(LIMIT_MAX);
        Self { count, ..self }
    }

    /// The same limits, of so many targets.
    pub(crate) fn of(self, count: u32) -> Self {
        let count = count.min(LIMIT_MAX);
        Self { count, ..self }
    }

    /// How many targets are wanted.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Up to how many tries this destination may have had.
    pub(crate) fn tries(&self, destination: usize) -> u32 {
        self.tries.get(destination).copied().unwrap_or_default()
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        let per_destination = |(destination, tries): (usize, u32)| {
            (0..tries).map(move |tries| Slot {
                destination,
                tries: i64::from(tries),
            })
        };
        self.tries.into_iter().enumerate().flat_map(per_destination)
    }
}

/// A place in the index: targets whose `destination` was tried exactly `tries` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    destination: usize,
    tries: i64,
}

impl Slot {
    fn column(self) -> String {
        format!("idle_try_{}", self.destination)
    }

    /// The oldest targets of this slot, in order.
    fn select(self, dialect: Dialect, columns: &str) -> String {
        let table = indexed_table(
            dialect,
            &format!("outdial_target_idle_{}", self.destination),
        );
        format!(
            "SELECT {columns} FROM {table} WHERE outdial_id = ? AND {} = {} AND {} AND {} \
             ORDER BY tm_update, id LIMIT ?",
            self.column(),
            self.tries,
            is_idle(dialect),
            is_dialable(dialect, self.destination)
        )
    }
}

#[derive(StoredRow)]
#[entity(table = "outdial_outdialtargets")]
struct Candidate {
    id: Uuid,
    /// A row that others wrote may not say it: it stands before all that do.
    tm_update: Timestamp,
}

#[derive(StoredRow)]
#[entity(table = "outdial_outdialtargets")]
struct Level {
    destination: i64,
    tries: i64,
}

#[derive(StoredRow)]
#[entity(table = "outdial_outdialtargets")]
struct Id {
    id: Uuid,
}

/// Looks without taking.
pub(crate) async fn look(db: &Db, outdial_id: Uuid, limits: &Limits) -> Result<Vec<OutdialTarget>> {
    let mut source = Source::Db(db);
    let slots = slots(&mut source, outdial_id, limits).await?;
    let candidates = candidates(&mut source, outdial_id, limits, &slots).await?;
    let (sql, values) = select_ids(db.dialect(), &candidates);
    let targets = source.fetch_all(&sql, values).await?;
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
        let mut source = Source::Tx(tx);
        let slots = slots(&mut source, outdial_id, &reach).await?;
        let seen = candidates(&mut source, outdial_id, &reach, &slots).await?;
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

/// Takes what is free once those who hold it have gone. Between the look and the lock somebody may take it all;
/// then another look is due.
async fn wait(tx: &mut Tx, outdial_id: Uuid, limits: &Limits) -> Result<Vec<OutdialTarget>> {
    for round in 0..WAITS_MAX {
        // Few at a time: all of them are held while the next is waited for.
        let reach = limits.reaching(round.min(WAIT_REACH));
        let mut source = Source::Tx(tx);
        let slots = slots(&mut source, outdial_id, &reach).await?;
        let seen = candidates(&mut source, outdial_id, &reach, &slots).await?;
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

/// The slots that are worth a look: all of them when they are few, else those that occur.
async fn slots(source: &mut Source<'_>, outdial_id: Uuid, limits: &Limits) -> Result<Vec<Slot>> {
    if !limits.are_many() {
        return Ok(limits.slots().collect());
    }
    let mut parts = Vec::new();
    let mut values = Vec::new();
    for (destination, tries) in limits
        .tries
        .iter()
        .enumerate()
        .filter(|(_, tries)| **tries > 0)
    {
        let table = indexed_table(
            source.dialect(),
            &format!("outdial_target_idle_{destination}"),
        );
        parts.push(format!(
            "SELECT DISTINCT {destination} AS destination, idle_try_{destination} AS tries FROM {table} \
             WHERE outdial_id = ? AND idle_try_{destination} >= 0 AND idle_try_{destination} < ?"
        ));
        values.extend([outdial_id.into(), Value::Int(i64::from(*tries))]);
    }
    let levels: Vec<Level> = source.fetch_all(&parts.join(" UNION ALL "), values).await?;
    let slot = |level: Level| Slot {
        destination: usize::try_from(level.destination).unwrap_or_default(),
        tries: level.tries,
    };
    Ok(levels.into_iter().map(slot).collect())
}

/// The best targets over all slots, in order, without locking any.
async fn candidates(
    source: &mut Source<'_>,
    outdial_id: Uuid,
    limits: &Limits,
    slots: &[Slot],
) -> Result<Vec<Uuid>> {
    let dialect = source.dialect();
    let count = Value::Int(limits.count.into());
    let mut parts = Vec::with_capacity(slots.len() + 1);
    let mut values = Vec::new();
    for slot in slots {
        parts.push(slot.select(dialect, "id, tm_update"));
        values.extend([outdial_id.into(), count.clone()]);
    }
    // Targets whose lease has ended stand in an index of their own.
    let table = indexed_table(dialect, "outdial_target_lease");
    parts.push(format!(
        "SELECT id, tm_update FROM {table} WHERE outdial_id = ? AND lease_until <= {} AND {} \
         ORDER BY tm_update, id LIMIT ?",
        dialect.now_micros(),
        is_free(dialect, limits)
    ));
    values.extend([outdial_id.into(), count]);
    let parts: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(n, part)| format!("SELECT * FROM ({part}) AS part_{n}"))
        .collect();
    let found: Vec<Candidate> = source.fetch_all(&parts.join(" UNION ALL "), values).await?;
    // A target stands in a slot for each of its destinations.
    let found: BTreeSet<_> = found
        .into_iter()
        .map(|row| (row.tm_update, row.id))
        .collect();
    let best = found.into_iter().take(limits.count as usize);
    Ok(best.map(|(_, id)| id).collect())
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

/// Whether a target is live, idle, and has a destination that `limits` admit.
fn is_free(dialect: Dialect, limits: &Limits) -> String {
    let wanted = limits.tries.iter().enumerate();
    let admitted: Vec<_> = wanted
        .filter(|(_, tries)| **tries > 0)
        .map(|(n, tries)| {
            let dialable = is_dialable(dialect, n);
            format!("(try_count_{n} >= 0 AND try_count_{n} < {tries} AND {dialable})")
        })
        .collect();
    format!(
        "{} AND tm_delete IS NULL AND ({})",
        is_idle(dialect),
        admitted.join(" OR ")
    )
}

/// MySQL takes `IDLE` for `idle`, which is a state that we do not know.
fn is_idle(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "CAST(status AS BINARY) = 'idle'",
        Dialect::Sqlite => "status = 'idle'",
    }
}

/// Whether a destination is an address of a type that we know, with a target; `{}`, or what is no address, is none. Nor is
/// the number of somebody who wants to hear nothing of this customer.
fn is_dialable(dialect: Dialect, destination: usize) -> String {
    let column = format!("destination_{destination}");
    let known: Vec<_> = AddressType::ALL
        .iter()
        .map(|kind| format!("'{kind}'"))
        .collect();
    let known = known.join(", ");
    match dialect {
        Dialect::MySql => format!(
            "(COALESCE(CAST(JSON_UNQUOTE(JSON_EXTRACT({column}, '$.type')) AS BINARY), '') IN ({known}) \
             AND JSON_TYPE(JSON_EXTRACT({column}, '$.target')) = 'STRING' \
             AND JSON_UNQUOTE(JSON_EXTRACT({column}, '$.target')) <> '' AND {})",
            // The column's own character set and collation, so that the index is used.
            wants_calls(&format!(
                "CONVERT(JSON_UNQUOTE(JSON_EXTRACT({column}, '$.target')) USING utf8mb4) COLLATE utf8mb4_bin"
            ))
        ),
        // Asked in another way, it fails the statement where the column holds no JSON.
        Dialect::Sqlite => format!(
            "CASE WHEN json_valid({column}) \
             THEN COALESCE(json_extract({column}, '$.type'), '') IN ({known}) \
             AND json_type({column}, '$.target') = 'text' AND json_extract({column}, '$.target') <> '' AND {} END",
            wants_calls(&format!("json_extract({column}, '$.target')"))
        ),
    }
}

/// Whether the number in `target` did not opt out.
fn wants_calls(target: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM outdial_optouts WHERE outdial_optouts.number = {target} \
         AND outdial_optouts.customer_id = (SELECT outdial_outdials.customer_id FROM outdial_outdials \
         WHERE outdial_outdials.id = outdial_outdialtargets.outdial_id))"
    )
}

/// A lease changes no tm_update and sends no event.
async fn lease_all(tx: &mut Tx, targets: &[OutdialTarget], lease: Duration) -> Result<()> {
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

/// Gives the leases back that were taken in this transaction.
pub(crate) async fn give_back(tx: &mut Tx, targets: &[OutdialTarget]) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let (marks, ids) = list(targets.iter().map(|target| target.id));
    let sql = format!("UPDATE outdial_outdialtargets SET lease_until = NULL WHERE id IN ({marks})");
    tx.execute(&sql, ids).await?;
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

/// The optimiser's statistics lag behind a table of which 99 % is done; the index is the point.
fn indexed_table(dialect: Dialect, index: &str) -> String {
    match dialect {
        Dialect::MySql => format!("outdial_outdialtargets FORCE INDEX ({index})"),
        Dialect::Sqlite => format!("outdial_outdialtargets INDEXED BY {index}"),
    }
}

/// Where the questions are asked that need no lock.
enum Source<'s> {
    Db(&'s Db),
    Tx(&'s mut Tx),
}

impl Source<'_> {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Db(db) => db.dialect(),
            Self::Tx(tx) => tx.dialect(),
        }
    }

    async fn fetch_all<T: bin_common_handler::databasehandler::Row>(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<T>> {
        Ok(match self {
            Self::Db(db) => db.fetch_all(sql, values).await?,
            Self::Tx(tx) => tx.fetch_all(sql, values).await?,
        })
    }
}
