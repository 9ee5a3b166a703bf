//! Files: from visitors, people of the business and carriers; by signed links; gone with their message.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    contact_center::{ContactCenter, Visitor},
    siblings::{AT_ONCE, NUMBER},
    world::{PERSON, World, id, reason, text},
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0123456789";

fn file(key: &str, name: &str, bytes: &[u8]) -> Json {
    json!({"client_message_id": key, "name": name, "content_base64": BASE64.encode(bytes)})
}

async fn bring(desk: &ContactCenter, visitor: &Visitor, mut body: Json) -> (u16, Json) {
    body["token"] = json!(visitor.token);
    let uri = format!("/v1/chat_sessions/{}/attachments", visitor.session);
    let anyone = desk.installation.client();
    anyone.call(Post, &uri, Some(body)).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_said_once_and_had_by_its_link_alone(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let widget = desk.widget(None).await;
    let (visitor, other) = (desk.visitor(&widget).await, desk.visitor(&widget).await);
    let body = file("1", "../leak.html", PNG);
    let (status, said) = bring(&desk, &visitor, body.clone()).await;
    assert_eq!(status, 200, "{said}");
    let message = &said["messages"][0];
    assert_eq!(
        (text(message, "kind"), text(message, "body")),
        ("attachment", "leak.png")
    );
    let again = bring(&desk, &visitor, body.clone()).await.1;
    assert_eq!(again["messages"][0]["id"], message["id"]);

    let anyone = desk.installation.client();
    let link = text(&message["attachment"], "url").to_owned();
    let content = anyone.ok(Get, &link, None).await;
    assert_eq!(content["content_base64"], BASE64.encode(PNG));
    assert_eq!(text(&content, "media_type"), "image/png");
    let forged = link.replace("signature=", "signature=0");
    assert_eq!(
        reason(&anyone.call(Get, &forged, None).await),
        (403, "BAD_LINK")
    );

    // Staff sees it by key; whoever is foreign sees nothing.
    let uri = format!("/v1/attachments/{}", id(message));
    let seen = desk.client.ok(Get, &uri, None).await;
    assert_eq!(
        (text(&seen, "name"), &seen["size"]),
        ("leak.png", &json!(PNG.len()))
    );
    let foreign = anyone.within(uuid::Uuid::from_u128(99));
    assert_eq!(
        reason(&foreign.call(Get, &uri, None).await),
        (404, "ATTACHMENT_NOT_FOUND")
    );

    let (status, answered) = desk
        .act(
            &visitor.conversation,
            "attachments",
            file("a", "offer.txt", b"99 dollars"),
        )
        .await;
    assert_eq!(
        (status, text(&answered, "media_type")),
        (200, "text/plain"),
        "{answered}"
    );
    let uri = format!("/v1/chat_sessions/{}/history", visitor.session);
    let own = json!({"token": visitor.token});
    let history = anyone.ok(Post, &uri, Some(own)).await;
    let names = history["messages"].as_array().unwrap().iter();
    let names: Vec<_> = names
        .map(|said| text(&said["attachment"], "name"))
        .collect();
    assert_eq!(names, ["leak.png", "offer.txt"]);

    let foreign = json!({"token": other.token, "client_message_id": "2", "content_base64": "aGk="});
    let uri = format!("/v1/chat_sessions/{}/attachments", visitor.session);
    assert_eq!(
        reason(&anyone.call(Post, &uri, Some(foreign)).await),
        (401, "BAD_TOKEN")
    );
    desk.at(15 * 60);
    assert_eq!(
        reason(&anyone.call(Get, &link, None).await),
        (403, "BAD_LINK"),
        "it ended"
    );
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_said_leaves_nothing() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    let stored = async || {
        #[derive(bin_common_handler::FromRow)]
        struct Count {
            n: i64,
        }
        let db = desk.installation.db();
        let sql = "SELECT COUNT(*) AS n FROM chat_attachments";
        let found: Option<Count> = db.fetch_optional(sql, vec![]).await.unwrap();
        found.unwrap().n
    };
    let body = file("1", "leak.png", PNG);
    for _ in 0..3 {
        assert_eq!(bring(&desk, &visitor, body.clone()).await.0, 200);
    }
    assert_eq!(stored().await, 1);
    // At once: both are answered with the one that was said.
    let body = file("2", "leak.png", PNG);
    let (first, second) = tokio::join!(
        bring(&desk, &visitor, body.clone()),
        bring(&desk, &visitor, body.clone()),
    );
    assert_eq!((first.0, second.0), (200, 200), "{} {}", first.1, second.1);
    assert_eq!(first.1["messages"][0]["id"], second.1["messages"][0]["id"]);
    assert_eq!(stored().await, 2);
    // A conversation has so much room, whatever sizes its files have.
    let db = desk.installation.db();
    let full = "UPDATE chat_attachments SET size = 52428800 WHERE name = 'leak.png'";
    db.execute(full, vec![]).await.unwrap();
    let refused = bring(&desk, &visitor, file("3", "leak.png", PNG)).await;
    assert_eq!(reason(&refused), (429, "TOO_MANY_BYTES"));
    db.execute("UPDATE chat_attachments SET size = 1", vec![])
        .await
        .unwrap();
    drop(db);
    desk.act(&visitor.conversation, "close", json!({})).await;
    let refused = bring(&desk, &visitor, file("4", "leak.png", PNG)).await;
    assert_eq!(reason(&refused), (409, "CONVERSATION_CLOSED"));
    let by_staff = file("a", "offer.txt", b"99 dollars");
    let refused = desk
        .act(&visitor.conversation, "attachments", by_staff)
        .await;
    assert_eq!(reason(&refused), (409, "CONVERSATION_CLOSED"));
    assert_eq!(stored().await, 2);
    desk.end().await;
}

#[rstest]
#[case::html(b"<!doctype html><script>alert(1)</script>")]
#[case::svg(b"<svg onload=alert(1)>")]
#[case::program(b"MZ\x90\x00\x03")]
#[case::nothing(b"")]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_would_run_is_refused_and_leaves_nothing(#[case] bytes: &[u8]) {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    let refused = bring(&desk, &visitor, file("1", "x.png", bytes)).await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{}", refused.1);
    assert!(text(&refused.1, "message").starts_with("content_base64"));
    let large = bring(&desk, &visitor, file("1", "x.txt", &vec![b'a'; 700_001])).await;
    assert_eq!(large.0, 400);
    let uri = format!("/v1/conversations/{}/messages", visitor.conversation);
    assert_eq!(desk.client.ok(Get, &uri, None).await, json!([]));
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_text_is_fetched_from_the_carrier_and_from_nobody_else(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let picture = world.provider.picture(PNG);
    let hook = world
        .provider
        .text_hook(PERSON, NUMBER, "see the leak")
        .unwrap();
    let foreign = picture.replace("http://", "http://evil.test/");
    let hook = hook
        .with("NumMedia", "2")
        .with("MediaUrl0", &picture)
        .with("MediaUrl1", &foreign);
    assert_eq!(world.provider.send(&hook).await.unwrap().status, 200);
    let said = world
        .until_messages("the picture", NUMBER, |all| {
            all.iter()
                .any(|message| text(message, "kind") == "attachment")
        })
        .await;
    let message = said
        .iter()
        .find(|said| text(said, "kind") == "attachment")
        .unwrap();
    assert_eq!(
        (text(message, "direction"), text(message, "sender")),
        ("inbound", "customer")
    );
    let client = world.of(NUMBER);
    let seen = client
        .ok(Get, &format!("/v1/attachments/{}", id(message)), None)
        .await;
    let link = text(&seen, "url").split_once("/v1/").unwrap().1.to_owned();
    let content = client.ok(Get, &format!("/v1/{link}"), None).await;
    assert_eq!(content["content_base64"], BASE64.encode(PNG));
    // The same webhook again has no effect, and the foreign one was never said.
    world.provider.send(&hook).await.unwrap();
    until("the carrier was asked once", async || {
        (world.provider.pictures_asked() == 1).then_some(())
    })
    .await;
    let conversation = world.conversations(NUMBER).await.remove(0);
    let files = world.messages(NUMBER, &conversation).await;
    let files = files
        .iter()
        .filter(|said| text(said, "kind") == "attachment");
    assert_eq!(files.count(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_comes_after_the_answer_is_answered_too() {
    let world = World::new(Kind::Embedded).await;
    let picture = world.provider.picture(PNG);
    let away = provider_stand_in::Fault::Status(503);
    world
        .provider
        .fail(provider_stand_in::Route::Picture, away, 100);
    let hook = world.provider.text_hook(PERSON, AT_ONCE, "My sink leaks");
    let hook = hook
        .unwrap()
        .with("NumMedia", "1")
        .with("MediaUrl0", &picture);
    assert_eq!(world.provider.send(&hook).await.unwrap().status, 200);
    until("the carrier was asked in vain", async || {
        (world.provider.pictures_asked() > 0).then_some(())
    })
    .await;
    world.pass(4);
    world
        .until_messages("the text is answered", AT_ONCE, |all| all.len() == 2)
        .await;
    world.provider.heal();
    // The more often it was asked in vain, the later is the next try.
    let newest = world.conversations(AT_ONCE).await.remove(0);
    until("the picture", async || {
        world.pass(20);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        // Its answer may be there already when somebody looks.
        (world.messages(AT_ONCE, &newest).await.len() >= 3).then_some(())
    })
    .await;
    world.pass(70);
    let said = world
        .until_messages("the picture is answered", AT_ONCE, |all| all.len() == 4)
        .await;
    assert_eq!(
        (text(&said[2], "kind"), text(&said[3], "sender")),
        ("attachment", "ai")
    );
    let conversation = world.conversations(AT_ONCE).await.remove(0);
    assert_eq!(conversation["answered_seq"], conversation["inbound_seq"]);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_with_its_message(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let desk = ContactCenter::mailing(kind, &[("RETENTION_PERIOD", "100ms")]).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    let (status, said) = bring(&desk, &visitor, file("1", "leak.png", PNG)).await;
    assert_eq!(status, 200, "{said}");
    let link = text(&said["messages"][0]["attachment"], "url").to_owned();
    let anyone = desk.installation.client();
    anyone.ok(Get, &link, None).await;
    let uri = format!("/v1/attachments/{}", id(&said["messages"][0]));
    desk.client.ok(Get, &uri, None).await;
    desk.at(179 * 86_400);
    desk.client.ok(Get, &uri, None).await;
    desk.at(181 * 86_400);
    until("it is gone", async || {
        let gone = desk.client.call(Get, &uri, None).await;
        (gone.0 == 404).then_some(())
    })
    .await;
    assert_eq!(
        files_in(&desk.installation.data_dir().join("attachments")),
        0
    );
    desk.end().await;
}

/// Files in a folder, and in those below.
fn files_in(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files_in(&path) } else { 1 })
        .sum()
}
