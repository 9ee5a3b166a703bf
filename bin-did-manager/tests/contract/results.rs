//! Results of calls: every shape, matched, counted once, kept when their call is not known.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Client, Kind},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    given::{Given, now},
    world::{World, id_of, list, refused, text},
};

#[derive(Debug, PartialEq, bin_common_handler::FromRow)]
struct Performance {
    calls: i64,
    answered: i64,
    human: i64,
    duration_seconds: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Sums {
    answered: i64,
    human: i64,
    duration_seconds: i64,
}

async fn world(kind: Kind) -> (World, Json) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": "+12125550100"})).await;
    (world, did)
}

async fn performance(world: &World, did: &Json) -> Option<Performance> {
    let sql =
        "SELECT calls, answered, human, duration_seconds FROM did_performances WHERE did_id = ?";
    let db = world.installation.db();
    db.fetch_optional(sql, vec![id_of(did).into()])
        .await
        .unwrap()
}

/// What the day's total says of answered calls.
async fn total(world: &World) -> (i64, i64, i64) {
    let sql = "SELECT CAST(COALESCE(SUM(answered), 0) AS SIGNED) AS answered, \
               CAST(COALESCE(SUM(human), 0) AS SIGNED) AS human, \
               CAST(COALESCE(SUM(duration_seconds), 0) AS SIGNED) AS duration_seconds FROM did_rollups \
               WHERE customer_id = ? AND kind = 'total' AND day % 100 > 0";
    let db = world.installation.db();
    let sums: Option<Sums> = db
        .fetch_optional(sql, vec![world.customer_id.into()])
        .await
        .unwrap();
    let sums = sums.unwrap();
    (sums.answered, sums.human, sums.duration_seconds)
}

async fn usage(client: &Client, id: Uuid) -> Json {
    client.ok(Get, &format!("/v1/usages/{id}"), None).await
}

#[rstest]
#[tokio::test]
async fn two_reporters_of_one_call_are_counted_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let given = world
        .give(&Given {
            uniqueid: "1795000000.12".to_owned(),
            ..Given::new(world.customer_id, id_of(&did))
        })
        .await;

    let body = json!({
        "campaign_id": "SALES", "customer_phone": "914155550123", "call_result": "ANSWER",
        "call_duration": "37", "uniqueid": "1795000000.12",
    });
    let reply = world.client.ok(Post, "/v1/calls/report", Some(body)).await;
    let expected = json!({"success": true, "matched": true, "usage_id": given.to_string(), "outcome": "human"});
    assert_eq!(reply, expected);
    assert_eq!(total(&world).await, (1, 1, 37));

    // The second one knows better, and finds the call by its person: it has another id for it.
    let uri =
        "/v1/vicidial/dispo?uniqueid=7.7&phone=4155550123&campaign_id=SALES&dispo=AA&talk_time=40";
    let reply = world.client.ok(Get, uri, None).await;
    assert_eq!(
        (&reply["matched"], &reply["outcome"]),
        (&json!(true), &json!("machine"))
    );
    let counted = Performance {
        calls: 1,
        answered: 1,
        human: 0,
        duration_seconds: 40,
    };
    assert_eq!(performance(&world, &did).await, Some(counted));
    assert_eq!(total(&world).await, (1, 0, 40));
    let seen = usage(&world.client, given).await;
    assert_eq!(
        (
            &seen["outcome"],
            &seen["disposition"],
            &seen["duration_seconds"]
        ),
        (&json!("machine"), &json!("AA"), &json!(40))
    );
    assert_ne!(seen["tm_result"], Json::Null);
    assert!(seen.get("phone_hash").is_none(), "{seen}");
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn every_shape_finds_its_call(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, did) = world(kind).await;
    let shapes: [(_, &str, Json, &str); 5] = [
        (
            Post,
            "/v1/calls/report",
            json!({"campaign_id": "SALES", "customer_phone": "PHONE", "call_result": "BUSY"}),
            "busy",
        ),
        (
            Post,
            "/v1/call-results",
            json!({"uniqueid": "1.1", "campaignId": "SALES", "phoneNumber": "PHONE", "disposition": "NA"}),
            "no_answer",
        ),
        (
            Post,
            "/v1/call-results",
            json!({
                "phoneNumber": "2125550100", "customerPhone": "PHONE", "campaignId": "SALES",
                "dialStatus": "CONGESTION", "source": "h-extension-v9",
            }),
            "congestion",
        ),
        (
            Post,
            "/v1/vicidial/call-result",
            json!({
                "phoneNumber": "+12125550100", "customer_phone": "PHONE", "campaign_id": "SALES",
                "result": "answered", "duration": 10,
            }),
            "human",
        ),
        (
            Get,
            "/v1/vicidial/no-agent?phone=PHONE&campaign_id=SALES&status=DROP",
            Json::Null,
            "dropped",
        ),
    ];
    for (n, (method, uri, body, outcome)) in shapes.into_iter().enumerate() {
        let phone = format!("415555020{n}");
        let given = world
            .give(&Given {
                phone: format!("+1{phone}"),
                ..Given::new(world.customer_id, id_of(&did))
            })
            .await;
        let body = body.to_string().replace("PHONE", &phone);
        let body: Json = serde_json::from_str(&body).unwrap();
        let reply = world
            .client
            .ok(method, &uri.replace("PHONE", &phone), Some(body))
            .await;
        assert_eq!(
            (text(&reply, "usage_id"), text(&reply, "outcome")),
            (given.to_string().as_str(), outcome),
            "{uri}"
        );
        let rate = uri.ends_with("/vicidial/call-result").then_some("25.00%");
        assert_eq!(reply["answerRate"].as_str(), rate, "{uri}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_result_of_an_unknown_call_is_kept_without_the_number(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    // Given too long ago to be of this call.
    world
        .give(&Given {
            at: now().minus(Duration::from_secs(31 * 60)),
            ..Given::new(world.customer_id, id_of(&did))
        })
        .await;
    let body = json!({
        "uniqueid": "9.9", "campaignId": "SALES", "phoneNumber": "4155550123", "disposition": "SALE",
        "duration": "12",
    });
    let reply = world.client.ok(Post, "/v1/call-results", Some(body)).await;
    assert_eq!(reply["matched"], json!(false));
    let kept = list(world.client.ok(Get, "/v1/callresults", None).await);
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (
            text(&kept[0], "uniqueid"),
            text(&kept[0], "outcome"),
            text(&kept[0], "phone_last4")
        ),
        ("9.9", "human", "0123")
    );
    assert!(!kept[0].to_string().contains("415555"), "{}", kept[0]);
    assert_eq!(performance(&world, &did).await, None);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_report_delivered_twice_is_taken_once(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, did) = world(kind).await;
    let given = Given::new(world.customer_id, id_of(&did));
    world.give(&given).await;
    let body =
        json!({"customer_phone": "4155550123", "call_result": "BUSY", "campaign_id": "SALES"});
    let unknown = json!({"uniqueid": "8.8", "call_result": "BUSY"});
    for (key, body) in [("one", &body), ("two", &unknown)] {
        let mut replies = Vec::new();
        for _ in 0..3 {
            let client = &world.client;
            let reply = client.call_keyed(Post, "/v1/calls/report", Some(body.clone()), Some(key));
            replies.push(reply.await);
        }
        assert!(
            replies.iter().all(|reply| *reply == replies[0]),
            "{replies:?}"
        );
    }
    let counted = performance(&world, &did).await.unwrap();
    assert_eq!((counted.calls, counted.answered), (1, 0));
    let kept = list(world.client.ok(Get, "/v1/callresults", None).await);
    assert_eq!(kept.len(), 1);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn reports_of_one_call_at_once_are_counted_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let given = Given {
        uniqueid: "1.1".to_owned(),
        ..Given::new(world.customer_id, id_of(&did))
    };
    world.give(&given).await;
    let dispositions = ["SALE", "AA", "NA", "B", "DROP", "NI", "ADC", "CALLBK"];
    let tell = |code: &'static str| {
        let body = json!({"uniqueid": "1.1", "customer_phone": "4155550123", "disposition": code, "call_duration": 9});
        let client = world.client.clone();
        async move { client.ok(Post, "/v1/calls/report", Some(body)).await }
    };
    futures_util::future::join_all(dispositions.map(tell)).await;
    let counted = Performance {
        calls: 1,
        answered: 1,
        human: 1,
        duration_seconds: 9,
    };
    assert_eq!(performance(&world, &did).await, Some(counted));
    assert_eq!(total(&world).await, (1, 1, 9));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn tenants_never_touch(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, did) = world(kind).await;
    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({"name": "other"})))
        .await;
    let stranger = world.operator.within(id_of(&other));
    let given = world
        .give(&Given {
            uniqueid: "1.1".to_owned(),
            ..Given::new(world.customer_id, id_of(&did))
        })
        .await;
    let body = json!({"uniqueid": "1.1", "customer_phone": "4155550123", "campaign_id": "SALES", "call_result": "BUSY"});
    let reply = stranger.ok(Post, "/v1/calls/report", Some(body)).await;
    assert_eq!(reply["matched"], json!(false));
    assert_eq!(usage(&world.client, given).await["outcome"], json!(""));
    assert!(list(world.client.ok(Get, "/v1/callresults", None).await).is_empty());
    assert!(list(stranger.ok(Get, "/v1/usages", None).await).is_empty());
    let uri = format!("/v1/usages/{given}");
    assert_eq!(
        refused(&stranger, Get, &uri, None).await,
        (404, "USAGE_NOT_FOUND".to_owned())
    );
    world.end().await;
}

#[tokio::test]
async fn a_report_that_names_no_call_is_refused() {
    let world = World::new(Kind::Embedded).await;
    let body = Some(json!({"campaign_id": "SALES", "disposition": "SALE"}));
    let no = refused(&world.client, Post, "/v1/call-results", body).await;
    assert_eq!(no, (400, "CALL_NOT_NAMED".to_owned()));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_number_earns_its_reputation_and_a_judged_one_keeps_it(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let judged =
        json!({"number": "+12125550101", "reputation": 11, "reputation_source": "carrier"});
    let judged = world.did(judged).await;
    for n in 0..20 {
        for did in [&did, &judged] {
            let uniqueid = format!("{n}.{}", text(did, "id"));
            world
                .give(&Given {
                    uniqueid: uniqueid.clone(),
                    ..Given::new(world.customer_id, id_of(did))
                })
                .await;
            let body = json!({
                "uniqueid": uniqueid, "customerPhone": "", "source": "h-extension", "dialStatus": "CONGESTION",
                "sipHangupCause": "607",
            });
            world.client.ok(Post, "/v1/call-results", Some(body)).await;
        }
    }
    let read = async |did: &Json| {
        let uri = format!("/v1/dids/{}", text(did, "id"));
        world.client.ok(Get, &uri, None).await
    };
    let earned = read(&did).await;
    assert_eq!(
        (&earned["reputation"], &earned["reputation_source"]),
        (&json!(0), &json!("calls"))
    );
    let kept = read(&judged).await;
    assert_eq!(
        (&kept["reputation"], &kept["reputation_source"]),
        (&json!(11), &json!("carrier"))
    );
    world.end().await;
}
