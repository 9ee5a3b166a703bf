//! The states of a call: what may follow what, what changes nothing, and what ends a hold.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id, reason, text};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn states_follow_each_other_and_no_others(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(100_000, json!({})).await;
    world.profile(&buyer, &campaign, 10, json!({})).await;
    // What a call is brought to, and what it refuses there.
    let cases: &[(&[&str], &[&str])] = &[
        (
            &[],
            &[
                "queued",
                "ringing",
                "in_progress",
                "completed",
                "busy",
                "no_answer",
            ],
        ),
        (
            &["route"],
            &["pending", "in_progress", "completed", "busy", "no_answer"],
        ),
        (&["route", "ringing"], &["pending", "queued", "completed"]),
        (
            &["route", "ringing", "in_progress"],
            &["pending", "queued", "ringing", "busy", "no_answer"],
        ),
        (
            &["route", "ringing", "in_progress", "completed"],
            &[
                "pending",
                "queued",
                "ringing",
                "in_progress",
                "failed",
                "canceled",
            ],
        ),
        (&["canceled"], &["queued", "ringing", "failed", "completed"]),
        (&["route", "failed"], &["queued", "ringing", "canceled"]),
    ];
    for (way, refused) in cases {
        let call = world.call(&campaign).await;
        for step in *way {
            if *step == "route" {
                assert_eq!(world.route(&call).await.0, 200);
            } else {
                world.reports(&call, &[step]).await;
            }
        }
        let before = world.get("calls", &call).await;
        for state in *refused {
            let reply = world.report(&call, json!({"status": state})).await;
            assert_eq!(
                reason(&reply),
                (409, "INVALID_CALL_STATE"),
                "{way:?} {state}"
            );
            let detail = &reply.1["details"][0];
            assert_eq!(detail["status"], before["status"]);
            let allowed = detail["allowed"].as_array().unwrap();
            assert!(!allowed.contains(&json!(state)), "{way:?} {detail}");
            let is_over = ["completed", "failed", "canceled"].contains(&text(&before, "status"));
            assert_eq!(allowed.is_empty(), is_over, "{way:?} {detail}");
        }
        let again = world
            .report(&call, json!({"status": before["status"]}))
            .await;
        assert_eq!(
            again,
            (200, before.clone()),
            "the same state changes nothing"
        );
        assert_eq!(world.get("calls", &call).await, before);
    }
    assert_eq!(world.money(&buyer).await.1, 30, "three calls are open");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn busy_goes_on_to_the_next_buyer_and_a_late_busy_frees_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let first = world.buyer(1_000, json!({"name": "first"})).await;
    let second = world.buyer(1_000, json!({"name": "second"})).await;
    world.profile(&first, &campaign, 500, json!({})).await;
    world.profile(&second, &campaign, 400, json!({})).await;
    let call = world.call(&campaign).await;
    let (_, routed) = world.route(&call).await;
    assert_eq!(routed["buyer_id"], json!(first));
    let first_bid = routed["bid_id"].clone();
    world.reports(&call, &["ringing"]).await;
    let (_, next) = world
        .report(&call, json!({"status": "busy", "bid_id": first_bid}))
        .await;
    assert_eq!(
        (&next["status"], &next["buyer_id"]),
        (&json!("queued"), &json!(second))
    );
    assert_eq!(next["attempts"][0]["outcome"], "busy");
    assert_eq!(
        (world.money(&first).await, world.money(&second).await.1),
        ((1_000, 0), 400)
    );

    world.reports(&call, &["ringing"]).await;
    let before = world.get("calls", &call).await;
    for status in ["busy", "no_answer", "failed", "completed"] {
        let late = world
            .report(&call, json!({"status": status, "bid_id": first_bid}))
            .await;
        assert_eq!(late, (200, before.clone()), "{status}");
    }
    assert_eq!(world.money(&second).await, (1_000, 400));

    let (status, ended) = world
        .report(
            &call,
            json!({"status": "failed", "bid_id": before["bid_id"]}),
        )
        .await;
    assert_eq!((status, &ended["status"]), (200, &json!("no_answer")));
    assert_eq!(ended["reason"], "NO_BIDS_AVAILABLE");
    assert_eq!(ended["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(world.money(&second).await, (1_000, 0));
    let quality = |account: serde_json::Value| account["quality"].clone();
    let (busy, failed) = (
        quality(world.get("accounts", &first).await),
        quality(world.get("accounts", &second).await),
    );
    assert_eq!(
        (&busy["answer"], &busy["reliability"]),
        (&json!(0.0), &json!(null))
    );
    assert_eq!(
        (&failed["answer"], &failed["reliability"]),
        (&json!(0.0), &json!(0.0)),
        "a leg that failed was not reliable"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_more_buyers_are_tried_than_the_campaign_allows(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"max_attempts": 2})).await;
    for amount in [300, 200, 100] {
        let buyer = world.buyer(1_000, json!({})).await;
        world.profile(&buyer, &campaign, amount, json!({})).await;
    }
    let call = world.call(&campaign).await;
    world.route(&call).await;
    world
        .reports(&call, &["ringing", "no_answer", "ringing"])
        .await;
    let ended = world.reports(&call, &["busy"]).await;
    assert_eq!(
        (text(&ended, "status"), text(&ended, "reason")),
        ("busy", "MAX_ATTEMPTS")
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn completion_told_three_times_is_one_capture(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 250, json!({})).await;
    let call = world.call(&campaign).await;
    world.route(&call).await;
    world.reports(&call, &["ringing", "in_progress"]).await;
    for key in ["one", "one", "two"] {
        let uri = format!("/v1/calls/{call}/status");
        let body = json!({"status": "completed", "duration_seconds": 60});
        let (status, _) = world
            .client
            .call_keyed(Post, &uri, Some(body), Some(key))
            .await;
        assert_eq!(status, 200);
    }
    assert_eq!(world.money(&buyer).await, (750, 0));
    let uri = "/v1/ledger_entries?kind=capture";
    let captures = world.client.ok(Get, uri, None).await;
    assert_eq!(captures.as_array().unwrap().len(), 2, "{captures}");
    world.end().await;
}

#[rstest]
#[case::too_short(json!({"kind": "duration", "threshold_seconds": 90}), None, false)]
#[case::long_enough(json!({"kind": "duration", "threshold_seconds": 60}), None, true)]
#[case::pressed(json!({"kind": "press1"}), Some(true), true)]
#[case::not_pressed(json!({"kind": "press1"}), Some(false), false)]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_paid_when_it_converted(
    #[case] conversion: serde_json::Value,
    #[case] told: Option<bool>,
    #[case] paid: bool,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"conversion": conversion})).await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 250, json!({})).await;
    let call = world.call(&campaign).await;
    world.route(&call).await;
    world
        .reports(&call, &["ringing", "in_progress", "completed"])
        .await;
    if let Some(converted) = told {
        assert_eq!(world.money(&buyer).await, (1_000, 250), "it waits");
        let uri = format!("/v1/calls/{call}/conversion");
        let wrong = json!({"kind": "postback", "converted": converted});
        let wrong = world.client.call(Post, &uri, Some(wrong)).await;
        assert_eq!(reason(&wrong), (400, "INVALID_FIELD"));
        let body = json!({"kind": "press1", "converted": converted});
        for _ in 0..2 {
            let reply = world.client.call(Post, &uri, Some(body.clone())).await;
            assert_eq!(reply.0, 200, "{reply:?}");
        }
        let other = json!({"kind": "press1", "converted": !converted});
        let other = world.client.call(Post, &uri, Some(other)).await;
        assert_eq!(reason(&other), (409, "INVALID_CALL_STATE"));
    }
    let expected = if paid { (750, 0) } else { (1_000, 0) };
    assert_eq!(world.money(&buyer).await, expected);
    world.end().await;
}

#[rstest]
#[case::no_answer(&[], 31, "no_answer", "")]
#[case::endless(&["ringing", "in_progress"], 4 * 3_600 + 1, "failed", "end")]
#[case::never_told(
    &["ringing", "in_progress", "completed"], 24 * 3_600 + 1, "completed", "conversion"
)]
#[tokio::test(flavor = "multi_thread")]
async fn a_durable_timer_ends_every_hold(
    #[case] reports: &[&str],
    #[case] seconds: i64,
    #[case] status: &str,
    #[case] uncharged: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world
        .campaign(json!({"conversion": {"kind": "postback"}}))
        .await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 250, json!({})).await;
    let call = world.call(&campaign).await;
    world.route(&call).await;
    world.reports(&call, reports).await;
    assert_eq!(world.money(&buyer).await, (1_000, 250));
    world.clock.shift(seconds * 1_000_000);
    until("the hold is gone", async || {
        (world.money(&buyer).await == (1_000, 0)).then_some(())
    })
    .await;
    let call = world.get("calls", &call).await;
    assert_eq!(text(&call, "status"), status);
    for missing in ["answer", "end", "conversion"] {
        let expected = u64::from(missing == uncharged);
        assert_eq!(world.uncharged(missing), expected, "{missing}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_unique_and_a_number_finds_its_campaign(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({"numbers": ["(415) 555-0100"]})).await;
    let body = json!({
        "from_number": "415-555-0123", "to_number": "+14155550100", "reference": "CA1",
    });
    let made = world.client.ok(Post, "/v1/calls", Some(body.clone())).await;
    assert_eq!(made["call_campaign_id"], json!(campaign));
    assert_eq!(made["from_number"], "+14155550123");
    let again = world
        .client
        .call(Post, "/v1/calls", Some(body.clone()))
        .await;
    assert_eq!(reason(&again), (409, "CALL_EXISTS"));
    for source in ["sip", "twilio", "ping"] {
        let mut body = body.clone();
        body["source"] = json!(source);
        let carrier = world.client.call(Post, "/v1/calls", Some(body)).await;
        assert_eq!(reason(&carrier), (400, "INVALID_FIELD"), "{source}");
        assert!(
            text(&carrier.1, "message").starts_with("source "),
            "{carrier:?}"
        );
    }
    let nobody = json!({"from_number": "+14155550123", "to_number": "+14155550101"});
    let nobody = world.client.call(Post, "/v1/calls", Some(nobody)).await;
    assert_eq!(reason(&nobody), (400, "INVALID_FIELD"));
    let seller = world.account("seller", json!({})).await;
    let body = json!({"name": "other", "seller_id": seller, "numbers": ["+14155550100"]});
    let taken = world
        .client
        .call(Post, "/v1/call_campaigns", Some(body))
        .await;
    assert_eq!(reason(&taken), (409, "NUMBER_TAKEN"));
    assert_ne!(id(&made), "");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_converts_by_the_terms_it_was_won_under(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world
        .campaign(json!({"conversion": {"kind": "postback"}}))
        .await;
    let buyer = world.buyer(1_000, json!({})).await;
    world.profile(&buyer, &campaign, 400, json!({})).await;
    let uri = format!("/v1/call_campaigns/{campaign}");
    let (told, timed) = (world.call(&campaign).await, world.call(&campaign).await);
    assert_eq!(world.route(&told).await.0, 200);
    let change = json!({"conversion": {"kind": "duration", "threshold_seconds": 30}});
    world.client.ok(Put, &uri, Some(change)).await;
    assert_eq!(world.route(&timed).await.0, 200);
    let change = json!({"conversion": {"kind": "duration", "threshold_seconds": 86_400}});
    world.client.ok(Put, &uri, Some(change)).await;
    world.client.ok(Delete, &uri, None).await;

    let states = ["ringing", "in_progress", "completed"];
    assert_eq!(world.reports(&timed, &states).await["converted"], true);
    assert_eq!(world.reports(&told, &states).await["converted"], Json::Null);
    let body = json!({"kind": "postback", "converted": true});
    let uri = format!("/v1/calls/{told}/conversion");
    let told = world.client.ok(Post, &uri, Some(body)).await;
    assert_eq!(told["converted"], true);
    assert_eq!(told.get("conversion"), None, "it is our own note");
    assert_eq!(world.money(&buyer).await, (200, 0));
    world.end().await;
}

#[rstest]
#[case::behind("CA1 ")]
#[case::before(" CA1")]
#[case::wide("\u{3000}CA1\u{2003}")]
#[tokio::test(flavor = "multi_thread")]
async fn white_space_around_a_reference_makes_no_other_call(
    #[case] spaced: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let campaign = world.campaign(json!({})).await;
    let body = |reference: &str| {
        json!({
            "call_campaign_id": campaign, "from_number": "+14155550123", "to_number": "+14155550100",
            "reference": reference,
        })
    };
    let made = world.client.ok(Post, "/v1/calls", Some(body(spaced))).await;
    assert_eq!(text(&made, "reference"), "CA1");
    for reference in ["CA1", spaced] {
        let again = Some(body(reference));
        let again = world.client.call(Post, "/v1/calls", again).await;
        assert_eq!(reason(&again), (409, "CALL_EXISTS"), "{reference:?}");
        let filter = Some(json!({"reference": reference}));
        let found = world.client.ok(Get, "/v1/calls", filter).await;
        assert_eq!(found[0]["id"], made["id"], "{reference:?}: {found}");
        let report = json!({"reference": reference, "status": "canceled"});
        let told = world
            .client
            .ok(Post, "/v1/calls/status", Some(report))
            .await;
        assert_eq!(told["id"], made["id"], "{reference:?}");
    }
    let blank = Some(body(" "));
    let blank = world.client.ok(Post, "/v1/calls", blank).await;
    assert_eq!(blank["reference"], Json::Null);
    world.end().await;
}
