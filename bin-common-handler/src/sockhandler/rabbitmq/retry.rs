//! Messages whose work failed: they wait in queues beside their own and come back, a few times; then they
//! are set aside for a person to look at.

use lapin::{
    BasicProperties, Channel,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use tracing::warn;

use super::{
    connection::{Fault, limit},
    delay::{publish_confirmed, publish_later},
};
use crate::sockhandler::RETRIES;

/// How often a message came back.
pub(super) const ATTEMPT_HEADER: &str = "x-attempt";

/// Brings a message back after the pause that is next, or sets it aside after the last; what became of it.
/// The channel must be in confirm mode: afterwards the message may be acknowledged.
pub(super) async fn later_or_park(
    side: &Channel,
    queue: &str,
    properties: &BasicProperties,
    body: &[u8],
) -> Result<&'static str, Fault> {
    let attempt = attempt(properties);
    let Some(pause) = RETRIES.get(attempt) else {
        return park(side, queue, properties, body).await;
    };
    let mut headers = properties.headers().clone().unwrap_or_default();
    let next = i64::try_from(attempt).unwrap_or(i64::MAX).saturating_add(1);
    headers.insert(ATTEMPT_HEADER.into(), AMQPValue::LongLongInt(next));
    let properties = properties.clone().with_headers(headers);
    publish_later(side, queue, *pause, body, properties).await?;
    Ok("retried")
}

/// Sets a message aside in `<queue>.parked`.
pub(super) async fn park(
    side: &Channel,
    queue: &str,
    properties: &BasicProperties,
    body: &[u8],
) -> Result<&'static str, Fault> {
    let parked = format!("{queue}.parked");
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    limit(side.queue_declare(parked.as_str().into(), durable, FieldTable::default())).await?;
    let properties = properties.clone().with_delivery_mode(2);
    publish_confirmed(side, "", &parked, body, properties).await?;
    warn!(queue, parked, "message parked");
    Ok("parked")
}

/// How often it was tried again before.
pub(super) fn attempt(properties: &BasicProperties) -> usize {
    usize::try_from(number_header(properties, ATTEMPT_HEADER).unwrap_or(0)).unwrap_or(usize::MAX)
}

pub(super) fn number_header(properties: &BasicProperties, name: &str) -> Option<i64> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some(i64::from(*number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, 0)]
    #[case(Some(AMQPValue::LongLongInt(2)), 2)]
    #[case(Some(AMQPValue::LongInt(2)), 2)]
    #[case(Some(AMQPValue::LongLongInt(-1)), usize::MAX)]
    #[case(Some(AMQPValue::LongString("2".into())), 0)]
    fn the_number_of_attempts_is_read_whatever_stands_there(
        #[case] header: Option<AMQPValue>,
        #[case] expected: usize,
    ) {
        let mut headers = FieldTable::default();
        if let Some(value) = header {
            headers.insert(ATTEMPT_HEADER.into(), value);
        }
        let properties = BasicProperties::default().with_headers(headers);
        assert_eq!(attempt(&properties), expected);
    }
}
