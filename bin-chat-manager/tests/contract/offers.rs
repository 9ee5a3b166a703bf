//! What is offered: the catalog, prices at rates, free slots, and the area.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    desk::Desk,
    world::{id, reason, text},
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_text_finds_its_service(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let desk = Desk::new(kind).await;
    for (name, aliases, active) in [
        ("Drain cleaning", json!(["blocked sink"]), true),
        ("Leak repair", json!(["leak"]), true),
        ("Sink repair", json!(["blocked sink"]), false),
    ] {
        let body =
            json!({"name": name, "aliases": aliases, "price_cents": 9_900, "active": active});
        desk.make("catalog_items", body).await;
    }
    let asked = json!({"text": "Hi! My sink is blocked"});
    let found = desk
        .client
        .ok(Post, "/v1/catalog_items/match", Some(asked))
        .await;
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(text(&found[0]["catalog_item"], "name"), "Drain cleaning");
    assert_eq!(found[0]["score"], json!(1.0));
    let nothing = json!({"text": " "});
    let nothing = desk
        .client
        .call(Post, "/v1/catalog_items/match", Some(nothing))
        .await;
    assert_eq!(reason(&nothing), (400, "INVALID_FIELD"));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_that_of_its_time() {
    let desk = Desk::new(Kind::Embedded).await;
    let body = json!({"name": "Leak repair", "price_cents": 10_001, "duration_minutes": 90});
    let item = id(&desk.make("catalog_items", body).await);
    let quote = async |at: Json| {
        let body = json!({"catalog_item_id": item, "tm_start": at});
        let said = desk
            .client
            .ok(Post, "/v1/catalog_items/quote", Some(body))
            .await;
        (said["price_cents"].as_i64().unwrap(), said["rate"].clone())
    };
    assert_eq!(quote(json!(desk.at(0))).await, (10_001, Json::Null));
    let morning = json!({"name": "morning", "from": "08:00", "to": "11:00", "factor": 1.5});
    desk.make("rates", morning).await;
    // 15,001.5 cents: half goes to the even one.
    assert_eq!(quote(json!(desk.at(0))).await, (15_002, json!("morning")));
    assert_eq!(quote(json!(desk.at(240))).await, (10_001, Json::Null));
    assert_eq!(quote(Json::Null).await, (10_001, Json::Null));
    let resource = desk.resource(json!({})).await;
    let made = desk
        .appointment(&resource, 0, json!({"title": "", "catalog_item_id": item}))
        .await;
    assert_eq!(
        (made["price_cents"].as_i64(), text(&made, "title")),
        (Some(15_002), "Leak repair")
    );
    let bad = json!({"name": "x", "days": ["weekend"], "factor": 2});
    let bad = desk.client.call(Post, "/v1/rates", Some(bad)).await;
    assert_eq!(reason(&bad), (400, "INVALID_FIELD"));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_what_hours_holidays_and_bookings_leave() {
    let desk = Desk::new(Kind::Embedded).await;
    let body = json!({"name": "Leak repair", "duration_minutes": 120});
    let item = id(&desk.make("catalog_items", body).await);
    let van = desk.resource(json!({})).await;
    let late = desk.resource(json!({"hours": "15:00-22:00"})).await;
    let date = desk.at(0).to_string()[..10].to_owned();
    let slots = async |more: &str| -> Vec<Json> {
        let uri = format!("/v1/availabilities?service_id={item}&from={date}&to={date}{more}");
        desk.client
            .ok(Get, &uri, None)
            .await
            .as_array()
            .unwrap()
            .clone()
    };
    // 9:00 to 15:00 by quarters, and 15:00 once more.
    assert_eq!(slots("").await.len(), 25 + 1);
    let of_van = format!("&resource_id={van}");
    assert_eq!(slots(&of_van).await.len(), 25);
    let of_late = format!("&resource_id={late}");
    assert_eq!(slots(&of_late).await.len(), 1);
    // An hour somewhere in the morning: nothing may begin two hours before it, nor in it.
    desk.hold(&van, 120).await;
    assert_eq!(slots(&of_van).await.len(), 25 - 11);
    desk.make("holidays", json!({"date": date, "name": "Day off"}))
        .await;
    assert!(slots("").await.is_empty());
    for bad in [
        "from=soon",
        "to=2020-01-01",
        "from=2030-01-01&to=2030-02-01",
    ] {
        let uri = format!("/v1/availabilities?{bad}");
        let refused = desk.client.call(Get, &uri, None).await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{bad}");
    }
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_in_the_area_or_not() {
    let desk = Desk::new(Kind::Embedded).await;
    let ask = async |body: Json| {
        desk.client
            .call(Post, "/v1/addresses/validate", Some(body))
            .await
    };
    let near = json!({"address": "1 Main St, 10001", "location": {"lat": 40.75, "lon": -73.99}});
    let (status, said) = ask(near.clone()).await;
    assert_eq!(
        (status, &said["in_area"], text(&said, "zip")),
        (200, &json!(true), "10001")
    );
    *desk.business.lock().unwrap() =
        json!({"location": {"lat": 39.95, "lon": -75.16}, "service_radius_miles": 20});
    // What was known of the business is still believed: another one is asked about.
    let other = desk.installation.client().within(uuid::Uuid::from_u128(9));
    let (_, said) = other.call(Post, "/v1/addresses/validate", Some(near)).await;
    assert_eq!(said["in_area"], json!(false), "{said}");
    for bad in [
        json!({"address": " "}),
        json!({"location": {"lat": 91, "lon": 0}}),
    ] {
        assert_eq!(ask(bad).await.0, 400);
    }
    desk.end().await;
}
