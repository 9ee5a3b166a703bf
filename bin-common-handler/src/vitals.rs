//! What a manager tells of itself while something is wrong with it: its events do not leave, or somebody tries signatures.
//! chat-manager keeps the alerts of the installation and is told by RPC, as an event would wait in the very outbox that it is
//! about.
//!
//! A figure is told again and again while it is bad, and once more when it is well. Where nobody keeps alerts, nothing is
//! lost but that.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing::debug;
use uuid::Uuid;

use crate::{
    context::RequestContext,
    daemon::{ManagerContext, Tasks},
    databasehandler::Store,
    models::error::Result,
    requesthandler::RpcClient,
};

/// Where such figures are told; from inside the installation only.
pub const FIGURES: &str = "/v1/alerts/figures";
/// Who keeps alerts.
const KEEPER: &str = "chat-manager";
/// How often a manager looks at itself.
const PERIOD: Duration = Duration::from_secs(30);
/// Events that wait for less are on their way, in seconds.
const ON_THEIR_WAY: f64 = 5.0;

/// A figure of the installation.
#[derive(Serialize)]
struct Figure {
    metric: &'static str,
    value: f64,
    entity_id: Uuid,
}

/// Tells one figure. Clones share what was told.
#[derive(Clone)]
pub struct Teller {
    rpc: RpcClient,
    metric: &'static str,
    entity_id: Uuid,
    is_bad: Arc<AtomicBool>,
}

impl Teller {
    /// Of `metric` as alert rules call it, and of whom.
    pub fn new(rpc: RpcClient, metric: &'static str, entity_id: Uuid) -> Self {
        Self {
            rpc,
            metric,
            entity_id,
            is_bad: Arc::default(),
        }
    }

    /// Tells a figure that is bad, or was when it was told last; 0 is well.
    pub async fn tell(&self, value: f64) {
        let is_bad = value > 0.0;
        if !is_bad && !self.is_bad.load(Ordering::Relaxed) {
            return;
        }
        let figure = Figure {
            metric: self.metric,
            value,
            entity_id: self.entity_id,
        };
        let ctx = RequestContext::internal();
        let told: Result<Value> = self.rpc.post(KEEPER, FIGURES, &figure, &ctx).await;
        match told {
            Ok(_) => self.is_bad.store(is_bad, Ordering::Relaxed),
            // It comes again with the next look, as long as it is bad.
            Err(fault) => debug!(metric = self.metric, %fault, "a figure was not told"),
        }
    }
}

/// Whether this manager keeps the alerts itself, and looks at its own figures.
fn is_keeper(ctx: &ManagerContext) -> bool {
    ctx.rpc.name(KEEPER) == ctx.name
}

/// Tells one figure of a manager again and again, unless the manager keeps the alerts itself.
pub(crate) fn watch<F>(ctx: &ManagerContext, tell: Teller, figure: F)
where
    F: Fn() -> f64 + Send + Sync + 'static,
{
    if is_keeper(ctx) {
        return;
    }
    let figure = Arc::new(figure);
    ctx.tasks.every("figure", PERIOD, move || {
        let (tell, figure) = (tell.clone(), Arc::clone(&figure));
        async move { tell.tell(figure()).await }
    });
}

/// Tells how long the events of a manager wait.
pub(crate) fn start(ctx: &ManagerContext, jobs: &Tasks) {
    if is_keeper(ctx) {
        return;
    }
    let tell = Teller::new(ctx.rpc.clone(), "outbox_age", id_of(ctx.name));
    let store = ctx.store.clone();
    jobs.every("outbox figure", PERIOD, move || {
        let (tell, store) = (tell.clone(), store.clone());
        async move {
            match outbox_age(&store).await {
                Ok(age) => tell.tell(if age < ON_THEIR_WAY { 0.0 } else { age }).await,
                Err(fault) => debug!(%fault, "the outbox was not looked at"),
            }
        }
    });
}

/// The same for every replica of a manager.
fn id_of(manager: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(manager.as_bytes()).into();
    let (first, _) = digest.split_at(16);
    Uuid::from_slice(first).unwrap_or_default()
}

/// How long the oldest event of a manager waits to leave, in seconds; 0 without any.
///
/// # Errors
/// 503.
pub async fn outbox_age(store: &Store) -> Result<f64> {
    #[derive(bin_common_handler::FromRow)]
    struct Oldest {
        at: Option<i64>,
    }
    let sql = format!("SELECT MIN(tm_create) AS at FROM {}_outbox", store.prefix());
    let found: Option<Oldest> = store.db.fetch_optional(&sql, Vec::new()).await?;
    let now = store.clock.now().micros();
    let waits = found
        .and_then(|oldest| oldest.at)
        .map_or(0, |at| now.saturating_sub(at).max(0));
    Ok(Duration::from_micros(waits.unsigned_abs()).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::{
        models::{error::Error, sock::Response},
        requesthandler::MockRpc,
    };

    /// What chat-manager was told; it is away as long as `away` says so.
    fn keeper(away: usize) -> (RpcClient, Arc<Mutex<Vec<Value>>>) {
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (mut rpc, seen) = (MockRpc::new(), Arc::clone(&told));
        let mut tries = 0;
        rpc.expect_send().returning(move |service, request, _| {
            assert_eq!((service, &*request.uri), ("chat-manager", FIGURES));
            assert_eq!(request.customer_id, None);
            tries += 1;
            if tries <= away {
                return Err(Error::unavailable("service", "away"));
            }
            let body = serde_json::from_str(request.data.unwrap().get()).unwrap();
            seen.lock().unwrap().push(body);
            Ok(Response::ok(&json!({"alert": null})))
        });
        (RpcClient::new(Arc::new(rpc), "call-manager"), told)
    }

    #[tokio::test]
    async fn a_figure_is_told_while_it_is_bad_and_once_when_it_is_well() {
        let (rpc, told) = keeper(0);
        let tell = Teller::new(rpc, "outbox_age", id_of("call-manager"));
        for value in [0.0, 0.0, 70.0, 90.0, 0.0, 0.0] {
            tell.tell(value).await;
        }
        let told = told.lock().unwrap();
        let values: Vec<_> = told
            .iter()
            .map(|it| it["value"].as_f64().unwrap())
            .collect();
        assert_eq!(values, [70.0, 90.0, 0.0]);
        assert!(told.iter().all(|it| it["metric"] == "outbox_age"));
        assert_eq!(told[0]["entity_id"], json!(id_of("call-manager")));
        assert_ne!(id_of("call-manager"), id_of("did-manager"));
    }

    #[tokio::test]
    async fn what_was_not_heard_is_told_again() {
        let (rpc, told) = keeper(1);
        let tell = Teller::new(rpc, "signature_failures", Uuid::nil());
        for value in [12.0, 11.0, 0.0] {
            tell.tell(value).await;
        }
        let told = told.lock().unwrap();
        let values: Vec<_> = told
            .iter()
            .map(|it| it["value"].as_f64().unwrap())
            .collect();
        assert_eq!(values, [11.0, 0.0]);
    }
}
