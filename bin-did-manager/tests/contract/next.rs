//! Giving numbers out: who gets which. How often each is given is for `caps`.

use bin_common_handler::{
    models::sock::{
        Method::{Get, Post, Put},
        Request,
    },
    testing::{Client, Kind},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, list, number, text};

/// Asks for a number; its status and body.
pub async fn next(client: &Client, query: &str) -> (u16, Json) {
    client
        .call(Get, &format!("/v1/dids/next?{query}"), None)
        .await
}

/// A number that must be given.
pub async fn given(client: &Client, query: &str) -> String {
    let (status, answer) = next(client, query).await;
    assert_eq!(status, 200, "{query}: {answer}");
    text(&answer, "selected_did").to_owned()
}

/// Why nothing is given.
pub async fn refusal(client: &Client, query: &str) -> String {
    let (status, answer) = next(client, query).await;
    assert_eq!(
        (status, text(&answer, "reason")),
        (503, "NO_DID_AVAILABLE"),
        "{answer}"
    );
    text(&answer["details"][0], "reason").to_owned()
}

const FREE: &str = r#"{"did_daily_cap":0,"did_hourly_cap":0,"did_cooldown_seconds":0}"#;

/// Limits that hold nobody up.
pub fn free() -> Json {
    serde_json::from_str(FREE).unwrap()
}

#[rstest]
#[tokio::test]
async fn one_answer_serves_every_script(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let did = world
        .did(json!({"number": number(415, 1), "carrier": "acme", "description": "desk"}))
        .await;
    let uri = "campaign_id=SALES&agent_id=0&customer_phone=4155559876&lead_id=7&uniqueid=1763.1";
    let (status, answer) = next(&world.client, uri).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["success"], true);
    assert_eq!(answer["data"], Json::Null, "only the bridge repeats it");
    assert_eq!(answer["selected_did"], did["number"]);
    assert_eq!(answer["selectedDID"], did["number"]);
    let given = &answer["did"];
    for (name, expected) in [
        ("id", &did["id"]),
        ("didId", &did["id"]),
        ("number", &did["number"]),
        ("phoneNumber", &did["number"]),
        ("carrier", &json!("acme")),
        ("description", &json!("desk")),
        ("state", &json!("CA")),
        ("areaCode", &json!("415")),
        ("algorithm", &json!("lru")),
        ("campaign_id", &json!("SALES")),
        ("agent_id", &json!("0")),
        ("is_fallback", &json!(false)),
    ] {
        assert_eq!(&given[name], expected, "{name}");
    }
    assert_eq!(
        given["metadata"],
        json!({"todayUsage": 1, "dailyLimit": 75, "totalCalls": 1, "state": "CA", "areaCode": "415"})
    );
    assert_eq!(answer["reason"]["tier"], "npa");
    let shown = world
        .client
        .ok(Get, &format!("/v1/dids/{}", text(&did, "id")), None)
        .await;
    assert_eq!(
        (&shown["calls_today"], &shown["calls_total"]),
        (&json!(1), &json!(1))
    );
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn the_nearest_number_that_may_be_used_is_given(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, json!({"did_daily_cap": 1})).await;
    // Nearest first: the exchange, the area code, its overlay, the state, a state beside it, any.
    let numbers = [
        "4155550001",
        "4152220001",
        "6285550001",
        "2135550001",
        "5035550001",
        "2125550001",
    ];
    for number in numbers {
        world.did(json!({"number": number})).await;
    }
    let tiers = [
        "npa_nxx",
        "npa",
        "overlay",
        "state",
        "bordering_state",
        "any",
    ];
    for (position, (number, tier)) in numbers.iter().zip(tiers).enumerate() {
        let (_, answer) = next(
            &world.client,
            &format!("customer_phone=4155559999&uniqueid=1.{position}"),
        )
        .await;
        assert_eq!(answer["selected_did"], format!("+1{number}"), "{answer}");
        assert_eq!(answer["reason"]["tier"], tier);
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_campaign_has_its_pool_and_falls_back_only_when_told_to(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, json!({"did_daily_cap": 1})).await;
    let own = world.did(json!({"number": number(415, 1)})).await;
    world.did(json!({"number": number(415, 2)})).await;
    let pool = json!({"name": "own", "did_ids": [own["id"]]});
    let pool = world.client.ok(Post, "/v1/didpools", Some(pool)).await;
    let body = json!({"vicidial_campaign_id": "A", "didpool_id": pool["id"]});
    let campaign = world.client.ok(Post, "/v1/campaigns", Some(body)).await;
    assert_eq!(
        given(&world.client, "campaign_id=A&customer_phone=4155550001").await,
        text(&own, "number")
    );
    assert_eq!(
        refusal(&world.client, "campaign_id=A&customer_phone=4155550002").await,
        "daily_cap"
    );
    let uri = format!("/v1/campaigns/{}", text(&campaign, "id"));
    world
        .client
        .ok(Put, &uri, Some(json!({"fallback": "tenant_pool"})))
        .await;
    let (_, answer) = next(&world.client, "campaign_id=A&customer_phone=4155550003").await;
    assert_eq!(
        (&answer["did"]["is_fallback"], &answer["reason"]["fallback"]),
        (&json!(true), &json!(true))
    );
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_dry_run_explains_and_counts_nothing(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, json!({"did_daily_cap": 1})).await;
    let did = world.did(json!({"number": number(415, 1)})).await;
    for _ in 0..3 {
        let (status, answer) = next(&world.client, "dry_run=true&customer_phone=4155550001").await;
        assert_eq!(
            (status, &answer["dry_run"], &answer["usage_id"]),
            (200, &json!(true), &Json::Null)
        );
        assert_eq!(answer["reason"]["daily_left"], 0);
    }
    let shown = world
        .client
        .ok(Get, &format!("/v1/dids/{}", text(&did, "id")), None)
        .await;
    assert_eq!(shown["calls_total"], 0);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_hang_up_script_is_given_nothing(#[values(Kind::Embedded)] kind: Kind) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": number(415, 1)})).await;
    for word in [
        "ANSWER",
        "BUSY",
        "NOANSWER",
        "CANCEL",
        "CONGESTION",
        "CHANUNAVAIL",
        "FAILED",
    ] {
        let (status, answer) = next(
            &world.client,
            &format!("customer_phone={word}&agent_id=4155550001"),
        )
        .await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["did"], Json::Null);
    }
    let shown = world
        .client
        .ok(Get, &format!("/v1/dids/{}", text(&did, "id")), None)
        .await;
    assert_eq!(shown["calls_total"], 0);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn tenants_with_the_same_number_never_touch(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, json!({"did_daily_cap": 1})).await;
    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({"did_daily_cap": 1})))
        .await;
    let other = world.operator.within(crate::world::id_of(&other));
    world.did(json!({"number": number(415, 1)})).await;
    other
        .ok(Post, "/v1/dids", Some(json!({"number": number(415, 1)})))
        .await;
    let query = "uniqueid=1.1&customer_phone=4155550001";
    given(&world.client, query).await;
    given(&other, query).await;
    assert_eq!(
        refusal(&world.client, "customer_phone=4155550002").await,
        "daily_cap"
    );
    let (status, error) = next(&world.operator, query).await;
    assert_eq!((status, text(&error, "reason")), (400, "CUSTOMER_REQUIRED"));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn garbage_in_any_parameter_is_no_fault_of_ours(#[values(Kind::Embedded)] kind: Kind) {
    let world = World::with(kind, free()).await;
    world.fill(415, 3).await;
    let names = [
        "campaign_id",
        "agent_id",
        "customer_phone",
        "dialed_number",
        "dialed_area_code",
        "customer_state",
        "customer_zip",
        "latitude",
        "longitude",
        "lead_id",
        "list_id",
        "uniqueid",
        "anything",
    ];
    let garbage = [
        "",
        "%00",
        "%F0%9F%98%80",
        "'%20OR%201=1--",
        "NaN",
        "-1",
        "999999999999999999999999",
        "%ff%fe",
        "+",
        "a=b",
    ];
    for name in names {
        for value in garbage {
            let (status, answer) = next(&world.client, &format!("{name}={value}")).await;
            assert_eq!(status, 200, "{name}={value}: {answer}");
        }
    }
    // No dialer sends these two: who does, means something by it.
    for name in ["dry_run", "format"] {
        for value in garbage
            .into_iter()
            .filter(|value| !["", "+"].contains(value))
        {
            let (status, answer) = next(&world.client, &format!("{name}={value}")).await;
            assert_eq!(status, 400, "{name}={value}: {answer}");
            assert!(text(&answer, "message").starts_with(name), "{answer}");
        }
    }
    let (status, _) = next(&world.client, &format!("campaign_id={}", "x".repeat(5_000))).await;
    assert_eq!(status, 200);
    let mut request = Request::new(Get, "/v1/dids/next?customer_id=nobody", "test");
    request.customer_id = world.client.customer_id;
    assert_eq!(world.client.send(&request).await.unwrap().status_code, 400);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_sticky_rule_shows_a_person_the_same_number(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, free()).await;
    world.fill(415, 10).await;
    let rule =
        json!({"name": "same again", "sticky": true, "priority": 1, "algorithm": "round_robin"});
    world
        .client
        .ok(Post, "/v1/rotation_rules", Some(rule))
        .await;
    let ask = |person: u32, call: u32| {
        format!("customer_phone=41555500{person:02}&uniqueid={person}.{call}")
    };
    let first = given(&world.client, &ask(1, 1)).await;
    let other = given(&world.client, &ask(2, 1)).await;
    assert_ne!(first, other);
    for call in 2..5 {
        let (_, answer) = next(&world.client, &ask(1, call)).await;
        assert_eq!(text(&answer, "selected_did"), first);
        assert_eq!(answer["reason"]["sticky"], true);
    }
    let did = list(
        world
            .client
            .ok(Get, &format!("/v1/dids?number=%2B{}", &first[1..]), None)
            .await,
    );
    let uri = format!("/v1/dids/{}", text(&did[0], "id"));
    world
        .client
        .ok(Put, &uri, Some(json!({"status": "flagged"})))
        .await;
    assert_ne!(
        given(&world.client, &ask(1, 9)).await,
        first,
        "a flagged number is not shown again"
    );
    world.end().await;
}
