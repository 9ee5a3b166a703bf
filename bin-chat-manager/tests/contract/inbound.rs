//! Mail that comes in, by a webhook or a maildir, becomes a message of its conversation, once, or is written nowhere.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    models::{
        raw::RawRequest,
        sock::{
            Method::{Get, Post},
            Request,
        },
    },
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    mailserver::MailServer,
    siblings::NUMBER,
    world::{PERSON, World, all, id, reason, text},
};

const LOGIN: &str = "postmark:0123456789abcdef";
const ANN: &str = "ann@example.org";

/// What Postmark posts, and what we say.
async fn post(world: &World, login: &str, mail: &Json) -> (u16, Json) {
    let basic = format!("Basic {}", BASE64.encode(login));
    let headers = BTreeMap::from([("authorization".to_owned(), vec![basic])]);
    let url = "https://texts.example.com/v1/webhooks/email".to_owned();
    let raw = RawRequest::new(Post, url, headers, mail.to_string().as_bytes());
    let mut request = Request::new(Post, "/v1/webhooks/email", "http-bridge")
        .json(&raw)
        .unwrap();
    request.customer_id = None;
    let reply = world.installation.client().send(&request).await.unwrap();
    let body = serde_json::from_str(reply.body()).unwrap();
    (reply.status_code, body)
}

fn mail(message_id: &str, to: &str, in_reply_to: &str) -> Json {
    json!({
        "MessageID": message_id, "From": ANN, "FromFull": {"Email": ANN, "Name": "Ann"},
        "ToFull": [{"Email": to}], "OriginalRecipient": to, "Subject": "Re: Your sink",
        "TextBody": "Yes, please.\n\nOn Monday Tandem wrote:\n> When?\n",
        "Headers": [{"Name": "In-Reply-To", "Value": in_reply_to}],
    })
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_mail_is_said_in_its_conversation_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let server = MailServer::start().await;
    let url = server.url();
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("EMAIL_FROM", "Tandem <tandem@example.com>"),
        ("EMAIL_REPLY_TO", "reply@in.example.com"),
        ("INBOUND_EMAIL_SECRET", LOGIN),
    ];
    let world = World::with(kind, &settings).await;
    world.text(PERSON, NUMBER, "My sink is clogged").await;
    let conversation = world.conversation("heard", NUMBER, |_| true).await;
    let told = json!({
        "channel": "email", "to": ANN, "key": "1",
        "data": {"subject": "Your sink", "text": "When?", "conversation_id": id(&conversation)},
    });
    world.client.ok(Post, "/v1/notifications", Some(told)).await;
    let sent = server.until(1).await.remove(0);
    let (address, message_id) = (sent.header("reply-to"), sent.header("message-id"));
    assert!(address.starts_with("reply+"), "{address}");

    let by_address = mail("<a@example.org>", &address, "");
    let heard = post(&world, LOGIN, &by_address).await;
    assert_eq!((heard.0, text(&heard.1, "result")), (200, "received"));
    let again = post(&world, LOGIN, &by_address).await;
    assert_eq!((again.0, text(&again.1, "result")), (200, "repeated"));
    let by_reference = mail("<b@example.org>", "tandem@example.com", &message_id);
    assert_eq!(post(&world, LOGIN, &by_reference).await.0, 200);

    let forged = address.replace("@in.", "0@in.");
    for (wrong, expected) in [
        (
            mail("<c@example.org>", &forged, ""),
            (404, "CONVERSATION_NOT_FOUND"),
        ),
        (
            mail("<d@example.org>", "tandem@example.com", "<x@example.com>"),
            (404, "CONVERSATION_NOT_FOUND"),
        ),
        (mail("", &address, ""), (400, "INVALID_FIELD")),
        (json!("mail"), (400, "INVALID_FIELD")),
    ] {
        let refused = post(&world, LOGIN, &wrong).await;
        assert_eq!(reason(&refused), expected, "{wrong}");
    }
    let mut foreign = by_reference.clone();
    foreign["MessageID"] = json!("<e@example.org>");
    foreign["FromFull"] = json!({"Email": "eve@example.org"});
    assert_eq!(post(&world, LOGIN, &foreign).await.0, 404);
    let stranger = post(&world, "postmark:wrong", &by_address).await;
    assert_eq!(reason(&stranger), (403, "BAD_CREDENTIALS"));
    let mut automatic = mail("<f@example.org>", &address, "");
    automatic["Headers"] = json!([{"Name": "Auto-Submitted", "Value": "auto-replied"}]);
    let ignored = post(&world, LOGIN, &automatic).await;
    assert_eq!((ignored.0, text(&ignored.1, "result")), (200, "ignored"));

    let messages = world.messages(NUMBER, &conversation).await;
    let said: Vec<_> = messages
        .into_iter()
        .filter(|message| text(message, "direction") == "inbound")
        .collect();
    assert_eq!(
        all(&said, "body"),
        ["My sink is clogged", "Yes, please.", "Yes, please."]
    );
    let uri = format!("/v1/conversations/{}", id(&conversation));
    let now = world.client.ok(Get, &uri, None).await;
    assert_eq!(now["needs_human"], json!(true));
    world.end().await;
}

/// A mail as a server delivers it.
fn delivered(message_id: &str, to: &str, more: &str) -> String {
    format!(
        "Delivered-To: {to}\r\nFrom: Ann <{ANN}>\r\nTo: Tandem <tandem@example.com>\r\n{message_id}{more}\
         Subject: Re: Your sink\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Yes, please.\r\n\r\nOn Monday Tandem wrote:\r\n> When?\r\n"
    )
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_maildir_is_emptied_and_what_is_refused_is_set_aside(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let server = MailServer::start().await;
    let url = server.url();
    let maildir = tempfile::TempDir::new().unwrap();
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir(maildir.path().join(folder)).unwrap();
    }
    let path = maildir.path().display().to_string();
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("EMAIL_FROM", "Tandem <tandem@example.com>"),
        ("EMAIL_REPLY_TO", "reply@in.example.com"),
        ("INBOUND_MAILDIR", path.as_str()),
        ("INBOUND_MAILDIR_PERIOD", "100ms"),
    ];
    let world = World::with(kind, &settings).await;
    world.text(PERSON, NUMBER, "My sink is clogged").await;
    let conversation = world.conversation("heard", NUMBER, |_| true).await;
    let told = json!({
        "channel": "email", "to": ANN, "key": "1",
        "data": {"subject": "Your sink", "text": "When?", "conversation_id": id(&conversation)},
    });
    world.client.ok(Post, "/v1/notifications", Some(told)).await;
    let sent = server.until(1).await.remove(0);
    let (address, our_id) = (sent.header("reply-to"), sent.header("message-id"));

    let one = "Message-ID: <a@example.org>\r\n";
    let answers = format!("In-Reply-To: {our_id}\r\n");
    let forged = address.replace("@in.", "0@in.");
    let nested = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(5_000);
    for (name, text) in [
        ("01.address", delivered(one, &address, "")),
        ("02.again", delivered(one, &address, "")),
        (
            "03.reference",
            delivered("", "tandem@example.com", &answers),
        ),
        (
            "04.vacation",
            delivered("", &address, "Auto-Submitted: auto-replied\r\n"),
        ),
        ("05.forged", delivered("", &forged, "")),
        ("06.nested", format!("From: {ANN}\r\n{nested}")),
        ("07.large", "x".repeat(2 * 1_024 * 1_024)),
        ("08.bytes", "\u{0}\u{1}\r\n\r\n".to_owned()),
        ("09.empty", String::new()),
    ] {
        let tmp = maildir.path().join("tmp").join(name);
        std::fs::write(&tmp, text).unwrap();
        std::fs::rename(&tmp, maildir.path().join("new").join(name)).unwrap();
    }
    let names = |folder: &str| {
        let found = std::fs::read_dir(maildir.path().join(folder)).unwrap();
        let mut names: Vec<String> = found
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    };
    until("all are taken", async || {
        names("new").is_empty().then_some(())
    })
    .await;
    assert_eq!(
        names("cur"),
        [
            "05.forged:2,FS",
            "06.nested:2,FS",
            "07.large:2,FS",
            "08.bytes:2,FS",
            "09.empty:2,FS"
        ]
    );
    let messages = world.messages(NUMBER, &conversation).await;
    let said: Vec<_> = messages
        .into_iter()
        .filter(|message| text(message, "direction") == "inbound")
        .collect();
    assert_eq!(
        all(&said, "body"),
        ["My sink is clogged", "Yes, please.", "Yes, please."]
    );
    world.end().await;
}
