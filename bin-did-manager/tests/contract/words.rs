//! What is wrong with a body is told by its field, in words of our own.

use bin_common_handler::{
    models::sock::Method::{self, Post, Put},
    testing::{
        Kind,
        words::{library_word, prove},
    },
};
use bin_did_manager::MANAGER;
use serde_json::{Value as Json, json};

use crate::world::{World, id_of, text};

/// A route, a body, and what its refusal says.
fn cases() -> Vec<(Method, &'static str, Json, &'static str)> {
    let did = "/v1/dids";
    let with = |name: &str, value: Json| json!({"number": "+14155550123", name: value});
    vec![
        (
            Post,
            did,
            with("status", json!("asleep")),
            "status must be one of active, warming",
        ),
        (
            Post,
            did,
            with("status", json!(7)),
            "status must be one of active, warming",
        ),
        (
            Post,
            did,
            with("attestation", json!("D")),
            "attestation must be one of",
        ),
        (
            Post,
            did,
            with("daily_cap", json!("many")),
            "daily_cap must be a whole number",
        ),
        (
            Post,
            did,
            with("daily_cap", json!(1.5)),
            "daily_cap must be a whole number",
        ),
        (
            Post,
            did,
            with("daily_cap", json!(5_000_000_000_u64)),
            "daily_cap must be a whole number from -2147483648",
        ),
        (
            Post,
            did,
            with("latitude", json!("north")),
            "latitude must be a number",
        ),
        (Post, did, with("tags", json!("a")), "tags must be a list"),
        (
            Post,
            did,
            with("tags", json!([1])),
            "tags[0] must be a text",
        ),
        (
            Post,
            did,
            with("until", json!("soon")),
            "until must be a time such as",
        ),
        (Post, did, with("until", json!(7)), "until must be a"),
        (
            Post,
            did,
            with("carrier", json!({})),
            "carrier must be a text",
        ),
        (Post, did, json!({"number": 5}), "number must be a"),
        (Post, did, json!("x"), "must be a JSON object"),
        (Post, did, json!(null), "must be a JSON object"),
        (
            Put,
            "DID",
            json!({"weight": "heavy"}),
            "weight must be a whole number",
        ),
        (
            Put,
            "DID",
            json!({"status": "gone"}),
            "status must be one of",
        ),
        (
            Put,
            "DID",
            json!({"description": []}),
            "description must be a text",
        ),
        (
            Post,
            "/v1/didpools",
            json!({"name": {}}),
            "name must be a text",
        ),
        (
            Post,
            "/v1/didpools",
            json!({"name": "p", "did_ids": 7}),
            "did_ids must be a list",
        ),
        (
            Post,
            "/v1/campaigns",
            json!({"vicidial_campaign_id": 7}),
            "vicidial_campaign_id must be a text",
        ),
        (
            Post,
            "/v1/campaigns",
            json!({"vicidial_campaign_id": "a", "fallback": "any"}),
            "fallback must be one of none, tenant_pool",
        ),
        (
            Post,
            "/v1/campaigns",
            json!({"vicidial_campaign_id": "a", "didpool_id": "x"}),
            "didpool_id must be a UUID",
        ),
        (
            Post,
            "/v1/campaigns",
            json!({"vicidial_campaign_id": "a", "hours": "always"}),
            "hours",
        ),
        (
            Post,
            "/v1/rotation_rules",
            json!({"algorithm": "best"}),
            "algorithm must be one of lru",
        ),
        (
            Post,
            "/v1/rotation_rules",
            json!({"tiers": ["npa", "far"]}),
            "tiers[1] must be one of",
        ),
        (
            Post,
            "/v1/rotation_rules",
            json!({"sticky": "yes"}),
            "sticky must be true or false",
        ),
        (
            Post,
            "/v1/rotation_rules",
            json!({"priority": []}),
            "priority must be a whole number",
        ),
        (
            Post,
            "/v1/rotation_rules",
            json!({"parameters": {"prior": 1}}),
            "is not known; known are prior_answered, prior_unanswered",
        ),
        (
            Post,
            "/v1/users",
            json!({"email": "a@b.c", "role": "king"}),
            "role must be one of viewer",
        ),
        (
            Post,
            "/v1/users",
            json!({"email": 5}),
            "email must be a text",
        ),
        (
            Post,
            "/v1/accesskeys",
            json!({"scopes": "did:next"}),
            "scopes must be a list",
        ),
        (
            Post,
            "/v1/accesskeys",
            json!({"tm_expire": "never"}),
            "tm_expire must be a time",
        ),
        (
            Put,
            "CUSTOMER",
            json!({"warmup_daily_caps": [1, "x"]}),
            "warmup_daily_caps[1] must be a whole",
        ),
        (
            Put,
            "CUSTOMER",
            json!({"dispositions": {"SALE": "joy"}}),
            "dispositions.SALE must be one of human",
        ),
        (
            Put,
            "CUSTOMER",
            json!({"number_format": 10}),
            "number_format must be one of e164, 11, 10",
        ),
        (
            Put,
            "CUSTOMER",
            json!({"did_daily_cap": true}),
            "did_daily_cap must be a whole number",
        ),
        (Post, "/v1/dids/bulk", json!("x"), "must be a list"),
        (Post, "/v1/calls/report", json!(7), "must be a JSON object"),
        (Post, "/v1/call-results", json!(null), "names no call"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_body_is_told_by_its_field_in_our_words() {
    let world = World::new(Kind::Embedded).await;
    let did = world.did(json!({"number": "+14155550199"})).await;
    for (method, uri, body, wanted) in cases() {
        let uri = uri
            .replace("DID", &format!("/v1/dids/{}", id_of(&did)))
            .replace("CUSTOMER", &format!("/v1/customers/{}", world.customer_id));
        let (status, error) = world.operator.call(method, &uri, Some(body.clone())).await;
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
    let did = world.did(json!({"number": "+14155550199"})).await;
    let refused = prove(&world.client, &(MANAGER.routes)(), id_of(&did)).await;
    assert!(refused > 500, "{refused}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_number_may_have_a_fraction_of_zero() {
    let world = World::new(Kind::Embedded).await;
    let did = world
        .did(json!({"number": "+14155550199", "daily_cap": 3.0, "weight": 1e2, "npa": 415.0}))
        .await;
    assert_eq!(
        (&did["daily_cap"], &did["weight"]),
        (&json!(3), &json!(100))
    );
    let uri = format!("/v1/customers/{}", world.customer_id);
    let changed = world
        .operator
        .ok(
            Put,
            &uri,
            Some(json!({"warmup_daily_caps": [1.0, 2], "rate_burst": 7.0})),
        )
        .await;
    assert_eq!(changed["warmup_daily_caps"], json!([1, 2]));
    assert_eq!(changed["rate_burst"], 7);
    world.end().await;
}
