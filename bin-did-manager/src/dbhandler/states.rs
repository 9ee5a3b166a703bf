//! Counters of numbers: one narrow row each, the only thing that giving a number changes about it.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value, database_now_in, fills, list, marks},
    models::{error::Result, time::Timestamp},
};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::models::{
    calendar::{Calendar, Windows},
    didstate::State,
};

/// Rows of one statement at most.
const ROWS_MAX: usize = 500;
const COLUMNS: &str =
    "did_id, customer_id, calendar, day_start, day_count, hour_start, hour_count, last_used, total";

const COLUMNS_COUNT: usize = 9;

fn values_of(state: &State) -> [Value; COLUMNS_COUNT] {
    [
        state.did_id.into(),
        state.customer_id.into(),
        state.calendar.into(),
        state.day_start.into(),
        state.day_count.into(),
        state.hour_start.into(),
        state.hour_count.into(),
        state.last_used.into(),
        state.total.into(),
    ]
}

fn groups(rows: usize) -> String {
    vec![format!("({})", marks(COLUMNS_COUNT)); rows].join(", ")
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
        let groups = groups(rows.len());
        let sql = format!("INSERT INTO did_states ({COLUMNS}) VALUES {groups}");
        let values = rows.iter().flat_map(values_of).collect();
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
    for states in fills(states) {
        let groups = groups(states.len());
        let sql = format!("REPLACE INTO did_states ({COLUMNS}) VALUES {groups}");
        let values = states.iter().flat_map(values_of).collect();
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    did_id: Uuid,
    day: i64,
    hour: i64,
}

/// Counts a tenant's calls anew, in the windows that `calendar` has at the moment; `version` is the tenant's
/// with that calendar. Holds all of its counters until the end of the transaction.
pub(crate) async fn recount(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    calendar: Calendar,
    version: i64,
) -> Result<()> {
    let sql = "UPDATE did_states \
               SET calendar = ?, day_start = 0, day_count = 0, hour_start = 0, hour_count = 0 \
               WHERE customer_id = ?";
    let values = vec![version.into(), customer_id.into()];
    tx.sql().execute(sql, values).await?;
    // Now that nobody counts: a call is counted here, or in the new windows.
    let windows = calendar.windows(database_now_in(tx.sql()).await?.micros());
    let counts = counts(tx, customer_id, &windows).await?;
    for counts in counts.chunks(ROWS_MAX) {
        let ids: Vec<_> = counts.iter().map(|count| count.did_id).collect();
        let mut states = lock(tx, &ids).await?;
        for count in counts {
            if let Some(state) = states.get_mut(&count.did_id) {
                state.day_start = windows.day;
                state.day_count = i32::try_from(count.day).unwrap_or(i32::MAX);
                state.hour_start = windows.hour;
                state.hour_count = i32::try_from(count.hour).unwrap_or(i32::MAX);
            }
        }
        let states: Vec<_> = states.into_values().collect();
        write(tx, &states).await?;
    }
    Ok(())
}

/// A tenant's calls of a day and an hour, by number.
async fn counts(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    windows: &Windows,
) -> Result<Vec<Count>, SqlError> {
    let sql = "SELECT did_id, COUNT(CASE WHEN tm_create >= ? THEN 1 END) AS day, \
                      COUNT(CASE WHEN tm_create >= ? THEN 1 END) AS hour \
               FROM did_usages WHERE customer_id = ? AND tm_create >= ? \
               GROUP BY did_id ORDER BY did_id";
    // A day may begin within an hour.
    let values = [windows.day, windows.hour]
        .map(|start| Value::from(Timestamp::from_micros(start)))
        .into_iter()
        .chain([
            customer_id.into(),
            Timestamp::from_micros(windows.day.min(windows.hour)).into(),
        ]);
    tx.sql().fetch_all(sql, values.collect()).await
}

/// The counters of all of a tenant's numbers.
pub(crate) async fn of_customer(db: &Db, customer_id: Uuid) -> Result<Vec<State>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM did_states WHERE customer_id = ?");
    db.fetch_all(&sql, vec![customer_id.into()]).await
}
