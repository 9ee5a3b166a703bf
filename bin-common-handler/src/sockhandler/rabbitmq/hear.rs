//! One loop for whoever hears events: connect, declare, consume, hand over, acknowledge; and again after growing pauses.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Inner,
    connection::{Fault, WRITE_MAX, close, connect, limit, limit_to},
    no_arguments,
    probe::{check_rights, watch_rights},
    subscribe::take,
};
use crate::{backoff::Backoff, health::State, sockhandler::Receive};

/// Who hears.
pub(super) struct Listener<'l> {
    pub inner: &'l Arc<Inner>,
    /// Its name in logs and figures.
    pub name: &'l str,
    /// What fails is tried again and parked; otherwise it is gone.
    pub durable: bool,
    pub handler: Arc<dyn Receive>,
    pub stop: CancellationToken,
}

/// The queue of a listener.
#[async_trait]
pub(super) trait Queue: Send {
    /// Declares the queue by `channel` and binds it; `side` is for what must not wait for events. Its name.
    async fn declare(&mut self, channel: &Channel, side: &Channel) -> Result<String, Fault>;

    /// Goes on while events are heard; ends when the queue is lost.
    async fn keep(&mut self, _side: &Channel) -> Fault {
        std::future::pending().await
    }

    /// It is no longer consumed.
    fn lost(&mut self) {}
}

impl Listener<'_> {
    /// Hears events until asked to stop.
    pub(super) async fn run(&self, queue: &mut dyn Queue) {
        let part = format!("events for {}", self.name);
        let mut backoff = Backoff::default();
        while !self.stop.is_cancelled() {
            let mut served = false;
            let consumed = self.consume(queue, &part, &mut served).await;
            queue.lost();
            let Err(fault) = consumed else {
                return;
            };
            if served {
                backoff.reset();
            }
            let down = State::Down(fault.to_string());
            if self.inner.health.set(&part, down) {
                warn!(listener = self.name, %fault, "event queue lost, will be consumed again");
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next_pause()) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// One life of the consumer; ends well only when asked to stop.
    async fn consume(
        &self,
        queue: &mut dyn Queue,
        part: &str,
        served: &mut bool,
    ) -> Result<(), Fault> {
        let connection = connect(&self.inner.address, self.name).await?;
        // Boxed, as it is large and seldom.
        Box::pin(check_rights(self.inner)).await?;
        let channel = limit(connection.create_channel()).await?;
        // Bindings and retries: neither waits for the acknowledgements, nor the other way round.
        let side = limit(connection.create_channel()).await?;
        let name = queue.declare(&channel, &side).await?;
        let mut consumer = limit(channel.basic_consume(
            name.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            no_arguments(),
        ))
        .await?;
        self.inner.health.set(part, State::Up);
        info!(queue = name, "listening to events");
        self.handler.resumed();
        let heard = tokio::select! {
            fault = queue.keep(&side) => Err(fault),
            heard = self.hear(&mut consumer, &side, &name, served) => heard,
        };
        heard?;
        close(&connection).await;
        Ok(())
    }

    /// Hands over each event. What is begun ends before a stop is seen.
    async fn hear(
        &self,
        consumer: &mut Consumer,
        side: &Channel,
        queue: &str,
        served: &mut bool,
    ) -> Result<(), Fault> {
        let mut rights = Box::pin(watch_rights(self.inner));
        loop {
            let next = tokio::select! {
                fault = &mut rights => return Err(fault),
                () = self.stop.cancelled() => return Ok(()),
                next = consumer.next() => next,
            };
            let delivery = next.ok_or(Fault::Timeout)??;
            *served = true;
            let result = take(&self.handler, &delivery, side, queue, self.durable).await?;
            self.inner
                .metrics
                .received_events
                .with_label_values(&[self.name, result])
                .inc();
            limit_to(WRITE_MAX, delivery.acker.ack(BasicAckOptions::default())).await?;
        }
    }
}
