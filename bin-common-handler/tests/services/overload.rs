//! More requests than can be served: who is served, who is sent away, and how soon.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bin_common_handler::{
    health::Health,
    ids,
    models::sock::{Method, Request, Response},
    sockhandler::{
        CONCURRENCY, Delivered, Probe, Serve, Transport, inprocess::InProcess, request_queue,
    },
    testing::{Kind, spawn, until},
};
use rstest::rstest;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::broker;

/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(20);
const NOISY: Uuid = Uuid::from_u128(1);
const MODEST: Uuid = Uuid::from_u128(2);
/// Far more than are served and wait.
const MANY: usize = 800;

/// Is done with a request when it is told so.
struct Slow {
    done: Semaphore,
    begun: AtomicUsize,
}

#[async_trait]
impl Serve for Slow {
    async fn serve(&self, _delivered: Delivered, _probe: &dyn Probe) -> Option<Response> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.done.acquire().await.ok()?.forget();
        Some(Response::ok(&"served"))
    }
}

/// A service that serves nobody until it is told to.
struct World {
    transport: Arc<dyn Transport>,
    queue: String,
    slow: Arc<Slow>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let transport: Arc<dyn Transport> = match kind {
            Kind::Embedded => Arc::new(InProcess::default()),
            Kind::Full => broker(),
        };
        let name = format!("overload-{}", ids::next().simple());
        let slow = Arc::new(Slow {
            done: Semaphore::new(0),
            begun: AtomicUsize::new(0),
        });
        let (health, stop) = (Health::default(), CancellationToken::new());
        let serving = {
            let (transport, name, slow) = (Arc::clone(&transport), name.clone(), Arc::clone(&slow));
            let (health, stop) = (health.clone(), stop.clone());
            spawn(async move { transport.serve(&name, slow, health, stop).await })
        };
        until("it serves", async || {
            let is_up = health.report().contains_key(&name) && health.is_ready();
            is_up.then_some(())
        })
        .await;
        Self {
            transport,
            queue: request_queue(&name),
            slow,
            stop,
            serving,
        }
    }

    /// Asks in a tenant's name; the status.
    fn ask(&self, tenant: Uuid, patience: Duration) -> JoinHandle<Option<u16>> {
        let (transport, queue) = (Arc::clone(&self.transport), self.queue.clone());
        spawn(async move {
            let request = Request {
                customer_id: Some(tenant),
                ..Request::new(Method::Get, "/v1/x", "test")
            };
            let reply = transport.request(&queue, &request, patience).await;
            reply.ok().map(|reply| reply.status_code)
        })
    }

    fn begun(&self) -> usize {
        self.slow.begun.load(Ordering::SeqCst)
    }

    async fn end(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

fn answered(asked: &[JoinHandle<Option<u16>>]) -> usize {
    asked.iter().filter(|call| call.is_finished()).count()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_so_and_others_are_served_in_turn(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let noisy: Vec<_> = (0..MANY).map(|_| world.ask(NOISY, PATIENCE)).collect();
    // Though nobody is done: those who are too many hear it.
    until("the noisy are refused", async || {
        (answered(&noisy) > 200).then_some(())
    })
    .await;
    assert_eq!(world.begun(), CONCURRENCY);
    let modest = world.ask(MODEST, PATIENCE);
    let more: Vec<_> = (0..100).map(|_| world.ask(NOISY, PATIENCE)).collect();
    until("the later ones are refused", async || {
        (answered(&more) == more.len()).then_some(())
    })
    .await;
    assert!(!modest.is_finished(), "it waits for its turn");

    // Each that is done lets one in, of every line in turn: the modest one is in with the second at the latest.
    world.slow.done.add_permits(2);
    until("two are done", async || {
        (world.begun() == CONCURRENCY + 2).then_some(())
    })
    .await;
    world.slow.done.add_permits(CONCURRENCY);
    assert_eq!(modest.await.unwrap(), Some(200));

    world.slow.done.add_permits(2 * MANY);
    let mut statuses = Vec::new();
    for call in noisy.into_iter().chain(more) {
        statuses.push(call.await.unwrap().expect("everybody hears something"));
    }
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 429)),
        "{statuses:?}"
    );
    assert_eq!(
        served + 1,
        world.begun(),
        "who was sent away was not worked for"
    );
    assert!((CONCURRENCY + 1..MANY / 2).contains(&served), "{served}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_that_fits_is_served_whole(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let burst: Vec<_> = (0..3 * CONCURRENCY)
        .map(|_| world.ask(NOISY, PATIENCE))
        .collect();
    until("all places are taken", async || {
        (world.begun() == CONCURRENCY).then_some(())
    })
    .await;
    world.slow.done.add_permits(MANY);
    for call in burst {
        assert_eq!(call.await.unwrap(), Some(200));
    }
    world.end().await;
}

/// The broker's messages tell it by their expiration, which the router looks at.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_works_for_those_who_gave_up_while_they_waited() {
    let world = World::new(Kind::Embedded).await;
    let first: Vec<_> = (0..CONCURRENCY)
        .map(|_| world.ask(NOISY, PATIENCE))
        .collect();
    until("all places are taken", async || {
        (world.begun() == CONCURRENCY).then_some(())
    })
    .await;
    let hasty: Vec<_> = (0..50)
        .map(|_| world.ask(MODEST, Duration::from_millis(300)))
        .collect();
    for call in hasty {
        assert_eq!(call.await.unwrap(), None);
    }
    let patient = world.ask(MODEST, PATIENCE);
    world.slow.done.add_permits(MANY);
    assert_eq!(patient.await.unwrap(), Some(200));
    for call in first {
        assert_eq!(call.await.unwrap(), Some(200));
    }
    assert_eq!(world.begun(), CONCURRENCY + 1);
    world.end().await;
}
