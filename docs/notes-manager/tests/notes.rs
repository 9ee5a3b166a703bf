//! notes-manager through its queue: on the embedded default, and on RabbitMQ and MariaDB.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panicking"
)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    clock::Clock,
    models::{
        raw::RawRequest,
        sock::{
            Method::{Delete, Get, Post, Put},
            Request,
        },
    },
    sockhandler::Outgoing,
    testing::{Client, Installation, Kind, Replica, spawn, until},
};
use hmac::{Hmac, KeyInit, Mac};
use notes_manager::MANAGER;
use rstest::rstest;
use serde_json::{Value as Json, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use uuid::Uuid;

const SECRET: &str = "a-secret-of-the-caller";
const OWNER: Uuid = Uuid::from_u128(7);

struct World {
    installation: Installation,
    replica: Replica,
    clock: Clock,
    client: Client,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let settings = [
            ("SECRETS_KEY", "a key of the tests that is long enough"),
            ("ALLOW_PRIVATE_ENDPOINTS", "true"),
        ];
        let mut installation = Installation::new(kind, MANAGER, &settings).await;
        let clock = Clock::default();
        let replica = installation.start_with_clock(clock.clone()).await;
        let client = installation.client().within(OWNER);
        Self {
            installation,
            replica,
            clock,
            client,
        }
    }

    async fn note(&self, body: Json) -> String {
        let note = self.client.ok(Post, "/v1/notes", Some(body)).await;
        format!("/v1/notes/{}", note["id"].as_str().unwrap())
    }

    async fn read(&self, uri: &str) -> Json {
        self.client.ok(Get, uri, None).await
    }

    /// An hour from now, and then it is.
    fn later(&self) -> Json {
        json!(self.clock.now().plus(Duration::from_secs(3_600)))
    }

    fn pass_an_hour(&self) {
        self.clock.shift(3_601_000_000);
    }

    async fn end(self) {
        self.replica.stop().await.unwrap();
        self.installation.remove().await;
    }
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    BASE64.encode(mac.finalize().into_bytes())
}

#[rstest]
#[case(Kind::Embedded)]
#[case(Kind::Full)]
#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_its_tenants_and_its_secret_nobodys(#[case] kind: Kind) {
    let world = World::new(kind).await;
    let body = json!({"text": "call back", "secret": SECRET, "fee_amount": 525});
    let uri = world.note(body).await;
    let note = world.read(&uri).await;
    assert_eq!(note["text"], "call back");
    assert!(!note.to_string().contains("secret"), "{note}");
    let fee = world.read(&format!("{uri}/fee")).await;
    assert_eq!(fee, json!({"amount": 525, "currency": "USD"}));
    // The sealed secret survives a change of something else.
    world
        .client
        .ok(Put, &uri, Some(json!({"text": "now"})))
        .await;
    let foreign = world.client.within(Uuid::from_u128(8));
    assert_eq!(foreign.ok(Get, "/v1/notes", None).await, json!([]));
    for (method, body) in [
        (Get, None),
        (Put, Some(json!({"text": "x"}))),
        (Delete, None),
    ] {
        let (status, said) = foreign.call(method, &uri, body).await;
        assert_eq!((status, &said["reason"]), (404, &json!("NOTE_NOT_FOUND")));
    }
    assert_eq!(world.read(&uri).await["text"], "now");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_of_nobody_is_refused() {
    let world = World::new(Kind::Embedded).await;
    let body = json!({"text": "whose?"});
    let operator = world.installation.client();
    let (status, said) = operator.call(Post, "/v1/notes", Some(body)).await;
    assert_eq!(
        (status, &said["reason"]),
        (400, &json!("CUSTOMER_REQUIRED"))
    );
    assert_eq!(world.read("/v1/notes").await, json!([]));
    world.end().await;
}

#[rstest]
#[case(json!({"url": "ftp://h/"}), "url")]
#[case(json!({"secret": "short"}), "secret")]
#[case(json!({"fee_currency": "dollars"}), "currency")]
#[case(json!({"fee_amount": -1}), "fee_amount")]
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_field_is_named(#[case] body: Json, #[case] field: &str) {
    let world = World::new(Kind::Embedded).await;
    let (status, said) = world.client.call(Post, "/v1/notes", Some(body)).await;
    assert_eq!(status, 400, "{said}");
    assert!(said["message"].as_str().unwrap().contains(field), "{said}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdial_is_asked_for_before_a_note_about_it_is_made_or_changed() {
    let world = World::new(Kind::Embedded).await;
    let uri = world.note(json!({"text": "about nothing"})).await;
    // Nobody serves outdials here.
    let about = json!({"outdial_id": Uuid::from_u128(1)});
    for (method, uri) in [(Post, "/v1/notes"), (Put, &*uri)] {
        let (status, said) = world.client.call(method, uri, Some(about.clone())).await;
        assert_eq!(status, 503, "{said}");
    }
    let listed = world.read("/v1/notes").await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["outdial_id"], json!(Uuid::nil()));
    world.end().await;
}

/// A third party that takes what it is sent: its URL, and how often it was asked.
async fn third_party() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 64 * 1024];
            if stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
    });
    (url, asked)
}

#[rstest]
#[case(Kind::Embedded)]
#[case(Kind::Full)]
#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_fires_once_is_moved_and_calls_its_url(#[case] kind: Kind) {
    let world = World::new(kind).await;
    let sink = world.client.events().await;
    let (url, asked) = third_party().await;
    let far = json!({"remind_at": "2100-01-01T00:00:00Z", "url": url});
    let due = world.note(far).await;
    let moved = json!({"remind_at": world.later()});
    world.client.ok(Put, &due, Some(moved)).await;
    let past = world
        .note(json!({"remind_at": "2020-01-01T00:00:00Z"}))
        .await;
    let cleared = world.note(json!({"remind_at": world.later()})).await;
    let gone = world.note(json!({"remind_at": world.later()})).await;
    world
        .client
        .ok(Put, &cleared, Some(json!({"remind_at": null})))
        .await;
    world.client.ok(Delete, &gone, None).await;
    until("what is past is due at once", async || {
        (!world.read(&past).await["tm_due"].is_null()).then_some(())
    })
    .await;
    assert!(world.read(&due).await["tm_due"].is_null());
    world.pass_an_hour();
    until("the URL took it", async || {
        (!world.read(&due).await["tm_called"].is_null()).then_some(())
    })
    .await;
    // 4 created, 2 updated, 1 deleted, 2 due, 1 called.
    let kinds = sink.kinds(10).await;
    let count = |kind: &str| kinds.iter().filter(|told| *told == kind).count();
    assert_eq!(
        (count("note_due"), count("note_called")),
        (2, 1),
        "{kinds:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(world.read(&cleared).await["tm_due"].is_null());
    let sql = "DELETE FROM note_timers WHERE kind <> ''";
    let left = world.installation.db().execute(sql, vec![]).await.unwrap();
    assert_eq!(left, 0, "no timer is left");
    world.end().await;
}

#[rstest]
#[case(Kind::Embedded)]
#[case(Kind::Full)]
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_counts_when_its_signature_is_right(#[case] kind: Kind) {
    let world = World::new(kind).await;
    let uri = world.note(json!({"secret": SECRET})).await;
    let open = world.note(json!({})).await;
    let unknown = format!("/v1/notes/{}", Uuid::from_u128(1));
    let body = b"{\"from\":\"a stranger\"}";
    let (right, wrong) = (signature(SECRET, body), signature("another secret", body));
    let unkeyed = signature("", body);
    for (uri, signature, expected) in [
        (&uri, vec![right.clone()], 200),
        (&uri, vec![wrong], 403),
        (&uri, vec![], 403),
        (&uri, vec![right.clone(), right.clone()], 403),
        (&open, vec![unkeyed], 403),
        (&unknown, vec![right.clone()], 403),
        // A repeat is answered like the first, and counts for nothing.
        (&uri, vec![right.clone()], 200),
    ] {
        let inbound = format!("{uri}/inbound");
        let headers = BTreeMap::from([("x-signature".to_owned(), signature)]);
        let raw = RawRequest::new(Post, format!("http://h{inbound}"), headers, body);
        let request = Request::new(Post, &*inbound, "http-bridge")
            .json(&raw)
            .unwrap();
        let reply = world.client.send(&request).await.unwrap();
        assert_eq!(reply.status_code, expected, "{}", reply.body());
    }
    assert_eq!(world.read(&uri).await["inbound_count"], 1);
    assert_eq!(world.read(&open).await["inbound_count"], 0);
    world.end().await;
}

#[rstest]
#[case(Kind::Embedded)]
#[case(Kind::Full)]
#[tokio::test(flavor = "multi_thread")]
async fn the_notes_about_a_deleted_outdial_go_once(#[case] kind: Kind) {
    let world = World::new(kind).await;
    let sink = world.client.events().await;
    let outdial = bin_common_handler::ids::next();
    let mut about = Vec::new();
    // More than one transaction deletes.
    for _ in 0..103 {
        about.push(world.note(json!({"text": "about it"})).await);
    }
    let db = world.installation.db();
    let sql = "UPDATE note_notes SET outdial_id = ?";
    db.execute(sql, vec![outdial.into()]).await.unwrap();
    let other = world.note(json!({"text": "about nothing"})).await;
    let data = json!({"id": outdial, "customer_id": OWNER, "tm_delete": "2026-01-01T00:00:00Z"});
    let body = json!({"type": "outdial_deleted", "publisher": "outdial-manager", "data": data});
    let told = Outgoing {
        trace: None,
        routing_key: format!("outdial-manager.outdial.{outdial}.deleted"),
        message_id: outdial.to_string(),
        version: 1,
        customer_id: Some(OWNER),
        body: body.to_string().into_bytes(),
    };
    let transport = &world.client.transport;
    let database = outdial.to_string();
    let mut lease = transport.lease("outdial-manager", &database).await.unwrap();
    assert_eq!(lease.publish(&[told.clone(), told]).await, [true, true]);
    until("all are deleted", async || {
        let listed = world.read("/v1/notes?page_size=1000").await;
        let live = |note: &&Json| note["tm_delete"].is_null();
        (listed.as_array().unwrap().iter().filter(live).count() == 1).then_some(())
    })
    .await;
    assert!(world.read(&other).await["tm_delete"].is_null());
    // 104 created, 103 deleted.
    let kinds = sink.kinds(207).await;
    let deleted = kinds.iter().filter(|kind| *kind == "note_deleted").count();
    assert_eq!(deleted, about.len());
    world.end().await;
}
