//! Messages that hurt, by hand: each is answered, or worked on in silence, or removed and counted, and the
//! daemon goes on as before.

use std::time::Duration;

use lapin::{
    Channel,
    options::{BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::{
    callers::Callers,
    daemon::Daemon,
    site::{Site, until},
    wire::{Properties, Wire, counted, entry, flag},
};
use crate::{
    models::sock::{BODY_LIMIT, Request},
    testing::wait::PATIENCE,
};

/// How long a poison may take to be answered or removed: a few lives of the consumer.
const FATE_MAX: Duration = Duration::from_secs(20);
/// Tables within tables that a frame can hold, with some room for the other properties.
pub const DEPTH_MAX: usize = 21_800;
/// Arrays within arrays.
const ARRAY_DEPTH_MAX: usize = 26_100;
const SHORT_MAX: usize = 255;
/// Messages of one kind in a row, and how long a good request may wait behind them.
const ROW: usize = 10;
const BEHIND_MAX: Duration = Duration::from_secs(3);
const NO_TEXT: &[u8] = b"\xff\xfe";

/// What must become of a message.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It is answered with this status.
    Answered(u16),
    /// It is worked on, and nobody hears of it.
    Silent,
    /// It is removed, and counted under this reason.
    Dropped(&'static str),
}

struct Poison {
    name: &'static str,
    properties: Properties,
    body: Vec<u8>,
    fate: Fate,
}

/// Publishes every message of the corpus to a daemon that serves, one after the other. `request` is an
/// ordinary one that is answered with 200; after each poison it still is.
pub async fn survives_poison(site: &Site, daemon: &mut Daemon, request: &Request) {
    let (_connection, channel) = site.channel().await;
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel
        .queue_declare("".into(), exclusive, FieldTable::default())
        .await;
    let replies = declared.expect("a queue").name().to_string();
    let ordinary = serde_json::to_vec(request).expect("JSON");
    let callers = Callers::new(site);
    let mut missed = Vec::new();
    for poison in corpus(&ordinary, &site.queue(), &replies) {
        let name = poison.name;
        let fate = meets_its_fate(site, daemon, &channel, &replies, poison);
        if tokio::time::timeout(FATE_MAX, fate).await.is_err() {
            missed.push(name);
        }
        until(
            &format!("requests are answered after: {name}"),
            async || {
                let reply = callers.ask(request, PATIENCE).await;
                if reply.is_none() {
                    callers.renew();
                }
                reply.filter(|reply| reply.status_code == 200).map(drop)
            },
        )
        .await;
        until(
            &format!("the queue is consumed and empty after: {name}"),
            async || (state(site, &channel).await == (0, 1)).then_some(()),
        )
        .await;
        assert!(daemon.runs(), "{name}: {}", daemon.log());
    }
    rows_of_poison(site, &callers, &ordinary, request).await;
    daemon.ready().await;
    assert!(
        missed.is_empty(),
        "neither answered nor counted: {missed:?}"
    );
}

/// Publishes many unreadable messages of each kind; a good request behind them is answered soon.
async fn rows_of_poison(site: &Site, callers: &Callers, ordinary: &[u8], request: &Request) {
    let mut wire = Wire::open(&site.amqp()).await;
    for poison in unreadable(ordinary, "nobody") {
        for _ in 0..ROW {
            let (properties, body) = (&poison.properties, &poison.body);
            wire.publish(&site.queue(), properties, body).await;
        }
        let sent = Instant::now();
        let reply = callers.ask(request, PATIENCE).await;
        let (took, status) = (sent.elapsed(), reply.map(|reply| reply.status_code));
        assert_eq!(status, Some(200), "behind {ROW}: {}", poison.name);
        assert!(took < BEHIND_MAX, "{took:?} behind {ROW}: {}", poison.name);
    }
}

/// Publishes `count` messages in a row whose ids are no texts.
pub async fn publish_bad_texts(site: &Site, body: &[u8], count: usize) {
    let properties = Properties::default().text(flag::MESSAGE_ID, NO_TEXT);
    let mut wire = Wire::open(&site.amqp()).await;
    for _ in 0..count {
        wire.publish(&site.queue(), &properties, body).await;
    }
    wire.finish().await;
}

async fn publish(site: &Site, properties: &Properties, body: &[u8]) {
    let mut wire = Wire::open(&site.amqp()).await;
    wire.publish(&site.queue(), properties, body).await;
    wire.finish().await;
}

/// Publishes a message with a header that holds a table that holds a table …
pub async fn publish_deep_header(site: &Site, depth: usize, body: &[u8]) {
    let properties = Properties::default().headers(&nested(b"\0F", depth));
    publish(site, &properties, body).await;
}

/// As [`publish_deep_header`], and the request is one that nobody waits for: it is tried again.
pub async fn publish_deep_deferred(site: &Site, depth: usize, body: &[u8]) {
    let deferred = entry(b"x-deferred", b't', &[1]);
    let headers = [deferred, nested(b"\0F", depth)].concat();
    let properties = Properties::default().headers(&headers);
    publish(site, &properties, body).await;
}

/// What holds one value of the same kind, which holds one …; `opening` is what stands before each length.
fn nested(opening: &[u8], depth: usize) -> Vec<u8> {
    let level = opening.len() + size_of::<u32>();
    (0..depth)
        .rev()
        .flat_map(|inside| {
            let length = u32::try_from(inside * level).expect("a frame");
            [opening, &length.to_be_bytes()].concat()
        })
        .collect()
}

/// Ends a daemon that everybody has left: it held nothing back.
pub async fn leaves_nothing(site: &Site, daemon: &mut Daemon) {
    let (code, _) = daemon.terminate().await;
    assert_eq!(code, Some(0));
    let (_connection, channel) = site.channel().await;
    assert_eq!(state(site, &channel).await, (0, 0));
}

/// Messages that wait, and consumers.
async fn state(site: &Site, channel: &Channel) -> (u32, u32) {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(site.queue().as_str().into(), passive, FieldTable::default())
        .await
        .expect("there is such a queue");
    (queue.message_count(), queue.consumer_count())
}

async fn meets_its_fate(
    site: &Site,
    daemon: &Daemon,
    channel: &Channel,
    replies: &str,
    poison: Poison,
) {
    let Poison {
        name,
        properties,
        body,
        fate,
    } = poison;
    let dropped = async |reason: &str| {
        let label = format!("reason=\"{reason}\"");
        daemon.figure("tandem_requests_dropped_total", &label).await
    };
    let before = match fate {
        Fate::Dropped(reason) => dropped(reason).await,
        Fate::Answered(_) | Fate::Silent => 0.0,
    };
    publish(site, &properties, &body).await;
    match fate {
        Fate::Answered(status) => {
            let reply = until(&format!("{name} is answered"), async || {
                let options = BasicGetOptions { no_ack: true };
                let got = channel.basic_get(replies.into(), options).await;
                Some(got.expect("a queue")?.delivery.data)
            })
            .await;
            let reply: Json = serde_json::from_slice(&reply).expect("JSON");
            assert_eq!(reply["status_code"], status, "{name}: {reply}");
        }
        Fate::Dropped(reason) => {
            until(&format!("{name} is removed and counted"), async || {
                (dropped(reason).await > before).then_some(())
            })
            .await;
        }
        Fate::Silent => {}
    }
}

fn corpus(ordinary: &[u8], queue: &str, replies: &str) -> Vec<Poison> {
    let mut all = wrong_properties(ordinary, replies);
    all.extend(unreadable(ordinary, replies));
    all.extend(wrong_headers(ordinary, replies));
    all.extend(wrong_replies(ordinary, queue, replies));
    all.extend(wrong_bodies(replies));
    all
}

fn poison(
    name: &'static str,
    fate: Fate,
    properties: Properties,
    body: impl Into<Vec<u8>>,
) -> Poison {
    Poison {
        name,
        properties,
        body: body.into(),
        fate,
    }
}

fn answered_to(replies: &str) -> Properties {
    Properties::default().text(flag::REPLY_TO, replies)
}

/// Texts that are none, numbers at their ends, everything at once.
fn wrong_properties(ordinary: &[u8], replies: &str) -> Vec<Poison> {
    let long = "x".repeat(SHORT_MAX);
    let full = answered_to(replies)
        .text(flag::CONTENT_TYPE, &long)
        .text(flag::CONTENT_ENCODING, "utf-8")
        .raw(flag::DELIVERY_MODE, [2])
        .raw(flag::PRIORITY, [255])
        .text(flag::CORRELATION_ID, &long)
        .text(flag::MESSAGE_ID, &long)
        .raw(flag::TIMESTAMP, u64::MAX.to_be_bytes())
        .text(flag::TYPE, &long)
        .text(flag::APP_ID, &long);
    vec![
        poison(
            "no properties at all",
            Fate::Silent,
            Properties::default(),
            ordinary,
        ),
        poison(
            "an encoding that is not known",
            Fate::Answered(400),
            answered_to(replies).text(flag::CONTENT_ENCODING, "br"),
            ordinary,
        ),
        poison(
            "gzip that is none",
            Fate::Answered(400),
            answered_to(replies).text(flag::CONTENT_ENCODING, "gzip"),
            ordinary,
        ),
        poison(
            "every property, as long as can be",
            Fate::Answered(200),
            full,
            ordinary,
        ),
    ]
}

/// What the client library cannot read. The broker itself refuses an expiration that is no number, and a user who is
/// not its own.
fn unreadable(ordinary: &[u8], replies: &str) -> Vec<Poison> {
    let text = |name, flag| {
        let properties = answered_to(replies).text(flag, NO_TEXT);
        poison(name, Fate::Answered(400), properties, ordinary)
    };
    let headers = |name, entries: &[u8]| {
        let properties = answered_to(replies).headers(entries);
        poison(name, Fate::Answered(400), properties, ordinary)
    };
    let inner = counted(&entry(NO_TEXT, b't', &[1]));
    vec![
        text("a message id that is no text", flag::MESSAGE_ID),
        text("a correlation id that is no text", flag::CORRELATION_ID),
        text("a content type that is no text", flag::CONTENT_TYPE),
        text("a content encoding that is no text", flag::CONTENT_ENCODING),
        text("a type that is no text", flag::TYPE),
        text("an application that is no text", flag::APP_ID),
        text("a cluster that is no text", flag::CLUSTER_ID),
        poison(
            "a reply queue that is no text",
            Fate::Dropped("unreadable"),
            Properties::default().text(flag::REPLY_TO, NO_TEXT),
            ordinary,
        ),
        headers(
            "a header whose name is no text",
            &entry(NO_TEXT, b't', &[1]),
        ),
        headers(
            "a header in a header whose name is no text",
            &entry(b"a", b'F', &inner),
        ),
        poison(
            "everything is no text",
            Fate::Dropped("unreadable"),
            [
                flag::MESSAGE_ID,
                flag::CORRELATION_ID,
                flag::CONTENT_TYPE,
                flag::TYPE,
                flag::APP_ID,
                flag::REPLY_TO,
            ]
            .into_iter()
            .fold(Properties::default(), |all, flag| all.text(flag, NO_TEXT)),
            ordinary,
        ),
    ]
}

/// Tables deep, wide and wrong, and our own headers with values of strangers.
fn wrong_headers(ordinary: &[u8], replies: &str) -> Vec<Poison> {
    let with = |entries: &[u8]| answered_to(replies).headers(entries);
    let array = entry(b"a", b'A', &counted(&nested(b"A", ARRAY_DEPTH_MAX)));
    let wide: Vec<u8> = (0..5_000_u32)
        .flat_map(|n| entry(n.to_string().as_bytes(), b'I', &n.to_be_bytes()))
        .collect();
    let no_number = 1e300_f64.to_be_bytes();
    let deadline = |kind, value: &[u8]| with(&entry(b"x-deadline", kind, value));
    let deferred = [
        entry(b"x-deferred", b't', &[1]),
        entry(b"x-attempt", b'l', &i64::MIN.to_be_bytes()),
    ]
    .concat();
    let ok = Fate::Answered(200);
    vec![
        poison(
            "tables in tables",
            ok,
            with(&nested(b"\0F", DEPTH_MAX)),
            ordinary,
        ),
        poison("arrays in arrays", ok, with(&array), ordinary),
        poison("thousands of headers", ok, with(&wide), ordinary),
        poison(
            "a header that is any bytes",
            ok,
            with(&entry(b"b", b'S', &counted(b"\xff\x00\xfe"))),
            ordinary,
        ),
        poison(
            "a deadline that is no number",
            ok,
            deadline(b'S', &counted(b"soon")),
            ordinary,
        ),
        poison(
            "a deadline that is a fraction",
            ok,
            deadline(b'd', &no_number),
            ordinary,
        ),
        poison(
            "a deadline never",
            ok,
            deadline(b'l', &i64::MAX.to_be_bytes()),
            ordinary,
        ),
        poison(
            "a deadline long ago",
            Fate::Dropped("late"),
            deadline(b'l', &i64::MIN.to_be_bytes()),
            ordinary,
        ),
        poison(
            "a request put off, tried less than never",
            Fate::Silent,
            Properties::default().headers(&deferred),
            ordinary,
        ),
    ]
}

/// Replies that go nowhere, or back to us.
fn wrong_replies(ordinary: &[u8], queue: &str, replies: &str) -> Vec<Poison> {
    let to = |queue: &str| Properties::default().text(flag::REPLY_TO, queue);
    let mut poisons = vec![
        poison(
            "replies to nobody",
            Fate::Silent,
            to("amq.gen-nobody"),
            ordinary,
        ),
        poison("replies to the empty name", Fate::Silent, to(""), ordinary),
        poison(
            "replies to the longest name",
            Fate::Silent,
            to(&"q".repeat(SHORT_MAX)),
            ordinary,
        ),
        poison(
            "replies to our own queue",
            Fate::Dropped("reply_loop"),
            to(queue),
            ordinary,
        ),
        poison(
            "replies to no channel",
            Fate::Silent,
            to("amq.rabbitmq.reply-to.g1h2AAAAAA==.nonsense"),
            ordinary,
        ),
    ];
    // The reply to nonsense, sent as a request, is nonsense itself: it must end there.
    let reply = json!({"status_code": 200, "data_type": "application/json", "data": []});
    poisons.push(poison(
        "a reply sent as a request",
        Fate::Answered(404),
        answered_to(replies),
        reply.to_string(),
    ));
    poisons
}

/// Bodies that are no requests.
fn wrong_bodies(replies: &str) -> Vec<Poison> {
    let large = |size: usize| vec![b' '; size];
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let uri = json!({"uri": "/v1/".repeat(100_000), "method": "GET"}).to_string();
    let method = json!({"uri": "/v1", "method": "G".repeat(100_000)}).to_string();
    let twice = r#"{"uri":"/v1/nothing","uri":"/v1/nothing","method":"GET"}"#;
    [
        ("nothing", Vec::new(), 400),
        ("a byte too many", large(BODY_LIMIT + 1), 400),
        ("far too large", large(16 * BODY_LIMIT), 400),
        ("deep brackets", deep, 400),
        ("no text", b"\xff\xfe\x00".to_vec(), 400),
        (
            "half a surrogate",
            br#"{"uri":"\ud800","method":"GET"}"#.to_vec(),
            400,
        ),
        (
            "a number without end",
            br#"{"uri":1e999,"method":"GET"}"#.to_vec(),
            400,
        ),
        ("a URI without end", uri.into(), 404),
        ("a method without end", method.into(), 404),
        ("a URI twice", twice.into(), 400),
    ]
    .map(|(name, body, status)| poison(name, Fate::Answered(status), answered_to(replies), body))
    .into()
}
