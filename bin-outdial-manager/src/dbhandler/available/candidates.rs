//! Targets that look free, the best first, without a lock on any.

use std::collections::BTreeSet;

use bin_common_handler::{
    StoredRow,
    databasehandler::{Dialect, Reader, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::{
    conditions::{indexed_table, is_dialable, is_free, is_idle},
    limits::{Limits, Slot},
};

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

/// The slots that are worth a look: all of them when they are few, else those that occur.
pub(super) async fn slots(
    reader: &mut Reader<'_>,
    outdial_id: Uuid,
    limits: &Limits,
) -> Result<Vec<Slot>> {
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
            reader.dialect(),
            &format!("outdial_target_idle_{destination}"),
        );
        parts.push(format!(
            "SELECT DISTINCT {destination} AS destination, idle_try_{destination} AS tries FROM {table} \
             WHERE outdial_id = ? AND idle_try_{destination} >= 0 AND idle_try_{destination} < ?"
        ));
        values.extend([outdial_id.into(), Value::Int(i64::from(*tries))]);
    }
    let levels: Vec<Level> = reader.fetch_all(&parts.join(" UNION ALL "), values).await?;
    let slot = |level: Level| Slot {
        destination: usize::try_from(level.destination).unwrap_or_default(),
        tries: level.tries,
    };
    Ok(levels.into_iter().map(slot).collect())
}

/// The best targets over all slots, in order, without locking any.
pub(super) async fn candidates(
    reader: &mut Reader<'_>,
    outdial_id: Uuid,
    limits: &Limits,
    slots: &[Slot],
) -> Result<Vec<Uuid>> {
    let dialect = reader.dialect();
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
    let found: Vec<Candidate> = reader.fetch_all(&parts.join(" UNION ALL "), values).await?;
    // A target stands in a slot for each of its destinations.
    let found: BTreeSet<_> = found
        .into_iter()
        .map(|row| (row.tm_update, row.id))
        .collect();
    let best = found.into_iter().take(limits.count as usize);
    Ok(best.map(|(_, id)| id).collect())
}
