//! The law through the queue: what is known of a number, and what a call meets.

mod imports;
mod persons;
mod sales;
mod verdicts;

use bin_common_handler::{
    clock::Clock,
    ids,
    models::{
        sock::Method::{Delete, Get, Post},
        time::Timestamp,
    },
    sockhandler::Outgoing,
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, reason, text};

/// A Wednesday, 13:00 in New York.
const NOON: &str = "2026-12-02T18:00:00Z";
const GEORGIA: &str = "+14045550123";
/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const FLORIDA: &str = "+13055550123";

async fn world(kind: Kind) -> World {
    let world = World::new(kind).await;
    go_to(&world, NOON);
    world
}

/// The clock goes on from that time.
fn go_to(world: &World, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    let real = Clock::default().now();
    world.clock.shift(time.micros() - real.micros());
}

/// A copy of the national list, with somebody else on it.
async fn import_federal(world: &World) {
    let uri = "/v1/dnc_entries/bulk?list=federal";
    let rows = json!([{"phone": "+12125550199"}]);
    world.client.ok(Post, uri, Some(rows)).await;
}

async fn check(world: &World, phone: &str, more: Json) -> Json {
    let mut body = json!({"phone": phone, "purpose": "marketing", "direction": "outbound"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    world
        .client
        .ok(Post, "/v1/compliance/checks", Some(body))
        .await
}

async fn rule(world: &World, phone: &str) -> String {
    let verdict = check(world, phone, json!({})).await;
    let rule = verdict["rule"].as_str().unwrap_or("ok").to_owned();
    assert_eq!(verdict["allowed"], json!(rule == "ok"), "{verdict}");
    rule
}

async fn call_out(world: &World, campaign: &str, phone: &str, more: Json) -> (u16, Json) {
    let mut body = json!({
        "call_campaign_id": campaign, "direction": "outbound", "from_number": "+14155550100",
        "to_number": phone,
    });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    world.client.call(Post, "/v1/calls", Some(body)).await
}
