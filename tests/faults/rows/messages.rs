//! Messages that hurt, some of them before any of our code sees them.

use std::time::Duration;

use bin_common_handler::{
    clock::Clock,
    models::time::Timestamp,
    testing::lab::{
        DEPTH_MAX, Site, publish_bad_texts, publish_deep_deferred, publish_deep_header, until,
    },
};
use lapin::{
    BasicProperties, Channel,
    options::{BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::{
    fault::{Fault, fault},
    load::Manners,
    round::Round,
    world::{REPLICAS, Team},
};

pub const FAULTS: &[Fault] = &[
    fault(
        "handler-panics",
        "caught, answered as INTERNAL, acknowledged; the process stays",
        |round| Box::pin(panics(round)),
    )
    .under(Manners {
        statuses: &[200, 409, 429, 500, 503],
        ..Manners::USUAL
    }),
    fault(
        "poison",
        "properties that are no text: the message is set aside and counted, not looped",
        |round| Box::pin(poison(round)),
    ),
    fault(
        "poison-row",
        "ten unreadable messages in a row: each is set aside and counted, a good request behind them waits for none",
        |round| Box::pin(poison_row(round)),
    ),
    fault(
        "deep-header",
        "header tables nested as deep as a frame can hold do no harm",
        |round| Box::pin(deep_header(round)),
    ),
    fault(
        "deep-deferred",
        "a report with such headers whose work fails is tried again without them, and done once",
        |round| Box::pin(deep_deferred(round)),
    ),
    fault(
        "wrong-requests",
        "too large, too deep, broken: answered with 400, without effect",
        |round| Box::pin(wrong_requests(round)),
    ),
    fault(
        "odd-reply-to",
        "no reply queue, a dead one, a very long one, our own: done once, no loop, no block",
        |round| Box::pin(odd_reply_to(round)),
    ),
    fault(
        "late-requests",
        "requests that nobody waits for any more are dropped before work, and counted",
        |round| Box::pin(late(round)),
    ),
];

/// A request that makes an outdial, as voipbin's services send it.
pub fn create(name: &str) -> Vec<u8> {
    json!({
        "uri": "/v1/outdials", "method": "POST", "publisher": "campaign-manager",
        "data_type": "application/json", "data": {"name": name},
    })
    .to_string()
    .into_bytes()
}

/// A queue for replies; it goes with its connection.
pub async fn reply_queue(channel: &Channel) -> ShortString {
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare("".into(), exclusive, FieldTable::default())
        .await;
    queue.expect("a queue").name().clone()
}

/// The next message of a queue.
pub async fn next_reply(channel: &Channel, queue: &ShortString) -> Json {
    let body = until("a reply", async || {
        let options = BasicGetOptions { no_ack: true };
        let got = channel.basic_get(queue.clone(), options).await.ok()??;
        Some(got.delivery.data)
    })
    .await;
    serde_json::from_slice(&body).expect("JSON")
}

fn to(reply_to: &ShortString) -> BasicProperties {
    BasicProperties::default().with_reply_to(reply_to.clone())
}

async fn named(site: &Site, name: &str) -> i64 {
    site.count(&format!("outdial_outdials WHERE name LIKE '{name}'"))
        .await
}

async fn panics(round: &mut Round<'_>) {
    let team = round.world.outdial_mut();
    team.replace(0, &[("TANDEM_FAILPOINT", "before_commit:20:panic")]);
    let team = round.world.outdial();
    until("a handler panics, and says so", async || {
        let log = team.daemon(0).log();
        log.contains("a panic was asked for").then_some(())
    })
    .await;
    round.heal();
    round.goes_on().await;
    let told = round
        .load
        .peek(|book| book.statuses.get(&500).copied().unwrap_or(0));
    round.promise(told == 1, format!("{told} callers were told of it"));
    let stays = round.world.outdial_mut().daemon_mut(0).runs();
    round.promise(stays, "the process has ended");
}

/// Messages in a row that nobody can read, and how long a good one may wait behind them.
const ROW: usize = 10;
const BEHIND_MAX: Duration = Duration::from_secs(3);

async fn unreadable(team: &Team) -> f64 {
    let label = "reason=\"unreadable\"";
    team.figure("tandem_requests_dropped_total", label).await
}

async fn poison(round: &mut Round<'_>) {
    let team = round.world.outdial();
    let before = unreadable(team).await;
    publish_bad_texts(&team.site, b"{}", 1).await;
    until("the poison is set aside and counted", async || {
        (unreadable(team).await > before).then_some(())
    })
    .await;
    round.heal();
}

async fn poison_row(round: &mut Round<'_>) {
    let team = round.world.outdial();
    let (_connection, channel) = team.site.channel().await;
    let replies = reply_queue(&channel).await;
    let before = unreadable(team).await;
    let sent = Instant::now();
    publish_bad_texts(&team.site, b"{}", ROW).await;
    let good = create(&round.name("behind"));
    team.site.publish(&channel, &good, to(&replies)).await;
    let reply = next_reply(&channel, &replies).await;
    let took = sent.elapsed();
    assert_eq!(reply["status_code"], 200, "{reply}");
    round.promise(
        took < BEHIND_MAX,
        format!("a good request waited {took:?} behind {ROW} unreadable ones"),
    );
    let team = round.world.outdial();
    until("each is counted", async || {
        (unreadable(team).await >= before + ROW as f64).then_some(())
    })
    .await;
    round.heal();
}

async fn deep_header(round: &mut Round<'_>) {
    let site = &round.world.outdial().site;
    let name = round.name("deep");
    for depth in [1_000, DEPTH_MAX] {
        // Equal requests without an id would be one request, should the broker deliver one again.
        publish_deep_header(site, depth, &create(&format!("{name} {depth}"))).await;
    }
    until("both are served", async || {
        (named(site, &format!("{name}%")).await == 2).then_some(())
    })
    .await;
    // What the recursion took of its thread's stack goes with the connection. One that was served and not acknowledged
    // yet comes again on the next connection, so that one goes as well.
    round.world.lab.cut_connections();
    round.goes_on().await;
    round.world.lab.cut_connections();
    round.heal();
}

async fn deep_deferred(round: &mut Round<'_>) {
    let name = round.name("deferred");
    round.world.lab.database.kill();
    round.world.not_ready().await;
    let team = round.world.outdial();
    let put_off = async || {
        let label = "result=\"retried\"";
        team.figure("tandem_deferred_requests_total", label).await
    };
    let before = put_off().await;
    publish_deep_deferred(&team.site, DEPTH_MAX, &create(&name)).await;
    until("it is put off", async || {
        (put_off().await > before).then_some(())
    })
    .await;
    round.world.lab.database.start();
    round.world.lab.database.up().await;
    let team = round.world.outdial();
    until("it is done", async || {
        (named(&team.site, &name).await == 1).then_some(())
    })
    .await;
    // As after a deep header.
    round.world.lab.cut_connections();
    round.heal();
}

async fn wrong_requests(round: &mut Round<'_>) {
    let site = &round.world.outdial().site;
    let (_connection, channel) = site.channel().await;
    let replies = reply_queue(&channel).await;
    for (reason, body) in wrong_bodies() {
        site.publish(&channel, body.as_bytes(), to(&replies)).await;
        let reply = next_reply(&channel, &replies).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(reply["status_code"], 400, "{shown}: {reply}");
        assert_eq!(reply["data_type"], "voipbin_error", "{shown}");
        assert_eq!(reply["data"]["reason"], reason, "{shown}: {reply}");
    }
    assert_eq!(named(site, "wrong%").await, 0, "without effect");
    round.heal();
}

/// Why each is refused, and what it is.
fn wrong_bodies() -> Vec<(&'static str, String)> {
    let envelope = |data: &str| {
        format!(r#"{{"uri":"/v1/outdials","method":"POST","publisher":"test","data":{data}}}"#)
    };
    let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let large = format!(
        "{{\"name\":\"wrong\",\"detail\":\"{}\"}}",
        "x".repeat(2 << 20)
    );
    vec![
        ("REQUEST_TOO_LARGE", envelope(&large)),
        ("INVALID_ENVELOPE", deep(100_000)),
        ("INVALID_BODY", envelope(&deep(100_000))),
        (
            "INVALID_BODY",
            envelope(&format!("{{\"name\":{}}}", deep(100))),
        ),
        ("INVALID_BODY", envelope(r#"{"name":"wrong \ud800"}"#)),
        ("INVALID_BODY", envelope(r#"{"name":1e999}"#)),
        (
            "INVALID_BODY",
            envelope(r#"{"name":"wrong","name":"wrong"}"#),
        ),
        ("INVALID_ENVELOPE", "{".to_owned()),
        ("INVALID_ENVELOPE", String::new()),
    ]
}

async fn odd_reply_to(round: &mut Round<'_>) {
    let team = round.world.outdial();
    let site = &team.site;
    let (_connection, channel) = site.channel().await;
    let looped = async || {
        let label = "reason=\"reply_loop\"";
        team.figure("tandem_requests_dropped_total", label).await
    };
    let before = looped().await;
    let dead = reply_queue(&channel).await;
    delete(&channel, &dead).await;
    let odd = ["", dead.as_str(), &"q".repeat(255), &site.queue()].map(str::to_owned);
    let name = round.name("odd");
    for reply_to in &odd {
        let properties = to(&reply_to.as_str().into());
        site.publish(&channel, &create(&name), properties).await;
    }
    until("each is done", async || {
        (named(site, &name).await == odd.len() as i64).then_some(())
    })
    .await;
    until("the loop is counted", async || {
        (looped().await == before + 1.0).then_some(())
    })
    .await;
    round.heal();
}

async fn delete(channel: &Channel, queue: &ShortString) {
    channel
        .queue_delete(queue.clone(), QueueDeleteOptions::default())
        .await
        .expect("deleted");
}

/// They wait while no replica runs: too long for some.
async fn late(round: &mut Round<'_>) {
    let team = round.world.outdial();
    for position in 0..REPLICAS {
        team.daemon(position).signal("KILL");
    }
    let (_connection, channel) = team.site.channel().await;
    let (replies, gone) = (reply_queue(&channel).await, reply_queue(&channel).await);
    let (on_time, late) = (round.name("on-time"), round.name("late"));
    let now = Clock::default().now();
    let minute = Duration::from_secs(60);
    let sent = [
        (&on_time, due(&replies, now.plus(minute))),
        (&late, due(&replies, now.minus(minute))),
        (&late, to(&gone)),
        (&late, to(&replies).with_expiration("200".into())),
    ];
    for (name, properties) in sent {
        team.site.publish(&channel, &create(name), properties).await;
    }
    delete(&channel, &gone).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let team = round.world.outdial_mut();
    team.replace_all(&[]);
    team.ready().await;
    round.heal();
    assert_eq!(next_reply(&channel, &replies).await["status_code"], 200);
    for reason in ["late", "caller_gone"] {
        is_dropped(round.world.outdial(), reason).await;
    }
    let site = &round.world.outdial().site;
    let (on_time, late) = (named(site, &on_time).await, named(site, &late).await);
    round.promise(
        (on_time, late) == (1, 0),
        format!("{on_time} on time, {late} late"),
    );
}

/// Properties of a request that nobody waits for after `deadline`.
fn due(reply_to: &ShortString, deadline: Timestamp) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(
        "x-deadline".into(),
        AMQPValue::LongLongInt(deadline.millis()),
    );
    to(reply_to).with_headers(headers)
}

async fn is_dropped(team: &Team, reason: &str) {
    let label = format!("reason=\"{reason}\"");
    until(&format!("requests are dropped: {reason}"), async || {
        let dropped = team.figure("tandem_requests_dropped_total", &label).await;
        (dropped >= 1.0).then_some(())
    })
    .await;
}
