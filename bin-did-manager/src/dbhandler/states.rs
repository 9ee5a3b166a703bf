//! Counters of numbers: one narrow row each, the only thing that giving a number changes about it.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value, list, runs},
    models::error::Result,
};
use sqlx::Error as SqlError;
use uuid::Uuid;

/// Rows of one statement at most.
const ROWS_MAX: usize = 500;
const COLUMNS: &str =
    "did_id, customer_id, day_start, day_count, hour_start, hour_count, last_used, total";

/// How often a number was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub(crate) struct State {
    pub did_id: Uuid,
    pub customer_id: Uuid,
    /// When the day began that `day_count` is of, in µs since the Unix epoch.
    pub day_start: i64,
    pub day_count: i32,
    /// When the clock hour began that `hour_count` is of.
    pub hour_start: i64,
    pub hour_count: i32,
    /// When the number was given last; 0 = never.
    pub last_used: i64,
    /// How often it was ever given.
    pub total: i64,
}

impl State {
    fn values(&self) -> [Value; 8] {
        [
            self.did_id.into(),
            self.customer_id.into(),
            self.day_start.into(),
            self.day_count.into(),
            self.hour_start.into(),
            self.hour_count.into(),
            self.last_used.into(),
            self.total.into(),
        ]
    }
}

/// Writes the rows of new numbers.
pub(crate) async fn insert(tx: &mut ChangeTx<'_>, customer_id: Uuid, dids: &[Uuid]) -> Result<()> {
    let states: Vec<_> = dids
        .iter()
        .map(|did_id| State {
            did_id: *did_id,
            customer_id,
            ..State::default()
        })
        .collect();
    for rows in states.chunks(ROWS_MAX) {
        let groups = vec!["(?, ?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
        let sql = format!("INSERT INTO did_states ({COLUMNS}) VALUES {groups}");
        let values = rows.iter().flat_map(State::values).collect();
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}

/// The counters of some numbers.
pub(crate) async fn of(db: &Db, dids: &[Uuid]) -> Result<HashMap<Uuid, State>, SqlError> {
    let mut found = HashMap::with_capacity(dids.len());
    for ids in dids.chunks(ROWS_MAX) {
        let (marks, values) = list(ids.iter().copied());
        let sql = format!("SELECT {COLUMNS} FROM did_states WHERE did_id IN ({marks})");
        let rows: Vec<State> = db.fetch_all(&sql, values).await?;
        found.extend(rows.into_iter().map(|row| (row.did_id, row)));
    }
    Ok(found)
}

/// Holds the counters of some numbers until the end of the transaction, in the order of their ids: so no two
/// transactions wait for each other.
pub(crate) async fn lock(tx: &mut ChangeTx<'_>, dids: &[Uuid]) -> Result<HashMap<Uuid, State>> {
    let (marks, values) = list(dids.iter().copied());
    let sql = format!(
        "SELECT {COLUMNS} FROM did_states WHERE did_id IN ({marks}) ORDER BY did_id{}",
        tx.sql().dialect().for_update()
    );
    let rows: Vec<State> = tx.sql().fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(|row| (row.did_id, row)).collect())
}

/// Writes the counters of locked rows.
pub(crate) async fn write(tx: &mut ChangeTx<'_>, states: &[State]) -> Result<()> {
    for states in runs(states) {
        let groups = vec!["(?, ?, ?, ?, ?, ?, ?, ?)"; states.len()].join(", ");
        let sql = format!("REPLACE INTO did_states ({COLUMNS}) VALUES {groups}");
        let values = states.iter().flat_map(State::values).collect();
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}

/// The counters of all of a tenant's numbers.
pub(crate) async fn of_customer(db: &Db, customer_id: Uuid) -> Result<Vec<State>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM did_states WHERE customer_id = ?");
    db.fetch_all(&sql, vec![customer_id.into()]).await
}
