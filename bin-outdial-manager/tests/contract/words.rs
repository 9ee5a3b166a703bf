//! What is wrong with a body is told by its field, in words of our own.

use bin_common_handler::{
    models::sock::Method::{self, Post, Put},
    testing::{
        Kind,
        words::{library_word, prove},
    },
};
use bin_outdial_manager::MANAGER;
use serde_json::{Value as Json, json};

use crate::world::{World, target_uri, text};

/// A route of the outdial or the target, a body, and what its refusal says.
fn cases() -> Vec<(Method, &'static str, Json, &'static str)> {
    let bulk = "OUTDIAL/targets/bulk";
    let (made, targets, available) = ("/v1/outdials", "OUTDIAL/targets", "OUTDIAL/available");
    vec![
        (Post, made, json!({"name": 1}), "name must be a text"),
        (Post, made, json!({"name": {}}), "name must be a text"),
        (Post, made, json!({"detail": []}), "detail must be a text"),
        (Post, made, json!({"data": {"a": 1}}), "data must be a text"),
        (
            Post,
            made,
            json!({"customer_id": "x"}),
            "customer_id must be a UUID",
        ),
        (
            Post,
            made,
            json!({"campaign_id": 7}),
            "campaign_id must be a text",
        ),
        (Post, made, json!("x"), "must be a JSON object"),
        (Post, made, json!(7), "must be a JSON object"),
        (Post, made, json!(true), "must be a JSON object"),
        (Post, made, json!(null), "must be a JSON object"),
        (Put, "OUTDIAL", json!({"name": 1}), "name must be a text"),
        (
            Put,
            "OUTDIAL",
            json!({"detail": true}),
            "detail must be a text",
        ),
        (
            Put,
            "OUTDIAL/campaign_id",
            json!({"campaign_id": "x"}),
            "campaign_id must be a UUID",
        ),
        (
            Put,
            "OUTDIAL/campaign_id",
            json!({"campaign_id": {}}),
            "campaign_id must be a text",
        ),
        (
            Put,
            "OUTDIAL/data",
            json!({"data": 1}),
            "data must be a text",
        ),
        (Put, "OUTDIAL/data", json!("x"), "must be a JSON object"),
        (Post, targets, json!({"name": 1.5}), "name must be a text"),
        (Post, targets, json!({"key": 5}), "key must be a text"),
        (
            Post,
            targets,
            json!({"destination_0": "tel:+1"}),
            "destination_0 must be an object",
        ),
        (
            Post,
            targets,
            json!({"destination_3": 5}),
            "destination_3 must be an object",
        ),
        (
            Post,
            targets,
            json!({"destination_1": {"type": 7}}),
            "destination_1.type must be one of",
        ),
        (
            Post,
            targets,
            json!({"destination_1": {"type": "fax"}}),
            "destination_1.type must be one of",
        ),
        (
            Post,
            targets,
            json!({"destination_4": {"type": "tel", "target": 4_155_550_123_u64}}),
            "destination_4.target must be a text",
        ),
        (
            Post,
            targets,
            json!({"destination_4": {"type": "tel", "target": "4155"}}),
            "too short",
        ),
        (
            Post,
            targets,
            json!({"destination_2": {"name": []}}),
            "destination_2.name must be a text",
        ),
        (Post, bulk, json!({}), "must be a list"),
        (Post, bulk, json!("x"), "must be a list"),
        (Post, bulk, json!([7]), "must be a JSON object"),
        (Post, bulk, json!([{}, {"name": 7}]), "name must be a text"),
        (
            Post,
            bulk,
            json!([{"destination_0": []}]),
            "destination_0 must be an object",
        ),
        (Put, "TARGET/status", json!({}), "status is missing"),
        (
            Put,
            "TARGET/status",
            json!({"status": 7}),
            "status must be one of idle, progressing, done",
        ),
        (
            Put,
            "TARGET/status",
            json!({"status": "busy"}),
            "status must be one of idle",
        ),
        (
            Put,
            "TARGET/status",
            json!({"status": null}),
            "status must be one of idle",
        ),
        (
            Post,
            "TARGET/progressing",
            json!({"destination_index": "0"}),
            "destination_index must be a whole",
        ),
        (
            Post,
            "TARGET/progressing",
            json!({"destination_index": 0.5}),
            "destination_index must be a whole",
        ),
        (
            Post,
            "TARGET/progressing",
            json!({"destination_index": -1}),
            "destination_index must be a whole",
        ),
        (
            Post,
            "TARGET/progressing",
            json!({"destination_index": {}}),
            "destination_index must be a whole",
        ),
        (
            Post,
            "TARGET/progressing",
            json!("x"),
            "must be a JSON object",
        ),
        (
            Method::Get,
            available,
            json!({"limit": "many"}),
            "limit must be a whole number",
        ),
        (
            Method::Get,
            available,
            json!({"try_count_3": 1.5}),
            "try_count_3 must be a whole number",
        ),
        (
            Method::Get,
            available,
            json!({"try_count_0": -1}),
            "try_count_0 must be a whole number",
        ),
        (Method::Get, targets, json!({"name": 5}), "name"),
        (Method::Get, targets, json!(5), "JSON object"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_body_is_told_by_its_field_in_our_words() {
    let world = World::new(Kind::Embedded).await;
    let outdial = world.outdial().await;
    let target = target_uri(&outdial.target().await);
    for (method, uri, body, wanted) in cases() {
        let uri = uri
            .replace("OUTDIAL", &outdial.uri)
            .replace("TARGET", &target);
        let (status, error) = world.client.call(method, &uri, Some(body.clone())).await;
        let asked = format!("{method} {uri} {body}: {error}");
        assert_eq!(status, 400, "{asked}");
        let told = format!("{}{}", text(&error, "message"), error["details"]);
        assert!(told.contains(wanted), "{asked}");
        assert_eq!(library_word(&told), None, "{asked}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_repeats_a_librarys_words() {
    let world = World::new(Kind::Embedded).await;
    let outdial = world.outdial().await;
    outdial.target().await;
    let refused = prove(&world.client, &(MANAGER.routes)(), outdial.id()).await;
    assert!(refused > 500, "{refused}");
    world.end().await;
}
