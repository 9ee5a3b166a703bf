//! Calls are put through, and a miss is told once, whatever comes when and how often.

use std::time::Duration;

use bin_common_handler::{models::sock::Method::Put, testing::Kind};
use provider_stand_in::Call;
use rstest::rstest;
use serde_json::json;

use crate::town::{CALLER, NUMBER, PUBLIC, TARGET, Town};

#[rstest]
#[tokio::test]
async fn a_call_is_put_through_and_a_miss_is_told_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind, &[]).await;
    let call = town.call().await;
    let row = town.row().await;
    let action = format!(
        "{PUBLIC}/v1/webhooks/twilio/dialed?call_id={}",
        row["id"].as_str().unwrap()
    );
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Dial timeout=\"20\" action=\"{action}\" \
         method=\"POST\" answerOnBridge=\"true\"><Number>{TARGET}</Number></Dial></Response>"
    );
    assert_eq!(call.answer.body, expected);
    assert_eq!(row["status"], "ringing");
    let told = town.carrier.end(&call, "no-answer").await.unwrap();
    assert!(told.body.contains("<Say>"), "{}", told.body);
    let missed = town.missed(1).await;
    let row = town.row().await;
    let expected = json!({
        "call_id": row["id"], "customer_id": row["customer_id"], "from": CALLER, "to": NUMBER,
        "reason": "no-answer", "tm_ended": row["tm_ended"],
    });
    assert_eq!(missed, [expected]);
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&json!("missed"), &json!("no-answer"))
    );
    town.end().await;
}

#[rstest]
#[tokio::test]
async fn five_deliveries_at_once_have_one_effect(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let town = Town::new(kind, &[]).await;
    let hook = town.carrier.voice_hook(CALLER, NUMBER).unwrap();
    let answers = town.five_times(&hook).await;
    assert!(
        answers.iter().all(|answer| answer == &answers[0]),
        "{answers:?}"
    );
    let sid = hook
        .fields
        .iter()
        .find(|(name, _)| *name == "CallSid")
        .unwrap();
    let call = Call {
        sid: sid.1.clone(),
        from: CALLER.to_owned(),
        to: NUMBER.to_owned(),
        answer: answers[0].clone(),
    };
    let dialled = town.carrier.dialled_hook(&call, "busy").unwrap();
    let ended = town.carrier.ended_hook(&call).unwrap();
    let (one, other) = tokio::join!(town.five_times(&dialled), town.five_times(&ended));
    let statuses: Vec<u16> = [one, other].concat().iter().map(|it| it.status).collect();
    assert_eq!(statuses, [200; 10]);
    let missed = town.missed(1).await;
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert_eq!(missed[0]["reason"], "busy");
    town.row().await;
    town.end().await;
}

#[rstest]
#[case("completed", "answered", "")]
#[case("answered", "answered", "")]
#[case("busy", "missed", "busy")]
#[case("failed", "missed", "failed")]
#[case("canceled", "missed", "canceled")]
#[tokio::test]
async fn dialling_tells_and_the_calls_own_status_does_not(
    #[case] dial_status: &str,
    #[case] status: &str,
    #[case] reason: &str,
) {
    let town = Town::new(Kind::Embedded, &[]).await;
    let call = town.call().await;
    // The status callback comes first: it says completed, whatever came of dialling.
    let ended = town.carrier.ended_hook(&call).unwrap();
    assert_eq!(town.carrier.send(&ended).await.unwrap().status, 200);
    assert_eq!(town.row().await["status"], "ringing");
    let dialled = town.carrier.dialled_hook(&call, dial_status).unwrap();
    town.carrier.send(&dialled).await.unwrap();
    let row = town.row().await;
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&json!(status), &json!(reason))
    );
    // The net was taken away with the verdict.
    town.whole.parts.clock.shift(120_000_000);
    // One event, whichever it is.
    let missed = town.missed(1).await;
    assert_eq!(missed.len(), usize::from(status == "missed"));
    let heard = town.events.heard();
    let answered = heard
        .iter()
        .filter(|event| event.event.kind == "call_answered");
    assert_eq!(answered.count(), usize::from(status == "answered"));
    town.end().await;
}

#[rstest]
#[tokio::test]
async fn a_call_that_ended_without_a_verdict_is_missed_after_a_minute(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind, &[]).await;
    let call = town.call().await;
    let ended = town.carrier.ended_hook(&call).unwrap();
    town.carrier.send(&ended).await.unwrap();
    town.whole.parts.clock.shift(55_000_000);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(town.row().await["status"], "ringing");
    town.whole.parts.clock.shift(61_000_000);
    let row = town.wait_for("missed").await;
    assert_eq!(row["reason"], "no-verdict");
    // The action comes after all, and says the opposite: what was told stays.
    let late = town.carrier.dialled_hook(&call, "completed").unwrap();
    town.carrier.send(&late).await.unwrap();
    assert_eq!(town.row().await["status"], "missed");
    assert_eq!(town.missed(1).await.len(), 1);
    town.end().await;
}

/// Neither the dial action nor the status callback comes.
#[rstest]
#[tokio::test]
async fn a_call_of_which_nothing_more_is_told_is_missed_after_hours(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind, &[]).await;
    town.call().await;
    town.whole.parts.clock.shift(5 * 3_600 * 1_000_000);
    let row = town.wait_for("missed").await;
    assert_eq!(row["reason"], "no-verdict");
    assert_eq!(town.missed(1).await.len(), 1);
    town.end().await;
}

#[rstest]
#[case("-5")]
#[case("")]
#[tokio::test]
async fn an_answer_counts_whatever_its_length_is_said_to_be(#[case] seconds: &str) {
    let town = Town::new(Kind::Embedded, &[]).await;
    let call = town.call().await;
    let dialled = town.carrier.dialled_hook(&call, "completed").unwrap();
    let dialled = dialled.with("DialCallDuration", seconds);
    assert_eq!(town.carrier.send(&dialled).await.unwrap().status, 200);
    assert_eq!(town.row().await["status"], "answered");
    town.end().await;
}

#[tokio::test]
async fn a_short_answer_and_a_machine_are_misses_where_that_is_wanted() {
    let short = [("TREAT_SHORT_AS_MISSED_SECONDS", "60")];
    let town = Town::new(Kind::Embedded, &short).await;
    let call = town.call().await;
    let dialled = town.carrier.dialled_hook(&call, "completed").unwrap();
    town.carrier.send(&dialled).await.unwrap();
    assert_eq!(town.row().await["reason"], "too-short");
    town.end().await;
}

#[tokio::test]
async fn who_has_nobody_to_answer_misses_at_once() {
    let town = Town::new(Kind::Embedded, &[]).await;
    let uri = format!("/v1/phone_numbers/{}", town.number);
    let body = Some(json!({"forward_target": ""}));
    town.dids.ok(Put, &uri, body).await;
    let call = town.call().await;
    assert!(call.answer.body.contains("<Say>") && !call.answer.body.contains("<Dial"));
    assert_eq!(town.missed(1).await[0]["reason"], "not-forwarded");
    town.end().await;
}
