//! Fraud: limits that a crowd cannot overrun, lists, what is reviewed, and what is told.

use std::time::Duration;

use bin_common_handler::{
    ids,
    models::sock::Method::{Delete, Get, Post},
    testing::{Kind, until, until_within},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, as_account, id, reason, text};

async fn call(world: &World, campaign: &str, from_number: &str) -> (u16, Json) {
    let body = json!({
        "call_campaign_id": campaign, "from_number": from_number, "to_number": "+14155550100",
    });
    world.client.call(Post, "/v1/calls", Some(body)).await
}

/// Asks again, under the same key, while the answer is to come again: fifty wait for one row.
async fn insist(world: &World, campaign: &str, from_number: &str) -> (u16, Json) {
    let key = ids::next().to_string();
    until_within(Duration::from_secs(60), "the call is judged", async || {
        let body = json!({
            "call_campaign_id": campaign, "from_number": from_number, "to_number": "+14155550100",
        });
        let client = &world.client;
        let reply = client
            .call_keyed(Post, "/v1/calls", Some(body), Some(&key))
            .await;
        (reply.0 != 503).then_some(reply)
    })
    .await
}

#[rstest]
#[case::caller(json!({"calls_per_caller_hour": 7}), "calls_per_caller_hour")]
#[case::account(json!({"calls_per_account_hour": 7}), "calls_per_account_hour")]
#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_overrun_no_limit(
    #[case] fraud: Json,
    #[case] flag: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let is_caller = flag == "calls_per_caller_hour";
    let campaign = world.campaign(json!({"fraud": fraud})).await;
    let numbers: Vec<String> = (0..50)
        .map(|at| match is_caller {
            true => "+14155550123".to_owned(),
            false => format!("+1415{}0123", 220 + at),
        })
        .collect();
    let replies = join_all(
        numbers
            .iter()
            .map(|number| insist(&world, &campaign, number)),
    )
    .await;
    let made = replies.iter().filter(|reply| reply.0 == 200).count();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.0 == 403).collect();
    assert_eq!((made, refused.len()), (7, 43), "{replies:?}");
    for reply in refused {
        assert_eq!(reason(reply), (403, "FRAUD_DETECTED"));
        assert_eq!(reply.1["details"][0]["flags"], json!([flag]));
    }
    world.clock.shift(3_601 * 1_000_000);
    assert_eq!(
        call(&world, &campaign, &numbers[0]).await.0,
        200,
        "an hour later"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_listed_is_refused_or_never_suspected(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let sink = world.client.events().await;
    let fraud = json!({"fraud": {"calls_per_caller_hour": 1}});
    let campaign = world.campaign(fraud).await;
    let uri = "/v1/fraud/entries";
    let block = json!({"phone": "(415) 555-0111", "list": "block", "reason": "spam"});
    let block = world.client.ok(Post, uri, Some(block)).await;
    assert_eq!(block["phone"], "+14155550111");
    let allow = json!({"phone": "+14155550112", "list": "allow"});
    world.client.ok(Post, uri, Some(allow)).await;

    let refused = call(&world, &campaign, "+14155550111").await;
    assert_eq!(reason(&refused), (403, "FRAUD_DETECTED"));
    for _ in 0..3 {
        assert_eq!(call(&world, &campaign, "+14155550112").await.0, 200);
    }
    assert_eq!(call(&world, &campaign, "+14155550113").await.0, 200);
    assert_eq!(call(&world, &campaign, "+14155550113").await.0, 403);
    let blocked = world
        .client
        .ok(Get, "/v1/fraud/checks?action=block", None)
        .await;
    assert_eq!(blocked.as_array().unwrap().len(), 2);
    assert_eq!(blocked[1]["flags"], json!(["listed_block"]));
    until("it is told", async || {
        let heard = sink.heard();
        let mut kinds = heard.iter().map(|event| event.event.kind.as_str());
        kinds.any(|kind| kind == "fraud_flagged").then_some(())
    })
    .await;
    world
        .client
        .ok(Delete, &format!("{uri}/{}", id(&block)), None)
        .await;
    assert_eq!(call(&world, &campaign, "+14155550111").await.0, 200);

    let seller = text(&world.get("call_campaigns", &campaign).await, "seller_id").to_owned();
    let banned = json!({"account_id": seller, "list": "block"});
    world.client.ok(Post, uri, Some(banned)).await;
    assert_eq!(call(&world, &campaign, "+14155550114").await.0, 403);
    let buyer = world.buyer(0, json!({})).await;
    for (body, field) in [
        (json!({"account_id": buyer, "list": "block"}), "account_id"),
        (json!({"list": "block"}), "phone"),
        (json!({"phone": "1", "list": "block"}), "phone"),
        (json!({"phone": "+14155550111", "list": "grey"}), "list"),
    ] {
        let reply = world.client.call(Post, uri, Some(body)).await;
        assert_eq!(reason(&reply), (400, "INVALID_FIELD"));
        assert!(text(&reply.1, "message").contains(field), "{reply:?}");
    }
    let reply = as_account(&world.client, &seller, Get, "/v1/fraud/checks", None).await;
    assert_eq!(reason(&reply), (403, "SCOPE_REQUIRED"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_reviewed_is_routed_and_told(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 100, json!({})).await;
    // No such area code is given out.
    let (status, made) = call(&world, &campaign, "+13005550123").await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(world.route(&id(&made)).await.0, 200);
    let uri = "/v1/fraud/checks?action=review";
    let reviewed = world.client.ok(Get, uri, None).await;
    assert_eq!(reviewed[0]["call_id"], made["id"]);
    assert_eq!(reviewed[0]["flags"], json!(["number_unassigned"]));
    let why = format!("/v1/calls/{}/explanation", id(&made));
    let why = world.client.ok(Get, &why, None).await;
    assert_eq!(why["fraud"]["action"], "review", "{why}");
    let (_, plain) = call(&world, &campaign, "+14155550123").await;
    world.route(&id(&plain)).await;
    let why = format!("/v1/calls/{}/explanation", id(&plain));
    let why = world.client.ok(Get, &why, None).await;
    assert_eq!(why["fraud"]["action"], "allow");
    assert_eq!(why["fraud"]["parts"][0]["value"], 1.0);
    world.end().await;
}

/// An erasure would be a way around the limit: what stands for the number counts in its place.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_makes_no_room_within_the_hour(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let settings = [("SECRETS_KEY", "0123456789abcdef0123456789abcdef")];
    let world = World::with_settings(kind, &settings).await;
    let fraud = json!({"fraud": {"calls_per_caller_hour": 2}});
    let campaign = world.campaign(fraud).await;
    let (person, other) = ("+14155550123", "+14155550124");
    for _ in 0..2 {
        assert_eq!(call(&world, &campaign, person).await.0, 200);
    }
    let erasure = json!({"phone": person, "kind": "erasure"});
    let erased = world
        .client
        .ok(Post, "/v1/subject_requests", Some(erasure))
        .await;
    assert_eq!(erased["erased"]["calls"], 2, "{erased}");
    let third = call(&world, &campaign, person).await;
    assert_eq!(reason(&third), (403, "FRAUD_DETECTED"));
    assert_eq!(call(&world, &campaign, other).await.0, 200);
    world.clock.shift(3_601 * 1_000_000);
    assert_eq!(call(&world, &campaign, person).await.0, 200);
    world.end().await;
}
