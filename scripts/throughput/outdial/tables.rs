//! Tables filled with SQL rather than through the daemon.

use bin_common_handler::databasehandler::Db;
use uuid::Uuid;

use crate::{Result, database::truncate};

const TARGETS: &str = "outdial_outdialtargets";
/// Rows written by one statement, so that none becomes a very large transaction.
const CHUNK: u64 = 100_000;

/// Rows to write.
pub(crate) struct Filling {
    /// The first 16 hex digits of the rows' ids.
    pub(crate) tag: u64,
    pub(crate) rows: u64,
    /// SQL for the outdial, over the row's number `n`.
    pub(crate) outdial: String,
    /// SQL for the status.
    pub(crate) status: &'static str,
    pub(crate) try_count: u32,
    /// How long ago they were changed last.
    pub(crate) age: &'static str,
}

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

/// Removes every target and attempt.
pub(crate) async fn clear_targets(db: &Db) -> Result<()> {
    truncate(db, TARGETS).await?;
    truncate(db, "outdial_outdialtargetcalls").await
}

/// Targets of an outdial that nobody calls.
pub(crate) async fn idle_targets(db: &Db, outdial_id: Uuid) -> Result<Vec<Uuid>> {
    let sql = format!("SELECT id FROM {TARGETS} WHERE outdial_id = ? AND status = 'idle'");
    let rows: Vec<Id> = db.fetch_all(&sql, vec![outdial_id.into()]).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Ends every lease of an outdial.
pub(crate) async fn end_leases(db: &Db, outdial_id: Uuid) -> Result<()> {
    let sql = format!(
        "UPDATE {TARGETS} FORCE INDEX (outdial_target_lease) SET lease_until = NULL \
         WHERE outdial_id = ? AND lease_until > 0"
    );
    db.execute(&sql, vec![outdial_id.into()]).await?;
    Ok(())
}

/// Writes rows with INSERT … SELECT.
pub(crate) async fn fill(db: &Db, filling: &Filling) -> Result<()> {
    let Filling {
        tag,
        rows,
        outdial,
        status,
        try_count,
        age,
    } = filling;
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    for first in (0..*rows).step_by(usize::try_from(CHUNK)?) {
        let last = rows.min(&(first + CHUNK)).to_owned();
        let sql = format!(
            "INSERT INTO {TARGETS} (id, outdial_id, name, detail, data, status, destination_0, \
             try_count_0, try_count_1, try_count_2, try_count_3, try_count_4, tm_create, tm_update) \
             SELECT UNHEX(CONCAT('{tag:016X}', LPAD(HEX(n), 16, '0'))), {outdial}, 'bench', '', '', {status}, \
             '{{\"type\":\"tel\",\"target\":\"+14155550100\"}}', {try_count}, 0, 0, 0, 0, \
             NOW(6) - INTERVAL 3 DAY, NOW(6) - INTERVAL {age} + INTERVAL n MICROSECOND \
             FROM (SELECT {first} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n \
             FROM {digits} a, {digits} b, {digits} c, {digits} e, {digits} f) AS numbers \
             WHERE n < {last} ORDER BY n"
        );
        db.execute(&sql, vec![]).await?;
    }
    Ok(())
}
