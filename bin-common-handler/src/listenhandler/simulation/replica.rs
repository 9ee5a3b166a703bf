//! A daemon with one route, whose process may die.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    cachehandler::Cache,
    clock::Clock,
    context::RequestContext,
    databasehandler::{EventPayload, Store, Value},
    ids,
    inbox::Inbox,
    listenhandler::{Intake, Json, Router, RouterContext, Routes, State, Wired},
    metrics::Metrics,
    models::error::{Error, Result},
    sockhandler::Probe,
    testing::sim::{Disk, Process},
};

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
pub(super) struct Thing {
    pub name: String,
    pub operation: i64,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Made {
    id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
pub(super) struct Count {
    pub rows_there: i64,
}

/// The rule: one thing of each name.
async fn make(
    State(store): State<Store>,
    ctx: RequestContext,
    Json(thing): Json<Thing>,
) -> Result<Json<Made>> {
    let mut tx = store.begin(&ctx).await?;
    let sql = "SELECT COUNT(*) AS rows_there FROM t_things WHERE name = ?";
    let name = Value::from(thing.name.as_str());
    let there: Option<Count> = tx.sql().fetch_optional(sql, vec![name.clone()]).await?;
    if there.is_some_and(|count| count.rows_there > 0) {
        return Err(Error::failed_precondition("NAME_TAKEN", "There is one."));
    }
    let id = ids::next();
    let sql = "INSERT INTO t_things (id, name, operation) VALUES (?, ?, ?)";
    let values = vec![id.into(), name, Value::Int(thing.operation)];
    tx.sql().execute(sql, values).await?;
    let payload = EventPayload {
        resource_id: id,
        customer_id: Uuid::nil(),
        version: store.clock.now(),
        data: "{}".to_owned(),
    };
    tx.emit_payload("thing_created", payload).await?;
    tx.commit(Made { id }).await.map(Json)
}

/// Of whom nothing is known.
pub(super) struct Nobody;

#[async_trait]
impl Probe for Nobody {
    async fn is_gone(&self, _: &str) -> bool {
        false
    }
}

pub(super) struct Replica {
    pub process: Process,
    pub router: Arc<Router>,
}

impl Replica {
    pub(super) fn new(disk: &Disk) -> Self {
        let process = Process::new(disk);
        process.wait_before_transactions();
        let (clock, metrics) = (Clock::default(), Metrics::new().unwrap());
        let inbox = Inbox::new(process.db.clone(), "t");
        let store = Store::new(
            process.db.clone(),
            clock.clone(),
            Cache::local(),
            Arc::default(),
            "t",
            "sim",
        );
        let figures = metrics.for_manager("sim").unwrap();
        let routes = Routes::default().post("/v1/things", make);
        let context = RouterContext {
            domain: "sim",
            inbox,
            clock,
            metrics,
            manager_metrics: figures,
            intake: Intake::default(),
            work: TaskTracker::new(),
        };
        let router = Router::new(Wired::new(routes, store), context).unwrap();
        Self {
            process,
            router: Arc::new(router),
        }
    }
}
