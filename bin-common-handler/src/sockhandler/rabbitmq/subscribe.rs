//! Events of others: taken in order, tried again after growing pauses, then parked and counted.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions,
        ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Inner,
    connection::{Fault, WRITE_MAX, close, connect, limit, limit_to},
    delay::{publish_confirmed, publish_later},
    no_arguments,
};
use crate::{
    backoff::Backoff,
    health::State,
    ids,
    sockhandler::{
        EVENT_EXCHANGE, RETRIES, Receive, ReceivedEvent, Subscription, event_fanout,
        subscribe_queue,
    },
};

const PREFETCH: u16 = 50;
const ATTEMPT_HEADER: &str = "x-attempt";

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
    let channel = limit(connection.create_channel()).await?;
    // Retries are published here: a slow confirm must not hold up the acknowledgements.
    let side = limit(connection.create_channel()).await?;
    limit(side.confirm_select(ConfirmSelectOptions::default())).await?;
    declare(&channel, subscription, queue).await?;
    let mut consumer = limit(channel.basic_consume(
        queue.into(),
        "".into(),
        BasicConsumeOptions::default(),
        no_arguments(),
    ))
    .await?;
    inner.health.set(part, State::Up);
    info!(queue, "listening to events");
    loop {
        let next = tokio::select! {
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

async fn declare(channel: &Channel, subscription: &Subscription, queue: &str) -> Result<(), Fault> {
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
    limit(channel.queue_declare(queue.into(), options, no_arguments())).await?;
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
async fn take(
    handler: &Arc<dyn Receive>,
    delivery: &Delivery,
    side: &Channel,
    queue: &str,
    durable: bool,
) -> Result<&'static str, Fault> {
    let Ok(event) = serde_json::from_slice(&delivery.data) else {
        return if durable {
            park(delivery, side, queue).await
        } else {
            Ok("parked")
        };
    };
    let received = ReceivedEvent {
        event,
        routing_key: delivery.routing_key.to_string(),
        message_id: delivery
            .properties
            .message_id()
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        version: number_header(delivery, "x-version"),
    };
    let Err(error) = handler.receive(received).await else {
        return Ok("done");
    };
    let attempt =
        usize::try_from(number_header(delivery, ATTEMPT_HEADER).unwrap_or(0)).unwrap_or(usize::MAX);
    warn!(queue, attempt, %error, "event failed");
    if !durable {
        return Ok("parked");
    }
    let Some(pause) = RETRIES.get(attempt) else {
        return park(delivery, side, queue).await;
    };
    let mut headers = delivery.properties.headers().clone().unwrap_or_default();
    let next = i64::try_from(attempt).unwrap_or(i64::MAX).saturating_add(1);
    headers.insert(ATTEMPT_HEADER.into(), AMQPValue::LongLongInt(next));
    let properties = delivery.properties.clone().with_headers(headers);
    publish_later(side, queue, *pause, &delivery.data, properties).await?;
    Ok("retried")
}

/// Sets an event aside in `<queue>.parked`, for a person to look at.
async fn park(delivery: &Delivery, side: &Channel, queue: &str) -> Result<&'static str, Fault> {
    let parked = format!("{queue}.parked");
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    limit(side.queue_declare(parked.as_str().into(), durable, FieldTable::default())).await?;
    let properties: BasicProperties = delivery.properties.clone().with_delivery_mode(2);
    publish_confirmed(side, "", &parked, &delivery.data, properties).await?;
    warn!(queue, parked, "event parked after its last retry");
    Ok("parked")
}

fn number_header(delivery: &Delivery, name: &str) -> Option<i64> {
    match delivery.properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some(i64::from(*number)),
        _ => None,
    }
}
