//! Messages whose work failed: they wait in queues beside their own and come back, a few times; then they
//! are set aside for a person to look at.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable, ShortString},
};
use tracing::warn;
use uuid::Uuid;

use super::{
    connection::{Fault, limit},
    delay::{publish_confirmed, publish_later},
};
use crate::{
    loglimit::LogLimit,
    sockhandler::RETRIES,
    trace::{TRACEPARENT, TraceContext},
};

/// At most one line about parked messages in this time.
static PARKED_LOG: LogLimit = LogLimit::new(Duration::from_secs(10));
/// How often a message came back.
pub(super) const ATTEMPT_HEADER: &str = "x-attempt";
/// Marks a request that was posted.
pub(super) const DEFERRED_HEADER: &str = "x-deferred";
/// The version of the row that an event tells of.
pub(super) const VERSION_HEADER: &str = "x-version";
/// The tenant of that row.
pub(super) const CUSTOMER_HEADER: &str = "x-customer-id";
/// Headers that the work itself asks for: they have room before all others.
const OWN_HEADERS: [&str; 5] = [
    ATTEMPT_HEADER,
    DEFERRED_HEADER,
    VERSION_HEADER,
    CUSTOMER_HEADER,
    TRACEPARENT,
];
/// Names and texts of headers that travel on, in bytes: a header frame is never split, and the connection
/// that speaks has small ones.
const HEADERS_MAX: usize = 8 * 1024;

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
    let carried = carried(properties);
    let mut headers = carried.headers().clone().unwrap_or_default();
    let next = i64::try_from(attempt).unwrap_or(i64::MAX).saturating_add(1);
    headers.insert(ATTEMPT_HEADER.into(), AMQPValue::LongLongInt(next));
    Some((*pause, carried.with_headers(headers)))
}

/// What of a message travels on with it. A stranger's headers may be nested too deep to be copied, or be
/// larger than our frames; a user id that is not ours closes the channel; an expiration would lose it.
fn carried(properties: &BasicProperties) -> BasicProperties {
    let mut carried = BasicProperties::default().with_headers(carried_headers(properties));
    if let Some(content_type) = properties.content_type() {
        carried = carried.with_content_type(content_type.clone());
    }
    if let Some(content_encoding) = properties.content_encoding() {
        carried = carried.with_content_encoding(content_encoding.clone());
    }
    if let Some(correlation_id) = properties.correlation_id() {
        carried = carried.with_correlation_id(correlation_id.clone());
    }
    if let Some(message_id) = properties.message_id() {
        carried = carried.with_message_id(message_id.clone());
    }
    if let Some(timestamp) = properties.timestamp() {
        carried = carried.with_timestamp(*timestamp);
    }
    if let Some(kind) = properties.kind() {
        carried = carried.with_type(kind.clone());
    }
    carried
}

/// Headers that are flat and short, ours first.
fn carried_headers(properties: &BasicProperties) -> FieldTable {
    let mut carried = FieldTable::default();
    let Some(headers) = properties.headers() else {
        return carried;
    };
    let is_own = |name: &ShortString| OWN_HEADERS.contains(&name.as_str());
    let (own, others): (Vec<_>, Vec<_>) =
        headers.inner().iter().partition(|(name, _)| is_own(name));
    let mut room = HEADERS_MAX;
    for (name, value) in own.into_iter().chain(others) {
        let Some(left) = flat_size(value)
            .and_then(|size| room.checked_sub(size.saturating_add(name.as_str().len())))
        else {
            continue;
        };
        room = left;
        carried.insert(name.clone(), value.clone());
    }
    carried
}

/// How many bytes a value takes, at most; nothing when it holds others.
fn flat_size(value: &AMQPValue) -> Option<usize> {
    const NUMBER: usize = 10;
    match value {
        AMQPValue::FieldTable(_) | AMQPValue::FieldArray(_) => None,
        AMQPValue::LongString(text) => Some(text.as_bytes().len().saturating_add(NUMBER)),
        AMQPValue::ByteArray(bytes) => Some(bytes.as_slice().len().saturating_add(NUMBER)),
        AMQPValue::ShortString(text) => Some(text.as_str().len().saturating_add(NUMBER)),
        _ => Some(NUMBER),
    }
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
    let properties = carried(properties).with_delivery_mode(2);
    publish_confirmed(side, "", &parked, body, properties).await?;
    // Each is counted; the log is told at most so often, as a careless publisher may send any number.
    if PARKED_LOG.admit() {
        warn!(queue, parked, "message parked");
    }
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

/// The trace that a message belongs to, when it says so.
pub(super) fn trace(properties: &BasicProperties) -> Option<TraceContext> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get(TRACEPARENT)? {
        AMQPValue::LongString(text) => {
            TraceContext::parse(std::str::from_utf8(text.as_bytes()).ok()?)
        }
        AMQPValue::ShortString(text) => TraceContext::parse(text.as_str()),
        _ => None,
    }
}

/// Says which trace a message belongs to.
pub(super) fn insert_trace(headers: &mut FieldTable, trace: Option<TraceContext>) {
    if let Some(trace) = trace {
        let text = AMQPValue::LongString(trace.to_string().into());
        headers.insert(TRACEPARENT.into(), text);
    }
}

/// The tenant that an event tells of, when it does.
pub(super) fn customer_id(properties: &BasicProperties) -> Option<Uuid> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get(CUSTOMER_HEADER)? {
        AMQPValue::LongString(text) => Uuid::try_parse_ascii(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Uuid::try_parse(text.as_str()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lapin::types::FieldArray;
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

    fn nested(depth: usize) -> AMQPValue {
        let table = |inner| FieldTable::from(BTreeMap::from([("".into(), inner)]));
        (0..depth).fold(AMQPValue::Void, |inner, _| {
            AMQPValue::FieldTable(table(inner))
        })
    }

    #[test]
    fn what_a_stranger_sent_travels_on_as_far_as_it_does_no_harm() {
        let long = AMQPValue::LongString("x".repeat(HEADERS_MAX).into());
        let mut headers = FieldTable::default();
        headers.insert("deep".into(), nested(100));
        headers.insert("list".into(), AMQPValue::FieldArray(FieldArray::default()));
        headers.insert("long".into(), long);
        headers.insert("traceparent".into(), AMQPValue::LongString("00-1-2".into()));
        headers.insert(DEFERRED_HEADER.into(), AMQPValue::Boolean(true));
        let properties = BasicProperties::default()
            .with_headers(headers)
            .with_message_id("m".into())
            .with_correlation_id("c".into())
            .with_content_type("text/plain".into())
            .with_user_id("somebody".into())
            .with_expiration("1".into());
        let (_, again) = next_try(&properties).unwrap();
        let mut expected = FieldTable::default();
        expected.insert(ATTEMPT_HEADER.into(), AMQPValue::LongLongInt(1));
        expected.insert(DEFERRED_HEADER.into(), AMQPValue::Boolean(true));
        expected.insert("traceparent".into(), AMQPValue::LongString("00-1-2".into()));
        let expected = BasicProperties::default()
            .with_headers(expected)
            .with_message_id("m".into())
            .with_correlation_id("c".into())
            .with_content_type("text/plain".into());
        assert_eq!(again, expected);
    }

    #[test]
    fn our_own_headers_have_room_before_a_strangers() {
        let mut headers = FieldTable::default();
        for n in 0..HEADERS_MAX {
            headers.insert(format!("a{n}").into(), AMQPValue::Boolean(true));
        }
        headers.insert(DEFERRED_HEADER.into(), AMQPValue::Boolean(true));
        headers.insert(VERSION_HEADER.into(), AMQPValue::LongLongInt(7));
        let kept = carried(&BasicProperties::default().with_headers(headers));
        let kept = kept.headers().as_ref().unwrap().inner();
        assert_eq!(kept.get(DEFERRED_HEADER), Some(&AMQPValue::Boolean(true)));
        assert_eq!(kept.get(VERSION_HEADER), Some(&AMQPValue::LongLongInt(7)));
        let names: usize = kept.keys().map(|name| name.as_str().len()).sum();
        assert!(names < HEADERS_MAX, "{names} bytes of names alone");
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
