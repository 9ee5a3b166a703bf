//! Exports: each a file of its own, fetched by its customer, and gone when there are newer ones enough.

use bin_common_handler::{
    clock::Clock,
    models::sock::Method::{Get, Post},
    testing::{Client, Kind},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    given::Given,
    world::{World, id_of, refused, text},
};

/// Exports of one customer that are kept.
const KEPT: usize = 20;

/// How many files the customer has.
fn files(world: &World) -> usize {
    let exports = world.installation.data_dir().join("exports");
    let own = exports.join(world.customer_id.to_string());
    std::fs::read_dir(own).unwrap().count()
}

async fn export(client: &Client) -> Json {
    let body = json!({"group_by": "did"});
    client.ok(Post, "/v1/analytics/export", Some(body)).await
}

fn uri(export: &Json) -> String {
    format!("/v1/analytics/exports/{}", text(export, "id"))
}

#[rstest]
#[tokio::test]
async fn an_export_is_a_file_of_its_own(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": "+12125550100"})).await;
    world
        .give(&Given::new(world.customer_id, id_of(&did)))
        .await;
    let exports = world.installation.data_dir().join("exports");
    let own = exports.join(world.customer_id.to_string());
    let export = async |key: &str, format: &str| {
        let body = json!({"group_by": "did", "format": format});
        let call = world
            .client
            .call_keyed(Post, "/v1/analytics/export", Some(body), Some(key));
        let (status, reply) = call.await;
        assert_eq!((status, &reply["rows"]), (200, &json!(1)), "{reply}");
        let name = text(&reply, "file");
        assert!(!name.contains('/'), "no path of the server: {name}");
        own.join(name).display().to_string()
    };
    let csv = export("one", "csv").await;
    assert_eq!(export("one", "csv").await, csv);
    assert_ne!(export("two", "csv").await, csv);
    let written = std::fs::read_to_string(&csv).unwrap();
    let expected = format!("{},+12125550100,1,0,0,0,0,\r\n", text(&did, "id"));
    assert!(written.ends_with(&expected), "{written}");
    let jsonl = export("three", "jsonl").await;
    let line: Json = serde_json::from_str(&std::fs::read_to_string(jsonl).unwrap()).unwrap();
    assert_eq!(
        (text(&line, "label"), &line["calls"]),
        ("+12125550100", &json!(1))
    );

    let report = world
        .client
        .ok(Get, "/v1/analytics/reports?group_by=did&format=csv", None)
        .await;
    assert_eq!(text(&report, "text"), written);
    assert_eq!(files(&world), 3);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn an_export_is_fetched_until_there_are_enough_newer_ones(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let client = &world.client;
    let first = export(client).await;
    let exports = world.installation.data_dir().join("exports");
    let own = exports.join(world.customer_id.to_string());
    let written = std::fs::read_to_string(own.join(text(&first, "file"))).unwrap();
    let expected = json!({"text": written, "next_page_token": ""});
    for _ in 1..KEPT {
        export(client).await;
    }
    assert_eq!(client.ok(Get, &uri(&first), None).await, expected);

    let newest = export(client).await;
    assert_eq!(files(&world), KEPT);
    let gone = refused(client, Get, &uri(&first), None).await;
    assert_eq!(gone, (404, "EXPORT_NOT_FOUND".to_owned()));
    assert_eq!(client.ok(Get, &uri(&newest), None).await, expected);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn an_export_is_fetched_for_a_week(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    const HOUR_MICROS: i64 = 3_600_000_000;
    let clock = Clock::default();
    let world = World::with_clock(kind, json!({}), clock.clone()).await;
    let made = export(&world.client).await;
    clock.shift(7 * 24 * HOUR_MICROS - HOUR_MICROS);
    world.client.ok(Get, &uri(&made), None).await;
    clock.shift(7 * 24 * HOUR_MICROS + HOUR_MICROS);
    let gone = refused(&world.client, Get, &uri(&made), None).await;
    assert_eq!(gone, (404, "EXPORT_NOT_FOUND".to_owned()));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn anothers_export_is_none(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let made = export(&world.client).await;
    let other = world.operator.ok(Post, "/v1/customers", Some(json!({})));
    let stranger = world.operator.within(id_of(&other.await));
    for uri in [uri(&made), uri(&json!({"id": Uuid::nil()}))] {
        let none = refused(&stranger, Get, &uri, None).await;
        assert_eq!(none, (404, "EXPORT_NOT_FOUND".to_owned()), "{uri}");
    }
    for token in ["x", "-1", "1.5"] {
        let uri = format!("{}?page_token={token}", uri(&made));
        let wrong = refused(&world.client, Get, &uri, None).await;
        assert_eq!(wrong, (400, "INVALID_FIELD".to_owned()), "{token}");
    }
    world.end().await;
}
