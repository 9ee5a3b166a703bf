//! The request queue: declared, bound, consumed; supervised through every failure.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, Consumer, ExchangeKind,
    message::Delivery,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions,
        BasicNackOptions, BasicPublishOptions, BasicQosOptions, ExchangeBindOptions,
        ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use super::{
    Inner,
    connection::{Fault, WRITE_MAX, broken, close, connect, limit, limit_to},
    delay, no_arguments, post,
    probe::is_missing,
};
use crate::{
    backoff::Backoff,
    call::Travel,
    failpoint,
    health::{Health, State},
    models::{sock::Response, time::Timestamp},
    sockhandler::{
        CONCURRENCY, DELAY_EXCHANGE, DRAIN_MAX, Delivered, EVENT_EXCHANGE, Serve, event_fanout,
        request_queue,
    },
};

/// Unreadable frames in a row before the head of the queue is looked at by itself.
const UNREADABLE_MAX: u32 = 3;
/// Replies are tried this often while the reply connection comes back.
const REPLY_ATTEMPTS: u32 = 3;

/// Everything that one message's work needs.
struct Work {
    inner: Arc<Inner>,
    name: String,
    queue: String,
    handler: Arc<dyn Serve>,
    /// It was consumed before, so it has to be there.
    was_consumed: AtomicBool,
}

pub(super) async fn serve(
    inner: &Arc<Inner>,
    name: &str,
    handler: Arc<dyn Serve>,
    health: &Health,
    stop: CancellationToken,
) {
    let work = Arc::new(Work {
        inner: Arc::clone(inner),
        name: name.to_owned(),
        queue: request_queue(name),
        handler,
        was_consumed: AtomicBool::new(false),
    });
    let mut backoff = Backoff::default();
    let mut unreadable = 0;
    while !stop.is_cancelled() {
        let served = AtomicU64::new(0);
        let Err(fault) = consume(&work, health, &stop, &served).await else {
            return;
        };
        if served.load(Ordering::Relaxed) > 0 {
            backoff.reset();
        }
        unreadable = if fault.is_unreadable() {
            unreadable + 1
        } else {
            0
        };
        if health.set(name, State::Down(format!("broker: {fault}"))) {
            warn!(queue = work.queue, %fault, "request queue lost, will be consumed again");
        }
        if unreadable >= UNREADABLE_MAX {
            unreadable = 0;
            remove_poison(&work).await;
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_pause()) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One life of the consumer; ends well only when asked to stop.
async fn consume(
    work: &Arc<Work>,
    health: &Health,
    stop: &CancellationToken,
    served: &AtomicU64,
) -> Result<(), Fault> {
    let inner = &work.inner;
    let connection = connect(&inner.address, &work.name).await?;
    report_loss(work, &connection).await?;
    let channel = limit(connection.create_channel()).await?;
    let waiting = declare(work, &channel).await?;
    let mut consumer = limit(channel.basic_consume(
        work.queue.as_str().into(),
        work.name.as_str().into(),
        BasicConsumeOptions::default(),
        no_arguments(),
    ))
    .await?;
    work.was_consumed.store(true, Ordering::Relaxed);
    health.set(&work.name, State::Up);
    info!(queue = work.queue, waiting, "consuming requests");
    let tracker = TaskTracker::new();
    let ended = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Ok(()),
            next = consumer.next() => match next {
                Some(Ok(delivery)) => {
                    let number = served.fetch_add(1, Ordering::Relaxed);
                    let was_waiting = number < u64::from(waiting);
                    tracker.spawn(work_on(Arc::clone(work), delivery, was_waiting));
                }
                Some(Err(error)) => break Err(Fault::Amqp(error)),
                None => break Err(end_of(&connection)),
            },
        }
    };
    // After a fault what still runs finishes by itself: it is delivered again, and the inbox knows it.
    if ended.is_ok() {
        health.set(&work.name, State::Down("stopping".to_owned()));
        finish_delivered(work, &channel, &mut consumer, &tracker).await;
        tracker.close();
        if tokio::time::timeout(DRAIN_MAX, tracker.wait())
            .await
            .is_err()
        {
            warn!(
                queue = work.queue,
                unfinished = tracker.len(),
                "handing requests back to the broker"
            );
        }
    }
    close(&connection).await;
    ended
}

/// A queue that was there and is gone took with it what waited in it, deferred requests too: nobody can bring
/// them back, so it is said.
async fn report_loss(work: &Work, connection: &Connection) -> Result<(), Fault> {
    if !work.was_consumed.load(Ordering::Relaxed) {
        return Ok(());
    }
    let scratch = limit(connection.create_channel()).await?;
    if is_missing(&scratch, &work.queue).await {
        warn!(
            queue = work.queue,
            "request queue was deleted, or lost with the broker's disk; what waited in it is gone"
        );
        work.inner
            .metrics
            .redeclared
            .with_label_values(&[&work.name])
            .inc();
    }
    Ok(())
}

fn end_of(connection: &Connection) -> Fault {
    if connection.status().connected() {
        Fault::Amqp(lapin::ErrorKind::MissingHeartbeatError.into())
    } else {
        Fault::Timeout
    }
}

/// After the cancel no new message comes; those that the broker sent before are served all the same.
async fn finish_delivered(
    work: &Arc<Work>,
    channel: &Channel,
    consumer: &mut Consumer,
    tracker: &TaskTracker,
) {
    let tag = consumer.tag();
    let _ = limit(channel.basic_cancel(tag, BasicCancelOptions::default())).await;
    while let Ok(Some(Ok(delivery))) =
        tokio::time::timeout(Duration::from_millis(500), consumer.next()).await
    {
        tracker.spawn(work_on(Arc::clone(work), delivery, false));
    }
    debug!(
        queue = work.queue,
        in_flight = tracker.len(),
        "finishing what was delivered"
    );
}

/// Declares what a daemon owns on the broker; answers how many messages were waiting.
async fn declare(work: &Work, channel: &Channel) -> Result<u32, Fault> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let fanout = event_fanout(&work.name);
    limit(channel.exchange_declare(
        EVENT_EXCHANGE.into(),
        ExchangeKind::Topic,
        durable,
        no_arguments(),
    ))
    .await?;
    limit(channel.exchange_declare(
        fanout.as_str().into(),
        ExchangeKind::Fanout,
        durable,
        no_arguments(),
    ))
    .await?;
    limit(channel.exchange_bind(
        fanout.as_str().into(),
        EVENT_EXCHANGE.into(),
        format!("{}.#", work.name).into(),
        ExchangeBindOptions::default(),
        no_arguments(),
    ))
    .await?;
    let queue = limit(channel.queue_declare(
        work.queue.as_str().into(),
        QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        },
        no_arguments(),
    ))
    .await?;
    if delay::probe(&work.inner).await {
        limit(channel.queue_bind(
            work.queue.as_str().into(),
            DELAY_EXCHANGE.into(),
            work.queue.as_str().into(),
            QueueBindOptions::default(),
            no_arguments(),
        ))
        .await?;
    }
    let prefetch = u16::try_from(CONCURRENCY).unwrap_or(u16::MAX);
    limit(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    Ok(queue.message_count())
}

async fn work_on(work: Arc<Work>, delivery: Delivery, was_waiting: bool) {
    let reply_to = text(delivery.properties.reply_to().as_ref());
    let correlation_id = delivery
        .properties
        .correlation_id()
        .as_ref()
        .map(|id| id.as_str().to_owned());
    let posted = post::is_posted(&delivery).then(|| delivery.data.clone());
    let delivered = Delivered {
        travel: Travel {
            reply_to: reply_to.clone(),
            correlation_id: correlation_id.clone().unwrap_or_default(),
            message_id: text(delivery.properties.message_id().as_ref()),
            redelivered: delivery.redelivered,
        },
        deadline: deadline(&work, &delivery),
        maybe_late: was_waiting || delivery.redelivered,
        body: delivery.data,
    };
    let (acker, properties) = (delivery.acker, delivery.properties);
    let response = work.handler.serve(delivered, &*work.inner).await;
    failpoint::reach("before_reply");
    let is_settled = match (response, posted) {
        (response, Some(body)) => {
            !post::is_worth_another_try(response.as_ref())
                || post::try_later(&work.inner, &work.name, &work.queue, &properties, &body).await
        }
        (Some(response), None) if !reply_to.is_empty() => {
            reply(&work, &reply_to, correlation_id, &response).await
        }
        _ => true,
    };
    failpoint::reach("before_ack");
    // An unsent reply goes back to the queue: the inbox knows the answer when it comes again.
    let settled = if is_settled {
        limit_to(WRITE_MAX, acker.ack(BasicAckOptions::default())).await
    } else {
        let requeue = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        limit_to(WRITE_MAX, acker.nack(requeue)).await
    };
    if let Err(fault) = settled {
        debug!(queue = work.queue, %fault, "acknowledgement not sent, the request will come again");
    }
}

fn text(property: Option<&lapin::types::ShortString>) -> String {
    property
        .map(|text| text.as_str().to_owned())
        .unwrap_or_default()
}

/// The header `x-deadline` (Unix ms), else the expiration counted from now.
fn deadline(work: &Work, delivery: &Delivery) -> Option<Timestamp> {
    use lapin::types::AMQPValue;
    let header = delivery
        .properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get("x-deadline"));
    let at_ms = match header {
        Some(AMQPValue::LongLongInt(ms)) => Some(*ms),
        Some(AMQPValue::LongInt(ms)) => Some(i64::from(*ms)),
        Some(AMQPValue::LongString(ms)) => ms.to_string().parse().ok(),
        _ => None,
    };
    if let Some(ms) = at_ms {
        return Some(Timestamp::from_micros(ms.saturating_mul(1_000)));
    }
    let expiration: u64 = text(delivery.properties.expiration().as_ref())
        .parse()
        .ok()?;
    Some(
        work.inner
            .clock
            .now()
            .plus(Duration::from_millis(expiration)),
    )
}

/// True when the reply was written, or can never be.
async fn reply(
    work: &Work,
    reply_to: &str,
    correlation_id: Option<String>,
    response: &Response,
) -> bool {
    if reply_to == work.queue {
        work.inner
            .metrics
            .dropped
            .with_label_values(&[&work.name, "reply_loop"])
            .inc();
        return true;
    }
    let Ok(body) = serde_json::to_vec(response) else {
        return true;
    };
    let mut properties = BasicProperties::default().with_content_type("text/plain".into());
    if let Some(id) = correlation_id {
        properties = properties.with_correlation_id(id.into());
    }
    let mut backoff = Backoff::default();
    for _ in 0..REPLY_ATTEMPTS {
        let sent = async {
            let channel = work.inner.talk.channel().await?;
            let options = BasicPublishOptions::default();
            limit_to(
                WRITE_MAX,
                channel.basic_publish(
                    "".into(),
                    reply_to.into(),
                    options,
                    &body,
                    properties.clone(),
                ),
            )
            .await
        };
        match sent.await {
            Ok(_) => return true,
            Err(Fault::Timeout) => break,
            Err(_) => tokio::time::sleep(backoff.next_pause()).await,
        }
    }
    work.inner.talk.reset().await;
    work.inner
        .metrics
        .replies_failed
        .with_label_values(&[&work.name])
        .inc();
    false
}

/// A frame that cannot be read comes first in the queue and would come first for ever. Messages are
/// taken one by one on a connection that may die: a readable one is served, the unreadable one removed.
async fn remove_poison(work: &Arc<Work>) {
    match serve_heads(work, false).await {
        Ok(()) => return,
        Err(fault) if fault.is_unreadable() => {}
        Err(fault) => {
            warn!(queue = work.queue, %fault, "could not look at the head of the queue");
            return;
        }
    }
    // Taken without acknowledgement it is gone, whatever becomes of the connection.
    if serve_heads(work, true)
        .await
        .is_err_and(|fault| fault.is_unreadable())
    {
        work.inner
            .metrics
            .dropped
            .with_label_values(&[&work.name, "unreadable"])
            .inc();
        warn!(
            queue = work.queue,
            "removed a message whose properties cannot be read"
        );
    }
}

/// Serves what can be read from the head of the queue; only one message when taken for good.
async fn serve_heads(work: &Arc<Work>, no_ack: bool) -> Result<(), Fault> {
    let connection = connect(&work.inner.address, "poison").await?;
    let channel = limit(connection.create_channel()).await?;
    let mut broken = std::pin::pin!(broken(connection.events_listener()));
    loop {
        let queue = work.queue.as_str().into();
        let message = tokio::select! {
            message = limit(channel.basic_get(queue, BasicGetOptions { no_ack })) => message?,
            fault = &mut broken => return Err(fault),
        };
        let Some(message) = message else { break };
        work_on(Arc::clone(work), message.delivery, true).await;
        if no_ack {
            break;
        }
    }
    close(&connection).await;
    Ok(())
}
