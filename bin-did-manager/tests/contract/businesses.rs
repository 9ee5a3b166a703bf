//! Businesses and their providers, at a carrier that stands in.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Kind, until},
};
use provider_stand_in::{Fault, Route};
use rstest::rstest;
use serde_json::json;

use super::{
    town::{OWN, Town},
    world::{id_of, refused, text},
};

#[rstest]
#[tokio::test]
async fn a_secret_is_sealed_and_never_shown(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let town = Town::new(kind).await;
    let provider = town.provider().await;
    let uri = format!("/v1/providers/{}", id_of(&provider));
    let secret = town.carrier.account().token;
    let changed = json!({"opt_out_replies": "tandem"});
    let changed = town.client().ok(Put, &uri, Some(changed)).await;
    let listed = town.client().ok(Get, "/v1/providers", None).await;
    let audit = town.client().ok(Get, "/v1/audit_logs", None).await;
    for told in [&provider, &changed, &listed, &audit] {
        let told = told.to_string();
        assert!(
            !told.contains(&secret) && !told.contains("\"secret\""),
            "{told}"
        );
    }
    let stored = town.sealed().await;
    assert!(stored.starts_with("v1.") && !stored.contains(&secret));
    // The secret stayed what it was: it still opens.
    town.number(OWN, &provider, false).await;
    let body = Some(json!({"number": OWN}));
    let line = town
        .world
        .operator
        .ok(Post, "/v1/phone_numbers/resolve", body)
        .await;
    assert_eq!(
        (text(&line, "secret"), text(&line, "opt_out_replies")),
        (&*secret, "tandem")
    );
    assert_eq!(line["dial_timeout_seconds"], 20);
    town.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    for (uri, body) in [
        (
            "/v1/providers",
            json!({"account_id": "AC1", "secret": "short"}),
        ),
        (
            "/v1/providers",
            json!({"account_id": "", "secret": "long-enough"}),
        ),
        (
            "/v1/providers",
            json!({"account_id": "AC1", "secret": "long-enough", "type": "x"}),
        ),
        (
            "/v1/phone_numbers",
            json!({"number": "12", "provider_id": provider["id"]}),
        ),
        ("/v1/phone_numbers", json!({"number": OWN})),
    ] {
        let (status, reason) = refused(town.client(), Post, uri, Some(body)).await;
        assert_eq!((status, &*reason), (400, "INVALID_FIELD"), "{uri}");
    }
    let strange = json!({"number": OWN, "provider_id": "5b1a0000-0000-7000-8000-00000000000a"});
    let (status, _) = refused(town.client(), Post, "/v1/phone_numbers", Some(strange)).await;
    assert_eq!(status, 404);
    for query in ["area_code=41", "contains=..", "area_code=abc"] {
        let uri = format!("/v1/phone_numbers/search?{query}");
        assert_eq!(refused(town.client(), Get, &uri, None).await.0, 400);
    }
    town.end().await;
}

#[rstest]
#[tokio::test]
async fn a_number_belongs_to_one_business(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let town = Town::new(kind).await;
    let provider = town.provider().await;
    let number = town.number(OWN, &provider, false).await;
    let operator = &town.world.operator;
    let other = operator
        .ok(Post, "/v1/customers", Some(json!({"name": "b"})))
        .await;
    let other = operator.within(id_of(&other));
    let theirs = other.ok(Post, "/v1/providers", Some(town.account())).await;
    let body = json!({"number": OWN, "provider_id": theirs["id"]});
    let (status, reason) = refused(&other, Post, "/v1/phone_numbers", Some(body.clone())).await;
    assert_eq!((status, &*reason), (409, "PHONE_NUMBER_EXISTS"));
    let lookup = "/v1/phone_numbers/lookup?number=%2B14155550100";
    assert_eq!(
        town.client().ok(Get, lookup, None).await["id"],
        number["id"]
    );
    assert_eq!(refused(&other, Get, lookup, None).await.0, 404);
    let uri = format!("/v1/providers/{}", id_of(&provider));
    let (status, reason) = refused(town.client(), Delete, &uri, None).await;
    assert_eq!((status, &*reason), (409, "PROVIDER_IN_USE"));
    let one = format!("/v1/phone_numbers/{}", id_of(&number));
    town.client().ok(Delete, &one, None).await;
    assert_eq!(refused(town.client(), Get, lookup, None).await.0, 404);
    let resolve = Some(json!({"number": OWN}));
    let gone = refused(operator, Post, "/v1/phone_numbers/resolve", resolve).await;
    assert_eq!(gone, (404, "PHONE_NUMBER_NOT_FOUND".to_owned()));
    other.ok(Post, "/v1/phone_numbers", Some(body)).await;
    town.client().ok(Delete, &uri, None).await;
    town.end().await;
}

#[rstest]
#[tokio::test]
async fn the_numbers_of_a_deleted_business_are_given_back_and_free(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind).await;
    let provider = town.provider().await;
    let bought = town.number("+14155550104", &provider, true).await;
    town.wait_for(&bought, "active").await;
    town.number(OWN, &provider, false).await;
    let operator = &town.world.operator;
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    operator.ok(Delete, &uri, None).await;
    until("the bought one is given back", async || {
        town.carrier.numbers().is_empty().then_some(())
    })
    .await;
    until("the account's secret is gone", async || {
        town.sealed().await.is_empty().then_some(())
    })
    .await;
    let other = json!({"name": "b"});
    let other = operator.ok(Post, "/v1/customers", Some(other)).await;
    let other = operator.within(id_of(&other));
    let theirs = other.ok(Post, "/v1/providers", Some(town.account())).await;
    for number in [OWN, "+14155550104"] {
        let body = json!({"number": number, "provider_id": theirs["id"]});
        other.ok(Post, "/v1/phone_numbers", Some(body)).await;
    }
    town.end().await;
}

#[tokio::test]
async fn a_deleted_provider_keeps_no_secret() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    assert!(!town.sealed().await.is_empty());
    let uri = format!("/v1/providers/{}", id_of(&provider));
    town.client().ok(Delete, &uri, None).await;
    assert_eq!(town.sealed().await, "");
    town.end().await;
}

#[tokio::test]
async fn the_secret_of_a_deleted_business_stays_while_a_number_is_to_be_given_back() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    let number = town.number("+14155550107", &provider, true).await;
    town.wait_for(&number, "active").await;
    town.carrier.fail(Route::Owned, Fault::Code(20003), 1);
    let operator = &town.world.operator;
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    operator.ok(Delete, &uri, None).await;
    let uri = format!("/v1/phone_numbers/{}", id_of(&number));
    until("it could not be given back", async || {
        let row = operator.ok(Get, &uri, None).await;
        (text(&row, "status") == "release_failed").then_some(())
    })
    .await;
    assert!(!town.sealed().await.is_empty());
    operator.ok(Delete, &uri, None).await;
    until("the account's secret is gone", async || {
        town.sealed().await.is_empty().then_some(())
    })
    .await;
    town.end().await;
}

#[tokio::test]
async fn a_suspended_business_is_told_as_such() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    town.number(OWN, &provider, false).await;
    let operator = &town.world.operator;
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    for (status, is_suspended) in [("suspended", true), ("active", false)] {
        let body = json!({ "status": status });
        operator.ok(Put, &uri, Some(body)).await;
        let body = json!({ "number": OWN });
        let line = operator
            .ok(Post, "/v1/phone_numbers/resolve", Some(body))
            .await;
        assert_eq!(line["suspended"], json!(is_suspended), "{line}");
    }
    town.end().await;
}
