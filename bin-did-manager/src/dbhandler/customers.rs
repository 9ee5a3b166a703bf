//! SQL of tenants: one, the only one, and what many are asked at once.

use std::collections::HashMap;

use bin_common_handler::databasehandler::{Db, Id, Tx, Value, list};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::models::{calendar::Calendar, customer::Customer};

/// Tenants of one statement at most.
const ROWS_MAX: usize = 500;

#[derive(bin_common_handler::FromRow)]
struct Zone {
    id: Uuid,
    timezone: String,
    day_start: String,
}

/// A tenant, deleted or not.
pub(crate) async fn get(db: &Db, id: Uuid) -> Result<Option<Customer>, SqlError> {
    let rows: Vec<Customer> = db.select("WHERE id = ?", vec![id.into()]).await?;
    Ok(rows.into_iter().next())
}

/// Live tenants, two at most: whether there is just one.
pub(crate) async fn first_two(db: &Db) -> Result<Vec<Uuid>, SqlError> {
    let sql = "SELECT id FROM did_customers WHERE tm_delete IS NULL ORDER BY id LIMIT 2";
    let rows: Vec<Id> = db.fetch_all(sql, vec![]).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
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
