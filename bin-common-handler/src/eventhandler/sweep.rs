//! Forgets ids and versions that nothing asks for any more.

use super::incoming::Collector;
use crate::{databasehandler::list, models::error::Result};

/// Rows of one statement.
const SWEEP_BATCH: i64 = 1_000;

#[derive(bin_common_handler::FromRow)]
struct Key {
    row_key: Vec<u8>,
}

impl Collector {
    /// Forgets ids and versions that are old enough; counts what waits.
    pub(super) async fn sweep(&self) -> Result<u64> {
        self.has_room().await?;
        let mut removed = 0;
        for (table, column) in [("received", "event_key"), ("seen_versions", "entity")] {
            let table = format!("{}_{table}", self.store.prefix());
            loop {
                let rows = self.sweep_some(&table, column).await?;
                removed += rows;
                if rows == 0 {
                    break;
                }
            }
        }
        Ok(removed)
    }

    async fn sweep_some(&self, table: &str, column: &str) -> Result<u64> {
        let db = &self.store.db;
        let now = db.dialect().now_micros();
        let old = format!(
            "SELECT {column} AS row_key FROM {table} WHERE tm_expire < {now} \
             ORDER BY tm_expire LIMIT ?"
        );
        let keys: Vec<Key> = db.fetch_all(&old, vec![SWEEP_BATCH.into()]).await?;
        if keys.is_empty() {
            return Ok(0);
        }
        let (marks, values) = list(keys.into_iter().map(|key| key.row_key));
        // A version that was seen again meanwhile is not old any more.
        let sql = format!("DELETE FROM {table} WHERE {column} IN ({marks}) AND tm_expire < {now}");
        Ok(db.execute(&sql, values).await?)
    }
}
