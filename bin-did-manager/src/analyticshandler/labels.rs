//! What people call the items of a report.

use std::collections::HashMap;

use bin_common_handler::{databasehandler::Db, models::error::Result};
use uuid::Uuid;

use super::GroupBy;
use crate::dbhandler::labels;

/// The labels of items; what has none is called by itself.
pub(super) async fn of(
    db: &Db,
    customer_id: Uuid,
    group_by: GroupBy,
    items: &[String],
) -> Result<HashMap<String, String>> {
    let GroupBy::By(dimension) = group_by else {
        return Ok(HashMap::new());
    };
    let ids: Vec<_> = items
        .iter()
        .filter_map(|item| Uuid::try_parse(item).ok())
        .collect();
    let labels = labels::of(db, customer_id, dimension, &ids).await?;
    Ok(labels
        .into_iter()
        .map(|(id, label)| (id.simple().to_string(), label))
        .collect())
}
