//! Onboarding: what is missing, and what a refused one leaves as it was.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    town::{OWN, Town},
    world::{id_of, refused, text},
};

fn missing(progress: &Json) -> Vec<String> {
    let steps = progress["steps"].as_array().unwrap().iter();
    let of = |step: &Json| step["missing"].as_array().unwrap().clone();
    let names = steps.flat_map(of);
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[rstest]
#[tokio::test]
async fn onboarding_tells_what_is_missing_until_nothing_is(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind).await;
    let onboard = async |body: Json| town.client().ok(Post, "/v1/onboardings", Some(body)).await;
    let begun = onboard(json!({"business": {"name": "Acme", "trade": "plumbing"}})).await;
    let expected = [
        "business.address",
        "business.location",
        "business.timezone",
        "business.hours",
        "provider",
        "number.number",
        "number.forward_target",
        "messaging.campaign_status",
        "test",
    ];
    assert_eq!(missing(&begun), expected);
    let body = json!({
        "business": {
            "address": "1 Main St", "location": {"lat": 37.8, "lon": -122.4},
            "timezone": "America/Los_Angeles", "hours": "09:00-17:00",
        },
        "provider": town.account(),
        "number": {"number": "+14155550107", "forward_target": "+14155550123", "purchase": true},
        "messaging": {"campaign_status": "pending"},
        "assistant": {"ai_takeover_delay_seconds": 0},
    });
    let next = onboard(body.clone()).await;
    // Texts leave by the number itself; a messaging service is for those who want one.
    assert_eq!(missing(&next), ["test"]);
    // Once more: nothing is there twice.
    onboard(body).await;
    let numbers = town.client().ok(Get, "/v1/phone_numbers", None).await;
    town.wait_for(&numbers[0], "active").await;
    let last = json!({
        "messaging": {"messaging_service_id": "MG1", "campaign_status": "approved"}, "test": true,
    });
    let done = onboard(last).await;
    assert_eq!(
        (missing(&done), &done["is_complete"]),
        (vec![], &json!(true))
    );
    for what in ["providers", "phone_numbers"] {
        let rows = town.client().ok(Get, &format!("/v1/{what}"), None).await;
        assert_eq!(rows.as_array().unwrap().len(), 1, "{what}");
    }
    let wrong = json!({"business": {"rate_per_second": 1}});
    assert_eq!(
        refused(town.client(), Post, "/v1/onboardings", Some(wrong))
            .await
            .0,
        400
    );
    town.end().await;
}

#[rstest]
#[case::number(json!({"number": {"number": "not a number"}}), (400, "INVALID_FIELD"))]
#[case::number_fields(json!({"number": {"number": OWN, "colour": "red"}}), (400, "INVALID_FIELD"))]
#[case::provider(json!({"provider": {"account_id": "AC1", "secret": "short"}}), (400, "INVALID_FIELD"))]
#[case::messaging(json!({"messaging": {"campaign_status": 7}}), (400, "INVALID_FIELD"))]
#[case::no_number(json!({"number": null, "messaging": {"campaign_status": "pending"}}), (400, "INVALID_FIELD"))]
#[case::assistant(json!({"assistant": {"ai_takeover_delay_seconds": -1}}), (400, "INVALID_FIELD"))]
#[case::taken(json!({"number": {"number": "+14155550111"}}), (409, "PHONE_NUMBER_EXISTS"))]
#[case::strange(
    json!({"number": {"provider_id": "5b1a0000-0000-7000-8000-00000000000a"}}),
    (404, "PROVIDER_NOT_FOUND")
)]
#[tokio::test]
async fn an_onboarding_that_is_refused_changes_nothing(
    #[case] wrong: Json,
    #[case] expected: (u16, &str),
) {
    let town = Town::new(Kind::Embedded).await;
    let operator = &town.world.operator;
    let other = json!({"name": "b"});
    let other = operator.ok(Post, "/v1/customers", Some(other)).await;
    let other = operator.within(id_of(&other));
    let theirs = other.ok(Post, "/v1/providers", Some(town.account())).await;
    let body = json!({"number": "+14155550111", "provider_id": theirs["id"]});
    other.ok(Post, "/v1/phone_numbers", Some(body)).await;

    let mut body = json!({
        "business": {"trade": "roofing"},
        "provider": town.account(),
        "number": {"number": OWN, "forward_target": "+14155550123"},
        "messaging": {"campaign_status": "pending"},
        "assistant": {"ai_takeover_delay_seconds": 5},
    });
    for (part, fields) in wrong.as_object().unwrap() {
        match fields.as_object() {
            Some(fields) => body[part].as_object_mut().unwrap().extend(fields.clone()),
            None => body[part] = Json::Null,
        }
    }
    let refusal = refused(town.client(), Post, "/v1/onboardings", Some(body)).await;
    assert_eq!(refusal, (expected.0, expected.1.to_owned()));
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    let customer = town.client().ok(Get, &uri, None).await;
    assert_eq!(text(&customer, "trade"), "");
    for what in ["providers", "phone_numbers"] {
        let rows = town.client().ok(Get, &format!("/v1/{what}"), None).await;
        assert_eq!(rows, json!([]), "{what}");
    }
    town.end().await;
}
