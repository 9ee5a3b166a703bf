//! What people call the things that calls are counted by.

use std::collections::HashMap;

use bin_common_handler::databasehandler::{Db, Value, list};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::models::rollup::Dimension;

/// Ids of one statement at most.
const ROWS_MAX: usize = 500;

#[derive(bin_common_handler::FromRow)]
struct Label {
    id: Uuid,
    label: String,
}

/// The labels of a tenant's things, by id; none where a dimension has no things with names.
pub(crate) async fn of(
    db: &Db,
    customer_id: Uuid,
    dimension: Dimension,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, SqlError> {
    let (table, column) = match dimension {
        Dimension::Did => ("did_dids", "number"),
        Dimension::Pool => ("did_didpools", "name"),
        Dimension::Campaign => ("did_campaigns", "vicidial_campaign_id"),
        _ => return Ok(HashMap::new()),
    };
    let mut labels = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let (marks, ids) = list(ids.iter().copied());
        let sql = format!(
            "SELECT id, {column} AS label FROM {table} WHERE customer_id = ? AND id IN ({marks})"
        );
        let mut values: Vec<Value> = vec![customer_id.into()];
        values.extend(ids);
        let rows: Vec<Label> = db.fetch_all(&sql, values).await?;
        labels.extend(rows.into_iter().map(|row| (row.id, row.label)));
    }
    Ok(labels)
}
