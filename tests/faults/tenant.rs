//! Whose numbers are given out.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bin_common_handler::{
    ids,
    models::sock::{
        Method::{self, Get, Post},
        Request,
    },
    testing::lab::{Callers, Site, until},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// Area codes that the numbers are of.
const NPAS: [u16; 3] = [415, 212, 213];
/// How long one attempt at a change waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// From now until a tenant's day ends: no day ends in a round.
const DAY_ENDS_IN_MINUTES: u64 = 12 * 60;

/// Limits of a customer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many numbers there are.
    numbers: usize,
    /// How often each may be given.
    pub daily_cap: usize,
    /// How long each rests between two calls.
    pub rest_seconds: i64,
}

const TIGHT: Limits = Limits {
    numbers: 20,
    daily_cap: 8,
    rest_seconds: 0,
};
const WIDE: Limits = Limits {
    daily_cap: 100_000,
    ..TIGHT
};
const RESTED: Limits = Limits {
    rest_seconds: 1,
    ..WIDE
};

/// The customers of a round.
pub struct Tenants {
    /// Its numbers are used up while the fault is made.
    pub tight: Tenant,
    /// Its numbers last.
    pub wide: Tenant,
    /// Its numbers rest between two calls.
    pub rested: Tenant,
}

/// A customer with its numbers.
#[derive(Clone)]
pub struct Tenant {
    /// Its id.
    pub id: Uuid,
    /// How often its numbers may be given.
    pub limits: Limits,
    /// Its numbers.
    pub dids: Vec<Did>,
    /// How did-manager is asked.
    pub callers: Arc<Callers>,
}

/// One number.
#[derive(Debug, Clone)]
pub struct Did {
    /// Its id.
    pub id: Uuid,
    /// In E.164.
    pub number: String,
    /// Its limits stay as they are: so an event tells when its last call of the day is given.
    pub is_steady: bool,
}

impl Tenants {
    /// Makes them through daemons that serve.
    pub async fn new(site: &Site) -> Self {
        let callers = Arc::new(Callers::new(site));
        Self {
            tight: Tenant::new(site, &callers, TIGHT).await,
            wide: Tenant::new(site, &callers, WIDE).await,
            rested: Tenant::new(site, &callers, RESTED).await,
        }
    }

    /// All of them.
    pub fn all(&self) -> [&Tenant; 3] {
        [&self.tight, &self.wide, &self.rested]
    }
}

impl Tenant {
    async fn new(site: &Site, callers: &Arc<Callers>, limits: Limits) -> Self {
        let mut tenant = Self {
            id: Uuid::nil(),
            limits,
            dids: Vec::new(),
            callers: Arc::clone(callers),
        };
        let sql = "SELECT DATE_FORMAT(UTC_TIMESTAMP() + INTERVAL ? MINUTE, '%H:%i')";
        let day_start: String = sqlx::query_scalar(sql)
            .bind(DAY_ENDS_IN_MINUTES)
            .fetch_one(&mut site.db().await)
            .await
            .unwrap();
        let customer = json!({
            "timezone": "UTC", "day_start": day_start, "did_daily_cap": limits.daily_cap,
            "did_hourly_cap": 0, "did_cooldown_seconds": limits.rest_seconds,
        });
        let customer = tenant.ok(Post, "/v1/customers", customer).await;
        tenant.id = id_of(&customer);
        tenant.fill(limits.numbers).await;
        tenant
    }

    /// Makes the numbers, in one go.
    async fn fill(&mut self, numbers: usize) {
        let row = |n: usize| json!({"cid": format!("{}2{n:06}", NPAS[n % NPAS.len()])});
        let rows: Vec<_> = (0..numbers).map(row).collect();
        self.ok(Post, "/v1/dids/bulk", json!(rows)).await;
        let uri = format!("/v1/dids?page_size={numbers}");
        let dids = self.ok(Get, &uri, Json::Null).await;
        let did = |did: &Json| Did {
            id: id_of(did),
            number: did["number"].as_str().unwrap().to_owned(),
            is_steady: true,
        };
        self.dids = dids.as_array().unwrap().iter().map(did).collect();
        assert_eq!(self.dids.len(), numbers);
    }

    /// Limits of these numbers are changed.
    pub fn unsteady(&mut self, ids: &BTreeSet<Uuid>) {
        for did in &mut self.dids {
            did.is_steady &= !ids.contains(&did.id);
        }
    }

    /// A change that must succeed, asked for until it is answered.
    pub async fn ok(&self, method: Method, uri: &str, body: Json) -> Json {
        let mut request = self.request(method, uri).json(&body).unwrap();
        request.idempotency_key = Some(ids::next().to_string());
        insist(&self.callers, &request).await
    }

    /// A request in the tenant's name.
    pub fn request(&self, method: Method, uri: &str) -> Request {
        let mut request = Request::new(method, uri, "test");
        request.customer_id = (!self.id.is_nil()).then_some(self.id);
        request
    }
}

/// Asks until there is an answer, which must be 200.
pub async fn insist(callers: &Callers, request: &Request) -> Json {
    let reply = until("the change is answered", async || {
        let reply = callers.ask(request, PATIENCE).await;
        if reply.is_none() {
            callers.renew();
        }
        reply.filter(|reply| reply.status_code != 503)
    })
    .await;
    let answer: Json = serde_json::from_str(reply.body()).unwrap();
    assert_eq!(reply.status_code, 200, "{request:?}: {answer}");
    answer
}

/// The id of what was answered.
pub fn id_of(answer: &Json) -> Uuid {
    answer["id"].as_str().unwrap().parse().unwrap()
}
