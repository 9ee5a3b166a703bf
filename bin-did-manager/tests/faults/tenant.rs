//! Whose numbers are given out, on the nodes of the lab.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    models::sock::{
        Method::{self, Get, Post},
        Request,
    },
    testing::lab::{Callers, Program, Scene, until},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// The daemon that this suite hurts.
const DID: Program = Program {
    name: bin_did_manager::NAME,
    file: env!("CARGO_BIN_EXE_did-manager"),
};
/// Area codes that the numbers are of.
const NPAS: [u16; 3] = [415, 212, 213];
/// How long one attempt at a change waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// Private nodes, a fresh database, no daemon yet.
pub async fn scene() -> Scene {
    Scene::new(DID).await
}

/// Limits of a tenant, and how many numbers it has.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    pub numbers: usize,
    pub daily_cap: usize,
    pub cooldown_seconds: i64,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            numbers: 40,
            daily_cap: 20,
            cooldown_seconds: 0,
        }
    }
}

/// One number.
#[derive(Debug, Clone)]
pub struct Did {
    pub id: Uuid,
    pub number: String,
}

/// A customer with its numbers.
#[derive(Clone)]
pub struct Tenant {
    pub id: Uuid,
    pub pool: Pool,
    pub dids: Vec<Did>,
    pub callers: Arc<Callers>,
}

impl Tenant {
    /// Made through a daemon that serves. Its day ends `day_ends_in` from now.
    pub async fn new(scene: &Scene, pool: Pool, day_ends_in: Duration) -> Self {
        let mut tenant = Self {
            id: Uuid::nil(),
            pool,
            dids: Vec::new(),
            callers: Arc::new(Callers::new(scene)),
        };
        let minutes = day_ends_in.as_secs() / 60;
        let sql = "SELECT DATE_FORMAT(UTC_TIMESTAMP() + INTERVAL ? MINUTE, '%H:%i')";
        let day_start: String = sqlx::query_scalar(sql)
            .bind(minutes)
            .fetch_one(&mut scene.db().await)
            .await
            .unwrap();
        let customer = json!({
            "timezone": "UTC", "day_start": day_start, "did_daily_cap": pool.daily_cap,
            "did_hourly_cap": 0, "did_cooldown_seconds": pool.cooldown_seconds,
        });
        let customer = tenant.ok(Post, "/v1/customers", customer).await;
        tenant.id = id_of(&customer);
        tenant.fill().await;
        tenant
    }

    /// With a day that neither begins nor ends during the test.
    pub async fn in_mid_day(scene: &Scene, pool: Pool) -> Self {
        Self::new(scene, pool, Duration::from_secs(12 * 3_600)).await
    }

    /// Makes the numbers, in one go.
    async fn fill(&mut self) {
        let row = |n: usize| json!({"cid": format!("{}2{n:06}", NPAS[n % NPAS.len()])});
        let rows: Vec<_> = (0..self.pool.numbers).map(row).collect();
        self.ok(Post, "/v1/dids/bulk", json!(rows)).await;
        let uri = format!("/v1/dids?page_size={}", self.pool.numbers);
        let dids = self.ok(Get, &uri, Json::Null).await;
        let did = |did: &Json| Did {
            id: id_of(did),
            number: did["number"].as_str().unwrap().to_owned(),
        };
        self.dids = dids.as_array().unwrap().iter().map(did).collect();
        assert_eq!(self.dids.len(), self.pool.numbers);
    }

    /// Calls that use everything up.
    pub fn capacity(&self) -> usize {
        self.pool.numbers * self.pool.daily_cap
    }

    /// A change that must succeed, asked for until it is answered.
    pub async fn ok(&self, method: Method, uri: &str, body: Json) -> Json {
        let mut request = self.request(method, uri).json(&body).unwrap();
        request.idempotency_key = Some(bin_common_handler::ids::next().to_string());
        let reply = until("the change is answered", async || {
            self.callers.ask(&request, PATIENCE).await
        })
        .await;
        let answer: Json = serde_json::from_str(reply.body()).unwrap();
        assert_eq!(reply.status_code, 200, "{method} {uri} {body}: {answer}");
        answer
    }

    /// A request in the tenant's name.
    pub fn request(&self, method: Method, uri: &str) -> Request {
        let mut request = Request::new(method, uri, "test");
        request.customer_id = (!self.id.is_nil()).then_some(self.id);
        request
    }
}

/// The id of what was answered.
pub fn id_of(answer: &Json) -> Uuid {
    answer["id"].as_str().unwrap().parse().unwrap()
}
