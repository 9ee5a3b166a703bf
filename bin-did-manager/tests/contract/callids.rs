//! A call's name, which the dialer gives it as a whole: reports that carry it are put to the usage that carried it.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Client, Kind},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id_of, list, text};

const NAME: &str = "V1201122450000012345";
const OTHER_NAME: &str = "V1201122459999912345";

/// A customer with a number that never rests.
async fn world(kind: Kind) -> World {
    let world = World::with(kind, json!({"did_cooldown_seconds": 0})).await;
    world.did(json!({"number": "+12125550100"})).await;
    world
}

/// The usage of a number given for a call.
async fn given(client: &Client, query: &str) -> Json {
    let uri = format!("/v1/dids/next?{query}");
    client.ok(Get, &uri, None).await;
    let usages = client.ok(Get, "/v1/usages?page_size=1", None).await;
    list(usages).remove(0)
}

async fn dispo(client: &Client, query: &str) -> Json {
    let uri = format!("/v1/vicidial/dispo?dispo=SALE&{query}");
    client.ok(Get, &uri, None).await
}

fn assert_matched(reply: &Json, usage: &Json) {
    assert_eq!(reply["usage_id"], usage["id"], "{reply}");
}

#[rstest]
#[tokio::test]
async fn a_calls_name_counts_more_than_its_id_and_its_person(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    let client = &world.client;
    let named = given(
        client,
        &format!("customer_phone=4155550123&uniqueid=1.1&call_id={NAME}"),
    )
    .await;
    assert_eq!(text(&named, "call_id"), NAME);
    let later = given(client, "customer_phone=4155550123&uniqueid=1.2").await;
    given(client, "customer_phone=4155550177&uniqueid=1.3").await;

    let reports = [
        format!("call_id={NAME}"),
        format!("call_id={NAME}&uniqueid=1.2&phone=4155550123"),
        format!("call_id={NAME}&uniqueid=1.3&phone=4155550177"),
        "uniqueid=1.1".to_owned(),
        format!("call_id={OTHER_NAME}&uniqueid=1.1"),
    ];
    for report in reports {
        let reply = dispo(client, &report).await;
        assert_eq!(reply["usage_id"], named["id"], "{report}");
    }
    let reply = dispo(client, "phone=4155550123").await;
    assert_matched(&reply, &later);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn every_shape_of_a_report_may_tell_the_name(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    let shapes = [
        "/v1/calls/report",
        "/v1/call-results",
        "/v1/vicidial/call-result",
    ];
    for (n, uri) in shapes.into_iter().enumerate() {
        let name = format!("M120112245000000000{n}");
        let query = format!("customer_phone=415555013{n}&call_id={name}");
        let usage = given(&world.client, &query).await;
        let body = json!({"call_id": name, "disposition": "NA"});
        let reply = world.client.ok(Post, uri, Some(body)).await;
        assert_matched(&reply, &usage);
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_name_is_learned_from_a_report_and_is_the_customers_own(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    let client = &world.client;
    let usage = given(client, "customer_phone=4155550123&uniqueid=1.1").await;
    dispo(client, &format!("uniqueid=1.1&call_id={NAME}")).await;
    let reply = dispo(client, &format!("call_id={NAME}")).await;
    assert_matched(&reply, &usage);

    let found = client
        .ok(Get, "/v1/usages", Some(json!({"call_id": NAME})))
        .await;
    assert_eq!(list(found).len(), 1);
    let none = client
        .ok(Get, "/v1/usages", Some(json!({"call_id": OTHER_NAME})))
        .await;
    assert_eq!(none, json!([]));

    let other = world.operator.ok(Post, "/v1/customers", Some(json!({})));
    let stranger = world.operator.within(id_of(&other.await));
    let reply = dispo(&stranger, &format!("call_id={NAME}")).await;
    assert_eq!(reply["usage_id"], Json::Null, "{reply}");
    assert_eq!(reply["matched"], json!(false));
    world.end().await;
}
