//! What is announced of a usage: each change that a result makes, once, as it stands in the row.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::{
    given::Given,
    world::{World, id_of, wait_for_events},
};

const PHONE: &str = "4155550123";

#[rstest]
#[tokio::test]
async fn a_result_is_announced_once_and_a_repetition_not_at_all(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": "+12125550100"})).await;
    let events = world.operator.events().await;
    let given = Given {
        uniqueid: "1.1".to_owned(),
        ..Given::new(world.customer_id, id_of(&did))
    };
    let given = world.give(&given).await;

    let mut rows: Vec<Json> = Vec::new();
    for (seconds, times) in [(30, 3), (40, 2)] {
        for _ in 0..times {
            let body = json!({
                "uniqueid": "1.1", "customer_phone": PHONE, "call_result": "ANSWER",
                "disposition": "SALE", "call_duration": seconds,
            });
            world.client.ok(Post, "/v1/calls/report", Some(body)).await;
        }
        let uri = format!("/v1/usages/{given}");
        rows.push(world.client.ok(Get, &uri, None).await);
    }

    // Events of one row leave in order: one for a repetition would stand before the last.
    let heard = wait_for_events(&events, &json!(given), &["usage_updated"; 2]).await;
    for (event, row) in heard.iter().zip(&rows) {
        let text = event.event.data.as_ref().unwrap().get();
        assert_eq!(serde_json::from_str::<Json>(text).unwrap(), *row);
        assert!(!text.contains(PHONE), "{text}");
    }
    world.end().await;
}
