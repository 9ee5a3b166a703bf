//! Who waits for a turn of a campaign: served in the order of arrival, and told in time where it cannot be served.

use std::{collections::BTreeSet, time::Duration};

use bin_common_handler::{
    databasehandler::{Db, Tx},
    models::{
        error::Status,
        sock::{Method::Post, Request},
    },
    sockhandler::request_queue,
    testing::{Kind, until},
};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, reason};

/// Of one campaign so many calls are at the database at a time.
const AT_ONCE: usize = 2;

#[derive(bin_common_handler::FromRow)]
struct Statement {
    query_id: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Turns {
    #[expect(dead_code, reason = "only its lock matters")]
    counters: String,
}

/// The statements that wait for a campaign's turns.
async fn waiting(db: &Db) -> BTreeSet<i64> {
    let sql = "SELECT CAST(query_id AS SIGNED) AS query_id FROM information_schema.processlist \
        WHERE db = DATABASE() AND info LIKE 'SELECT counters AS text FROM exchange_rotations%'";
    let found: Vec<Statement> = db.fetch_all(sql, vec![]).await.unwrap();
    found.into_iter().map(|one| one.query_id).collect()
}

/// A foreign transaction that holds the campaign's turns.
async fn hold(db: &Db, campaign: &str) -> Tx {
    let mut tx = db.begin().await.unwrap();
    let sql = "SELECT counters FROM exchange_rotations WHERE call_campaign_id = ? FOR UPDATE";
    let id = campaign.parse::<Uuid>().unwrap();
    let held: Option<Turns> = tx.fetch_optional(sql, vec![id.into()]).await.unwrap();
    assert!(held.is_some());
    tx
}

/// A campaign whose turns were taken once, and calls of it.
async fn crowd(world: &World, calls: usize) -> (String, Vec<String>) {
    let fraud = json!({"calls_per_caller_hour": null});
    let terms = json!({"strategy": "round_robin", "fraud": fraud});
    let campaign = world.campaign(terms).await;
    let buyer = world.buyer(1_000_000, json!({})).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    let first = world.call(&campaign).await;
    assert_eq!(world.route(&first).await.0, 200);
    let mut made = Vec::new();
    for _ in 0..calls {
        made.push(world.call(&campaign).await);
    }
    (campaign, made)
}

/// Before, whoever met a lock gave its turn away, and stood behind all that had come later, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_lock_is_not_overtaken_by_those_that_came_later() {
    let world = World::new(Kind::Full).await;
    let (campaign, calls) = crowd(&world, 8).await;
    let db = world.installation.db();
    let lock = hold(&db, &campaign).await;
    let (first, later) = calls.split_at(AT_ONCE);
    let routes = join_all(first.iter().map(|call| world.route(call)));
    let contention = async {
        let began = until("the first are at the database", async || {
            Some(waiting(&db).await).filter(|waiting| waiting.len() == AT_ONCE)
        })
        .await;
        let later = join_all(later.iter().map(|call| world.route(call)));
        let release = async {
            // Both have waited for as long as the database lets them, and are there again.
            until("all were rolled back", async || {
                let now = waiting(&db).await;
                (now.len() == AT_ONCE && now.is_disjoint(&began)).then_some(())
            })
            .await;
            lock.rollback().await;
        };
        tokio::join!(later, release).0
    };
    let (first_replies, later_replies) = tokio::join!(routes, contention);
    let times = |replies: &[(u16, serde_json::Value)]| -> Vec<String> {
        let routed = replies.iter().map(|(status, reply)| {
            assert_eq!(*status, 200, "{reply}");
            reply["tm_route"].as_str().unwrap().to_owned()
        });
        routed.collect()
    };
    let last_of_first = times(&first_replies).into_iter().max();
    let first_of_later = times(&later_replies).into_iter().min();
    assert!(
        last_of_first < first_of_later,
        "{last_of_first:?} {first_of_later:?}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_turn_does_not_come_in_time_is_told_when_to_come_again_and_sells_nothing_later() {
    let world = World::new(Kind::Full).await;
    let (campaign, calls) = crowd(&world, AT_ONCE + 1).await;
    let db = world.installation.db();
    let lock = hold(&db, &campaign).await;
    let (first, late) = calls.split_at(AT_ONCE);
    let routes = join_all(first.iter().map(|call| world.route(call)));
    let refused = async {
        until("the first are at the database", async || {
            (waiting(&db).await.len() == AT_ONCE).then_some(())
        })
        .await;
        let uri = format!("/v1/calls/{}/route", late[0]);
        let mut request = Request::new(Post, &uri, "tandem");
        request.customer_id = world.client.customer_id;
        let queue = request_queue(world.client.name);
        let sent = world
            .client
            .transport
            .request(&queue, &request, Duration::from_secs(2));
        let reply = sent.await.expect("an answer before the deadline");
        lock.rollback().await;
        reply
    };
    let (sold, reply) = tokio::join!(routes, refused);
    assert_eq!(reply.status_code, Status::Unavailable.code());
    let body: serde_json::Value = serde_json::from_str(reply.body()).unwrap();
    let said = (reply.status_code, body);
    assert_eq!(reason(&said), (503, "TOO_BUSY"));
    assert_eq!(said.1["details"][0]["retry_after_s"], 1);
    assert!(sold.iter().all(|(status, _)| *status == 200), "{sold:?}");
    assert_eq!(world.get("calls", &late[0]).await["status"], "pending");
    assert_eq!(world.route(&late[0]).await.0, 200);
    world.end().await;
}
