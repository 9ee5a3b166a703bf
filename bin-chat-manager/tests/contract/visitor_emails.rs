//! Mail addresses of visitors: nothing but a code goes to one before it is confirmed; transcripts; who is known by an address
//! alone may know everything, and be forgotten.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Client, Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::{ContactCenter, Visitor},
    mailserver::{Mail, MailServer},
    siblings::CUSTOMER,
    world::{id, reason, text},
};

const ANN: &str = "ann_1@example.org";

async fn desk(kind: Kind, server: &MailServer) -> ContactCenter {
    let url = server.url();
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("EMAIL_FROM", "Tandem <tandem@example.com>"),
        ("EMAIL_REPLY_TO", "reply@in.example.com"),
        ("ALLOW_PRIVATE_ENDPOINTS", "true"),
    ];
    ContactCenter::mailing(kind, &settings).await
}

/// What a visitor does with their session.
async fn does(desk: &ContactCenter, visitor: &Visitor, word: &str, more: Json) -> (u16, Json) {
    let uri = format!("/v1/chat_sessions/{}/{word}", visitor.session);
    let mut body = json!({"token": visitor.token});
    if let (Json::Object(body), Json::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let anyone = desk.installation.client();
    anyone.call(Post, &uri, Some(body)).await
}

/// The code of a mail.
fn code(mail: &Mail) -> String {
    let (_, body) = mail.text.split_once("\r\n\r\n").unwrap();
    body.chars().take(6).collect()
}

/// The words of a mail.
fn words(mail: &Mail) -> &str {
    mail.text.split_once("\r\n\r\n").unwrap().1
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_goes_to_a_confirmed_address_and_to_no_other(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let server = MailServer::start().await;
    let desk = desk(kind, &server).await;
    let queue = desk.queue(json!({"timeout_seconds": 200})).await;
    let widget = desk.widget(Some(&queue)).await;
    let visitor = desk.visitor(&widget).await;
    let chat = &visitor.conversation;
    desk.say(&visitor, "1", "My sink leaks").await;
    let note = json!({"client_message_id": "n", "body": "SECRET note", "kind": "note"});
    assert_eq!(desk.act(chat, "messages", note).await.0, 200);

    let early = does(&desk, &visitor, "transcript", json!({})).await;
    assert_eq!(reason(&early), (409, "EMAIL_NOT_CONFIRMED"));
    let wrong = does(&desk, &visitor, "email", json!({"email": "a\r\nb@c.de"})).await;
    assert_eq!(reason(&wrong), (400, "INVALID_FIELD"));
    let nobody = does(&desk, &visitor, "email/confirm", json!({"code": "123456"})).await;
    assert_eq!(reason(&nobody), (409, "EMAIL_NOT_NAMED"));
    let named = does(
        &desk,
        &visitor,
        "email",
        json!({"email": "Ann_1@Example.org"}),
    )
    .await;
    assert_eq!((named.0, text(&named.1, "email")), (200, ANN));
    let unconfirmed = desk.act(chat, "transcript", json!({})).await;
    assert_eq!(reason(&unconfirmed), (409, "EMAIL_NOT_CONFIRMED"));
    let mail = server.until(1).await.remove(0);
    assert_eq!(mail.to, [ANN]);
    assert!(!mail.text.contains("sink"), "{}", mail.text);

    let code = code(&mail);
    let other = if code == "000000" { "000001" } else { "000000" };
    let refused = does(&desk, &visitor, "email/confirm", json!({"code": other})).await;
    assert_eq!(reason(&refused), (403, "BAD_CODE"));
    for _ in 0..2 {
        let confirmed = does(&desk, &visitor, "email/confirm", json!({"code": code})).await;
        assert_eq!(confirmed.0, 200, "{}", confirmed.1);
        assert!(confirmed.1["confirmed_at"].is_string());
    }
    let again = does(&desk, &visitor, "email", json!({"email": ANN})).await;
    assert!(again.1["confirmed_at"].is_string(), "{}", again.1);

    let foreign = desk
        .act(chat, "transcript", json!({"email": "eve@example.org"}))
        .await;
    assert_eq!(reason(&foreign), (409, "EMAIL_NOT_CONFIRMED"));
    let first = does(&desk, &visitor, "transcript", json!({})).await;
    assert_eq!(
        (first.0, text(&first.1, "email")),
        (200, ANN),
        "{}",
        first.1
    );
    let second = desk.act(chat, "transcript", json!({"email": ANN})).await;
    assert_eq!(second.1, first.1, "nothing else was said");
    let mail = server.until(2).await.remove(1);
    assert_eq!(mail.to, [ANN]);
    assert!(words(&mail).contains("My sink leaks"), "{}", mail.text);
    assert!(!words(&mail).contains("SECRET"), "{}", mail.text);
    assert!(mail.header("reply-to").starts_with("reply+"));

    // Nobody came in time: the visitor is told by mail, too.
    desk.until_sent(2).await;
    desk.at(205);
    desk.entry(chat, "ended").await;
    let mail = server.until(3).await.remove(2);
    assert!(words(&mail).contains("leave your message"), "{}", mail.text);

    // Another address is another person's until it is confirmed.
    let named = does(
        &desk,
        &visitor,
        "email",
        json!({"email": "bob@example.org"}),
    )
    .await;
    assert_eq!(named.0, 200, "{}", named.1);
    let late = desk.act(chat, "transcript", json!({})).await;
    assert_eq!(reason(&late), (409, "EMAIL_NOT_CONFIRMED"));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_guessed_five_times_and_mails_are_few() {
    let server = MailServer::start().await;
    let desk = desk(Kind::Embedded, &server).await;
    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    let name = async |visitor: &Visitor, email: &str| {
        does(&desk, visitor, "email", json!({"email": email})).await
    };
    assert_eq!(name(&visitor, ANN).await.0, 200);
    let right = code(&server.until(1).await.remove(0));
    let wrong = if right == "000000" {
        "000001"
    } else {
        "000000"
    };
    for _ in 0..5 {
        let refused = does(&desk, &visitor, "email/confirm", json!({"code": wrong})).await;
        assert_eq!(reason(&refused), (403, "BAD_CODE"));
    }
    let late = does(&desk, &visitor, "email/confirm", json!({"code": right})).await;
    assert_eq!(reason(&late), (409, "CODE_EXPIRED"));
    // A code has its time.
    assert_eq!(name(&visitor, ANN).await.0, 200);
    let right = code(&server.until(2).await.remove(1));
    desk.until_sent(2).await;
    desk.at(15 * 60);
    let late = does(&desk, &visitor, "email/confirm", json!({"code": right})).await;
    assert_eq!(reason(&late), (409, "CODE_EXPIRED"));
    // A visitor causes eight mails; so do all visitors together to one address.
    for at in 0..6 {
        assert_eq!(name(&visitor, &format!("x{at}@example.org")).await.0, 200);
    }
    assert_eq!(reason(&name(&visitor, ANN).await), (429, "TOO_MANY_MAILS"));
    for _ in 0..6 {
        let other = desk.visitor(&widget).await;
        assert_eq!(name(&other, ANN).await.0, 200);
    }
    let other = desk.visitor(&widget).await;
    assert_eq!(reason(&name(&other, ANN).await), (429, "TOO_MANY_MAILS"));
    // Of another session nothing is good.
    let foreign = Visitor {
        session: other.session.clone(),
        conversation: other.conversation.clone(),
        token: visitor.token.clone(),
    };
    assert_eq!(reason(&name(&foreign, ANN).await), (401, "BAD_TOKEN"));
    desk.end().await;
}

/// call-manager tells that an address is to be forgotten.
async fn erase(desk: &ContactCenter, email: &str) {
    let [.., calls] = desk.installation.beside.as_slice() else {
        panic!("call-manager's stand-in is not there");
    };
    let client = Client {
        name: calls.name,
        ..desk.client.clone()
    };
    let body = json!({
        "id": Uuid::from_u128(5), "customer_id": CUSTOMER, "email": email, "pseudonym": "erased:77",
    });
    client.ok(Post, "/v1/erased", Some(body)).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_by_an_address_alone_is_forgotten_and_nobody_else(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let server = MailServer::start().await;
    let desk = desk(kind, &server).await;
    let widget = desk.widget(None).await;
    // One who says that the address is theirs, one who names it for a transcript, and one with an address like it.
    let mut chats = Vec::new();
    for (says, names) in [
        (Some("Ann_1@example.org"), None),
        (None, Some(ANN)),
        (Some("annx1@example.org"), None),
    ] {
        let visitor = desk.visitor_who_is(&widget, says.unwrap_or_default()).await;
        desk.say(&visitor, "1", "CANARY words").await;
        if let Some(email) = names {
            let named = does(&desk, &visitor, "email", json!({"email": email})).await;
            assert_eq!(named.0, 200, "{}", named.1);
        }
        let file = json!({"client_message_id": "f", "name": "CANARY.txt", "content_base64": "aGVsbG8gdGhlcmU="});
        let sent = does(&desk, &visitor, "attachments", file).await;
        assert_eq!(sent.0, 200, "{}", sent.1);
        chats.push(visitor);
    }
    let confirm = code(&server.until(1).await.remove(0));
    let confirmed = does(&desk, &chats[1], "email/confirm", json!({"code": confirm})).await;
    assert_eq!(confirmed.0, 200, "{}", confirmed.1);
    let sent = does(&desk, &chats[1], "transcript", json!({})).await;
    assert_eq!(sent.0, 200, "{}", sent.1);
    // Told to others: to the address, of the address, and of one that is like it.
    let endpoint = json!({"url": "http://127.0.0.1:9/hook", "enabled": false});
    let endpoint = id(&desk
        .client
        .ok(Post, "/v1/webhook_endpoints", Some(endpoint))
        .await);
    for (key, to, words) in [
        ("a", "ANN_1@example.org", "CANARY to her"),
        ("b", "desk@example.org", "CANARY of ann_1@example.org"),
        ("c", "desk@example.org", "CANARY of joann_1@example.org"),
    ] {
        let told = json!({"channel": "email", "to": to, "key": key, "data": {"subject": "x", "text": words}});
        desk.client.ok(Post, "/v1/notifications", Some(told)).await;
    }
    let deliver = async |number: u128, words: &str| {
        let db = desk.installation.db();
        let sql = "INSERT INTO chat_deliveries (id, customer_id, webhook_endpoint_id, webhook_id, event_type, payload, \
                   status, tries, attempts, error_code, tm_create, tm_update) \
                   VALUES (?, ?, ?, ?, 'message_created', ?, 'delivered', 1, '[]', '', ?, ?)";
        let (now, payload) = (
            desk.clock.now(),
            json!({"data": {"body": words}}).to_string(),
        );
        let values = vec![
            Uuid::from_u128(number).into(),
            CUSTOMER.into(),
            endpoint.parse::<Uuid>().unwrap().into(),
            number.to_string().into(),
            payload.as_str().into(),
            now.into(),
            now.into(),
        ];
        db.execute(sql, values).await.unwrap();
    };
    deliver(77, "write to\nAnn_1@example.org").await;
    deliver(78, "write to annx1@example.org").await;

    // Written down by a person, of no conversation.
    let lead = json!({"person": "Ann_1@example.org", "name": "CANARY Ann"});
    let lead = id(&desk.client.ok(Post, "/v1/leads", Some(lead)).await);

    let subject = json!({"customer_id": CUSTOMER, "email": ANN});
    let lookup = async || {
        let body = Some(subject.clone());
        desk.client.ok(Post, "/v1/subjects/lookup", body).await
    };
    let known = lookup().await;
    assert_eq!(
        known["conversations"].as_array().unwrap().len(),
        2,
        "{known}"
    );
    assert_eq!(known["unconfirmed"], json!([chats[0].conversation]));
    assert!(known["messages"].to_string().contains("CANARY words"));
    assert_eq!(known["attachments"].as_array().unwrap().len(), 2);
    assert!(known["leads"].to_string().contains("CANARY Ann"), "{known}");
    // The code, the transcript, and what was told to her.
    assert_eq!(known["notifications"].as_array().unwrap().len(), 3);

    erase(&desk, ANN).await;
    until("nothing is known", async || {
        let known = lookup().await;
        let is_empty = |what: &str| known[what].as_array().unwrap().is_empty();
        (is_empty("conversations") && is_empty("notifications")).then_some(())
    })
    .await;
    let uri = format!("/v1/leads/{lead}");
    let lead = desk.client.ok(Get, &uri, None).await.to_string();
    assert!(
        lead.contains("erased:77") && !lead.contains("CANARY"),
        "{lead}"
    );
    for (at, visitor) in chats.iter().enumerate() {
        let uri = format!("/v1/conversations/{}/messages", visitor.conversation);
        let said = desk.client.ok(Get, &uri, None).await.to_string();
        assert_eq!(said.contains("CANARY"), at == 2, "{at}: {said}");
        let status = desk.conversation(&visitor.conversation).await["status"].clone();
        assert_eq!(status == "closed", at != 2, "{at}: {status}");
    }
    let told = desk
        .client
        .ok(Get, "/v1/notifications", None)
        .await
        .to_string();
    assert!(!told.to_lowercase().contains(&format!(" {ANN}")), "{told}");
    assert!(
        !told.contains("CANARY to her") && told.contains("CANARY of joann_1@example.org"),
        "{told}"
    );
    for (number, expected) in [(77, 404), (78, 200)] {
        let uri = format!("/v1/deliveries/{}", Uuid::from_u128(number));
        assert_eq!(
            desk.client.call(Get, &uri, None).await.0,
            expected,
            "{number}"
        );
    }
    let late = does(&desk, &chats[1], "transcript", json!({})).await;
    assert_ne!(late.0, 200, "{}", late.1);
    desk.end().await;
}
