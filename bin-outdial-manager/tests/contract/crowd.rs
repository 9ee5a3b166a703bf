//! Many callers at once on one outdial: whoever asks is answered, and nobody gets what another has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bin_common_handler::{
    models::sock::{
        Method::{Get, Post, Put},
        Request,
    },
    testing::{Client, Kind, spawn},
};
use serde_json::{Value as Json, json};

use crate::world::{World, list, tel, text};

const CALLERS: usize = 32;
/// Calls of `available`, or as many as fit into [`PATIENCE`].
const CALLS: usize = 3_000;
const PATIENCE: Duration = Duration::from_secs(15);

/// Statuses, by route and code.
type Said = Arc<Mutex<BTreeMap<(&'static str, u16), usize>>>;

async fn ask(client: &Client, said: &Said, name: &'static str, request: Request) -> Json {
    let reply = client.send(&request).await.unwrap();
    if reply.status_code >= 500 {
        println!("{name}: {}", reply.body());
    }
    *said
        .lock()
        .unwrap()
        .entry((name, reply.status_code))
        .or_default() += 1;
    serde_json::from_str(reply.body()).unwrap()
}

/// As a campaign does: takes one, and now and then dials and fails; the others' leases end.
async fn campaign(client: Client, uri: String, said: Said, until: Instant) {
    for n in 0..CALLS / CALLERS {
        if Instant::now() > until {
            return;
        }
        let available = format!("{uri}/available?try_count_0=9&try_count_1=9&limit=1");
        let taken = ask(
            &client,
            &said,
            "available",
            Request::new(Get, available, "campaign"),
        )
        .await;
        let Some(target) = taken.as_array().and_then(|rows| rows.first()) else {
            continue;
        };
        if n % 4 != 0 {
            continue;
        }
        let uri = format!("/v1/outdialtargets/{}", text(target, "id"));
        let dial = Request::new(Post, format!("{uri}/progressing"), "campaign")
            .json(&json!({"destination_index": 0}))
            .unwrap();
        ask(&client, &said, "progressing", dial).await;
        let fail = Request::new(Put, format!("{uri}/status"), "campaign")
            .json(&json!({"status": "idle"}))
            .unwrap();
        ask(&client, &said, "status", fail).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_one_outdial_is_answered() {
    let world = World::replicated(Kind::Full, &[("OUTDIAL_LEASE", "50ms")]).await;
    let outdial = world.outdial().await;
    for n in 0..2 * CALLERS {
        outdial
            .target_with(json!({"destination_0": tel(n), "destination_1": tel(n + 1_000)}))
            .await;
    }
    let (said, until) = (Said::default(), Instant::now() + PATIENCE);
    let crowd: Vec<_> = (0..CALLERS)
        .map(|_| {
            spawn(campaign(
                world.client.clone(),
                outdial.uri.clone(),
                Arc::clone(&said),
                until,
            ))
        })
        .collect();
    for caller in crowd {
        caller.await.unwrap();
    }
    let said = said.lock().unwrap().clone();
    let all: usize = said.values().sum();
    let failed: usize = said
        .iter()
        .filter(|((_, code), _)| *code >= 500)
        .map(|(_, calls)| calls)
        .sum();
    // On a starved machine a wait for a lock may outlast its second; a deadlock for many would show.
    assert!(failed * 40 <= all, "{said:?}");
    assert!(
        said.get(&("available", 200))
            .is_some_and(|calls| *calls > 200),
        "{said:?}"
    );
    println!("{said:?}");
    let uri = format!("{}/targets?page_size=1000", outdial.uri);
    assert_eq!(
        list(world.client.ok(Get, &uri, None).await).len(),
        2 * CALLERS
    );
    world.end().await;
}
