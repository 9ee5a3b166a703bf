//! What the database holds of a tenant's numbers.

use std::collections::BTreeMap;

use bin_common_handler::testing::lab::Scene;
use uuid::Uuid;

use crate::tenant::Tenant;

/// A number that was given, as its row tells.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Usage {
    pub did_id: Uuid,
    pub number: String,
    pub uniqueid: String,
    /// µs since the Unix epoch, by the database's clock.
    pub at: i64,
}

/// The counters of a number.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Counters {
    pub did_id: Uuid,
    /// When its day began, µs since the Unix epoch.
    pub day_start: i64,
    pub day_count: i32,
    pub last_used: i64,
    pub total: i64,
}

/// Usages and counters of a tenant.
pub struct Rows {
    pub usages: Vec<Usage>,
    pub counters: BTreeMap<Uuid, Counters>,
}

impl Rows {
    /// Reads them.
    pub async fn read(scene: &Scene, tenant: &Tenant) -> Self {
        let mut db = scene.db().await;
        let usages = sqlx::query_as(
            "SELECT did_id, number, uniqueid, \
             TIMESTAMPDIFF(MICROSECOND, '1970-01-01', tm_create) AS at \
             FROM did_usages WHERE customer_id = ? ORDER BY tm_create",
        )
        .bind(tenant.id)
        .fetch_all(&mut db)
        .await
        .unwrap();
        let counters: Vec<Counters> = sqlx::query_as(
            "SELECT did_id, day_start, day_count, last_used, total FROM did_states WHERE customer_id = ?",
        )
        .bind(tenant.id)
        .fetch_all(&mut db)
        .await
        .unwrap();
        Self {
            usages,
            counters: counters.into_iter().map(|row| (row.did_id, row)).collect(),
        }
    }

    /// The usages of one number, oldest first.
    pub fn of(&self, did_id: Uuid) -> Vec<&Usage> {
        let is_of = |usage: &&Usage| usage.did_id == did_id;
        self.usages.iter().filter(is_of).collect()
    }
}
