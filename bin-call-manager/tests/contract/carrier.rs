//! A carrier's voice webhooks: signed, dialled, whispered, and told twice.

use std::collections::BTreeMap;

use bin_common_handler::{
    models::{
        raw::RawRequest,
        sock::{
            Method::{Get, Post},
            Request,
        },
    },
    redact::Secret,
    testing::{Kind, until},
    webhooks::twilio::{SIGNATURE, Signed},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, text};

const TOKEN: &str = "carrier token";
const FORM: &str = "application/x-www-form-urlencoded";
const SETTINGS: &[(&str, &str)] = &[("SECRETS_KEY", "0123456789abcdef0123456789abcdef")];

/// Sends a webhook as the bridge passes it on; status and XML.
async fn webhook(
    world: &World,
    campaign: &str,
    what: &str,
    fields: &str,
    token: &str,
) -> (u16, String) {
    let uri = format!("/v1/webhooks/call_campaigns/{campaign}/{what}");
    let url = format!("https://sip.example{uri}");
    let body = format!("AccountSid=AC1&From=%2B14155550123&To=%2B14155550100&{fields}");
    let signed = Signed {
        url: &url,
        content_type: FORM,
        body: body.as_bytes(),
    };
    let signature = signed.by(&Secret::new(token));
    let headers = BTreeMap::from([
        ("content-type".to_owned(), vec![FORM.to_owned()]),
        (SIGNATURE.to_owned(), vec![signature]),
    ]);
    let raw = RawRequest::new(Post, url.clone(), headers, body.as_bytes());
    let request = Request::new(Post, &uri, "http-bridge").json(&raw).unwrap();
    let reply = world.client.send(&request).await.unwrap();
    let body: Json = serde_json::from_str(reply.body()).unwrap();
    (reply.status_code, text(&body, "text").to_owned())
}

async fn campaign(world: &World) -> String {
    world
        .campaign(json!({
            "numbers": ["+14155550100"], "whisper": "A roofing call & more",
            "carrier_account": "AC1", "carrier_token": TOKEN,
        }))
        .await
}

fn bid_of(xml: &str) -> String {
    let (_, rest) = xml.split_once("dialed?bid_id=").unwrap();
    rest[..36].to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_dialled_to_one_buyer_after_the_other(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let first = world.buyer(10_000, json!({})).await;
    let second = world.buyer(10_000, json!({})).await;
    world.profile(&first, &campaign, 500, json!({})).await;
    let sip = json!({"destination": "sip:desk@pbx.example"});
    world.profile(&second, &campaign, 400, sip).await;
    let send =
        async |what: &str, fields: &str| webhook(&world, &campaign, what, fields, TOKEN).await;
    let (status, xml) = send("voice", "CallSid=CA1&CallStatus=ringing").await;
    assert_eq!(status, 200);
    assert!(
        xml.contains(">+14155550199</Number>") && xml.contains("answerOnBridge"),
        "{xml}"
    );
    let again = send("voice", "CallSid=CA1&CallStatus=ringing").await;
    assert_eq!(again, (200, xml.clone()), "the same call again");
    let spaced = send("voice", "CallSid=CA1+&CallStatus=ringing").await;
    assert_eq!(spaced, again, "white space makes no other call");
    assert_eq!(world.money(&first).await, (10_000, 500));
    let (_, said) = send("whisper", "CallSid=CA2&ParentCallSid=CA1").await;
    assert!(
        said.contains("<Say>A roofing call &amp; more</Say>"),
        "{said}"
    );

    let bid = bid_of(&xml);
    let leg = format!("leg?bid_id={bid}");
    send(&leg, "CallSid=CA2&ParentCallSid=CA1&CallStatus=ringing").await;
    let over = format!("dialed?bid_id={bid}");
    let (_, next) = send(&over, "CallSid=CA1&DialCallStatus=busy").await;
    assert!(next.contains(">sip:desk@pbx.example</Sip>"), "{next}");
    let twice = send(&over, "CallSid=CA1&DialCallStatus=busy").await;
    assert_eq!(
        twice,
        (200, next.clone()),
        "a callback twice changes nothing"
    );
    assert_eq!(world.money(&first).await, (10_000, 0));
    assert_eq!(world.money(&second).await, (10_000, 400));

    let over = format!("dialed?bid_id={}", bid_of(&next));
    let done = "CallSid=CA1&DialCallStatus=completed&DialCallDuration=61";
    for _ in 0..2 {
        let (status, xml) = send(&over, done).await;
        assert_eq!((status, xml.contains("<Hangup/>")), (200, true), "{xml}");
    }
    assert_eq!(world.money(&second).await, (9_600, 0));
    world.end().await;
}

#[rstest]
#[case::by_ping(true)]
#[case::without(false)]
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_again_sells_nothing_and_its_reports_find_their_call(
    #[case] is_pinged: bool,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    if is_pinged {
        let body = json!({"call_campaign_id": campaign, "from_number": "+14155550123"});
        let ping = world.client.ok(Post, "/v1/pings", Some(body)).await;
        let uri = format!("/v1/pings/{}/accept", text(&ping, "id"));
        world.client.ok(Post, &uri, None).await;
    }
    let send =
        async |what: &str, fields: &str| webhook(&world, &campaign, what, fields, TOKEN).await;
    let first = send("voice", "CallSid=CA1&CallStatus=ringing").await;
    assert!(first.1.contains("+14155550199"), "{first:?}");
    // Somebody's own system notes the carrier's id, under this campaign and another.
    let other = world.campaign(json!({})).await;
    for (campaign, number) in [(&campaign, "+14155550124"), (&other, "+14155550125")] {
        let body = json!({
            "call_campaign_id": campaign, "from_number": number, "to_number": "+14155550100",
            "reference": "CA1",
        });
        world.client.call(Post, "/v1/calls", Some(body)).await;
    }
    let again = join_all((0..4).map(|_| send("voice", "CallSid=CA1&CallStatus=ringing"))).await;
    assert!(again.iter().all(|reply| *reply == first), "{again:?}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));

    let over = format!("dialed?bid_id={}", bid_of(&first.1));
    let done = "CallSid=CA1&DialCallStatus=completed&DialCallDuration=61";
    for _ in 0..2 {
        let (status, xml) = send(&over, done).await;
        assert_eq!((status, xml.contains("<Hangup/>")), (200, true), "{xml}");
    }
    assert_eq!(world.money(&buyer).await, (9_500, 0));
    world.end().await;
}

/// Whoever comes second finds the call made and not sold yet, or sold meanwhile.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_several_times_at_once_has_one_answer(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    for round in 1..=5_i64 {
        let fields = format!("CallSid=CA{round}&CallStatus=ringing");
        let replies =
            join_all((0..6).map(|_| webhook(&world, &campaign, "voice", &fields, TOKEN))).await;
        let (status, xml) = &replies[0];
        assert_eq!((*status, xml.contains("<Dial")), (200, true), "{xml}");
        assert!(
            replies.iter().all(|reply| *reply == replies[0]),
            "{replies:?}"
        );
        assert_eq!(world.money(&buyer).await, (10_000, 500 * round));
        let uri = format!("/v1/calls?reference=CA{round}");
        let calls = world.client.ok(Get, &uri, None).await;
        assert_eq!(calls.as_array().unwrap().len(), 1, "{calls}");
    }
    world.end().await;
}

#[rstest]
#[case::none("")]
#[case::blank("+%20")]
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_without_a_calls_id_is_refused_and_sells_nothing(
    #[case] call_sid: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let fields = format!("CallSid={call_sid}&CallStatus=ringing");
    for what in ["voice", "dialed", "leg", "whisper"] {
        let (status, _) = webhook(&world, &campaign, what, &fields, TOKEN).await;
        assert_eq!(status, 400, "{what}");
    }
    assert_eq!(world.client.ok(Get, "/v1/calls", None).await, json!([]));
    assert_eq!(world.money(&buyer).await, (10_000, 0));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with_settings(kind, SETTINGS).await;
    let own = campaign(&world).await;
    let other = world.campaign(json!({})).await;
    let shown = world.get("call_campaigns", &own).await.to_string();
    assert!(!shown.contains("token"), "{shown}");
    let nobody = "5b1a0000-0000-0000-0000-00000000000a";
    let cases = [
        (own.as_str(), "wrong", "CallSid=CA1"),
        (own.as_str(), "", "CallSid=CA1"),
        (other.as_str(), TOKEN, "CallSid=CA1"),
        (nobody, TOKEN, "CallSid=CA1"),
        (own.as_str(), TOKEN, "CallSid=CA1&AccountSid=AC2"),
    ];
    for (campaign, token, fields) in cases {
        for what in ["voice", "dialed", "leg", "whisper"] {
            let reply = webhook(&world, campaign, what, fields, token).await;
            assert_eq!(reply.0, 403, "{what} {token} {fields}");
        }
    }
    let (status, xml) = webhook(&world, &own, "voice", "CallSid=CA1", TOKEN).await;
    assert_eq!(
        (status, xml.contains("<Reject/>")),
        (200, true),
        "nobody buys it"
    );
    world.end().await;
}

#[rstest]
#[case::rang("no-answer")]
#[case::was_busy("busy")]
#[case::failed("failed")]
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_is_sold_to_nobody_else_and_nobody_is_blamed(
    #[case] dial_status: &str,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let (first, second) = world.rivals(&campaign).await;
    let send =
        async |what: &str, fields: &str| webhook(&world, &campaign, what, fields, TOKEN).await;
    let (_, xml) = send("voice", "CallSid=CA1&CallStatus=ringing").await;
    let bid = bid_of(&xml);
    let leg = format!("leg?bid_id={bid}");
    send(&leg, "CallSid=CA2&ParentCallSid=CA1&CallStatus=ringing").await;
    let before = world.get("accounts", &first).await["quality"].clone();
    let over = format!("dialed?bid_id={bid}");
    let fields = format!("CallSid=CA1&CallStatus=completed&DialCallStatus={dial_status}");
    for _ in 0..2 {
        let (status, xml) = send(&over, &fields).await;
        assert_eq!((status, xml.contains("<Dial")), (200, false), "{xml}");
    }
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    assert_eq!(
        (text(&calls[0], "status"), &calls[0]["attempts"]),
        ("canceled", &json!([]))
    );
    assert_eq!(world.money(&first).await, (10_000, 0));
    assert_eq!(world.money(&second).await, (10_000, 0));
    assert_eq!(world.get("accounts", &first).await["quality"], before);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_caller_who_is_turned_away_ends(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let events = world.client.events().await;
    for _ in 0..2 {
        let (status, xml) = webhook(&world, &campaign, "voice", "CallSid=CA1", TOKEN).await;
        assert_eq!((status, xml.contains("<Reject/>")), (200, true), "{xml}");
    }
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    assert_eq!(calls.as_array().unwrap().len(), 1, "{calls}");
    let call = &calls[0];
    assert_eq!(
        (text(call, "status"), text(call, "reason")),
        ("failed", "NO_BIDS_AVAILABLE"),
        "{call}"
    );
    assert!(call["tm_end"].is_string(), "{call}");
    let whose = format!("calls/{}", text(call, "id"));
    let said = world.get(&whose, "explanation").await;
    assert!(text(&said, "text").contains("turned away"), "{said}");
    until("the end is told", async || {
        let heard = events.heard();
        let mut kinds = heard.iter().map(|heard| heard.event.kind.as_str());
        kinds.any(|kind| kind == "call_completed").then_some(())
    })
    .await;
    world.end().await;
}

/// Reports of the first buyer are lost until its time is over, and the second has its turn.
#[rstest]
#[case::talked("DialCallStatus=completed&DialCallDuration=61", false)]
#[case::answered("DialCallStatus=answered&DialCallDuration=61", false)]
#[case::hung_up("CallStatus=completed&DialCallStatus=no-answer", false)]
#[case::nobody_talked("DialCallStatus=completed&DialCallDuration=0", true)]
#[case::rang("DialCallStatus=no-answer", true)]
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_has_talked_is_led_to_nobody_else_though_the_reports_were_lost(
    #[case] report: &str,
    #[case] is_dialled: bool,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let (_, second) = world.rivals(&campaign).await;
    let send =
        async |what: &str, fields: &str| webhook(&world, &campaign, what, fields, TOKEN).await;
    let (_, xml) = send("voice", "CallSid=CA1&CallStatus=ringing").await;
    world.clock.shift(31 * 1_000_000);
    until("the second has its turn", async || {
        (world.money(&second).await == (10_000, 400)).then_some(())
    })
    .await;
    let before = world.get("accounts", &second).await["quality"].clone();

    let over = format!("dialed?bid_id={}", bid_of(&xml));
    let fields = format!("CallSid=CA1&{report}");
    for _ in 0..2 {
        let (status, xml) = send(&over, &fields).await;
        assert_eq!((status, xml.contains("<Dial")), (200, is_dialled), "{xml}");
    }
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    let (status, held) = if is_dialled {
        ("queued", 400)
    } else {
        ("canceled", 0)
    };
    assert_eq!(text(&calls[0], "status"), status, "{calls}");
    assert_eq!(world.money(&second).await, (10_000, held));
    assert_eq!(world.get("accounts", &second).await["quality"], before);
    let has_talked = report.ends_with("Duration=61");
    assert_eq!(world.uncharged("answer"), u64::from(has_talked));
    world.end().await;
}

/// The reports of the only buyer are lost until its time is over.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_too_late_to_have_talked_pays_nothing_and_is_counted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with_settings(kind, SETTINGS).await;
    let campaign = campaign(&world).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, 500, json!({})).await;
    let send =
        async |what: &str, fields: &str| webhook(&world, &campaign, what, fields, TOKEN).await;
    let (_, xml) = send("voice", "CallSid=CA1&CallStatus=ringing").await;
    world.clock.shift(31 * 1_000_000);
    until("its time is over", async || {
        (world.money(&buyer).await == (10_000, 0)).then_some(())
    })
    .await;
    let over = format!("dialed?bid_id={}", bid_of(&xml));
    for (seconds, counted) in [(0, 0), (61, 1)] {
        let fields = format!("CallSid=CA1&DialCallStatus=completed&DialCallDuration={seconds}");
        let (status, xml) = send(&over, &fields).await;
        assert_eq!((status, xml.contains("<Hangup/>")), (200, true), "{xml}");
        assert_eq!(world.uncharged("answer"), counted);
    }
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    assert_eq!(text(&calls[0], "status"), "no_answer", "{calls}");
    assert_eq!(world.money(&buyer).await, (10_000, 0));
    world.end().await;
}
