//! Who told the customer to stop is not called: not by a new call, nor by one that was made before.

use bin_common_handler::{
    ids,
    models::sock::Method::{Get, Post},
    sockhandler::Outgoing,
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, id, long_auctions, reason, text};

/// Nobody else's: what chat-manager tells, every call-manager at this broker hears.
const PERSON: &str = "+14045550187";
const CITATION: &str = "47 CFR 64.1200(a)(10), (d)";

/// chat-manager tells that somebody opted out, or in again.
async fn told(world: &World, version: i64, opted_out: bool) {
    publish(world, version, PERSON, opted_out).await;
    until("the opt-out is heard of", async || {
        let lists = verdict(world, "service").await["facts"]["lists"].to_string();
        (lists.contains("opted_out") == opted_out).then_some(())
    })
    .await;
}

async fn publish(world: &World, version: i64, number: &str, opted_out: bool) {
    let customer_id = world.client.customer_id.unwrap();
    let optout = Uuid::from_u128(4_711);
    let data = json!({"customer_id": customer_id, "number": number, "opted_out": opted_out});
    let body = json!({"type": "optout_changed", "publisher": "chat-manager", "data": data});
    let event = Outgoing {
        routing_key: format!("chat-manager.optout.{optout}.changed"),
        message_id: ids::next().to_string(),
        version,
        customer_id: Some(customer_id),
        trace: None,
        body: body.to_string().into_bytes(),
    };
    let transport = &world.client.transport;
    let mut lease = transport
        .lease("chat-manager", &optout.to_string())
        .await
        .unwrap();
    assert_eq!(lease.publish(&[event]).await, [true]);
}

async fn verdict(world: &World, purpose: &str) -> Json {
    let body = json!({"phone": PERSON, "purpose": purpose});
    let uri = "/v1/compliance/checks";
    world.client.ok(Post, uri, Some(body)).await
}

async fn call_out(world: &World, campaign: &str, purpose: &str) -> (u16, Json) {
    let body = json!({
        "call_campaign_id": campaign, "direction": "outbound", "purpose": purpose,
        "from_number": "+14155550100", "to_number": PERSON,
    });
    world.client.call(Post, "/v1/calls", Some(body)).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_opted_out_is_called_for_no_purpose_but_an_emergency(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(long_auctions()).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let made = |answer: (u16, Json)| {
        assert_eq!(answer.0, 200, "{}", answer.1);
        id(&answer.1)
    };
    // Made before the word came.
    let routed = made(call_out(&world, &campaign, "service").await);
    let auctioned = made(call_out(&world, &campaign, "service").await);
    let closing = made(call_out(&world, &campaign, "service").await);
    let ringing = made(call_out(&world, &campaign, "service").await);
    let second = world.buyer(10_000, json!({})).await;
    world.profile(&second, &campaign, 400, json!({})).await;
    assert_eq!(world.route(&ringing).await.0, 200);
    let open = world
        .client
        .ok(Post, "/v1/auctions", Some(json!({"call_id": closing})))
        .await;
    told(&world, 1, true).await;
    for purpose in ["marketing", "service", "debt"] {
        let said = verdict(&world, purpose).await;
        assert_eq!(
            (text(&said, "rule"), text(&said, "citation")),
            ("OPTED_OUT", CITATION)
        );
        let refused = call_out(&world, &campaign, purpose).await;
        assert_eq!(reason(&refused), (403, "OPTED_OUT"));
        assert_eq!(refused.1["details"][0]["citation"], CITATION);
    }
    assert_eq!(verdict(&world, "emergency").await["allowed"], json!(true));
    assert_eq!(reason(&world.route(&routed).await), (403, "OPTED_OUT"));
    let auction = json!({"call_id": auctioned});
    let refused = world.client.call(Post, "/v1/auctions", Some(auction)).await;
    assert_eq!(reason(&refused), (403, "OPTED_OUT"));
    let close = format!("/v1/auctions/{}/close", id(&open));
    let closed = world.client.ok(Post, &close, None).await;
    assert_eq!(text(&closed, "status"), "canceled");
    let left = world.get("calls", &closing).await;
    assert_eq!(
        (text(&left, "status"), text(&left, "reason")),
        ("pending", "OPTED_OUT")
    );
    // The buyer that has it does not answer, and the next one is not tried.
    let missed = world.reports(&ringing, &["ringing", "no_answer"]).await;
    assert_eq!(
        (text(&missed, "status"), text(&missed, "reason")),
        ("no_answer", "OPTED_OUT")
    );
    assert_eq!(world.money(&second).await, (10_000, 0));
    let bulk = json!({"checks": [{"phone": PERSON}, {"phone": PERSON, "purpose": "emergency"}]});
    let uri = "/v1/compliance/checks/bulk";
    let both = world.client.ok(Post, uri, Some(bulk)).await;
    assert_eq!(
        (&both[0]["rule"], &both[1]["allowed"]),
        (&json!("OPTED_OUT"), &json!(true))
    );
    let access = json!({"phone": PERSON, "kind": "access"});
    let known = world.client.ok(Post, "/v1/subject_requests", Some(access));
    assert_eq!(known.await["opted_out"], json!(true));
    // An entry's deletion lifts nothing; starting again does.
    let entry = json!({"phone": PERSON, "list": "internal"});
    let entry = id(&world.client.ok(Post, "/v1/dnc_entries", Some(entry)).await);
    let uri = format!("/v1/dnc_entries/{entry}");
    let gone = bin_common_handler::models::sock::Method::Delete;
    world.client.ok(gone, &uri, None).await;
    assert_eq!(verdict(&world, "service").await["rule"], "OPTED_OUT");
    told(&world, 2, false).await;
    assert_eq!(verdict(&world, "service").await["allowed"], json!(true));
    assert_eq!(world.route(&routed).await.0, 200);
    let uri = format!("/v1/calls/{routed}");
    let sold = world.client.ok(Get, &uri, None).await;
    assert_eq!(text(&sold, "reason"), "");
    world.end().await;
}

#[rstest]
#[case::forgotten("")]
#[case::a_pseudonym("erased:0123")]
#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_whose_number_cannot_be_read_is_counted(#[case] number: &str) {
    let world = World::new(Kind::Embedded).await;
    assert_eq!(world.counted("optouts_unread_total"), 0);
    publish(&world, 1, number, true).await;
    until("it is counted", async || {
        (world.counted("optouts_unread_total") == 1).then_some(())
    })
    .await;
    // What can be read counts as before.
    told(&world, 2, true).await;
    assert_eq!(world.counted("optouts_unread_total"), 1);
    world.end().await;
}
