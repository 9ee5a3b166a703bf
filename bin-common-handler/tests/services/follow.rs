//! Events for those who come and go, over the broker and inside one process.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bin_common_handler::{
    ids,
    models::error::Result,
    sockhandler::{
        Bindings, Held, Live, Outgoing, Receive, ReceivedEvent, Transport, inprocess::InProcess,
        socket_key, socket_key_of_all,
    },
    testing::until,
};
use rstest::rstest;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Duration, broker};

/// The versions that were heard, in order.
#[derive(Default)]
struct Heard {
    versions: Mutex<Vec<i64>>,
    resumed: AtomicUsize,
}

#[async_trait]
impl Receive for Heard {
    async fn receive(&self, event: ReceivedEvent) -> Result<()> {
        let version = event.version.unwrap_or_default();
        self.versions.lock().unwrap().push(version);
        Ok(())
    }

    fn resumed(&self) {
        self.resumed.fetch_add(1, Ordering::SeqCst);
    }
}

fn event(customer_id: Option<Uuid>, kind: &str, version: i64) -> Outgoing {
    let body = format!(r#"{{"type":"{kind}_made","publisher":"test","data":null}}"#);
    Outgoing {
        trace: None,
        routing_key: format!("test.{kind}.-.made"),
        message_id: ids::next().to_string(),
        version,
        customer_id,
        body: body.into_bytes(),
    }
}

async fn hold(bindings: &Arc<Bindings>, key: String) -> Held {
    let held = bindings.hold(vec![key]);
    let ready = timeout(Duration::from_secs(10), held.ready()).await;
    ready.expect("bound in time");
    held
}

#[rstest]
#[case::over_the_broker(broker())]
#[case::inside_one_process(Arc::new(InProcess::default()))]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_heard_from_the_moment_it_is_ready_until_it_is_let_go(
    #[case] transport: Arc<dyn Transport>,
) {
    let (bindings, heard) = (Arc::new(Bindings::default()), Arc::new(Heard::default()));
    let (name, stop) = (
        format!("test-{}", ids::next().simple()),
        CancellationToken::new(),
    );
    let live = Live {
        name: name.clone(),
        bindings: Arc::clone(&bindings),
    };
    let (bus, ear, stopping) = (
        Arc::clone(&transport),
        Arc::clone(&heard) as Arc<dyn Receive>,
        stop.clone(),
    );
    let following = tokio::spawn(async move { bus.follow(live, ear, stopping).await });
    let mut lease = transport.lease(&name, "test").await.unwrap();
    let mut publish = async |events: &[Outgoing]| {
        let confirmed = lease.publish(events).await;
        assert!(confirmed.iter().all(|is_there| *is_there));
    };
    // Inside one process what is held is looked at when an event is taken, which may be after it was published.
    let is_heard = async |version: i64| {
        until("it is heard", async || {
            (heard.versions.lock().unwrap().last() == Some(&version)).then_some(())
        })
        .await;
    };
    let kind = format!("k{}", ids::next().simple());
    let (own, foreign) = (Some(ids::next()), Some(ids::next()));
    let first = hold(&bindings, socket_key(own, &kind)).await;
    publish(&[
        event(foreign, &kind, 1),
        event(own, "other", 2),
        event(None, &kind, 3),
        event(own, &kind, 4),
    ])
    .await;
    is_heard(4).await;
    // At once after it is ready, while the one before is held still.
    let all = hold(&bindings, socket_key_of_all(&kind)).await;
    publish(&[
        event(foreign, &kind, 5),
        event(None, &kind, 6),
        event(own, &kind, 7),
    ])
    .await;
    is_heard(7).await;
    drop(all);
    // Rounds come in order: when this is bound, that is unbound.
    let last = hold(&bindings, socket_key(own, "last")).await;
    publish(&[event(foreign, &kind, 8), event(own, &kind, 9)]).await;
    is_heard(9).await;
    drop(first);
    let end = hold(&bindings, socket_key(own, "end")).await;
    publish(&[event(own, &kind, 10), event(own, "end", 11)]).await;
    is_heard(11).await;
    assert_eq!(*heard.versions.lock().unwrap(), [4, 5, 6, 7, 9, 11]);
    drop((last, end));
    stop.cancel();
    following.await.unwrap();
    let late = bindings.hold(vec![socket_key(own, &kind)]);
    assert!(!late.is_ready(), "nobody listens");
}
