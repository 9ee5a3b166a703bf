//! The right to publish a manager's events: an exclusive queue on the very connection that publishes.
//! Who loses the connection cannot publish, so a relay that slept and wakes can do no harm.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, Consumer, ExchangeKind, PublisherConfirm,
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
    retry::{CUSTOMER_HEADER, VERSION_HEADER, insert_trace},
};
use crate::{
    failpoint,
    health::State,
    models::error::{Error, Result},
    sockhandler::{EVENT_EXCHANGE, Outgoing, PublisherLease},
};

/// Keys under which the broker routes a message, too, and which it takes out: one publish serves both exchanges.
const SECOND_KEY_HEADER: &str = "BCC";

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

impl RabbitLease {
    /// Sends events and waits for their confirms, which are added to `confirmed` up to the first that failed; true when
    /// none did.
    async fn publish_part(&mut self, events: &[Outgoing], confirmed: &mut Vec<bool>) -> bool {
        let mut confirms = Vec::with_capacity(events.len());
        for event in events {
            match self.send(event).await {
                Some(confirm) => confirms.push(confirm),
                None => break,
            }
        }
        failpoint::reach("after_publish");
        let all_sent = confirms.len() == events.len();
        for confirm in confirms {
            let ok = limit_to(WRITE_MAX, confirm)
                .await
                .is_ok_and(|confirmation| confirmation.is_ack());
            confirmed.push(ok);
            // What follows a gap counts for nothing, and is not waited for.
            if !ok {
                return false;
            }
        }
        all_sent
    }

    /// Sends an event; its confirm comes later.
    async fn send(&self, event: &Outgoing) -> Option<PublisherConfirm> {
        let mut headers = FieldTable::default();
        headers.insert(VERSION_HEADER.into(), AMQPValue::LongLongInt(event.version));
        if let Some(customer_id) = event.customer_id {
            let text = customer_id.to_string();
            headers.insert(CUSTOMER_HEADER.into(), AMQPValue::LongString(text.into()));
        }
        let also = AMQPValue::LongString(event.socket_key().into());
        headers.insert(
            SECOND_KEY_HEADER.into(),
            AMQPValue::FieldArray(vec![also].into()),
        );
        insert_trace(&mut headers, event.trace);
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
        sent.await.ok()
    }
}

/// How many events come before the second one of an entity; at least one where there is any.
fn one_of_each(events: &[Outgoing]) -> usize {
    let mut seen = HashSet::new();
    events
        .iter()
        .take_while(|event| seen.insert(entity(&event.routing_key)))
        .count()
}

/// The entity in a topic: everything before its last word, which is the action.
fn entity(topic: &str) -> &str {
    topic.rsplit_once('.').map_or(topic, |(entity, _)| entity)
}

#[async_trait]
impl PublisherLease for RabbitLease {
    /// A queue may refuse one event and take the next, e.g. when its limit is lifted meanwhile. So an entity's next
    /// event leaves only when the one before it is confirmed: otherwise the newer state would be seen first.
    async fn publish(&mut self, events: &[Outgoing]) -> Vec<bool> {
        let mut confirmed = Vec::with_capacity(events.len());
        let mut rest = events;
        while !rest.is_empty() {
            let (part, others) = rest.split_at(one_of_each(rest));
            rest = others;
            if !self.publish_part(part, &mut confirmed).await {
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], 0)]
    #[case(&["m.a.1.created"], 1)]
    #[case(&["m.a.1.created", "m.a.2.created", "m.b.1.created"], 3)]
    #[case(&["m.a.1.created", "m.a.2.created", "m.a.1.updated", "m.a.3.created"], 2)]
    #[case(&["m.a.1.created", "m.a.1.updated"], 1)]
    fn a_part_ends_before_an_entitys_second_event(#[case] topics: &[&str], #[case] count: usize) {
        let event = |topic: &&str| Outgoing {
            trace: None,
            routing_key: (*topic).to_owned(),
            message_id: String::new(),
            version: 1,
            customer_id: None,
            body: Vec::new(),
        };
        let events: Vec<_> = topics.iter().map(event).collect();
        assert_eq!(one_of_each(&events), count);
    }
}
