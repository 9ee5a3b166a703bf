//! What people call the things that calls are counted by.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{Db, Value, list},
    models::error::Result,
};
use uuid::Uuid;

use super::GroupBy;
use crate::models::rollup::Dimension;

/// Ids of one statement at most.
const ROWS_MAX: usize = 500;

#[derive(bin_common_handler::FromRow)]
struct Label {
    id: Uuid,
    label: String,
}

/// The labels of items; what has none is called by itself.
pub(super) async fn of(
    db: &Db,
    customer_id: Uuid,
    group_by: GroupBy,
    items: &[String],
) -> Result<HashMap<String, String>> {
    let (table, column) = match group_by {
        GroupBy::By(Dimension::Did) => ("did_dids", "number"),
        GroupBy::By(Dimension::Pool) => ("did_didpools", "name"),
        GroupBy::By(Dimension::Campaign) => ("did_campaigns", "vicidial_campaign_id"),
        _ => return Ok(HashMap::new()),
    };
    let ids: Vec<_> = items
        .iter()
        .filter_map(|item| Uuid::try_parse(item).ok())
        .collect();
    let mut labels = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let (marks, ids) = list(ids.iter().copied());
        let sql = format!(
            "SELECT id, {column} AS label FROM {table} WHERE customer_id = ? AND id IN ({marks})"
        );
        let mut values: Vec<Value> = vec![customer_id.into()];
        values.extend(ids);
        let rows: Vec<Label> = db.fetch_all(&sql, values).await?;
        labels.extend(
            rows.into_iter()
                .map(|row| (row.id.simple().to_string(), row.label)),
        );
    }
    Ok(labels)
}
