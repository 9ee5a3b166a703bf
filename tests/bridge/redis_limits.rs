//! Rate limits that replicas of the bridge share through Redis.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bin_common_handler::{
    health::Health,
    ids,
    models::sock::{Request, Response},
    sockhandler::{Delivered, Probe, Serve, Transport, inprocess::InProcess},
    testing::{redis_address, until},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    client::{Answer, send},
    over_transport::{knowing_keys, serve_bridge},
};

const MANAGER: &str = "key-manager";
const BURST: usize = 20;

/// Knows every key, all of them of one customer with its rate.
struct OneCustomer(Value);

#[async_trait]
impl Serve for OneCustomer {
    async fn serve(&self, delivered: Delivered, _probe: &dyn Probe) -> Option<Response> {
        let request: Request = serde_json::from_slice(&delivered.body).unwrap();
        Some(match request.uri.as_str() {
            "/v1/accesskeys/verify" => Response::ok(&self.0),
            _ => Response::ok(&"served"),
        })
    }
}

/// Keys that may ask once a second after a burst.
async fn manager() -> Arc<dyn Transport> {
    manager_of(1).await
}

async fn manager_of(per_second: u32) -> Arc<dyn Transport> {
    let verdict = json!({
        "id": ids::next(),
        "customer_id": ids::next(),
        "scopes": ["key:read"],
        "rate_per_second": per_second,
        "rate_burst": BURST,
        "customer_rate_per_second": 0,
    });
    let bus = InProcess::default();
    let (served, health) = (bus.clone(), Health::default());
    let told = health.clone();
    tokio::spawn(async move {
        let never = CancellationToken::new();
        served
            .serve(MANAGER, Arc::new(OneCustomer(verdict)), told, never)
            .await;
    });
    until("the manager serves", async || {
        (!health.report().is_empty()).then_some(())
    })
    .await;
    Arc::new(bus)
}

async fn ask(at: SocketAddr) -> Answer {
    let key = format!("x-api-key: did_{}", "0a".repeat(32));
    send(at, "GET /v1/things", &[&key], "").await
}

/// Requests that are served before the first refusal, by each bridge in turn.
async fn served(bridges: &[SocketAddr]) -> usize {
    let mut count = 0;
    for at in bridges.iter().cycle() {
        match ask(*at).await.status {
            200 => count += 1,
            429 => return count,
            status => panic!("{status}"),
        }
    }
    unreachable!("the cycle does not end")
}

/// Two bridges that have found Redis: each connects beside its first request, which counts in its own process.
async fn two_bridges(bus: Arc<dyn Transport>) -> Vec<SocketAddr> {
    let redis = redis_address();
    let mut bridges = Vec::new();
    for _ in 0..2 {
        bridges.push(serve_bridge(Arc::clone(&bus), knowing_keys(MANAGER), Some(&redis)).await);
    }
    for at in &bridges {
        assert_eq!(ask(*at).await.status, 200);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    bridges
}

/// Rounds that a busy machine is given: where Redis seems silent, each bridge limits by itself for a moment; and any
/// request may be held up.
const ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_a_limit() {
    for round in 1..=ROUNDS {
        let bridges = two_bridges(manager().await).await;
        let started = Instant::now();
        let served = served(&bridges).await;
        let refilled = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
        assert!(served >= BURST, "{served}");
        if served <= BURST + refilled {
            return are_refused_until_there_is_a_token(&bridges).await;
        }
        assert!(round < ROUNDS, "{served} with {refilled} refilled");
    }
}

async fn are_refused_until_there_is_a_token(bridges: &[SocketAddr]) {
    // The next token may be there by now; then this takes it.
    let refused = until("a refusal", async || {
        let answer = ask(bridges[0]).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1"))
    );
    until("a token", async || {
        (ask(bridges[1]).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_ahead_stays_within_the_limit_of_all_replicas() {
    let per_ms = 1;
    let bridges = two_bridges(manager_of(per_ms * 1_000).await).await;
    let started = Instant::now();
    let served = served(&bridges).await;
    let refilled = usize::try_from(started.elapsed().as_millis()).unwrap() + 1;
    assert!(
        (BURST..=BURST + refilled).contains(&served),
        "{served} with {refilled} refilled"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_replica_limits_by_itself() {
    let bridge = serve_bridge(manager().await, knowing_keys(MANAGER), Some("127.0.0.1:1")).await;
    let started = Instant::now();
    let served = served(&[bridge]).await;
    let refilled = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
    assert!(
        (BURST..=BURST + refilled).contains(&served),
        "{served} with {refilled} refilled"
    );
}

/// A way to Redis that can be made to swallow everything.
async fn swallowing_proxy() -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let swallows = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&swallows);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(redis_address()).await.unwrap();
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::spawn(carry(near_in, far_out, Arc::clone(&told)));
            tokio::spawn(carry(far_in, near_out, Arc::clone(&told)));
        }
    });
    (address, swallows)
}

async fn carry(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    swallows: Arc<AtomicBool>,
) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if !swallows.load(Ordering::SeqCst) && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_falls_silent_costs_one_request_a_moment_and_the_next_nothing() {
    let moment = Duration::from_millis(45)..Duration::from_millis(150);
    for round in 1..=ROUNDS {
        let waits = waits_in_silence().await;
        if moment.contains(&waits[4]) && waits[3] < moment.start {
            return;
        }
        assert!(round < ROUNDS, "{waits:?}");
    }
}

/// What each of five requests takes after Redis has fallen silent, the shortest first.
async fn waits_in_silence() -> Vec<Duration> {
    let (address, swallows) = swallowing_proxy().await;
    let bridge = serve_bridge(manager().await, knowing_keys(MANAGER), Some(&address)).await;
    assert_eq!(ask(bridge).await.status, 200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ask(bridge).await.status, 200);
    swallows.store(true, Ordering::SeqCst);
    let mut waits = Vec::new();
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(ask(bridge).await.status, 200);
        waits.push(asked.elapsed());
    }
    waits.sort_unstable();
    waits
}
