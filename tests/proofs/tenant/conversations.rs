//! What people write, what of it is kept, and what they book.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bin_common_handler::{
    clock::Clock,
    models::{
        sock::Method::{Get, Post},
        time::Timestamp,
    },
    testing::until,
};
use serde_json::{Value as Json, json};

use super::{Tenant, id, urlencoded};

impl Tenant {
    pub async fn keep(&mut self, name: &'static str, uri: &str, body: Json) -> Json {
        let made = self.chat.ok(Post, uri, Some(body)).await;
        self.values.insert(name, id(&made));
        made
    }

    /// Somebody writes, and there is a conversation.
    async fn text(&self, nth: u8) -> String {
        let (from, to) = (self.value("phone"), self.value("number"));
        let form = format!(
            "AccountSid=AC{}&MessageSid=SM{}{nth}&From={}&To={}&Body={}+sink",
            self.mark,
            self.mark,
            urlencoded(from),
            urlencoded(to),
            self.mark
        );
        let uri = "/v1/webhooks/twilio/sms";
        let webhook = self.webhook("sms", &form);
        self.chat.ok(Post, uri, Some(webhook)).await;
        until("the text is heard", async || {
            let heard = self.chat.ok(Get, "/v1/conversations", None).await;
            let is_open = |it: &&Json| it["status"] == "open";
            heard.as_array()?.iter().find(is_open).map(id)
        })
        .await
    }

    /// A conversation that is closed, beside one with the same person that somebody has: nothing moves by itself.
    pub(super) async fn conversations(&mut self) {
        let closed = self.text(1).await;
        let uri = format!("/v1/conversations/{closed}/close");
        self.chat.ok(Post, &uri, None).await;
        let open = self.text(2).await;
        let uri = format!("/v1/conversations/{open}/takeover");
        self.chat.ok(Post, &uri, None).await;
        let uri = format!("/v1/conversations/{closed}/messages?after_seq=0");
        let said = self.chat.ok(Get, &uri, None).await;
        self.values.insert("message-id", id(&said[0]));
        self.values.insert("conversation-id", closed);
        let told = json!({"number": self.value("number")});
        self.chat.ok(Post, "/v1/optouts", Some(told)).await;
    }

    /// What can be booked, of whom, and when not.
    pub(super) async fn offers(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let item = json!({"name": named("work"), "aliases": [named("job")], "price_cents": 9_900});
        let rate = json!({"name": named("night"), "from": "22:00", "to": "06:00", "factor": 2});
        let resource = json!({"name": named("van")});
        let holiday =
            json!({"date": format!("20{:02}-12-25", self.mark.len()), "name": named("day")});
        let template = json!({"name": format!("{}_hello", self.mark), "body": named("says hello")});
        self.keep("catalog-item-id", "/v1/catalog_items", item)
            .await;
        self.keep("rate-id", "/v1/rates", rate).await;
        self.keep("resource-id", "/v1/resources", resource).await;
        self.keep("holiday-id", "/v1/holidays", holiday).await;
        self.keep("template-id", "/v1/templates", template).await;
    }

    /// A lead with an appointment, the feed that has it, and an alert.
    pub(super) async fn bookings(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let (title, address, feed) = (named("leak"), named("street"), named("feed"));
        let rule = named("rule");
        // The conversation has a lead of its own.
        let lead = json!({
            "person": self.value("phone"), "name": named("caller"),
            "catalog_item_id": self.value("catalog-item-id"),
        });
        self.keep("lead-id", "/v1/leads", lead).await;
        let [tm_start, tm_end] = booked_hour();
        let hold = json!({
            "resource_id": self.value("resource-id"), "tm_start": tm_start, "tm_end": tm_end,
        });
        self.keep("reservation-id", "/v1/reservations", hold).await;
        let appointment = json!({
            "reservation_id": self.value("reservation-id"), "lead_id": self.value("lead-id"),
            "conversation_id": self.value("conversation-id"), "catalog_item_id": self.value("catalog-item-id"),
            "title": title, "address": address,
        });
        self.keep("appointment-id", "/v1/appointments", appointment)
            .await;
        let calendar = json!({"name": feed, "resource_id": self.value("resource-id")});
        let made = self.keep("calendar-id", "/v1/calendars", calendar).await;
        let token = made["feed_token"].as_str().unwrap().to_owned();
        self.values.insert("token", token);
        let rule = json!({"name": rule, "metric": "unanswered_conversation", "threshold": 10});
        self.keep("alert-rule-id", "/v1/alert_rules", rule).await;
        let told = json!({
            "metric": "unanswered_conversation", "value": 11, "entity_id": self.value("conversation-id"),
        });
        let told = self.chat.ok(Post, "/v1/alerts", Some(told)).await;
        self.values.insert("alert-id", id(&told["alert"]));
    }
}

/// An hour from tomorrow on that nobody has asked for.
pub fn booked_hour() -> [Timestamp; 2] {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    const HOUR: Duration = Duration::from_secs(3_600);
    let nth = u32::try_from(ASKED.fetch_add(1, Ordering::Relaxed)).unwrap();
    let start = Clock::default().now().plus(HOUR * (24 + nth));
    [start, start.plus(HOUR)]
}
