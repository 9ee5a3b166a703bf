//! What happens in a conversation has numbers without gaps, in the order in which it happened.

use bin_common_handler::{
    models::sock::Method::{self, Delete, Get, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::{ContactCenter, Visitor},
    world::{id, reason, text},
};

impl ContactCenter {
    async fn events(&self, conversation: &str, query: &str) -> Json {
        let uri = format!("/v1/conversations/{conversation}/events?{query}");
        self.client.ok(Get, &uri, None).await
    }

    /// As the visitor's socket asks for it.
    async fn as_visitor(
        &self,
        visitor: &Visitor,
        method: Method,
        what: &str,
        body: Option<Json>,
    ) -> (u16, Json) {
        let uri = format!("/v1/conversations/{}/{what}", visitor.conversation);
        let mut request =
            bin_common_handler::models::sock::Request::new(method, uri, "http-bridge");
        if let Some(body) = body {
            request = request.json(&body).unwrap();
        }
        request.customer_id = Some(Uuid::from_u128(7));
        request.visitor_id = Some(visitor.session.parse().unwrap());
        let reply = self.installation.client().send(&request).await.unwrap();
        let body = serde_json::from_str(reply.body()).unwrap_or_default();
        (reply.status_code, body)
    }
}

fn list<'j>(page: &'j Json, key: &str) -> Vec<&'j Json> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| &event[key]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_has_arrived() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(&visitor, "1", "Hello?").await;
    let answer = json!({"client_message_id": "a", "body": "Hi"});
    let (_, said) = desk.act(&visitor.conversation, "messages", answer).await;
    let seq = json!({"seq": said["seq"]});
    let read = desk.as_visitor(&visitor, Post, "read", Some(seq)).await;
    assert_eq!(read.0, 200, "{}", read.1);
    let uri = format!(
        "/v1/conversations/{}/messages?after_seq=0",
        visitor.conversation
    );
    let all = desk.client.ok(Get, &uri, None).await;
    let all = all.as_array().unwrap();
    let now = all.iter().find(|it| id(it) == id(&said)).unwrap();
    for time in ["delivered_at", "read_at"] {
        assert!(now[time].is_string(), "{time}: {now}");
    }
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn everything_that_all_can_see_takes_the_next_number(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    let conversation = visitor.conversation.clone();
    for _ in 0..3 {
        let said = desk.say(&visitor, "1", "Hello?").await;
        assert_eq!(said.1["messages"][0]["seq"], json!(1), "{}", said.1);
    }
    let frame = json!({"client_message_id": "1", "body": "Hello?"});
    let live = desk
        .as_visitor(&visitor, Post, "frames/msg", Some(frame))
        .await;
    assert_eq!((live.0, &live.1["seq"]), (200, &json!(1)), "{}", live.1);

    let note = json!({"client_message_id": "n", "body": "rich", "kind": "note"});
    let (_, noted) = desk.act(&conversation, "messages", note).await;
    assert_eq!((&noted["seq"], &noted["note_seq"]), (&json!(0), &json!(1)));
    let answer = json!({"client_message_id": "a", "body": "Hi"});
    let (_, said) = desk.act(&conversation, "messages", answer).await;
    assert_eq!(said["seq"], json!(2));
    let one = format!("/v1/conversations/{conversation}/messages/{}", id(&said));
    let edited = json!({"body": "Hello"});
    desk.client.ok(Put, &one, Some(edited.clone())).await;
    // The same words once more change nothing.
    desk.client.ok(Put, &one, Some(edited)).await;
    for _ in 0..2 {
        let read = desk
            .as_visitor(&visitor, Post, "read", Some(json!({"seq": 99})))
            .await;
        assert_eq!(read.0, 200, "{}", read.1);
    }
    desk.client.ok(Delete, &one, None).await;
    let again = desk.client.call(Delete, &one, None).await;
    assert_eq!(reason(&again), (404, "MESSAGE_NOT_FOUND"));

    let page = desk
        .events(&conversation, "after_seq=0&after_note_seq=0")
        .await;
    assert_eq!(
        list(&page, "type"),
        [
            "message_created",
            "message_created",
            "state",
            "message_updated",
            "receipt",
            "message_deleted",
            "note_created"
        ],
        "{page}"
    );
    assert_eq!(list(&page, "seq"), [1, 2, 3, 4, 5, 6, 0]);
    assert_eq!(
        (&page["ok"], &page["last_seq"], &page["last_note_seq"]),
        (&json!(true), &json!(6), &json!(1))
    );
    assert_eq!(
        page["events"][4]["receipt"],
        json!({"by": "customer", "read_seq": 4})
    );
    assert_eq!(
        page["events"][1]["message"]["body"],
        json!(""),
        "what was deleted is in no replay"
    );
    let rest = desk.events(&conversation, "after_seq=5").await;
    assert_eq!(list(&rest, "seq"), [6]);

    let own = desk
        .as_visitor(&visitor, Get, "events?after_seq=0&after_note_seq=0", None)
        .await;
    assert_eq!(list(&own.1, "seq"), [1, 2, 3, 4, 5, 6], "no notes");
    assert_eq!(own.1["last_note_seq"], json!(0));
    let other = desk.visitor(&widget).await;
    let foreign = Visitor {
        conversation: conversation.clone(),
        ..other
    };
    for (method, what, body) in [
        (Get, "events?after_seq=0", None),
        (
            Post,
            "frames/msg",
            Some(json!({"client_message_id": "x", "body": "x"})),
        ),
        (Post, "read", Some(json!({"seq": 1}))),
        (Post, "typing", Some(json!({"on": true}))),
    ] {
        let refused = desk.as_visitor(&foreign, method, what, body).await;
        assert_eq!(reason(&refused), (404, "CONVERSATION_NOT_FOUND"), "{what}");
    }
    let foreign = desk.client.within(Uuid::from_u128(99));
    let uri = format!("/v1/conversations/{conversation}/events?after_seq=0");
    assert_eq!(foreign.call(Get, &uri, None).await.0, 404);
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_who_speak_at_once_leave_no_gap(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let desk = ContactCenter::new(kind).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    let said = (0..60).map(|number: i32| {
        // Each of them three times.
        let key = (number / 3).to_string();
        let (desk, visitor) = (&desk, &visitor);
        async move {
            // Who waits too long for the others is told to try again, under the same id.
            loop {
                match desk.say(visitor, &key, "x").await.0 {
                    503 => {}
                    status => return status,
                }
            }
        }
    });
    let said = futures_util::future::join_all(said).await;
    assert!(said.iter().all(|status| *status == 200), "{said:?}");
    let page = desk.events(&visitor.conversation, "after_seq=0").await;
    let expected: Vec<Json> = (1..=20).map(|seq| json!(seq)).collect();
    assert_eq!(list(&page, "seq"), expected.iter().collect::<Vec<_>>());
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_a_day_or_a_thousand_events_reads_the_lists() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    desk.say(&visitor, "1", "Hello?").await;
    desk.at(86_401);
    let page = desk.events(&visitor.conversation, "after_seq=0").await;
    assert_eq!(
        (&page["ok"], &page["oldest_seq"]),
        (&json!(false), &json!(2)),
        "{page}"
    );
    let page = desk.events(&visitor.conversation, "after_seq=1").await;
    assert_eq!(page["ok"], json!(true), "nothing was missed");
    let page = desk.events(&visitor.conversation, "after_seq=7").await;
    assert_eq!(page["ok"], json!(false), "a number that never was");
    let wrong = format!(
        "/v1/conversations/{}/events?after_seq=-1",
        visitor.conversation
    );
    let refused = desk.client.call(Get, &wrong, None).await;
    assert!(
        text(&refused.1, "message").contains("after_seq"),
        "{}",
        refused.1
    );
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_chat_is_released_and_opened_again() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    desk.say(&visitor, "1", "Hello?").await;
    for (what, status) in [
        ("takeover", "human"),
        ("release", "open"),
        ("close", "closed"),
        ("reopen", "open"),
    ] {
        let uri = format!("/v1/conversations/{}/{what}", visitor.conversation);
        let (code, body) = desk.client.call(Post, &uri, None).await;
        assert_eq!(
            (code, text(&body, "status")),
            (200, status),
            "{what}: {body}"
        );
    }
    desk.end().await;
}
