//! Messages whose work failed: they wait in queues beside their own and come back, a few times; then they
//! are set aside for a person to look at.

use std::time::Duration;

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
    let Some((pause, properties)) = next_try(properties) else {
        return park(side, queue, properties, body).await;
    };
    publish_later(side, queue, pause, body, properties).await?;
    Ok("retried")
}

/// The pause before a message comes back, and the properties it then has; nothing after its last try.
fn next_try(properties: &BasicProperties) -> Option<(Duration, BasicProperties)> {
    let attempt = attempt(properties);
    let pause = RETRIES.get(attempt)?;
    let mut headers = properties.headers().clone().unwrap_or_default();
    let next = i64::try_from(attempt).unwrap_or(i64::MAX).saturating_add(1);
    headers.insert(ATTEMPT_HEADER.into(), AMQPValue::LongLongInt(next));
    Some((*pause, properties.clone().with_headers(headers)))
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
    use crate::testing::sim::{Sim, simulate};

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

    /// Headers as a stranger may send them.
    fn any_headers(sim: &mut Sim) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert("x-kept".into(), AMQPValue::Boolean(true));
        let number = *sim.pick(&[i64::MIN, -1, 0, 1, 2, 3, 4, i64::MAX]);
        let attempt = match sim.below(5) {
            0 => None,
            1 => Some(AMQPValue::LongLongInt(number)),
            2 => Some(AMQPValue::LongInt(i32::try_from(number).unwrap_or(-1))),
            3 => Some(AMQPValue::LongString("1".into())),
            _ => Some(AMQPValue::FieldTable(FieldTable::default())),
        };
        if let Some(attempt) = attempt {
            headers.insert(ATTEMPT_HEADER.into(), attempt);
        }
        BasicProperties::default()
            .with_headers(headers)
            .with_message_id("m".into())
    }

    #[test]
    fn a_message_comes_back_a_few_times_and_never_for_ever() {
        simulate(1_000, |sim| {
            let mut properties = any_headers(sim);
            let mut pauses = Vec::new();
            while let Some((pause, next)) = next_try(&properties) {
                pauses.push(pause);
                properties = next;
                assert!(pauses.len() <= RETRIES.len(), "{pauses:?}");
            }
            assert!(
                RETRIES.ends_with(&pauses),
                "in order, to the last: {pauses:?}"
            );
            assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "m");
            let headers = properties.headers().as_ref().unwrap().inner();
            assert_eq!(headers.get("x-kept"), Some(&AMQPValue::Boolean(true)));
        });
    }
}
