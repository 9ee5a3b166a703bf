//! Counts of an outdial, from indexes.

use bin_common_handler::{StoredRow, databasehandler::Db, models::error::Result};
use serde::Serialize;
use uuid::Uuid;

/// Counts of an outdial's live targets and of its attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Stats {
    outdial_id: Uuid,
    targets: Counts,
    attempts: Counts,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "OutdialCounts")]
struct Counts {
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle: Option<i64>,
    progressing: i64,
    done: i64,
}

#[derive(StoredRow)]
#[entity(table = "outdial_outdialtargets")]
struct Row {
    status: String,
    total: i64,
}

pub(crate) async fn of(db: &Db, outdial_id: Uuid) -> Result<Stats> {
    let targets = "SELECT status, COUNT(*) AS total FROM outdial_outdialtargets \
                   WHERE outdial_id = ? AND tm_delete IS NULL GROUP BY status";
    let attempts = "SELECT status, COUNT(*) AS total FROM outdial_outdialtargetcalls \
                    WHERE outdial_id = ? GROUP BY status";
    let targets: Vec<Row> = db.fetch_all(targets, vec![outdial_id.into()]).await?;
    let attempts: Vec<Row> = db.fetch_all(attempts, vec![outdial_id.into()]).await?;
    let idle = Some(count(&targets, "idle"));
    Ok(Stats {
        outdial_id,
        targets: Counts {
            idle,
            ..counts(&targets)
        },
        attempts: counts(&attempts),
    })
}

fn counts(rows: &[Row]) -> Counts {
    Counts {
        total: rows.iter().map(|row| row.total).sum(),
        idle: None,
        progressing: count(rows, "progressing"),
        done: count(rows, "done"),
    }
}

fn count(rows: &[Row], status: &str) -> i64 {
    rows.iter()
        .find(|row| row.status == status)
        .map_or(0, |row| row.total)
}
