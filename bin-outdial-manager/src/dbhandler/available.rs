//! Which targets may be handed out: the one query whose cost must not grow with the table.
//!
//! For each destination a generated column holds the target's own count while the target is live, idle and
//! not leased, and NULL otherwise. An index on (outdial, that column, tm_update) therefore has the targets
//! with exactly that many tries in the order in which they are handed out, and nothing else: a target is
//! found without reading one that is done, exhausted, leased, deleted or another outdial's. A target whose
//! lease has ended is found by a second index, (outdial, lease_until), until the lease is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bin_common_handler::{
    databasehandler::{Db, Dialect, Entity, Tx, Value},
    models::{
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
            "SELECT {columns} FROM {table} WHERE outdial_id = ? AND {} = {} ORDER BY tm_update, id LIMIT ?",
            self.column(),
            self.tries
        )
    }
}

#[derive(sqlx::FromRow)]
struct Candidate {
    id: Uuid,
    tm_update: Timestamp,
    /// Position of its slot, or -1 where its lease has ended.
    slot: i64,
}

#[derive(sqlx::FromRow)]
struct Level {
    destination: i64,
    tries: i64,
}

#[derive(sqlx::FromRow)]
struct Id {
    id: Uuid,
}

/// Looks without taking.
pub(crate) async fn look(db: &Db, outdial_id: Uuid, limits: &Limits) -> Result<Vec<OutdialTarget>> {
    let mut source = Source::Db(db);
    let slots = slots(&mut source, outdial_id, limits).await?;
    let candidates = candidates(&mut source, outdial_id, limits, &slots).await?;
    let ids: Vec<_> = candidates
        .into_iter()
        .map(|candidate| candidate.id)
        .collect();
    let (sql, values) = select_ids(&ids);
    let mut targets: Vec<OutdialTarget> = source.fetch_all(&sql, values).await?;
    targets.sort_by_key(|target| (target.tm_update, target.id));
    Ok(targets)
}

/// Takes targets and leases them, in the transaction that selects them. Nothing is said only where nothing
/// was free: an empty list ends a campaign.
pub(crate) async fn claim(
    tx: &mut Tx,
    outdial_id: Uuid,
    limits: &Limits,
    lease: Duration,
) -> Result<Vec<OutdialTarget>> {
    for round in 0..ROUNDS_MAX {
        let reach = limits.reaching(round);
        let mut source = Source::Tx(tx);
        let slots = slots(&mut source, outdial_id, &reach).await?;
        let candidates = candidates(&mut source, outdial_id, &reach, &slots).await?;
        if candidates.is_empty() && (round > 0 || !limits.are_many()) {
            return Ok(Vec::new());
        }
        let mut taken = take_free(tx, outdial_id, &slots, &candidates, &reach).await?;
        taken.sort_by_key(|target| (target.tm_update, target.id));
        taken.truncate(limits.count as usize);
        if !taken.is_empty() {
            lease_all(tx, &taken, lease).await?;
            return Ok(taken);
        }
        // Between the look and the lock somebody took them all, or forgot their leases.
    }
    Err(Error::unavailable(
        "database",
        "others took every target that was seen",
    ))
}

/// Passes over what others hold; when too little is left, waits for them: a row that somebody holds for a
/// moment is no reason for a short answer.
async fn take_free(
    tx: &mut Tx,
    outdial_id: Uuid,
    slots: &[Slot],
    candidates: &[Candidate],
    limits: &Limits,
) -> Result<Vec<OutdialTarget>> {
    let skip_locked = tx.dialect().for_update_skip_locked();
    let taken = take(tx, outdial_id, slots, candidates, limits, skip_locked).await?;
    let seen: BTreeSet<_> = candidates.iter().map(|candidate| candidate.id).collect();
    if taken.len() >= seen.len() {
        return Ok(taken);
    }
    let wait = tx.dialect().for_update();
    take(tx, outdial_id, slots, candidates, limits, wait).await
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
             WHERE outdial_id = ? AND idle_try_{destination} < ?"
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

/// The best targets over all slots, without locking any, each in every slot where it stands: tells how many
/// to take from which slot.
async fn candidates(
    source: &mut Source<'_>,
    outdial_id: Uuid,
    limits: &Limits,
    slots: &[Slot],
) -> Result<Vec<Candidate>> {
    let dialect = source.dialect();
    let mut parts = Vec::with_capacity(slots.len() + 1);
    let mut values = Vec::new();
    for (position, slot) in slots.iter().enumerate() {
        parts.push(slot.select(dialect, &format!("id, tm_update, {position} AS slot")));
        values.extend([outdial_id.into(), Value::Int(limits.count.into())]);
    }
    let (ended, ended_values) =
        select_ended(dialect, outdial_id, limits, "id, tm_update, -1 AS slot");
    parts.push(format!("{ended} ORDER BY tm_update, id LIMIT ?"));
    values.extend(ended_values);
    values.push(Value::Int(limits.count.into()));
    let parts: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(n, part)| format!("SELECT * FROM ({part}) AS part_{n}"))
        .collect();
    let mut found: Vec<Candidate> = source.fetch_all(&parts.join(" UNION ALL "), values).await?;
    found.sort_by_key(|candidate| (candidate.tm_update, candidate.id, candidate.slot));
    let (mut targets, mut last) = (0, None);
    found.retain(|candidate| {
        targets += u32::from(last.replace(candidate.id) != Some(candidate.id));
        targets <= limits.count
    });
    Ok(found)
}

/// Holds as many targets of each slot as its candidates tell; fewer where `locking` passes over held rows.
async fn take(
    tx: &mut Tx,
    outdial_id: Uuid,
    slots: &[Slot],
    candidates: &[Candidate],
    limits: &Limits,
    locking: &str,
) -> Result<Vec<OutdialTarget>> {
    let columns = OutdialTarget::COLUMNS.join(", ");
    let mut per_slot = BTreeMap::new();
    for candidate in candidates {
        *per_slot.entry(candidate.slot).or_insert(0_i64) += 1;
    }
    let mut taken: BTreeMap<Uuid, OutdialTarget> = BTreeMap::new();
    for (position, count) in per_slot {
        let slot = usize::try_from(position)
            .ok()
            .and_then(|position| slots.get(position));
        let (sql, values) = match slot {
            Some(slot) => (
                slot.select(tx.dialect(), &columns),
                vec![outdial_id.into(), Value::Int(count)],
            ),
            None => {
                let (sql, mut values) = select_ended(tx.dialect(), outdial_id, limits, &columns);
                let ids: Vec<_> = candidates
                    .iter()
                    .filter(|candidate| candidate.slot < 0)
                    .map(|candidate| candidate.id)
                    .collect();
                values.extend(ids.iter().map(|id| Value::from(*id)));
                (
                    format!("{sql} AND id IN ({})", vec!["?"; ids.len()].join(", ")),
                    values,
                )
            }
        };
        let rows: Vec<OutdialTarget> = tx.fetch_all(&format!("{sql}{locking}"), values).await?;
        taken.extend(rows.into_iter().map(|target| (target.id, target)));
    }
    Ok(taken.into_values().collect())
}

/// Live idle targets whose lease has ended and that `limits` admit.
fn select_ended(
    dialect: Dialect,
    outdial_id: Uuid,
    limits: &Limits,
    columns: &str,
) -> (String, Vec<Value>) {
    // As in the generated columns: the JSON text `null` counts as absent.
    let (json_type, json_null) = match dialect {
        Dialect::MySql => ("JSON_TYPE", "NULL"),
        Dialect::Sqlite => ("json_type", "null"),
    };
    let admit = |(n, tries): (usize, &u32)| {
        format!(
            "(destination_{n} IS NOT NULL AND {json_type}(destination_{n}) <> '{json_null}' AND try_count_{n} < {tries})"
        )
    };
    let admitted: Vec<_> = limits
        .tries
        .iter()
        .enumerate()
        .filter(|(_, tries)| **tries > 0)
        .map(admit)
        .collect();
    let sql = format!(
        "SELECT {columns} FROM {} WHERE outdial_id = ? AND lease_until <= {} \
         AND status = 'idle' AND tm_delete IS NULL AND ({})",
        indexed_table(dialect, "outdial_target_lease"),
        dialect.now_micros(),
        admitted.join(" OR ")
    );
    (sql, vec![outdial_id.into()])
}

/// A lease changes no tm_update and sends no event.
async fn lease_all(tx: &mut Tx, targets: &[OutdialTarget], lease: Duration) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let marks = vec!["?"; targets.len()].join(", ");
    let sql = format!(
        "UPDATE outdial_outdialtargets SET lease_until = {} + ? WHERE id IN ({marks})",
        tx.dialect().now_micros()
    );
    let values = std::iter::once(micros(lease))
        .chain(targets.iter().map(|target| target.id.into()))
        .collect();
    tx.execute(&sql, values).await?;
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
    let marks = vec!["?"; old.len()].join(", ");
    let sql = format!(
        "UPDATE outdial_outdialtargets SET lease_until = NULL WHERE id IN ({marks}) AND lease_until <= {now}"
    );
    // A row that is held now is cleared next time.
    let _ = db
        .execute(&sql, old.into_iter().map(|row| row.id.into()).collect())
        .await;
    Ok(())
}

fn select_ids(ids: &[Uuid]) -> (String, Vec<Value>) {
    // An empty list is no SQL; the nil id is no target.
    let ids = if ids.is_empty() {
        vec![Uuid::nil()]
    } else {
        ids.to_vec()
    };
    let marks = vec!["?"; ids.len()].join(", ");
    let columns = OutdialTarget::COLUMNS.join(", ");
    let sql = format!("SELECT {columns} FROM outdial_outdialtargets WHERE id IN ({marks})");
    (sql, ids.into_iter().map(Value::from).collect())
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
