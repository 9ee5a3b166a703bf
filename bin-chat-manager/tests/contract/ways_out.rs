//! How waiting goes on and ends: nobody came, the visitor left, the widget or its business is gone, it is closed, it went to
//! another queue.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post},
    testing::{Client, Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    contact_center::{ContactCenter, PAGE},
    world::{id, reason, text},
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whom_nobody_served_is_told_and_waits_again_when_they_write(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let queue = desk.queue(json!({"timeout_seconds": 200})).await;
    let widget = desk.widget(Some(&queue)).await;
    let visitor = desk.visitor(&widget).await;
    let chat = &visitor.conversation;
    desk.say(&visitor, "1", "Hello?").await;
    let first = desk.entry(chat, "waiting").await;
    desk.at(205);
    let ended = desk.entry(chat, "ended").await;
    assert_eq!(
        (id(&ended), text(&ended, "reason")),
        (id(&first), "timed_out")
    );
    let read = desk.history(&visitor).await;
    let last = read.last().unwrap();
    assert_eq!((read.len(), text(last, "kind")), (2, "system"), "{read:?}");
    assert!(text(last, "body").contains("leave your message"), "{last}");

    assert_eq!(desk.say(&visitor, "2", "Call me at noon").await.0, 200);
    let second = desk.entry(chat, "waiting").await;
    assert_ne!(id(&second), id(&first));
    assert_eq!(text(&second, "queue_id"), queue);
    assert_eq!(desk.say(&visitor, "3", "Please").await.0, 200);
    let ann = desk.agent(1, json!({})).await;
    desk.presence(1, "desk", "online").await;
    let offered = desk.entry(chat, "offered").await;
    assert_eq!(id(&offered), id(&second), "no third one");
    assert_eq!(desk.answer(&offered, "accept").await.0, 200);

    // Who lets it go is asked last.
    assert_eq!(desk.act(chat, "release", json!({})).await.0, 200);
    let third = until("it waits again", async || {
        let all = desk.entries(&format!("conversation_id={chat}")).await;
        all.into_iter().find(|it| text(it, "status") != "ended")
    })
    .await;
    assert_eq!(third["passed"], json!([ann]));
    let now = desk.conversation(chat).await;
    assert_eq!(
        (&now["owner_id"], &now["needs_human"]),
        (&Json::Null, &json!(true))
    );
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_leaves_waits_no_more_and_rates_for_a_while(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let queue = desk.queue(json!({})).await;
    let widget = desk.widget(Some(&queue)).await;
    let anyone = desk.installation.client();
    let (mut tokens, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let visitor = desk.visitor(&widget).await;
        desk.say(&visitor, "1", "Hello?").await;
        waiting.push(desk.entry(&visitor.conversation, "waiting").await);
        let uri = format!("/v1/chat_sessions/{}/end", visitor.session);
        for _ in 0..2 {
            anyone
                .ok(Post, &uri, Some(json!({"token": visitor.token})))
                .await;
        }
        tokens.push((visitor.conversation.clone(), visitor.token.clone()));
        let ended = desk.entry(&visitor.conversation, "ended").await;
        assert_eq!(text(&ended, "reason"), "visitor_left");
        let conversation = desk.conversation(&visitor.conversation).await;
        assert_eq!(text(&conversation, "status"), "closed");
        let uri = format!("/v1/conversations/{}/messages", visitor.conversation);
        let said = desk.client.ok(Get, &uri, None).await;
        let said = said.as_array().unwrap();
        let kinds: Vec<&str> = said.iter().map(|it| text(it, "kind")).collect();
        assert_eq!(kinds, ["text", "system"]);
        let late = desk.say(&visitor, "2", "Still there?").await;
        assert_eq!(reason(&late), (401, "BAD_TOKEN"));
    }
    let rate = async |(conversation, token): &(String, String)| {
        let uri = format!("/v1/conversations/{conversation}/csat");
        anyone
            .call(Post, &uri, Some(json!({"token": token, "score": 5})))
            .await
    };
    desk.at(14 * 60);
    let rated = rate(&tokens[0]).await;
    assert_eq!(rated.0, 200, "{}", rated.1);
    assert_eq!(reason(&rate(&tokens[0]).await), (409, "CSAT_EXISTS"));
    desk.at(16 * 60);
    assert_eq!(reason(&rate(&tokens[1]).await), (401, "BAD_TOKEN"));
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_visitor_outlives_the_widget_or_the_service_of_its_business(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::beside_numbers(kind).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    let anyone = desk.installation.client();
    let verify = async || {
        let body = json!({"token": visitor.token, "origin": PAGE});
        anyone
            .call(Post, "/v1/chat_sessions/verify", Some(body))
            .await
            .0
    };
    let set_status = async |status: &str| {
        let [numbers] = desk.installation.beside.as_slice() else {
            panic!("did-manager's stand-in is not there");
        };
        let client = Client {
            name: numbers.name,
            ..desk.client.clone()
        };
        let body = json!({"status": status});
        client.ok(Post, "/v1/suspended", Some(body)).await;
        let expected = if status == "active" { 200 } else { 401 };
        until(status, async || (verify().await == expected).then_some(())).await;
    };
    assert_eq!(desk.say(&visitor, "1", "Hello?").await.0, 200);
    set_status("suspended").await;
    assert_eq!(
        reason(&desk.say(&visitor, "2", "x").await),
        (401, "BAD_TOKEN")
    );
    let opened = desk.open(&widget, PAGE).await;
    assert_eq!(reason(&opened), (403, "CUSTOMER_SUSPENDED"));
    set_status("active").await;
    assert_eq!(desk.say(&visitor, "2", "x").await.0, 200);

    let all = desk.client.ok(Get, "/v1/widgets", None).await;
    let uri = format!("/v1/widgets/{}", id(&all[0]));
    desk.client.ok(Delete, &uri, None).await;
    assert_eq!(
        reason(&desk.say(&visitor, "3", "x").await),
        (401, "BAD_TOKEN")
    );
    assert_eq!(verify().await, 401);
    desk.end().await;
}

/// A minute of the week that is three days off.
fn far(desk: &ContactCenter) -> Json {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    // 1970 began on a Thursday.
    let today = desk.clock.now().micros() / 86_400_000_000 + 3;
    let day = DAYS[usize::try_from((today + 3) % 7).unwrap()];
    json!([{"days": [day], "from": "12:00", "to": "12:01"}])
}

#[rstest]
#[case::of_the_queue(true, false)]
#[case::of_the_widget(false, true)]
#[case::neither(false, false)]
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_at_a_closed_hour_is_told_and_waits_until_it_opens(
    #[case] is_queue: bool,
    #[case] is_widget: bool,
) {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let hours = |is_closed: bool| if is_closed { far(&desk) } else { json!([]) };
    let queue = json!({"timeout_seconds": 30, "hours": hours(is_queue)});
    let queue = desk.queue(queue).await;
    let widget = json!({
        "name": "shop", "origins": [PAGE], "queue_id": queue, "hours": hours(is_widget),
    });
    let widget = desk.client.ok(Post, "/v1/widgets", Some(widget)).await;
    let (_, opened) = desk.open(text(&widget, "public_id"), PAGE).await;
    assert_eq!(opened["is_open"], json!(!is_widget));
    let visitor = desk.visitor(text(&widget, "public_id")).await;
    for key in ["1", "2"] {
        assert_eq!(desk.say(&visitor, key, "Hello?").await.0, 200);
    }
    let read = desk.history(&visitor).await;
    let told = read
        .iter()
        .filter(|it| text(it, "kind") == "system")
        .count();
    assert_eq!(told, usize::from(is_queue || is_widget), "{read:?}");
    // Only the queue's hours make time stand still.
    let expected = if is_queue { "waiting" } else { "ended" };
    desk.at(60);
    desk.entry(&visitor.conversation, expected).await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_queue_has_terms_of_its_own_and_keeps_the_wait() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let sla = json!({"first_response_seconds": 1_000, "resolution_seconds": 2_000});
    let slow = desk.queue(json!({"sla": sla})).await;
    let sla = json!({"first_response_seconds": 10, "resolution_seconds": 20});
    let quick = desk.queue(json!({"name": "vip", "sla": sla})).await;
    let widget = desk.widget(Some(&slow)).await;
    let visitor = desk.visitor(&widget).await;
    let chat = &visitor.conversation;
    desk.say(&visitor, "1", "Hello?").await;
    let before = desk.entry(chat, "waiting").await;
    desk.at(5);
    let to = json!({"queue_id": quick});
    let (status, after) = desk.act(chat, "transfer", to).await;
    assert_eq!(status, 200, "{after}");
    assert_eq!(after["waiting_since"], before["waiting_since"]);
    for due in ["tm_first_due", "tm_resolution_due"] {
        assert!(text(&after, due) < text(&before, due), "{due}: {after}");
    }
    // Once a human has answered, a transfer begins a wait of its own.
    desk.agent(1, json!({})).await;
    desk.presence(1, "desk", "online").await;
    let entry = desk.entry(chat, "offered").await;
    assert_eq!(desk.answer(&entry, "accept").await.0, 200);
    let body =
        json!({"client_message_id": "a", "body": "Hi!", "user_id": uuid::Uuid::from_u128(1)});
    assert_eq!(desk.act(chat, "messages", body).await.0, 200);
    desk.presence(1, "desk", "busy").await;
    let (status, back) = desk.act(chat, "transfer", json!({"queue_id": slow})).await;
    assert_eq!(status, 200, "{back}");
    assert!(text(&back, "waiting_since") > text(&before, "waiting_since"));
    desk.end().await;
}
