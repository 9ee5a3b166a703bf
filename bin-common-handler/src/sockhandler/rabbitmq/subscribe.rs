//! Events of others: taken in order, tried again after growing pauses, then parked and counted.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{
    Channel,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions,
        ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Inner,
    connection::{Fault, WRITE_MAX, close, connect, limit, limit_to},
    no_arguments,
    probe::{check_rights, watch_rights},
    retry::{VERSION_HEADER, attempt, customer_id, later_or_park, number_header, park, trace},
    unreadable,
};
use crate::{
    backoff::Backoff,
    health::State,
    ids,
    models::{
        encoding::{self, skip_bom},
        sock::{BODY_LIMIT, Event},
    },
    sockhandler::{
        EVENT_EXCHANGE, Receive, ReceivedEvent, Subscription, event_fanout, subscribe_queue,
    },
};

pub(super) const PREFETCH: u16 = 50;

pub(super) async fn subscribe(
    inner: &Arc<Inner>,
    subscription: Subscription,
    handler: Arc<dyn Receive>,
    stop: CancellationToken,
) {
    let part = format!("events for {}", subscription.name);
    let queue = if subscription.durable {
        subscribe_queue(&subscription.name)
    } else {
        format!("{}.{}", subscription.name, ids::next())
    };
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let mut served = false;
        let Err(fault) = consume(
            inner,
            &subscription,
            &queue,
            &handler,
            &part,
            &stop,
            &mut served,
        )
        .await
        else {
            return;
        };
        if served {
            backoff.reset();
        }
        if inner.health.set(&part, State::Down(fault.to_string())) {
            warn!(queue, %fault, "event queue lost, will be consumed again");
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_pause()) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn consume(
    inner: &Arc<Inner>,
    subscription: &Subscription,
    queue: &str,
    handler: &Arc<dyn Receive>,
    part: &str,
    stop: &CancellationToken,
    served: &mut bool,
) -> Result<(), Fault> {
    let connection = connect(&inner.address, &subscription.name).await?;
    // Boxed, as it is large and seldom.
    Box::pin(check_rights(inner)).await?;
    let channel = limit(connection.create_channel()).await?;
    // Retries are published here: a slow confirm must not hold up the acknowledgements.
    let side = limit(connection.create_channel()).await?;
    limit(side.confirm_select(ConfirmSelectOptions::default())).await?;
    declare(&channel, subscription, queue, no_arguments()).await?;
    let mut consumer = limit(channel.basic_consume(
        queue.into(),
        "".into(),
        BasicConsumeOptions::default(),
        no_arguments(),
    ))
    .await?;
    inner.health.set(part, State::Up);
    info!(queue, "listening to events");
    handler.resumed();
    let mut rights = Box::pin(watch_rights(inner));
    loop {
        let next = tokio::select! {
            fault = &mut rights => return Err(fault),
            () = stop.cancelled() => break,
            next = consumer.next() => next,
        };
        let delivery = next.ok_or(Fault::Timeout)??;
        *served = true;
        let result = take(handler, &delivery, &side, queue, subscription.durable).await?;
        inner
            .metrics
            .received_events
            .with_label_values(&[subscription.name.as_str(), result])
            .inc();
        limit_to(WRITE_MAX, delivery.acker.ack(BasicAckOptions::default())).await?;
    }
    close(&connection).await;
    Ok(())
}

/// Declares the queue of a subscription and binds it.
pub(super) async fn declare(
    channel: &Channel,
    subscription: &Subscription,
    queue: &str,
    arguments: FieldTable,
) -> Result<(), Fault> {
    let exchange = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    limit(channel.exchange_declare(
        EVENT_EXCHANGE.into(),
        lapin::ExchangeKind::Topic,
        exchange,
        no_arguments(),
    ))
    .await?;
    let options = QueueDeclareOptions {
        durable: subscription.durable,
        exclusive: !subscription.durable,
        auto_delete: !subscription.durable,
        ..QueueDeclareOptions::default()
    };
    limit(channel.queue_declare(queue.into(), options, arguments)).await?;
    let bind = QueueBindOptions::default;
    for pattern in &subscription.patterns {
        limit(channel.queue_bind(
            queue.into(),
            EVENT_EXCHANGE.into(),
            pattern.as_str().into(),
            bind(),
            no_arguments(),
        ))
        .await?;
    }
    for service in &subscription.fanouts {
        let fanout = event_fanout(service);
        limit(channel.exchange_declare(
            fanout.as_str().into(),
            lapin::ExchangeKind::Fanout,
            exchange,
            no_arguments(),
        ))
        .await?;
        limit(channel.queue_bind(
            queue.into(),
            fanout.as_str().into(),
            "".into(),
            bind(),
            no_arguments(),
        ))
        .await?;
    }
    limit(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await
}

/// Works on one event; what became of it. It is acknowledged only when it is done or safe elsewhere.
pub(super) async fn take(
    handler: &Arc<dyn Receive>,
    delivery: &Delivery,
    side: &Channel,
    queue: &str,
    durable: bool,
) -> Result<&'static str, Fault> {
    let event = match unreadable::names(&delivery.properties) {
        None => read(delivery),
        Some(_) => None,
    };
    let Some(event) = event else {
        return if durable {
            park(side, queue, &delivery.properties, &delivery.data).await
        } else {
            Ok("parked")
        };
    };
    let received = ReceivedEvent {
        trace: trace(&delivery.properties),
        event,
        routing_key: delivery.routing_key.to_string(),
        message_id: delivery
            .properties
            .message_id()
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        version: number_header(&delivery.properties, VERSION_HEADER),
        customer_id: customer_id(&delivery.properties),
    };
    let Err(error) = handler.receive(received).await else {
        return Ok("done");
    };
    let attempt = attempt(&delivery.properties);
    warn!(queue, attempt, %error, "event failed");
    if !durable {
        return Ok("parked");
    }
    later_or_park(side, queue, &delivery.properties, &delivery.data).await
}

/// The event, unpacked where it is packed.
fn read(delivery: &Delivery) -> Option<Event> {
    let packed = delivery.properties.content_encoding().as_ref();
    let packed = packed.map_or("", |encoding| encoding.as_str());
    let body = encoding::decode(packed, &delivery.data, BODY_LIMIT).ok()?;
    serde_json::from_slice(skip_bom(&body)).ok()
}
