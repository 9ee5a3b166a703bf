//! The request queue: declared, bound, consumed; supervised through every failure.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    Channel, Connection, Consumer, ExchangeKind,
    options::{
        BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ExchangeBindOptions,
        ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    Inner, backlog,
    connection::{Fault, close, connect, limit},
    delay, no_arguments,
    probe::{check_rights, is_missing, watch_rights},
    sole,
    work::{RequestConsumer, Work},
};
use crate::{
    backoff::Backoff,
    health::{Health, State},
    sockhandler::{
        DELAY_EXCHANGE, EVENT_EXCHANGE, Serve,
        admission::{HELD_MAX, TICK_PERIOD, busy},
        event_fanout, request_queue,
    },
};

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
        busy: serde_json::to_vec(&busy(name)).unwrap_or_default().into(),
    });
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let served = AtomicU64::new(0);
        let Err(fault) = consume(&work, health, &stop, &served).await else {
            return;
        };
        if served.load(Ordering::Relaxed) > 0 {
            backoff.reset();
        }
        // Whoever served before comes back when the other is gone; at start this ends the process.
        if matches!(fault, Fault::Foreign(_)) && !work.was_consumed.load(Ordering::Relaxed) {
            error!(%fault, "cannot start");
            return;
        }
        if health.set(name, State::Down(format!("broker: {fault}"))) {
            warn!(queue = work.queue, %fault, "request queue lost, will be consumed again");
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
    // Boxed, as it is large and seldom.
    Box::pin(check_rights(inner)).await?;
    report_loss(work, &connection).await?;
    let channel = limit(connection.create_channel()).await?;
    // Held until the end: dropped, it is cancelled.
    let _claim = match work.handler.renamed_by() {
        Some(setting) => {
            Some(Box::pin(sole::claim(&connection, &channel, &work.queue, setting)).await?)
        }
        None => None,
    };
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
    let requests = RequestConsumer::new(work, &channel);
    let mut look = tokio::time::interval(TICK_PERIOD);
    let admission = Arc::clone(&requests.admission);
    let mut rights = Box::pin(watch_rights(inner));
    let mut backlog = pin!(backlog::watch(work, &channel, &admission, served));
    let ended = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Ok(()),
            _ = look.tick() => requests.tick(),
            fault = &mut backlog => break Err(fault),
            fault = &mut rights => break Err(fault),
            next = consumer.next() => match next {
                Some(Ok(delivery)) => {
                    let number = served.fetch_add(1, Ordering::Relaxed);
                    requests.on_delivery(delivery, number < u64::from(waiting));
                }
                Some(Err(error)) => break Err(Fault::Amqp(error)),
                None => break Err(end_of(&connection)),
            },
        }
    };
    if ended.is_ok() {
        health.set(&work.name, State::Down("stopping".to_owned()));
        finish_delivered(&requests, &channel, &mut consumer).await;
        requests.finish().await;
    } else {
        // What still runs finishes by itself: it is delivered again, and the inbox knows it. So is what waits.
        admission.forget();
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
async fn finish_delivered(requests: &RequestConsumer, channel: &Channel, consumer: &mut Consumer) {
    let tag = consumer.tag();
    let _ = limit(channel.basic_cancel(tag, BasicCancelOptions::default())).await;
    while let Ok(Some(Ok(delivery))) =
        tokio::time::timeout(Duration::from_millis(500), consumer.next()).await
    {
        requests.on_delivery(delivery, false);
    }
    debug!(
        queue = requests.work.queue,
        in_flight = requests.tracker.len(),
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
    let prefetch = u16::try_from(HELD_MAX).unwrap_or(u16::MAX);
    limit(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    Ok(queue.message_count())
}
