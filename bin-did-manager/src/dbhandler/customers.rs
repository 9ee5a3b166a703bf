//! What many tenants are asked at once.

use std::collections::HashMap;

use bin_common_handler::databasehandler::{Db, Tx, Value, list};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::models::calendar::Calendar;

/// Tenants of one statement at most.
const ROWS_MAX: usize = 500;

#[derive(bin_common_handler::FromRow)]
struct Zone {
    id: Uuid,
    timezone: String,
    day_start: String,
}

/// The calendars of some tenants.
pub(crate) async fn calendars(
    db: &Db,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, Calendar>, SqlError> {
    let mut found = HashMap::with_capacity(customers.len());
    for ids in customers.chunks(ROWS_MAX) {
        let (sql, values) = select(ids);
        let rows: Vec<Zone> = db.fetch_all(&sql, values).await?;
        found.extend(rows.into_iter().map(calendar));
    }
    Ok(found)
}

/// As [`calendars`], within a transaction.
pub(crate) async fn calendars_in(
    tx: &mut Tx,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, Calendar>, SqlError> {
    let mut found = HashMap::with_capacity(customers.len());
    for ids in customers.chunks(ROWS_MAX) {
        let (sql, values) = select(ids);
        let rows: Vec<Zone> = tx.fetch_all(&sql, values).await?;
        found.extend(rows.into_iter().map(calendar));
    }
    Ok(found)
}

fn select(ids: &[Uuid]) -> (String, Vec<Value>) {
    let (marks, values) = list(ids.iter().copied());
    let sql = format!("SELECT id, timezone, day_start FROM did_customers WHERE id IN ({marks})");
    (sql, values)
}

fn calendar(row: Zone) -> (Uuid, Calendar) {
    (row.id, Calendar::of(&row.timezone, &row.day_start))
}
