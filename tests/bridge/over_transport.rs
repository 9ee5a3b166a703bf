//! A bridge over any transport.

use std::{net::SocketAddr, sync::Arc};

use bin_common_handler::{
    cachehandler::RedisCache,
    clock::Clock,
    httpserver::{Options, raise_descriptors, serve},
    listenhandler::{Identity, Json, Query, RouteInfo, Routes},
    metrics::Metrics,
    models::error::Result,
    redact::Secret,
    requesthandler::Requester,
    sockhandler::Transport,
};
use tandem::bridge::{AccessKey, Bridge, Limits, Rate, Table};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::client::KEY;

/// One manager and its routes.
pub type Tables = Vec<(&'static str, Vec<RouteInfo>)>;

async fn nothing(_: Query) -> Result<Json<()>> {
    Ok(Json(()))
}

/// A manager with a deferred route.
pub fn deferring(name: &'static str) -> Tables {
    let routes = Routes::<()>::default()
        .post("/v1/things", nothing)
        .deferred();
    vec![(name, routes.infos())]
}

/// A manager that knows access keys.
pub fn knowing_keys(name: &'static str) -> Tables {
    let routes = Routes::<()>::default()
        .post_without_effect("/v1/accesskeys/verify", nothing)
        .verifies_keys(Identity {
            key_prefix: "did_",
            topics: &["accesskey", "customer"],
        })
        .internal()
        .get("/v1/things", nothing);
    vec![(name, routes.infos())]
}

/// Serves it until the test ends, with limits at a Redis or in this process.
pub async fn serve_bridge(
    transport: Arc<dyn Transport>,
    tables: Tables,
    redis: Option<&str>,
) -> SocketAddr {
    let metrics = Metrics::new().unwrap();
    let usual = Rate {
        per_second: 100,
        burst: 500,
    };
    let redis = redis.map(|at| RedisCache::new(&format!("redis://{at}/1")).unwrap());
    let requester = Requester::new(transport, metrics.for_manager("b").unwrap());
    let bridge = Bridge::new(
        Table::new(tables).unwrap(),
        AccessKey::new(&Secret::new(KEY)),
        requester,
        Limits::new(usual, redis, metrics.clone()),
        Clock::default(),
        metrics.clone(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let never = CancellationToken::new();
    let options = Options::bridge(raise_descriptors());
    tokio::spawn(serve(
        listener,
        bridge.into_app(None),
        options,
        metrics,
        never,
    ));
    at
}
