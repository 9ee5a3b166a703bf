//! Customers, users, and the walls between tenants.

use bin_common_handler::{
    ids,
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Client, Kind},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, id_of, list, refused, text, wait_for_events, wire};

const CUSTOMERS: &str = "/v1/customers";
const USERS: &str = "/v1/users";

fn names(rows: Json) -> Vec<String> {
    list(rows)
        .iter()
        .map(|row| text(row, "name").to_owned())
        .collect()
}

#[rstest]
#[tokio::test]
async fn a_customer_is_made_changed_and_deleted(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, json!({"name": "first"})).await;
    let events = world.operator.events().await;
    let id = ids::next();
    let fields = json!({
        "id": id, "name": "Acme", "timezone": "America/New_York", "day_start": "06:30", "did_daily_cap": 50,
        "dial_prefixes": ["9", "011"], "filler_campaigns": ["TEST"], "dispositions": {"SALE": "human"},
    });
    let made = world.operator.ok(Post, CUSTOMERS, Some(fields)).await;
    assert_eq!(
        (&made["id"], &made["customer_id"]),
        (&json!(id), &json!(id))
    );
    assert_eq!(made["dial_prefixes"], json!(["011", "9"]), "longest first");
    assert_eq!(
        (
            &made["did_daily_cap"],
            &made["did_hourly_cap"],
            &made["status"]
        ),
        (&json!(50), &json!(15), &json!("active"))
    );
    let uri = format!("{CUSTOMERS}/{id}");
    let body = json!({"did_daily_cap": null, "timezone": "UTC", "rate_burst": 7});
    let changed = world.operator.ok(Put, &uri, Some(body)).await;
    assert_eq!(
        (
            &changed["did_daily_cap"],
            &changed["timezone"],
            &changed["name"]
        ),
        (&json!(75), &json!("UTC"), &json!("Acme"))
    );
    assert_eq!(world.operator.ok(Get, &uri, None).await, changed);
    let again = json!({"id": id, "name": "Acme again"});
    let no = refused(&world.operator, Post, CUSTOMERS, Some(again)).await;
    assert_eq!(no, (409, "CUSTOMER_EXISTS".to_owned()));

    let deleted = world.operator.ok(Delete, &uri, None).await;
    assert_eq!(world.operator.ok(Delete, &uri, None).await, deleted);
    let live = format!("{CUSTOMERS}?deleted=false");
    assert_eq!(names(world.operator.ok(Get, &live, None).await), ["first"]);
    let expected = ["customer_created", "customer_updated", "customer_deleted"];
    wait_for_events(&events, &json!(id), &expected).await;

    let gone = Some(json!({"customer_id": id, "name": "x", "email": "a@b.c"}));
    for uri in [USERS, "/v1/accesskeys"] {
        let no = refused(&world.operator, Post, uri, gone.clone()).await;
        assert_eq!(no, (404, "CUSTOMER_NOT_FOUND".to_owned()), "{uri}");
    }
    world.end().await;
}

#[rstest]
#[case(json!({"timezone": "Mars/Olympus"}), "timezone must be a time zone")]
#[case(json!({"day_start": "25:00"}), "day_start must be a time of day")]
#[case(json!({"did_daily_cap": -1}), "did_daily_cap must be from 0")]
#[case(json!({"did_cooldown_seconds": "5m"}), "did_cooldown_seconds must be a whole number")]
#[case(json!({"warmup_daily_caps": []}), "warmup_daily_caps must have")]
#[case(json!({"dial_prefixes": ["x"]}), "dial_prefixes must hold digits")]
#[case(json!({"dispositions": {"SALE": "joy"}}), "dispositions.SALE must be one of human")]
#[case(json!({"status": "asleep"}), "status must be one of active, suspended")]
#[case(json!({"number_format": "e16"}), "number_format must be one of e164, 11, 10")]
#[tokio::test]
async fn a_wrong_field_of_a_customer_is_named(#[case] fields: Json, #[case] message: &str) {
    let world = World::new(Kind::Embedded).await;
    let uri = format!("{CUSTOMERS}/{}", world.customer_id);
    for (method, uri) in [(Post, CUSTOMERS), (Put, uri.as_str())] {
        let (status, error) = world.operator.call(method, uri, Some(fields.clone())).await;
        assert_eq!(status, 400, "{error}");
        assert!(text(&error, "message").starts_with(message), "{error}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn customers_are_the_operators_business(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, json!({"name": "mine"})).await;
    let other = world
        .operator
        .ok(Post, CUSTOMERS, Some(json!({"name": "other"})))
        .await;
    let own = format!("{CUSTOMERS}/{}", world.customer_id);
    let body = || Some(json!({"name": "x", "did_daily_cap": 0}));
    for (method, uri) in [
        (Post, CUSTOMERS),
        (Put, own.as_str()),
        (Delete, own.as_str()),
    ] {
        let no = refused(&world.client, method, uri, body()).await;
        assert_eq!(no, (403, "OPERATOR_ONLY".to_owned()), "{method} {uri}");
    }
    assert_eq!(names(world.client.ok(Get, CUSTOMERS, None).await), ["mine"]);
    assert_eq!(
        text(&world.client.ok(Get, &own, None).await, "name"),
        "mine"
    );
    let foreign = format!("{CUSTOMERS}/{}", text(&other, "id"));
    assert_eq!(refused(&world.client, Get, &foreign, None).await.0, 404);
    assert_eq!(list(world.operator.ok(Get, CUSTOMERS, None).await).len(), 2);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn an_email_belongs_to_one_live_user(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let ana = json!({"email": " Ana@Example.COM", "name": "Ana", "role": "supervisor"});
    let user = world.client.ok(Post, USERS, Some(ana.clone())).await;
    assert_eq!(
        (&user["email"], &user["role"]),
        (&json!("ana@example.com"), &json!("supervisor"))
    );
    let taken = (409, "USER_EXISTS".to_owned());
    assert_eq!(
        refused(&world.client, Post, USERS, Some(ana.clone())).await,
        taken
    );
    let ben = json!({"email": "ben@example.com", "name": "Ben"});
    let ben = world.client.ok(Post, USERS, Some(ben)).await;
    assert_eq!(ben["role"], "viewer");
    let ben = format!("{USERS}/{}", text(&ben, "id"));
    let body = Some(json!({"email": "ANA@example.com"}));
    assert_eq!(refused(&world.client, Put, &ben, body).await, taken);

    let other = world.operator.ok(Post, CUSTOMERS, Some(json!({}))).await;
    let stranger = world.operator.within(id_of(&other));
    stranger.ok(Post, USERS, Some(ana.clone())).await;
    let uri = format!("{USERS}/{}", text(&user, "id"));
    world.client.ok(Delete, &uri, None).await;
    world.client.ok(Post, USERS, Some(ana)).await;

    let changed = world
        .client
        .ok(Put, &ben, Some(json!({"role": "admin"})))
        .await;
    assert_eq!(
        (&changed["role"], &changed["name"]),
        (&json!("admin"), &json!("Ben"))
    );
    let query = format!("{USERS}?email=ben%40example.com");
    assert_eq!(names(world.client.ok(Get, &query, None).await), ["Ben"]);
    world.end().await;
}

#[rstest]
#[case(json!({"email": "ana"}), "email must be an address")]
#[case(json!({"email": "@example.com"}), "email must be an address")]
#[case(json!({"email": "a b@example.com"}), "email must be an address")]
#[case(json!({"name": "no mail"}), "email must be an address")]
#[case(json!({"email": "a@b.c", "role": "king"}), "role must be one of viewer")]
#[tokio::test]
async fn a_wrong_field_of_a_user_is_named(#[case] fields: Json, #[case] message: &str) {
    let world = World::new(Kind::Embedded).await;
    let (status, error) = world.client.call(Post, USERS, Some(fields)).await;
    assert_eq!(status, 400, "{error}");
    assert!(text(&error, "message").starts_with(message), "{error}");
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn without_a_scope_the_only_customer_is_meant(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let key = || Some(json!({"name": "k"}));
    let made = world.operator.ok(Post, "/v1/accesskeys", key()).await;
    assert_eq!(made["customer_id"], json!(world.customer_id));
    let other = world.operator.ok(Post, CUSTOMERS, Some(json!({}))).await;
    let no = refused(&world.operator, Post, "/v1/accesskeys", key()).await;
    assert_eq!(no, (400, "CUSTOMER_REQUIRED".to_owned()));
    let body = json!({"customer_id": other["id"]});
    let named = world
        .operator
        .ok(Post, "/v1/accesskeys", Some(body.clone()))
        .await;
    assert_eq!(named["customer_id"], other["id"]);
    let no = refused(&world.client, Post, "/v1/accesskeys", Some(body)).await;
    assert_eq!(no, (403, "CUSTOMER_MISMATCH".to_owned()));
    let body = Some(json!({"customer_id": ids::next()}));
    let no = refused(&world.operator, Post, "/v1/accesskeys", body).await;
    assert_eq!(no, (404, "CUSTOMER_NOT_FOUND".to_owned()));
    world.end().await;
}

#[rstest]
#[case("/v1/calls/report", json!({"customer_phone": "+14155550100", "call_result": "answered"}))]
#[case("/v1/call-results", json!({"phoneNumber": "4155550100", "uniqueid": "1.2"}))]
#[case("/v1/vicidial/call-result", json!({"customer_phone": "4155550100", "result": "answered"}))]
#[case("/v1/analytics/export", json!({}))]
#[tokio::test]
async fn the_body_names_the_customer_as_the_query_does(#[case] uri: &str, #[case] fields: Json) {
    let world = World::new(Kind::Embedded).await;
    let other = world.operator.ok(Post, CUSTOMERS, Some(json!({}))).await;
    let naming = |name: &str, id: Json| {
        let mut body = fields.clone();
        body[name] = id;
        Some(body)
    };
    for nobody in [json!(""), json!(null)] {
        let body = naming("customer_id", nobody);
        let no = refused(&world.operator, Post, uri, body.clone()).await;
        assert_eq!(no, (400, "CUSTOMER_REQUIRED".to_owned()));
        world.client.ok(Post, uri, body).await;
    }
    for name in ["customer_id", "Customer_ID"] {
        let named = naming(name, other["id"].clone());
        world.operator.ok(Post, uri, named.clone()).await;
        let no = refused(&world.client, Post, uri, named).await;
        assert_eq!(no, (403, "CUSTOMER_MISMATCH".to_owned()));
        let own = naming(name, json!(world.customer_id));
        world.client.ok(Post, uri, own).await;
        let unknown = naming(name, json!(ids::next()));
        let no = refused(&world.operator, Post, uri, unknown).await;
        assert_eq!(no, (404, "CUSTOMER_NOT_FOUND".to_owned()));
        let wrong = naming(name, json!("me"));
        assert_eq!(refused(&world.client, Post, uri, wrong).await.0, 400);
    }
    world.end().await;
}

/// What one tenant has, by the path under which it is.
async fn holding(client: &Client) -> Vec<String> {
    let user = json!({"email": "ana@example.com", "name": "Ana"});
    let made = [
        (USERS, client.ok(Post, USERS, Some(user)).await),
        (
            "/v1/accesskeys",
            client.ok(Post, "/v1/accesskeys", Some(json!({}))).await,
        ),
    ];
    made.iter()
        .map(|(path, row)| format!("{path}/{}", text(row, "id")))
        .collect()
}

#[rstest]
#[tokio::test]
async fn a_foreign_id_is_answered_as_an_unknown_one(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let other = world.operator.ok(Post, CUSTOMERS, Some(json!({}))).await;
    let theirs = world.operator.within(id_of(&other));
    let mut foreign = holding(&theirs).await;
    foreign.push(format!(
        "{CUSTOMERS}/{}",
        theirs.customer_id.unwrap_or_default()
    ));
    let body = |method| (method == Put).then(|| json!({"name": "taken over"}));
    for uri in &foreign {
        let before = theirs.ok(Get, uri, None).await;
        let (path, _) = uri.rsplit_once('/').unwrap();
        let unknown = format!("{path}/{}", Uuid::from_u128(1));
        for method in [Get, Put, Delete] {
            let said = wire(&world.client, method, uri, body(method)).await;
            let expected = wire(&world.client, method, &unknown, body(method)).await;
            assert_eq!(said, expected, "{method} {uri}");
            let is_wall = said.starts_with(r#"{"status_code":404,"#)
                || (path == CUSTOMERS && said.contains("OPERATOR_ONLY"));
            assert!(is_wall, "{method} {uri}: {said}");
        }
        assert_eq!(theirs.ok(Get, uri, None).await, before);
    }
    for path in [USERS, "/v1/accesskeys"] {
        let query = format!("{path}?customer_id={}", text(&other, "id"));
        for uri in [path, &query] {
            assert_eq!(world.client.ok(Get, uri, None).await, json!([]), "{uri}");
        }
    }
    world.end().await;
}
