//! Events for those who come and go: one exclusive queue of this process, whose bindings change while it is consumed.

use std::{collections::HashSet, sync::Arc};

use futures_util::StreamExt;
use lapin::{
    Channel, Consumer, ExchangeKind,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeBindOptions,
        ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Inner,
    connection::{Fault, WRITE_MAX, close, connect, limit, limit_to},
    no_arguments,
    probe::{check_rights, watch_rights},
    subscribe::{PREFETCH, take},
};
use crate::{
    backoff::Backoff,
    health::State,
    ids,
    sockhandler::{Bindings, EVENT_EXCHANGE, Live, Receive, SOCKET_EXCHANGE},
};

pub(super) async fn follow(
    inner: &Arc<Inner>,
    live: Live,
    handler: Arc<dyn Receive>,
    stop: CancellationToken,
) {
    let part = format!("events for {}", live.name);
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let mut served = false;
        let consumed = consume(inner, &live, &handler, &part, &stop, &mut served).await;
        live.bindings.lose();
        let Err(fault) = consumed else {
            return;
        };
        if served {
            backoff.reset();
        }
        if inner.health.set(&part, State::Down(fault.to_string())) {
            warn!(listener = live.name, %fault, "event queue lost, will be consumed again");
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_pause()) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn consume(
    inner: &Arc<Inner>,
    live: &Live,
    handler: &Arc<dyn Receive>,
    part: &str,
    stop: &CancellationToken,
    served: &mut bool,
) -> Result<(), Fault> {
    let connection = connect(&inner.address, &live.name).await?;
    // Boxed, as it is large and seldom.
    Box::pin(check_rights(inner)).await?;
    let channel = limit(connection.create_channel()).await?;
    // Who waits for a binding does not wait for events, nor the other way round.
    let side = limit(connection.create_channel()).await?;
    // Another name each time: the broker may hold the old one a while.
    let queue = format!("{}.{}", live.name, ids::next());
    declare(&channel, &queue).await?;
    let mut binder = Binder {
        channel: &side,
        queue: &queue,
        bindings: &live.bindings,
        bound: HashSet::new(),
    };
    live.bindings.renew();
    binder.bind().await?;
    let mut consumer = limit(channel.basic_consume(
        queue.as_str().into(),
        "".into(),
        BasicConsumeOptions::default(),
        no_arguments(),
    ))
    .await?;
    inner.health.set(part, State::Up);
    info!(queue, "listening to events");
    handler.resumed();
    let mut rights = Box::pin(watch_rights(inner));
    let hearing = hear(inner, live, handler, &mut consumer, &channel, served);
    tokio::select! {
        fault = &mut rights => return Err(fault),
        fault = binder.keep_bound() => return Err(fault),
        fault = hearing => return Err(fault),
        () = stop.cancelled() => {}
    }
    close(&connection).await;
    Ok(())
}

/// Hands over each event, until the queue is lost.
async fn hear(
    inner: &Arc<Inner>,
    live: &Live,
    handler: &Arc<dyn Receive>,
    consumer: &mut Consumer,
    channel: &Channel,
    served: &mut bool,
) -> Fault {
    loop {
        let delivery = match consumer.next().await {
            Some(Ok(delivery)) => delivery,
            Some(Err(fault)) => return fault.into(),
            None => return Fault::Timeout,
        };
        *served = true;
        // Nothing is published for what cannot be read here: it is live, and gone.
        let result = match take(handler, &delivery, channel, &live.name, false).await {
            Ok(result) => result,
            Err(fault) => return fault,
        };
        let labels = [live.name.as_str(), result];
        inner
            .metrics
            .received_events
            .with_label_values(&labels)
            .inc();
        let acked = limit_to(WRITE_MAX, delivery.acker.ack(BasicAckOptions::default())).await;
        if let Err(fault) = acked {
            return fault;
        }
    }
}

/// The exchange of events for sockets, which hears all of them under their second key, and a queue of this process.
async fn declare(channel: &Channel, queue: &str) -> Result<(), Fault> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    for exchange in [EVENT_EXCHANGE, SOCKET_EXCHANGE] {
        limit(channel.exchange_declare(
            exchange.into(),
            ExchangeKind::Topic,
            durable,
            no_arguments(),
        ))
        .await?;
    }
    limit(channel.exchange_bind(
        SOCKET_EXCHANGE.into(),
        EVENT_EXCHANGE.into(),
        "#".into(),
        ExchangeBindOptions::default(),
        no_arguments(),
    ))
    .await?;
    let own = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    limit(channel.queue_declare(queue.into(), own, no_arguments())).await?;
    limit(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await
}

/// Keeps the queue bound to what is held.
struct Binder<'b> {
    channel: &'b Channel,
    queue: &'b str,
    bindings: &'b Bindings,
    bound: HashSet<String>,
}

impl Binder<'_> {
    /// One round. The broker answers in order, so only the last answer is waited for.
    async fn bind(&mut self) -> Result<(), Fault> {
        let changes = self.bindings.changes(&self.bound);
        for key in changes.unbind {
            limit(self.channel.queue_unbind(
                self.queue.into(),
                SOCKET_EXCHANGE.into(),
                key.as_str().into(),
                no_arguments(),
            ))
            .await?;
            self.bound.remove(&key);
        }
        let last = changes.bind.len();
        for (position, key) in (1..).zip(changes.bind) {
            let options = QueueBindOptions {
                nowait: position < last,
            };
            limit(self.channel.queue_bind(
                self.queue.into(),
                SOCKET_EXCHANGE.into(),
                key.as_str().into(),
                options,
                no_arguments(),
            ))
            .await?;
            self.bound.insert(key);
        }
        self.bindings.settle(changes.round);
        Ok(())
    }

    /// Until the queue is lost.
    async fn keep_bound(&mut self) -> Fault {
        loop {
            self.bindings.changed().await;
            if let Err(fault) = self.bind().await {
                return fault;
            }
        }
    }
}
