//! What many tenants are asked at once.

use std::collections::HashMap;

use bin_common_handler::databasehandler::Tx;
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::{
    choice::window::Calendar,
    tenancy::{marks, values},
};

/// Tenants of one statement at most.
const ROWS_MAX: usize = 500;

#[derive(sqlx::FromRow)]
struct Zone {
    id: Uuid,
    timezone: String,
    day_start: String,
}

/// The calendars of some tenants.
pub(crate) async fn calendars(
    tx: &mut Tx,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, Calendar>, SqlError> {
    let mut found = HashMap::with_capacity(customers.len());
    for ids in customers.chunks(ROWS_MAX) {
        let sql = format!(
            "SELECT id, timezone, day_start FROM did_customers WHERE id IN ({})",
            marks(ids.len())
        );
        let rows: Vec<Zone> = tx.fetch_all(&sql, values(ids)).await?;
        found.extend(
            rows.into_iter()
                .map(|row| (row.id, Calendar::of(&row.timezone, &row.day_start))),
        );
    }
    Ok(found)
}
