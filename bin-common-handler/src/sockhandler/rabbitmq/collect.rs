//! Durable subscriptions: events go from their queue into the subscriber's own table, a batch at a time and in
//! order, and are acknowledged when they stand there.
//!
//! Of all replicas one consumes at a time (a single active consumer), or two could write one entity's events in
//! another order than they came. Whoever comes after it gets again what it had not acknowledged, first.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions},
    types::{AMQPValue, FieldTable},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Inner,
    connection::{Fault, WRITE_MAX, close, connect, limit, limit_to},
    no_arguments,
    retry::{VERSION_HEADER, customer_id, number_header, trace},
    subscribe::{PREFETCH, declare},
};
use crate::{
    backoff::Backoff,
    failpoint,
    health::State,
    sockhandler::{Collect, Incoming, Subscription, subscribe_queue},
};

pub(super) async fn collect(
    inner: &Arc<Inner>,
    subscription: Subscription,
    collector: Arc<dyn Collect>,
    stop: CancellationToken,
) {
    let part = format!("events for {}", subscription.name);
    let queue = subscribe_queue(&subscription.name);
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let mut served = false;
        let mut consuming = Consuming {
            inner,
            queue: &queue,
            part: &part,
            served: &mut served,
        };
        let Err(fault) = consuming.run(&subscription, &*collector, &stop).await else {
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

/// One connection's time.
struct Consuming<'c> {
    inner: &'c Inner,
    queue: &'c str,
    part: &'c str,
    /// It came to take a message.
    served: &'c mut bool,
}

impl Consuming<'_> {
    async fn run(
        &mut self,
        subscription: &Subscription,
        collector: &dyn Collect,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        let connection = connect(&self.inner.address, &subscription.name).await?;
        let channel = limit(connection.create_channel()).await?;
        let mut arguments = FieldTable::default();
        let one_at_a_time = AMQPValue::Boolean(true);
        arguments.insert("x-single-active-consumer".into(), one_at_a_time);
        declare(&channel, subscription, self.queue, arguments).await?;
        let mut consumer = limit(channel.basic_consume(
            self.queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            no_arguments(),
        ))
        .await?;
        self.inner.health.set(self.part, State::Up);
        info!(queue = self.queue, "listening to events");
        loop {
            let first = tokio::select! {
                () = stop.cancelled() => break,
                first = consumer.next() => first,
            };
            let first = first.ok_or(Fault::Timeout)??;
            *self.served = true;
            let batch = gather(first, &mut consumer)?;
            if !keep(&batch, collector, self.queue, stop).await {
                break;
            }
            failpoint::reach("before_event_ack");
            acknowledge(&channel, &batch).await?;
        }
        close(&connection).await;
        Ok(())
    }
}

/// What has come already, in its order.
fn gather(first: Delivery, consumer: &mut Consumer) -> Result<Vec<Delivery>, Fault> {
    let mut batch = vec![first];
    while batch.len() < usize::from(PREFETCH) {
        match consumer.next().now_or_never() {
            Some(Some(next)) => batch.push(next?),
            // Its end is met by whoever waits for the next.
            Some(None) | None => break,
        }
    }
    Ok(batch)
}

/// Tries until they are kept; false when stopped before.
async fn keep(
    batch: &[Delivery],
    collector: &dyn Collect,
    queue: &str,
    stop: &CancellationToken,
) -> bool {
    let mut backoff = Backoff::default();
    let mut is_failing = false;
    loop {
        let Err(error) = collector
            .collect(batch.iter().map(incoming).collect())
            .await
        else {
            return true;
        };
        if !std::mem::replace(&mut is_failing, true) {
            warn!(queue, %error, "events cannot be kept now; they wait in the broker");
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_pause()) => {}
            () = stop.cancelled() => return false,
        }
    }
}

/// All of a batch with one frame: nothing before it is open.
async fn acknowledge(channel: &Channel, batch: &[Delivery]) -> Result<(), Fault> {
    let Some(last) = batch.last() else {
        return Ok(());
    };
    let up_to = BasicAckOptions { multiple: true };
    limit_to(WRITE_MAX, channel.basic_ack(last.delivery_tag, up_to)).await
}

fn incoming(delivery: &Delivery) -> Incoming {
    let message_id = delivery.properties.message_id().as_ref();
    Incoming {
        trace: trace(&delivery.properties),
        routing_key: delivery.routing_key.to_string(),
        message_id: message_id.map(ToString::to_string).unwrap_or_default(),
        version: number_header(&delivery.properties, VERSION_HEADER),
        customer_id: customer_id(&delivery.properties),
        body: delivery.data.clone(),
    }
}
