//! The right to publish a manager's events: an exclusive queue on the very connection that publishes.
//! Who loses the connection cannot publish, so a relay that slept and wakes can do no harm.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, Consumer, ExchangeKind,
    options::{
        BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};

use super::{
    Inner, away,
    connection::{Fault, WRITE_MAX, blocked, connect_to_speak, limit, limit_to},
    delay::publish_confirmed,
    no_arguments,
    retry::{CUSTOMER_HEADER, VERSION_HEADER},
};
use crate::{
    failpoint,
    health::State,
    models::error::{Error, Result},
    sockhandler::{EVENT_EXCHANGE, Outgoing, PublisherLease},
};

/// The exclusive queue; wake-ups arrive on it, too.
pub(super) fn queue_name(publisher: &str, database_id: &str) -> String {
    format!("bin-manager.relay.{publisher}.{database_id}")
}

pub(super) struct RabbitLease {
    connection: Connection,
    channel: Channel,
    wakeups: Consumer,
    /// Queues of other services that are known to be there.
    declared: HashSet<String>,
}

impl RabbitLease {
    pub(super) async fn acquire(
        inner: &Arc<Inner>,
        publisher: &str,
        database_id: &str,
    ) -> Result<Self> {
        let queue = queue_name(publisher, database_id);
        let opened = async {
            let connection = connect_to_speak(&inner.address, "relay").await?;
            let channel = limit(connection.create_channel()).await?;
            claim(&channel, &queue).await?;
            let durable = ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            };
            limit(channel.exchange_declare(
                EVENT_EXCHANGE.into(),
                ExchangeKind::Topic,
                durable,
                no_arguments(),
            ))
            .await?;
            limit(channel.confirm_select(ConfirmSelectOptions::default())).await?;
            let no_ack = BasicConsumeOptions {
                no_ack: true,
                ..BasicConsumeOptions::default()
            };
            let wakeups = limit(channel.basic_consume(
                queue.as_str().into(),
                "".into(),
                no_ack,
                no_arguments(),
            ))
            .await?;
            Ok(Self {
                connection,
                channel,
                wakeups,
                declared: HashSet::new(),
            })
        };
        let lease = opened.await.map_err(|fault: Fault| {
            if fault.is_locked() {
                Error::failed_precondition("RELAY_HELD", "Another replica publishes.")
            } else {
                away(fault)
            }
        })?;
        lease.watch_alarms(inner, publisher);
        Ok(lease)
    }

    /// Declared as its owner declares it: a request that waits for a service that comes later is not lost.
    async fn declare_once(&mut self, queue: &str) -> Result<(), Fault> {
        if !self.declared.contains(queue) {
            let durable = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            limit(
                self.channel
                    .queue_declare(queue.into(), durable, no_arguments()),
            )
            .await?;
            self.declared.insert(queue.to_owned());
        }
        Ok(())
    }

    fn watch_alarms(&self, inner: &Arc<Inner>, publisher: &str) {
        let (health, part) = (inner.health.clone(), format!("broker alarm {publisher}"));
        let events = self.connection.events_listener();
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with its connection; nothing waits for it"
        )]
        tokio::spawn(async move {
            blocked(events, |reason| {
                let state = reason.map_or(State::Up, |why| {
                    State::Reduced(format!(
                        "the broker takes no events ({why}); they wait in the outbox"
                    ))
                });
                health.set(&part, state);
            })
            .await;
        });
    }
}

/// At most one wake-up has to wait.
async fn claim(channel: &Channel, queue: &str) -> Result<(), Fault> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    let options = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    limit(channel.queue_declare(queue.into(), options, arguments))
        .await
        .map(drop)
}

#[async_trait]
impl PublisherLease for RabbitLease {
    async fn publish(&mut self, events: &[Outgoing]) -> Vec<bool> {
        let mut confirms = Vec::with_capacity(events.len());
        for event in events {
            let mut headers = FieldTable::default();
            headers.insert(VERSION_HEADER.into(), AMQPValue::LongLongInt(event.version));
            if let Some(customer_id) = event.customer_id {
                let text = customer_id.to_string();
                headers.insert(CUSTOMER_HEADER.into(), AMQPValue::LongString(text.into()));
            }
            let properties = BasicProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(2)
                .with_message_id(event.message_id.as_str().into())
                .with_headers(headers);
            let sent = limit_to(
                WRITE_MAX,
                self.channel.basic_publish(
                    EVENT_EXCHANGE.into(),
                    event.routing_key.as_str().into(),
                    BasicPublishOptions::default(),
                    &event.body,
                    properties,
                ),
            );
            match sent.await {
                Ok(confirm) => confirms.push(confirm),
                Err(_) => break,
            }
        }
        failpoint::reach("after_publish");
        let mut confirmed = Vec::with_capacity(events.len());
        for confirm in confirms {
            let ok = limit_to(WRITE_MAX, confirm)
                .await
                .is_ok_and(|confirmation| confirmation.is_ack());
            confirmed.push(ok);
            // What follows a gap counts for nothing, and is not waited for.
            if !ok {
                break;
            }
        }
        confirmed.resize(events.len(), false);
        confirmed
    }

    fn is_held(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    async fn woken(&mut self) {
        if self.wakeups.next().await.is_none() {
            // The channel ended; `is_held` tells.
            tokio::time::sleep(WRITE_MAX).await;
        }
    }

    async fn forward(&mut self, queue: &str, message_id: &str, body: Vec<u8>) -> bool {
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_delivery_mode(2)
            .with_message_id(message_id.into());
        if self.declare_once(queue).await.is_err() {
            return false;
        }
        publish_confirmed(&self.channel, "", queue, &body, properties)
            .await
            .is_ok()
    }
}
