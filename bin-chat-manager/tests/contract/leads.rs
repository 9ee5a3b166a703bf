//! Leads: one open for each conversation, and what their appointments make of them.

use bin_common_handler::{
    models::sock::Method::{Delete, Post, Put},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    desk::Desk,
    world::{id, reason, text},
};

const CONVERSATION: Uuid = Uuid::from_u128(1);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_has_one_open_lead(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let desk = Desk::new(kind).await;
    let events = desk.client.events().await;
    let body =
        json!({"conversation_id": desk.conversation(CONVERSATION).await, "person": "+14155550123"});
    let first = id(&desk.make("leads", body.clone()).await);
    let second = desk
        .client
        .call(Post, "/v1/leads", Some(body.clone()))
        .await;
    assert_eq!(reason(&second), (409, "LEAD_EXISTS"));
    let lost = json!({"status": "lost", "reason": "too far"});
    let lost = desk.act("leads", &first, "status", lost).await;
    assert_eq!((lost.0, text(&lost.1, "reason")), (200, "too far"));
    let third = id(&desk.make("leads", body.clone()).await);
    let uri = format!("/v1/leads/{third}");
    desk.client.ok(Delete, &uri, None).await;
    desk.make("leads", body).await;
    let back = desk
        .act("leads", &first, "status", json!({"status": "qualified"}))
        .await;
    assert_eq!(reason(&back), (409, "INVALID_LEAD_STATE"));
    assert_eq!(
        back.1["details"][0],
        json!({"status": "lost", "allowed": []})
    );
    let told = until("what became of the first is told", async || {
        let heard = events.heard();
        let kinds: Vec<String> = heard
            .iter()
            .filter(|heard| heard.event.kind.starts_with("lead_"))
            .filter(|heard| id(&heard.data::<Json>().unwrap()) == first)
            .map(|heard| heard.event.kind.clone())
            .collect();
        (kinds.len() >= 2).then_some(kinds)
    })
    .await;
    assert_eq!(told, ["lead_created", "lead_updated"]);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_is_the_sum_of_its_inputs() {
    let desk = Desk::new(Kind::Embedded).await;
    let lead = desk.make("leads", json!({"person": "+14155550123"})).await;
    assert_eq!(lead["score"], 25);
    let uri = format!("/v1/leads/{}", id(&lead));
    let known = json!({"urgency": "high", "value_cents": 50_000, "in_area": true, "messages": 3});
    let lead = desk.client.ok(Put, &uri, Some(known)).await;
    let inputs = lead["score_inputs"].as_object().unwrap();
    let sum: i64 = inputs.values().map(|points| points.as_i64().unwrap()).sum();
    assert_eq!((lead["score"].as_i64(), sum), (Some(71), 71), "{lead}");
    let wrong = desk
        .client
        .call(Put, &uri, Some(json!({"value_cents": -1})))
        .await;
    assert_eq!(reason(&wrong), (400, "INVALID_FIELD"));
    desk.end().await;
}

#[rstest]
#[case::done(&["confirm"], "completed", "completed")]
#[case::off(&["cancel"], "", "qualified")]
#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_moves_its_lead(
    #[case] actions: &[&str],
    #[case] ends_as: &str,
    #[case] expected: &str,
) {
    let desk = Desk::new(Kind::Embedded).await;
    let resource = desk.resource(json!({})).await;
    let lead = id(&desk.make("leads", json!({"person": "+14155550123"})).await);
    let made = desk
        .appointment(&resource, 0, json!({"lead_id": lead}))
        .await;
    let standing = |lead: Json| text(&lead, "status").to_owned();
    assert_eq!(
        standing(desk.get("leads", &lead).await),
        "appointment_scheduled"
    );
    for action in actions {
        let done = desk
            .act("appointments", &id(&made), action, json!({}))
            .await;
        assert_eq!(done.0, 200, "{done:?}");
    }
    if !ends_as.is_empty() {
        let uri = format!("/v1/appointments/{}", id(&made));
        for status in ["in_progress", ends_as] {
            desk.client
                .ok(Put, &uri, Some(json!({"status": status})))
                .await;
        }
    }
    assert_eq!(standing(desk.get("leads", &lead).await), expected);
    desk.end().await;
}
