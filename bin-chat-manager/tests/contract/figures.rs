//! Figures from events, whatever their order, and alerts that begin, are cared for, and end.

use bin_common_handler::{
    models::{
        sock::Method::{Delete, Get, Post, Put},
        time::Timestamp,
    },
    sockhandler::Outgoing,
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    desk::{Desk, OWNER, told},
    world::{id, reason, text},
};

const CONVERSATION: Uuid = Uuid::from_u128(50);

/// Events on their way.
struct Told {
    events: Vec<Outgoing>,
    /// Whose those of conversations are.
    name: &'static str,
}

impl Told {
    fn new(desk: &Desk) -> Self {
        Self {
            events: Vec::new(),
            name: desk.client.name,
        }
    }

    fn add(&mut self, publisher: &str, kind: &str, entity: Uuid, version: i64, data: &Json) {
        let (resource, action) = kind.split_once('_').unwrap();
        let body = json!({"type": kind, "publisher": publisher, "data": data});
        self.events.push(Outgoing {
            trace: None,
            routing_key: format!("{publisher}.{resource}.{entity}.{action}"),
            message_id: format!("{kind}-{entity}-{version}"),
            version,
            customer_id: Some(OWNER),
            body: body.to_string().into_bytes(),
        });
    }

    fn missed(&mut self, call: Uuid, at: Timestamp) {
        let data = json!({"call_id": call, "customer_id": OWNER, "tm_ended": at});
        self.add("call-manager", "call_missed", call, 1, &data);
    }

    fn conversation(&mut self, at: Timestamp) {
        let data = json!({
            "id": CONVERSATION, "customer_id": OWNER, "status": "open", "tm_create": at,
        });
        self.add(self.name, "conversation_created", CONVERSATION, 1, &data);
    }

    fn message(&mut self, nth: u128, sender: &str, version: i64, at: Timestamp, more: Json) {
        let message = Uuid::from_u128(nth);
        let mut data = json!({
            "id": message, "customer_id": OWNER, "conversation_id": CONVERSATION, "sender": sender,
            "status": "queued", "cause_key": null, "tm_create": at,
        });
        data.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let kind = if version == 1 {
            "message_created"
        } else {
            "message_updated"
        };
        self.add(self.name, kind, message, version, &data);
    }

    async fn publish(&self, desk: &Desk) {
        let transport = &desk.client.transport;
        let mut lease = transport.lease("of-a-test", "a-database").await.unwrap();
        let confirmed = lease.publish(&self.events).await;
        assert!(
            confirmed.iter().all(|confirmed| *confirmed),
            "{confirmed:?}"
        );
    }
}

/// A missed call that is answered by a text three seconds later, and another one that is not.
fn story(desk: &Desk) -> Told {
    let (call, other) = (Uuid::from_u128(40), Uuid::from_u128(41));
    let at = desk.clock.now();
    let after = |seconds| at.plus(std::time::Duration::from_secs(seconds));
    let mut told = Told::new(desk);
    told.missed(call, at);
    told.missed(other, at);
    told.conversation(after(1));
    let cause = json!({"cause_key": format!("greet:{call}")});
    told.message(60, "system", 1, after(2), cause.clone());
    let sent = json!({"cause_key": format!("greet:{call}"), "status": "sent", "tm_sent": after(3)});
    told.message(60, "system", 2, after(2), sent);
    told.message(61, "human", 1, after(9), json!({}));
    told.message(62, "ai", 1, after(9), json!({"status": "discarded"}));
    told
}

async fn total(desk: &Desk) -> Json {
    let kpis = desk.client.ok(Get, "/v1/kpis?group_by=total", None).await;
    kpis[0].clone()
}

#[rstest]
#[case::as_they_came(false)]
#[case::backwards_and_twice(true)]
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_the_same_whatever_the_order_of_events(#[case] is_hostile: bool) {
    let desk = Desk::new(Kind::Embedded).await;
    let mut told = story(&desk);
    if is_hostile {
        told.events.reverse();
        let again = told.events.clone();
        told.events.extend(again);
    }
    told.publish(&desk).await;
    let resource = desk.resource(json!({})).await;
    let more = json!({"conversation_id": desk.conversation(CONVERSATION).await});
    desk.appointment(&resource, 0, more).await;
    let kpis = until("everything is counted", async || {
        let kpis = total(&desk).await;
        let is_all = kpis["missed"] == 2 && kpis["appointments"] == 1 && kpis["texts"] == 2;
        let is_all = is_all && kpis["conversations"] == 1 && !kpis["captured_share"].is_null();
        (is_all && kpis["captured_share"] != json!(0.0)).then_some(kpis)
    })
    .await;
    assert_eq!(kpis["captured_share"], json!(0.5), "{kpis}");
    assert_eq!(kpis["first_response_p95_ms"], json!(3_000), "{kpis}");
    assert_eq!(kpis["human_share"], json!(1.0), "{kpis}");
    assert_eq!(kpis["booked_share"], json!(1.0), "{kpis}");
    let bad = desk.client.call(Get, "/v1/kpis?group_by=year", None).await;
    assert_eq!(reason(&bad), (400, "INVALID_FIELD"));
    let stranger = desk.installation.client().within(Uuid::from_u128(8));
    assert_eq!(stranger.ok(Get, "/v1/kpis", None).await, json!([]));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_begins_once_is_cared_for_and_ends_by_itself() {
    let desk = Desk::new(Kind::Embedded).await;
    let sink = desk.client.events().await;
    let rule = json!({
        "name": "slow", "metric": "first_text_p95", "threshold": 1, "escalate_after_seconds": 60,
        "channels": ["email"],
    });
    let rule = desk.make("alert_rules", rule).await;
    story(&desk).publish(&desk).await;
    told(&sink, "alert_triggered", 1).await;
    let alerts = desk.client.ok(Get, "/v1/alerts", None).await;
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    let alert = alerts[0].clone();
    assert_eq!(text(&alert, "alert_rule_id"), id(&rule));
    assert_eq!(
        (alert["value"].as_f64(), &alert["channels"]),
        (Some(3.0), &json!(["email"]))
    );
    // Nobody looks for a minute.
    desk.clock.shift(61_000_000);
    told(&sink, "alert_escalated", 1).await;
    let until_then = desk.clock.now().plus(std::time::Duration::from_secs(60));
    let snoozed = desk
        .act(
            "alerts",
            &id(&alert),
            "snooze",
            json!({"tm_until": until_then}),
        )
        .await;
    assert_eq!(text(&snoozed.1, "status"), "snoozed");
    desk.clock.shift(130_000_000);
    told(&sink, "alert_triggered", 2).await;
    let uri = format!("/v1/alerts/{}/acknowledge", id(&alert));
    let seen = desk.client.ok(Post, &uri, None).await;
    assert_eq!(text(&seen, "status"), "acknowledged");
    // The calls are too old to count.
    desk.clock.shift(900_000_000);
    until("it is over", async || {
        let over = desk.get("alerts", &id(&alert)).await;
        (text(&over, "status") == "resolved").then_some(())
    })
    .await;
    let late = desk
        .act("alerts", &id(&alert), "acknowledge", json!({}))
        .await;
    assert_eq!(reason(&late), (409, "INVALID_ALERT_STATE"));
    let shipped = desk.client.ok(Get, "/v1/alert_rules/shipped", None).await;
    assert_eq!(shipped.as_array().unwrap().len(), 12);
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_metric_has_one_rule(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let desk = Desk::new(kind).await;
    let rule = |active: bool| json!({"metric": "outbox_age", "threshold": 1, "active": active});
    let post = async |active| {
        let body = Some(rule(active));
        desk.client.call(Post, "/v1/alert_rules", body).await
    };
    let (first, second) = tokio::join!(post(false), post(true));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let (made, refused) = if first.0 == 200 {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(reason(&refused), (409, "ALERTRULE_EXISTS"));
    let uri = format!("/v1/alert_rules/{}", id(&made.1));
    desk.client.ok(Put, &uri, Some(rule(true))).await;
    // Another business, another metric, and a rule after the first is gone.
    let stranger = desk.installation.client().within(Uuid::from_u128(8));
    stranger.ok(Post, "/v1/alert_rules", Some(rule(true))).await;
    desk.make("alert_rules", json!({"metric": "optout"})).await;
    desk.client.ok(Delete, &uri, None).await;
    desk.make("alert_rules", rule(true)).await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_carrier_and_greetings_that_do_not_leave_are_figures() {
    let desk = Desk::new(Kind::Embedded).await;
    let sink = desk.client.events().await;
    let db = desk.installation.db();
    let now = desk.clock.now();
    let ended = now.minus(std::time::Duration::from_secs(60));
    let missed = "INSERT INTO chat_kpi_facts \
                  (kind, entity_id, customer_id, parent_id, label, value, currency, tm_at, version, counts) \
                  VALUES ('missed', ?, ?, ?, '', 0, '', ?, 1, ?)";
    let values = vec![
        CONVERSATION.into(),
        OWNER.into(),
        Uuid::nil().into(),
        ended.into(),
        true.into(),
    ];
    db.execute(missed, values).await.unwrap();
    let greeting = "INSERT INTO chat_messages (id, customer_id, conversation_id, seq, kind, direction, sender, body, \
                    status, cause_key, segments, error_code, error_message, fence, tries, tm_create, tm_update) \
                    VALUES (?, ?, ?, 1, 'text', 'outbound', 'system', 'Hi', 'queued', ?, 1, '', '', 0, 0, ?, ?)";
    let values = vec![
        Uuid::from_u128(21).into(),
        OWNER.into(),
        Uuid::from_u128(22).into(),
        format!("greet:{CONVERSATION}").as_str().into(),
        ended.into(),
        ended.into(),
    ];
    db.execute(greeting, values).await.unwrap();
    for nth in 0..4_u128 {
        let alert = "INSERT INTO chat_alerts (id, customer_id, alert_rule_id, metric, entity_id, status, value, threshold, \
                     channels, escalated, tm_create, tm_update) \
                     VALUES (?, ?, ?, 'provider_failure', ?, 'resolved', 1, 0, '[]', ?, ?, ?)";
        let values = vec![
            Uuid::from_u128(30 + nth).into(),
            OWNER.into(),
            Uuid::nil().into(),
            Uuid::from_u128(40 + nth).into(),
            false.into(),
            now.into(),
            now.into(),
        ];
        db.execute(alert, values).await.unwrap();
    }
    desk.make(
        "alert_rules",
        json!({"metric": "first_text_p95", "threshold": 5}),
    )
    .await;
    told(&sink, "alert_triggered", 2).await;
    let alerts = async |metric: &str| {
        let uri = format!("/v1/alerts?metric={metric}");
        desk.client.ok(Get, &uri, None).await
    };
    let late = alerts("first_text_p95").await;
    assert!(
        late[0]["value"]
            .as_f64()
            .is_some_and(|seconds| seconds >= 60.0),
        "{late}"
    );
    let failures = alerts("provider_failures").await;
    assert_eq!(failures[0]["value"].as_f64(), Some(4.0), "{failures}");
    // Both pass by themselves.
    desk.clock.shift(900_000_000);
    told(&sink, "alert_resolved", 2).await;
    drop(db);
    desk.end().await;
}

/// The same on the other databases; events of calls would reach everybody's tests there.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_keep_facts_and_begin_one_alert(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = Desk::with_replicas(kind, 2).await;
    let sink = desk.client.events().await;
    let resource = desk.resource(json!({})).await;
    let made = desk.appointment(&resource, 0, json!({})).await;
    desk.act("appointments", &id(&made), "confirm", json!({}))
        .await;
    let db = desk.installation.db();
    #[derive(bin_common_handler::FromRow)]
    struct Found {
        label: String,
    }
    until("the appointment is a fact", async || {
        let sql = "SELECT label FROM chat_kpi_facts WHERE kind = 'appointment' AND entity_id = ?";
        let key = id(&made).parse::<Uuid>().unwrap().into();
        let found: Option<Found> = db.fetch_optional(sql, vec![key]).await.unwrap();
        found.filter(|found| found.label == "confirmed")
    })
    .await;
    let now = desk.clock.now();
    for (kind, seconds) in [("missed", 20), ("greeted", 10)] {
        let sql = "INSERT INTO chat_kpi_facts \
                   (kind, entity_id, customer_id, parent_id, label, value, currency, tm_at, version, counts) \
                   VALUES (?, ?, ?, ?, '', 0, '', ?, 1, ?)";
        let at = now.minus(std::time::Duration::from_secs(seconds));
        let values = vec![
            kind.into(),
            CONVERSATION.into(),
            OWNER.into(),
            Uuid::nil().into(),
            at.into(),
            true.into(),
        ];
        db.execute(sql, values).await.unwrap();
    }
    let rule = json!({"name": "slow", "metric": "first_text_p95", "threshold": 1});
    desk.make("alert_rules", rule).await;
    told(&sink, "alert_triggered", 1).await;
    desk.clock.shift(900_000_000);
    told(&sink, "alert_resolved", 1).await;
    let alerts = desk.client.ok(Get, "/v1/alerts", None).await;
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    drop(db);
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_rule_that_ships_fires_above_its_threshold_and_ends(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = Desk::new(kind).await;
    let rules = desk.client.ok(Get, "/v1/alert_rules/shipped", None).await;
    for (nth, rule) in (0x900..).zip(rules.as_array().unwrap()) {
        // Of an entity of its own, so that nobody else looks at the figure.
        let entity_id = Uuid::from_u128(nth);
        let report = async |value: f64| {
            let body = json!({"metric": rule["metric"], "value": value, "entity_id": entity_id});
            desk.make("alerts", body).await["alert"].clone()
        };
        let threshold = rule["threshold"].as_f64().unwrap();
        assert!(report(threshold).await.is_null(), "{rule}");
        let seconds = rule["duration_seconds"].as_i64().unwrap();
        if seconds > 0 {
            assert!(report(threshold + 1.0).await.is_null(), "{rule}");
            desk.clock.shift(seconds * 1_000_000);
        }
        let alert = report(threshold + 1.0).await;
        assert_eq!(text(&alert, "status"), "triggered", "{rule}");
        assert_eq!(alert["metric"], rule["metric"]);
        assert!(report(threshold).await.is_null(), "{rule}");
        let over = desk.get("alerts", &id(&alert)).await;
        assert_eq!(text(&over, "status"), "resolved", "{rule}");
    }
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn other_managers_tell_of_themselves(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let desk = Desk::new(kind).await;
    let inside = desk.installation.client();
    let tell = async |metric: &str, value: f64| {
        let body = json!({"metric": metric, "value": value, "entity_id": CONVERSATION});
        let uri = bin_common_handler::vitals::FIGURES;
        inside.call(Post, uri, Some(body)).await
    };
    for (metric, value) in [("outbox_age", 61.0), ("signature_failures", 11.0)] {
        let (_, told) = tell(metric, value).await;
        let alert = told["alert"].clone();
        assert_eq!(text(&alert, "status"), "triggered", "{told}");
        // It is the operator's, and no tenant's.
        assert_eq!(text(&alert, "customer_id"), Uuid::nil().to_string());
        let uri = format!("/v1/alerts/{}", id(&alert));
        assert_eq!(desk.client.call(Get, &uri, None).await.0, 404);
        let (_, again) = tell(metric, value + 1.0).await;
        assert_eq!(again["alert"]["id"], alert["id"], "{again}");
        assert!(tell(metric, 0.0).await.1["alert"].is_null());
        let over = inside.ok(Get, &uri, None).await;
        assert_eq!(text(&over, "status"), "resolved");
    }
    let refused = tell("provider_failures", 9.0).await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    desk.end().await;
}
