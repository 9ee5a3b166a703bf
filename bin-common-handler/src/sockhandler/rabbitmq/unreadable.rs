//! Messages with properties that are no text: whoever waits is told, else the message is set aside. Its work is not
//! done: who sent it did not mean what is left of it.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, LongString},
};
use tracing::debug;

use super::{
    acks::Done,
    frames::{RAW_CORRELATION_HEADER, UNREADABLE_HEADER},
    post,
    work::{PendingRequest, Work},
};
use crate::{models::error::Error, sockhandler::admission::Queued};

/// The names of the properties that could not be read, if there are any.
pub(super) fn names(properties: &BasicProperties) -> Option<String> {
    long_text(properties, UNREADABLE_HEADER).map(|names| names.to_string())
}

/// Headers of a reply to a message whose correlation id is no text: the client library cannot write it as a property.
pub(super) fn reply_headers(properties: &BasicProperties) -> Option<FieldTable> {
    let id = long_text(properties, RAW_CORRELATION_HEADER)?;
    let mut headers = FieldTable::default();
    headers.insert(
        RAW_CORRELATION_HEADER.into(),
        AMQPValue::LongString(id.clone()),
    );
    Some(headers)
}

fn long_text<'p>(properties: &'p BasicProperties, name: &str) -> Option<&'p LongString> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text),
        _ => None,
    }
}

/// Refuses a message; what is left to do about it.
pub(super) async fn refuse(work: &Work, ready: PendingRequest, names: &str) -> Done {
    let labels = [work.name.as_str(), "unreadable"];
    work.inner.metrics.dropped.with_label_values(&labels).inc();
    let queue = &work.queue;
    debug!(queue, names, "properties that cannot be read");
    let error = Error::invalid_argument(
        "UNREADABLE_PROPERTIES",
        format!(
            "The message's properties cannot be read: {names}. Send texts as UTF-8, and headers of the types that \
             AMQP knows."
        ),
    );
    let body = serde_json::to_vec(&error.to_response(&work.name)).unwrap_or_default();
    let mut done = Done {
        tag: ready.delivery.delivery_tag,
        reply: ready.reply_with(body.into()),
        requeue: false,
    };
    if !ready.can_be_refused() {
        let (properties, body) = (&ready.delivery.properties, &ready.delivery.data);
        done.requeue = !post::set_aside(&work.inner, queue, properties, body).await;
    }
    done
}
