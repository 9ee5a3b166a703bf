//! Who answers chats, where chats wait, and visitors: what a tenant has of it, and a request for each route.

use std::collections::BTreeMap;

use bin_common_handler::{
    ids,
    listenhandler::RouteInfo,
    models::{
        raw::RawRequest,
        sock::Method::{Delete, Get, Post, Put},
    },
    testing::until,
};
use serde_json::{Value as Json, json};

use crate::{
    samples::{Picker, Sample, body, nothing, query},
    tenant::{Tenant, id},
};

/// The page that shows the widget.
const PAGE: &str = "https://shop.test";

/// A visitor's way to a conversation.
struct Visitor {
    session_id: String,
    conversation_id: String,
    token: String,
}

/// A visitor of this page opens a widget.
fn opening(widget: &str) -> Json {
    let body = json!({"widget_id": widget, "visitor": {"name": "x"}}).to_string();
    let headers = BTreeMap::from([("origin".to_owned(), vec![PAGE.to_owned()])]);
    let url = "http://h/v1/chat_sessions".to_owned();
    let raw = RawRequest::new(Post, url, headers, body.as_bytes());
    serde_json::to_value(raw).unwrap()
}

impl Tenant {
    /// An agent who had a chat, and a chat that waits while nobody is there: nothing moves by itself.
    pub async fn contact_center(&mut self) {
        self.queues().await;
        self.be("online").await;
        let visitor = self.visitor().await;
        self.answered(&visitor).await;
        self.be("offline").await;
        let uri = format!("/v1/chat_sessions/{}/end", visitor.session_id);
        let bearer = json!({"token": visitor.token});
        self.chat.ok(Post, &uri, Some(bearer)).await;
        self.values.insert("ended-session-id", visitor.session_id);
        self.values.insert("ended-token", visitor.token);
        self.waits().await;
    }

    async fn queues(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let overflow = json!({"name": named("overflow")});
        let (queue, agent, widget) = (named("queue"), named("agent"), named("widget"));
        let canned = json!({"shortcut": format!("{}_hi", self.mark), "body": named("says hi")});
        self.keep("canned-response-id", "/v1/canned_responses", canned)
            .await;
        self.keep("overflow-queue-id", "/v1/queues", overflow).await;
        // Longer than any proof takes.
        let queue = json!({
            "name": queue, "overflow_queue_id": self.value("overflow-queue-id"),
            "timeout_seconds": 86_400, "offer_seconds": 3_600,
        });
        self.keep("queue-id", "/v1/queues", queue).await;
        let agent = json!({"name": agent, "user_id": self.value("user-id")});
        self.keep("agent-id", "/v1/agents", agent).await;
        let widget = json!({
            "name": widget, "greeting": widget, "origins": [PAGE], "queue_id": self.value("queue-id"),
        });
        let made = self.keep("widget-id", "/v1/widgets", widget).await;
        let public_id = made["public_id"].as_str().unwrap().to_owned();
        self.values.insert("widget", public_id);
    }

    /// The agent comes or goes.
    async fn be(&self, status: &str) {
        let beat = json!({"user_id": self.value("user-id"), "device": "desk", "status": status});
        self.chat.ok(Put, "/v1/presence", Some(beat)).await;
    }

    /// A visitor asks for a human.
    async fn visitor(&self) -> Visitor {
        let opened = opening(self.value("widget"));
        let made = self.chat.ok(Post, "/v1/chat_sessions", Some(opened)).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let visitor = Visitor {
            session_id: id(&made),
            conversation_id: text("conversation_id"),
            token: text("token"),
        };
        let uri = format!("/v1/chat_sessions/{}/messages", visitor.session_id);
        let words = format!("{} asks", self.mark);
        let said = json!({"token": visitor.token, "client_message_id": "m", "body": words});
        self.chat.ok(Post, &uri, Some(said)).await;
        visitor
    }

    /// The entry of a visitor's conversation as soon as it stands there.
    async fn entry(&self, visitor: &Visitor, status: &str) -> Json {
        let conversation_id = &visitor.conversation_id;
        let uri = format!("/v1/queue_entries?conversation_id={conversation_id}&status={status}");
        until(&format!("an entry that is {status}"), async || {
            let found = self.chat.ok(Get, &uri, None).await;
            found.as_array()?.first().cloned()
        })
        .await
    }

    /// The agent takes the chat and ends it.
    async fn answered(&mut self, visitor: &Visitor) {
        let entry = self.entry(visitor, "offered").await;
        let offer_id = entry["offer_id"].as_str().unwrap().to_owned();
        let uri = format!("/v1/offers/{offer_id}/accept");
        self.chat.ok(Post, &uri, None).await;
        let uri = format!("/v1/conversations/{}/close", visitor.conversation_id);
        self.chat.ok(Post, &uri, None).await;
        self.values.insert("offer-id", offer_id);
    }

    /// A visitor sends a file; its link is kept.
    async fn file(&mut self, visitor: &Visitor) {
        let uri = format!("/v1/chat_sessions/{}/attachments", visitor.session_id);
        let file = json!({
            "token": visitor.token, "client_message_id": "f", "content_base64": "aGk=",
            "name": format!("{} file", self.mark),
        });
        let said = self.chat.ok(Post, &uri, Some(file)).await;
        let attachment = &said["messages"][0]["attachment"];
        let url = attachment["url"].as_str().unwrap();
        let (_, shown) = url.split_once("?expires=").unwrap();
        let (expires, signature) = shown.split_once("&signature=").unwrap();
        let kept = [
            ("attachment-id", id(attachment)),
            ("expires", expires.to_owned()),
            ("signature", signature.to_owned()),
        ];
        self.values.extend(kept);
    }

    /// A visitor who rated a conversation in which nobody answers.
    async fn waits(&mut self) {
        let visitor = self.visitor().await;
        let entry = self.entry(&visitor, "waiting").await;
        let uri = format!("/v1/conversations/{}/csat", visitor.conversation_id);
        self.file(&visitor).await;
        let comment = format!("{} comment", self.mark);
        let rated = json!({"token": visitor.token, "score": 5, "comment": comment});
        self.chat.ok(Post, &uri, Some(rated)).await;
        let kept = [
            ("queue-entry-id", id(&entry)),
            ("chat-session-id", visitor.session_id),
            ("waiting-conversation-id", visitor.conversation_id),
            ("visitor-token", visitor.token),
        ];
        self.values.extend(kept);
    }
}

/// Which value a placeholder stands for: of a conversation that is closed, queues and visitors want nothing, and a session
/// that ends is of no use to other routes.
pub fn holder(template: &str, placeholder: &'static str) -> &'static str {
    let last = template.rsplit('/').next();
    match (placeholder, last) {
        ("conversation-id", Some("escalate" | "transfer" | "assign" | "csat")) => {
            "waiting-conversation-id"
        }
        ("chat-session-id", Some("end")) => "ended-session-id",
        _ => placeholder,
    }
}

fn refused(sample: Sample) -> Sample {
    Sample {
        status: 409,
        ..sample
    }
}

/// Agents, presence, queues and offers.
pub fn queue_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    Some(match (route.method, route.template) {
        // Users are did-manager's, which is not asked for them.
        (Post, "/v1/agents") => body(json!({"name": "x", "user_id": ids::next()})),
        (Put, "/v1/agents/<agent-id>") => body(json!({"capacity": 5})),
        (Post, "/v1/queues") => {
            body(json!({"name": "x", "overflow_queue_id": pick("overflow-queue-id")}))
        }
        (Put, "/v1/queues/<queue-id>") => {
            body(json!({"overflow_queue_id": pick("overflow-queue-id")}))
        }
        (Get, "/v1/queues/<queue-id>/room") => nothing(),
        (Post, "/v1/presence/frames") => body(json!({
            "user_id": picker.own("user-id"), "connection_id": ids::next(), "status": "offline",
        })),
        // Whoever has a token has the session, whose bridge asks.
        (Post, "/v1/chat_sessions/verify") => body(json!({"token": picker.own("visitor-token")})),
        // A chat waits in it.
        (Delete, "/v1/queues/<queue-id>") => refused(nothing()),
        (Put | Post, "/v1/presence") => body(json!({
            "user_id": picker.own("user-id"), "device": "desk", "status": "offline",
        })),
        // Its conversation has ended.
        (Post, "/v1/offers/<offer-id>/accept" | "/v1/offers/<offer-id>/decline") => {
            refused(nothing())
        }
        (
            Post,
            "/v1/conversations/<conversation-id>/escalate"
            | "/v1/conversations/<conversation-id>/transfer",
        ) => body(json!({"queue_id": pick("queue-id")})),
        // The agent is offline.
        (Post, "/v1/conversations/<conversation-id>/assign") => {
            refused(body(json!({"agent_id": pick("agent-id")})))
        }
        (
            Get,
            "/v1/agents"
            | "/v1/queues"
            | "/v1/queues/<queue-id>"
            | "/v1/queue_entries"
            | "/v1/queue_entries/<queue-entry-id>"
            | "/v1/presences"
            | "/v1/offers"
            | "/v1/offers/<offer-id>",
        )
        | (Get | Delete, "/v1/agents/<agent-id>") => nothing(),
        _ => return None,
    })
}

/// Widgets, what visitors do, and what is kept of it.
pub fn visitor_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    Some(match (route.method, route.template) {
        (Post, "/v1/widgets") => body(json!({"name": "x", "queue_id": pick("queue-id")})),
        (Put, "/v1/widgets/<widget-id>") => body(json!({"queue_id": pick("queue-id")})),
        (Post, "/v1/canned_responses") => body(json!({
            "shortcut": format!("x_{}", ids::next().simple()), "body": "Hello.",
        })),
        (Put, "/v1/canned_responses/<canned-response-id>") => body(json!({"body": "Hi."})),
        // Anybody may open a widget that they see.
        (Post, "/v1/chat_sessions") => body(opening(picker.own("widget"))),
        (Post, "/v1/chat_sessions/<chat-session-id>/messages") => body(json!({
            "token": pick("visitor-token"), "client_message_id": "again", "body": "x",
        })),
        (Post, "/v1/chat_sessions/<chat-session-id>/attachments") => body(json!({
            "token": pick("visitor-token"), "client_message_id": "again-f", "content_base64": "aGk=",
        })),
        (Get, "/v1/attachments/<attachment-id>") => nothing(),
        // Whoever has the link may have the file, and no other one.
        (Get, "/v1/attachments/<attachment-id>/content") => query(&[
            ("expires", picker.own("expires")),
            ("signature", picker.own("signature")),
        ]),
        (Post, "/v1/chat_sessions/<chat-session-id>/history") => {
            body(json!({"token": pick("visitor-token")}))
        }
        (Post, "/v1/chat_sessions/<chat-session-id>/end") => {
            body(json!({"token": pick("ended-token")}))
        }
        // No mail is sent here, so no address is confirmed.
        (Post, "/v1/chat_sessions/<chat-session-id>/email") => refused(body(json!({
            "token": pick("visitor-token"), "email": "x@example.com",
        }))),
        (Post, "/v1/chat_sessions/<chat-session-id>/email/confirm") => refused(body(json!({
            "token": pick("visitor-token"), "code": "123456",
        }))),
        (Post, "/v1/chat_sessions/<chat-session-id>/transcript") => {
            refused(body(json!({"token": pick("visitor-token")})))
        }
        (Post, "/v1/conversations/<conversation-id>/transcript") => refused(body(json!({}))),
        // It was rated before.
        (Post, "/v1/conversations/<conversation-id>/csat") => {
            refused(body(json!({"token": pick("visitor-token"), "score": 1})))
        }
        (
            Get,
            "/v1/widgets"
            | "/v1/canned_responses"
            | "/v1/conversations/<conversation-id>/transcript",
        )
        | (Get | Delete, "/v1/widgets/<widget-id>" | "/v1/canned_responses/<canned-response-id>") => {
            nothing()
        }
        _ => return None,
    })
}
