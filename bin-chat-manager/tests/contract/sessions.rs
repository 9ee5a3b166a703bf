//! Visitors: a page, a token, one conversation, and nothing beyond.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    contact_center::{ContactCenter, PAGE},
    world::{reason, text},
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_has_one_conversation_and_rates_it_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let widget = desk.widget(None).await;
    let foreign_page = desk.open(&widget, "https://evil.test").await;
    assert_eq!(reason(&foreign_page), (403, "ORIGIN_NOT_ALLOWED"));
    let unknown = desk.open("wgt_unknown", PAGE).await;
    assert_eq!(reason(&unknown), (404, "WIDGET_NOT_FOUND"));

    let visitor = desk.visitor(&widget).await;
    let (other, anyone) = (desk.visitor(&widget).await, desk.installation.client());
    let said = desk.say(&visitor, "1", "Hello?").await;
    let again = desk.say(&visitor, "1", "Hello?").await;
    assert_eq!(said.1["messages"][0]["id"], again.1["messages"][0]["id"]);
    let answer = json!({"client_message_id": "a", "body": "Hi Bob", "user_id": null});
    let (status, answered) = desk.act(&visitor.conversation, "messages", answer).await;
    assert_eq!(
        (status, text(&answered, "status")),
        (200, "sent"),
        "{answered}"
    );

    let uri = format!("/v1/chat_sessions/{}/history", visitor.session);
    let own = json!({"token": visitor.token});
    let history = anyone.ok(Post, &uri, Some(own.clone())).await;
    let bodies: Vec<&str> = history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| text(message, "body"))
        .collect();
    assert_eq!(bodies, ["Hello?", "Hi Bob"]);
    let foreign = json!({"token": other.token});
    let refused = anyone.call(Post, &uri, Some(foreign)).await;
    assert_eq!(reason(&refused), (401, "BAD_TOKEN"));

    let uri = format!("/v1/conversations/{}/transcript", visitor.conversation);
    let transcript = desk.client.ok(Get, &uri, None).await;
    assert!(
        text(&transcript, "text").contains("human (text): Hi Bob"),
        "{transcript}"
    );

    let uri = format!("/v1/conversations/{}/csat", visitor.conversation);
    let rate = |score: i32, token: &str| json!({"token": token, "score": score});
    let foreign = anyone.call(Post, &uri, Some(rate(5, &other.token))).await;
    assert_eq!(reason(&foreign), (401, "BAD_TOKEN"));
    let six = anyone.call(Post, &uri, Some(rate(6, &visitor.token))).await;
    assert_eq!(six.0, 400);
    anyone.ok(Post, &uri, Some(rate(5, &visitor.token))).await;
    let twice = anyone.call(Post, &uri, Some(rate(1, &visitor.token))).await;
    assert_eq!(reason(&twice), (409, "CSAT_EXISTS"));

    let uri = format!("/v1/chat_sessions/{}/end", visitor.session);
    anyone.ok(Post, &uri, Some(own.clone())).await;
    anyone.ok(Post, &uri, Some(own)).await;
    let ended = desk.say(&visitor, "2", "Still there?").await;
    assert_eq!(reason(&ended), (401, "BAD_TOKEN"));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_used_is_renewed_until_the_session_ends() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let widget = desk.widget(None).await;
    let mut visitor = desk.visitor(&widget).await;
    let hour = 3_600;
    let early = desk.say(&visitor, "1", "Hello?").await;
    assert!(early.1["token"].is_null());
    desk.at(4 * hour);
    let renewed = desk.say(&visitor, "2", "Hello?").await;
    let token = text(&renewed.1, "token").to_owned();
    desk.at(7 * hour);
    assert_eq!(
        desk.say(&visitor, "3", "Hello?").await.0,
        401,
        "the first is over"
    );
    visitor.token = token;
    assert_eq!(desk.say(&visitor, "3", "Hello?").await.0, 200);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_for_sockets_too() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    let anyone = desk.installation.client();
    let verify = async |token: &str| {
        let body = json!({"token": token, "origin": PAGE});
        anyone
            .call(Post, "/v1/chat_sessions/verify", Some(body))
            .await
    };
    let fresh = verify(&visitor.token).await;
    assert_eq!((fresh.0, fresh.1.get("token")), (200, None), "{}", fresh.1);
    desk.at(4 * 3_600);
    let renewed = verify(&visitor.token).await;
    let token = text(&renewed.1, "token").to_owned();
    assert_eq!(verify(&token).await.1.get("token"), None, "once");
    desk.at(7 * 3_600);
    assert_eq!(reason(&verify(&visitor.token).await), (401, "BAD_TOKEN"));
    assert_eq!(verify(&token).await.0, 200);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortcut_is_there_once_until_it_is_deleted() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let body = json!({"shortcut": "hi", "body": "Hello, how may I help?"});
    let uri = "/v1/canned_responses";
    let made = desk.client.ok(Post, uri, Some(body.clone())).await;
    let again = desk.client.call(Post, uri, Some(body.clone())).await;
    assert_eq!(reason(&again), (409, "CANNEDRESPONSE_EXISTS"));
    let one = format!("{uri}/{}", text(&made, "id"));
    let delete = bin_common_handler::models::sock::Method::Delete;
    desk.client.ok(delete, &one, None).await;
    desk.client.ok(Post, uri, Some(body)).await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_says_of_themselves_leads_to_no_earlier_chat() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let widget = desk.widget(None).await;
    let ann = "ann@example.org";
    let first = desk.visitor_who_is(&widget, ann).await;
    assert_eq!(desk.say(&first, "1", "My code is 7").await.0, 200);
    let second = desk.visitor_who_is(&widget, ann).await;
    assert_ne!(first.conversation, second.conversation);
    assert_eq!(desk.history(&second).await, Vec::<Json>::new());
    let one = desk.conversation(&first.conversation).await;
    let two = desk.conversation(&second.conversation).await;
    assert_ne!(one["person"], two["person"]);
    for conversation in [&one, &two] {
        let person = text(conversation, "person");
        assert!(person.starts_with("visitor:"), "{person}");
    }
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_what_its_widget_looks_like() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let colors = json!({"accent": "#336699"});
    let body = json!({"name": "shop", "origins": [PAGE], "greeting": "Hi!", "colors": colors});
    let widget = desk.client.ok(Post, "/v1/widgets", Some(body)).await;
    let (status, opened) = desk.open(text(&widget, "public_id"), PAGE).await;
    assert_eq!(status, 200, "{opened}");
    assert_eq!(
        (text(&opened, "greeting"), &opened["colors"]),
        ("Hi!", &colors)
    );
    assert_eq!(opened["is_open"], json!(true), "it has no hours");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_widget_takes_so_many_visitors_at_once_and_closes_no_other() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let (busy, other) = (desk.widget(None).await, desk.widget(None).await);
    let mut opened = 0;
    let refused = loop {
        let answer = desk.open(&busy, PAGE).await;
        if answer.0 != 200 {
            break answer;
        }
        opened += 1;
        assert!(opened < 300, "nobody is refused");
    };
    assert!(opened >= 30, "{opened}");
    assert_eq!(reason(&refused), (429, "TOO_MANY_SESSIONS"));
    assert_eq!(desk.open(&other, PAGE).await.0, 200);
    desk.at(60);
    assert_eq!(desk.open(&busy, PAGE).await.0, 200);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_json_or_text() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(&visitor, "1", "Hello?").await;
    let uri = format!("/v1/conversations/{}/transcript", visitor.conversation);
    for format in ["", "?format=json", "?format=text"] {
        let read = desk.client.ok(Get, &format!("{uri}{format}"), None).await;
        assert_eq!(text(&read["messages"][0], "body"), "Hello?", "{format}");
        assert!(text(&read, "text").contains("Hello?"), "{format}: {read}");
    }
    let other = desk
        .client
        .call(Get, &format!("{uri}?format=pdf"), None)
        .await;
    assert_eq!(reason(&other), (400, "INVALID_FIELD"));
    desk.end().await;
}
