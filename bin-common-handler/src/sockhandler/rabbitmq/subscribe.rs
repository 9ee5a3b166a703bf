//! Events of others: taken in order, tried again after growing pauses, then parked and counted.

use std::sync::Arc;

use async_trait::async_trait;
use lapin::{
    Channel,
    message::Delivery,
    options::{
        BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    Inner,
    connection::{Fault, limit},
    hear::{Listener, Queue},
    no_arguments,
    retry::{VERSION_HEADER, attempt, customer_id, later_or_park, number_header, park, trace},
    unreadable,
};
use crate::{
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
    let queue = if subscription.durable {
        subscribe_queue(&subscription.name)
    } else {
        format!("{}.{}", subscription.name, ids::next())
    };
    let listener = Listener {
        inner,
        name: &subscription.name,
        durable: subscription.durable,
        handler,
        stop,
    };
    let mut queue = Subscribed {
        subscription: &subscription,
        queue,
    };
    listener.run(&mut queue).await;
}

/// The queue of a subscription.
struct Subscribed<'s> {
    subscription: &'s Subscription,
    queue: String,
}

#[async_trait]
impl Queue for Subscribed<'_> {
    async fn declare(&mut self, channel: &Channel, side: &Channel) -> Result<String, Fault> {
        // Retries are published there.
        limit(side.confirm_select(ConfirmSelectOptions::default())).await?;
        declare(channel, self.subscription, &self.queue, no_arguments()).await?;
        Ok(self.queue.clone())
    }
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
