//! Messages that arrive later: by the broker's plugin where it is there, else by a queue whose messages
//! expire into their destination, which every broker can.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lapin::{
    BasicProperties, Channel, ExchangeKind,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tracing::info;

use super::{
    Inner, away,
    connection::{Fault, WRITE_MAX, close, connect, limit, limit_to},
};
use crate::{models::error::Result, sockhandler::DELAY_EXCHANGE};

/// A waiting queue goes this long after its last use, its messages having left long before.
const UNUSED_MAX: Duration = Duration::from_secs(3600);

static SAID: AtomicBool = AtomicBool::new(false);

/// Whether the broker has the delay plugin. Asked on a connection that may die: without the plugin the
/// broker closes it.
pub(super) async fn probe(inner: &Inner) -> bool {
    let available = declare_exchange(inner).await.is_ok();
    inner
        .metrics
        .feature
        .with_label_values(&["delay"])
        .set(i64::from(available));
    if !SAID.swap(true, Ordering::Relaxed) && !available {
        info!(
            "delay: unavailable (the broker has no delayed-message plugin); our own delays do without it"
        );
    }
    available
}

async fn declare_exchange(inner: &Inner) -> Result<(), Fault> {
    let connection = connect(&inner.address, "probe").await?;
    let channel = limit(connection.create_channel()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-delayed-type".into(),
        AMQPValue::LongString("direct".into()),
    );
    let declared = limit(channel.exchange_declare(
        DELAY_EXCHANGE.into(),
        ExchangeKind::Custom("x-delayed-message".to_owned()),
        ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        },
        arguments,
    ))
    .await;
    close(&connection).await;
    declared
}

pub(super) async fn request_later(
    inner: &Arc<Inner>,
    queue: &str,
    body: &[u8],
    delay: Duration,
) -> Result<()> {
    let channel = inner.talk.scratch().await.map_err(away)?;
    let sent = async {
        limit(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        publish_later(&channel, queue, delay, body, BasicProperties::default()).await
    };
    let sent = sent.await;
    let _ = limit(channel.close(200, "bye".into())).await;
    sent.map_err(away)
}

/// Publishes into a queue of that delay, whose messages then move to `queue`. The channel must be in
/// confirm mode: it is published when the broker has it.
pub(super) async fn publish_later(
    channel: &Channel,
    queue: &str,
    delay: Duration,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), Fault> {
    // Whole tenths of a second, so that few queues serve many delays.
    let delay_ms = delay.as_millis().div_ceil(100).saturating_mul(100);
    let delay_ms = u32::try_from(delay_ms).unwrap_or(u32::MAX);
    let unused_ms = u32::try_from(UNUSED_MAX.as_millis())
        .unwrap_or(u32::MAX)
        .saturating_add(delay_ms);
    let waiting = format!("{queue}.later.{delay_ms}");
    let mut arguments = FieldTable::default();
    arguments.insert("x-message-ttl".into(), AMQPValue::LongUInt(delay_ms));
    arguments.insert("x-expires".into(), AMQPValue::LongUInt(unused_ms));
    arguments.insert(
        "x-dead-letter-exchange".into(),
        AMQPValue::LongString("".into()),
    );
    arguments.insert(
        "x-dead-letter-routing-key".into(),
        AMQPValue::LongString(queue.into()),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    limit(channel.queue_declare(waiting.as_str().into(), durable, arguments)).await?;
    publish_confirmed(
        channel,
        "",
        &waiting,
        body,
        properties.with_delivery_mode(2),
    )
    .await
}

/// Publishes and waits until the broker has it.
pub(super) async fn publish_confirmed(
    channel: &Channel,
    exchange: &str,
    routing_key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), Fault> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let confirm = limit_to(
        WRITE_MAX,
        channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            body,
            properties,
        ),
    )
    .await?;
    let confirmation = limit_to(WRITE_MAX, confirm).await?;
    if confirmation.is_ack() && confirmation.take_message().is_none() {
        Ok(())
    } else {
        Err(Fault::Timeout)
    }
}
