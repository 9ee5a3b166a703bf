//! Results of calls, whatever order, route and words they come in.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method::{self, Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    given::{Given, now},
    world::{World, id_of, list, refused, text},
};

/// Every way to tell of a call under its uniqueid: method, uri, body; WORD stands for how it went.
const ROUTES: [(Method, &str, &str); 6] = [
    (
        Post,
        "/v1/calls/report",
        r#"{"uniqueid": "UNIQUEID", "call_result": "WORD"}"#,
    ),
    (
        Post,
        "/v1/call-results",
        r#"{"uniqueid": "UNIQUEID", "disposition": "WORD"}"#,
    ),
    (
        Post,
        "/v1/call-results",
        r#"{"uniqueid": "UNIQUEID", "dialStatus": "WORD", "source": "h-extension-v9"}"#,
    ),
    (
        Post,
        "/v1/vicidial/call-result",
        r#"{"uniqueid": "UNIQUEID", "result": "WORD"}"#,
    ),
    (
        Get,
        "/v1/vicidial/dispo?uniqueid=UNIQUEID&dispo=WORD",
        "null",
    ),
    (
        Get,
        "/v1/vicidial/no-agent?uniqueid=UNIQUEID&status=WORD",
        "null",
    ),
];
const NONE: [&str; 6] = [
    "NOANSWER",
    "CANCEL",
    "BUSY",
    "CONGESTION",
    "CHANUNAVAIL",
    "FAILED",
];

async fn tell(world: &World, route: (Method, &str, &str), uniqueid: &str, word: &str) -> Json {
    let (method, uri, body) = route;
    let fill = |text: &str| text.replace("UNIQUEID", uniqueid).replace("WORD", word);
    let body: Json = serde_json::from_str(&fill(body)).unwrap();
    world.client.ok(method, &fill(uri), Some(body)).await
}

async fn world(kind: Kind) -> (World, Json) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": "+12125550100"})).await;
    (world, did)
}

async fn outcome(world: &World, usage: Uuid) -> String {
    let uri = format!("/v1/usages/{usage}");
    text(&world.client.ok(Get, &uri, None).await, "outcome").to_owned()
}

#[rstest]
#[tokio::test]
async fn an_answer_beats_none_from_every_route_in_either_order(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let mut calls = 0;
    for answered in ROUTES {
        for (n, other) in ROUTES.into_iter().enumerate() {
            for first in [true, false] {
                calls += 1;
                let uniqueid = format!("1795000000.{calls}");
                let usage = world
                    .give(&Given {
                        uniqueid: uniqueid.clone(),
                        ..Given::new(world.customer_id, id_of(&did))
                    })
                    .await;
                let none = NONE[n];
                let words = if first {
                    [(answered, "ANSWER"), (other, none)]
                } else {
                    [(other, none), (answered, "ANSWER")]
                };
                for (route, word) in words {
                    tell(&world, route, &uniqueid, word).await;
                }
                let said = format!("{} ANSWER, {} {none}, {first}", answered.1, other.1);
                assert_eq!(outcome(&world, usage).await, "human", "{said}");
            }
        }
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_disposition_that_is_unknown_is_none(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, did) = world(kind).await;
    for (n, word) in ["UNKNOWN", "unknown", "None", "N/A"]
        .into_iter()
        .enumerate()
    {
        for (m, known) in [("SALE", "human"), ("AA", "machine"), ("BUSY", "busy")]
            .into_iter()
            .enumerate()
        {
            let uniqueid = format!("1.{n}{m}");
            let usage = world
                .give(&Given {
                    uniqueid: uniqueid.clone(),
                    ..Given::new(world.customer_id, id_of(&did))
                })
                .await;
            let body = json!({
                "uniqueid": uniqueid, "call_result": "NOANSWER", "disposition": word, "call_duration": "37",
            });
            world.client.ok(Post, "/v1/calls/report", Some(body)).await;
            assert_eq!(outcome(&world, usage).await, "no_answer", "{word}");
            tell(&world, ROUTES[4], &uniqueid, word).await;
            let expected = if known.0 == "BUSY" { "busy" } else { known.1 };
            tell(&world, ROUTES[1], &uniqueid, known.0).await;
            tell(&world, ROUTES[4], &uniqueid, word).await;
            assert_eq!(outcome(&world, usage).await, expected, "{word} {known:?}");
            let seen = world
                .client
                .ok(Get, &format!("/v1/usages/{usage}"), None)
                .await;
            assert_eq!(text(&seen, "disposition"), known.0);
        }
    }
    world.end().await;
}

/// As an older script tells it: no person, no id.
fn older(seconds: i32) -> Json {
    json!({
        "phoneNumber": "+12125550100", "campaign_id": "SALES", "agent_id": "7", "result": "answered",
        "duration": seconds,
    })
}

#[rstest]
#[tokio::test]
async fn a_result_that_names_nobody_is_of_the_only_call_that_can_be_meant(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let other = world.did(json!({"number": "+12125550101"})).await;
    let give = async |ago: u64, campaign: &str| {
        let given = Given {
            at: now().minus(Duration::from_secs(ago)),
            campaign: campaign.to_owned(),
            ..Given::new(world.customer_id, id_of(&did))
        };
        world.give(&given).await
    };
    let uri = "/v1/vicidial/call-result";
    // Nothing was given yet; then only a call too long ago, one of another campaign, and one of another number.
    let reply = world.client.ok(Post, uri, Some(older(30))).await;
    assert_eq!(reply["matched"], json!(false));
    give(900, "SALES").await;
    give(20, "OTHER").await;
    world
        .give(&Given {
            number: "+12125550101".to_owned(),
            ..Given::new(world.customer_id, id_of(&other))
        })
        .await;
    let reply = world.client.ok(Post, uri, Some(older(30))).await;
    assert_eq!(reply["matched"], json!(false), "{reply}");

    let usage = give(40, "SALES").await;
    let reply = world.client.ok(Post, uri, Some(older(30))).await;
    assert_eq!(text(&reply, "usage_id"), usage.to_string(), "{reply}");
    assert!(text(&reply, "answerRate").ends_with('%'), "{reply}");
    // Its end is known now: the same once more is of no call.
    let reply = world.client.ok(Post, uri, Some(older(30))).await;
    assert_eq!(reply["matched"], json!(false), "{reply}");

    // Two whose ends are not known: neither is guessed, by this route or by another.
    let [one, two] = [give(35, "SALES").await, give(25, "SALES").await];
    let hangup = json!({
        "phoneNumber": "2125550100", "customerPhone": "", "campaignId": "SALES", "dialStatus": "BUSY",
        "source": "h-extension",
    });
    for (uri, body) in [(uri, older(30)), ("/v1/call-results", hangup)] {
        let reply = world.client.ok(Post, uri, Some(body)).await;
        assert_eq!(reply["matched"], json!(false), "{reply}");
    }
    assert_eq!(
        [outcome(&world, one).await, outcome(&world, two).await],
        ["", ""]
    );
    let kept = list(
        world
            .client
            .ok(Get, "/v1/callresults?number=2125550100", None)
            .await,
    );
    assert_eq!(kept.len(), 5);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_call_whose_length_is_told_wrong_is_found_by_our_number(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let usage = world
        .give(&Given::new(world.customer_id, id_of(&did)))
        .await;
    let reply = world
        .client
        .ok(Post, "/v1/vicidial/call-result", Some(older(600)))
        .await;
    assert_eq!(text(&reply, "usage_id"), usage.to_string(), "{reply}");
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_result_that_tells_when_its_call_began_is_of_the_number_given_before(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let start = now();
    let at = |ago: u64| start.minus(Duration::from_secs(ago));
    let mut usages = Vec::new();
    for ago in [100, 60, 20] {
        let given = Given {
            at: at(ago),
            ..Given::new(world.customer_id, id_of(&did))
        };
        usages.push(world.give(&given).await);
    }
    // The customer of this world has its days in UTC.
    let local = |ago| {
        at(ago)
            .to_string()
            .replace('T', " ")
            .get(..19)
            .unwrap()
            .to_owned()
    };
    let epoch = |ago| at(ago).micros() / 1_000_000;
    let told: [(&str, Json, usize); 6] = [
        (
            "/v1/call-results",
            json!({"phoneNumber": "4155550123", "startEpoch": epoch(95).to_string()}),
            0,
        ),
        (
            "/v1/call-results",
            json!({"phoneNumber": "4155550123", "callDate": local(55)}),
            1,
        ),
        (
            "/v1/call-results",
            json!({"phoneNumber": "4155550123", "start_epoch": epoch(15)}),
            2,
        ),
        (
            "/v1/call-results",
            json!({"phoneNumber": "2125550100", "customerPhone": "4155550123", "startEpoch": epoch(70)}),
            0,
        ),
        (
            "/v1/calls/report",
            json!({"customer_phone": "4155550123", "call_duration": "10", "timestamp": epoch(40)}),
            1,
        ),
        (
            "/v1/vicidial/call-result",
            json!({"phoneNumber": "2125550100", "customer_phone": "4155550123", "callDate": local(10)}),
            2,
        ),
    ];
    for (uri, mut body, expected) in told {
        body["campaign_id"] = json!("SALES");
        let reply = world.client.ok(Post, uri, Some(body.clone())).await;
        assert_eq!(
            text(&reply, "usage_id"),
            usages[expected].to_string(),
            "{uri} {body}"
        );
    }
    let reply = world
        .client
        .ok(
            Get,
            "/v1/vicidial/dispo?phone=4155550123&campaign_id=SALES&dispo=NI",
            None,
        )
        .await;
    assert_eq!(
        text(&reply, "usage_id"),
        usages[2].to_string(),
        "the newest"
    );
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_report_of_a_number_that_is_not_ours_is_kept_by_itself(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, did) = world(kind).await;
    let given = world
        .give(&Given {
            uniqueid: "1.1".to_owned(),
            ..Given::new(world.customer_id, id_of(&did))
        })
        .await;
    let body = |number: &str| {
        json!({
            "phoneNumber": number, "customerPhone": "4155550123", "uniqueid": "1.1", "campaignId": "SALES",
            "dialStatus": "BUSY",
        })
    };
    let reply = world
        .client
        .ok(Post, "/v1/call-results", Some(body("3125550199")))
        .await;
    assert_eq!(reply["matched"], json!(false));
    assert_eq!(outcome(&world, given).await, "");
    let kept = list(world.client.ok(Get, "/v1/callresults", None).await);
    assert_eq!(text(&kept[0], "number"), "+13125550199");
    // A text that is no number leaves none behind.
    let reply = world.client.ok(Post, "/v1/call-results", Some(json!({
        "phoneNumber": "5550199", "customerPhone": "9175550123", "campaignId": "SALES", "dialStatus": "BUSY",
    }))).await;
    assert_eq!(reply["matched"], json!(false));
    let kept = list(
        world
            .client
            .ok(Get, "/v1/callresults?phone_last4=0123", None)
            .await,
    );
    assert!(
        kept.iter().any(|row| text(row, "number").is_empty()),
        "{kept:?}"
    );
    assert!(
        list(
            world
                .client
                .ok(Get, "/v1/dids?number=3125550199", None)
                .await
        )
        .is_empty()
    );
    let reply = world
        .client
        .ok(Post, "/v1/call-results", Some(body("2125550100")))
        .await;
    assert_eq!(text(&reply, "usage_id"), given.to_string());
    world.end().await;
}

#[rstest]
#[case(Post, "/v1/call-results", json!({"phoneNumber": "1"}))]
#[case(Post, "/v1/call-results", json!({"phoneNumber": "1", "customerPhone": "2", "dialStatus": "BUSY"}))]
#[case(Post, "/v1/call-results", json!({"uniqueid": null, "phoneNumber": "55501"}))]
#[case(Post, "/v1/call-results", Json::Null)]
#[case(Post, "/v1/calls/report", json!({"customer_phone": "1", "call_result": "BUSY"}))]
#[case(Post, "/v1/calls/report", json!({"uniqueid": "\u{feff}", "call_result": "BUSY"}))]
#[case(Post, "/v1/calls/report", Json::Null)]
#[case(Post, "/v1/vicidial/call-result", json!({"phoneNumber": "123", "result": "busy"}))]
#[case(Post, "/v1/vicidial/call-result", json!({}))]
#[case(Get, "/v1/vicidial/dispo?phone=1&dispo=SALE", Json::Null)]
#[case(Get, "/v1/vicidial/no-agent?phone=&status=DROP", Json::Null)]
#[tokio::test]
async fn a_report_that_names_no_call_once_it_was_read_is_refused(
    #[case] method: Method,
    #[case] uri: &str,
    #[case] body: Json,
) {
    let world = World::new(Kind::Embedded).await;
    let no = refused(&world.client, method, uri, Some(body)).await;
    assert_eq!(no, (400, "CALL_NOT_NAMED".to_owned()));
    assert!(list(world.client.ok(Get, "/v1/callresults", None).await).is_empty());
    world.end().await;
}
