//! Requests that nobody waits for: accepted when the broker has them, worked on afterwards, and tried again
//! while their work fails. The retries leave the request queue, so they hold up nothing.

use std::{sync::Arc, time::Duration};

use lapin::{
    BasicProperties, Channel,
    message::Delivery,
    options::ConfirmSelectOptions,
    types::{AMQPValue, FieldTable},
};
use tokio::sync::Mutex;
use tracing::warn;

use super::{
    Inner, away,
    connection::{Fault, limit},
    delay::publish_confirmed,
    retry::{self, DEFERRED_HEADER},
};
use crate::{
    models::{
        error::{Error, Result},
        sock::Response,
    },
    trace::TraceContext,
};

/// The broker has the message by then, or the caller is told that it has not.
const POST_MAX: Duration = Duration::from_millis(900);
/// Before a message whose retry could not be arranged goes back to the head of its queue.
const REST: Duration = Duration::from_secs(1);

/// A channel in confirm mode on the talking connection; opened when needed and again after each fault.
#[derive(Default)]
pub(super) struct ConfirmChannel(Mutex<Option<Channel>>);

impl ConfirmChannel {
    async fn get(&self, inner: &Inner) -> Result<Channel, Fault> {
        let mut open = self.0.lock().await;
        if let Some(channel) = open.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let channel = inner.talk.scratch().await?;
        limit(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        *open = Some(channel.clone());
        Ok(channel)
    }
}

pub(super) async fn post(
    inner: &Arc<Inner>,
    queue: &str,
    body: &[u8],
    message_id: &str,
    trace: Option<TraceContext>,
) -> Result<()> {
    let mut headers = FieldTable::default();
    headers.insert(DEFERRED_HEADER.into(), AMQPValue::Boolean(true));
    retry::insert_trace(&mut headers, trace);
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_delivery_mode(2)
        .with_message_id(message_id.into())
        .with_headers(headers);
    let posted = tokio::time::timeout(POST_MAX, async {
        let channel = inner.posts.get(inner).await?;
        publish_confirmed(&channel, "", queue, body, properties).await
    });
    match posted.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fault)) => Err(away(fault)),
        Err(_) => Err(Error::unavailable("broker", "no confirm in time")),
    }
}

/// Whether a request was posted; one that wants a reply was not.
pub(super) fn is_posted(delivery: &Delivery) -> bool {
    let header = delivery
        .properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get(DEFERRED_HEADER));
    matches!(header, Some(AMQPValue::Boolean(true))) && delivery.properties.reply_to().is_none()
}

/// Whether the work may succeed later. What was dropped was dropped for good.
pub(super) fn is_worth_another_try(response: Option<&Response>) -> bool {
    response.is_some_and(|response| matches!(response.status_code, 429 | 500..))
}

/// Arranges another try; true when the message is safe elsewhere.
pub(super) async fn try_later(
    inner: &Arc<Inner>,
    name: &str,
    queue: &str,
    properties: &BasicProperties,
    body: &[u8],
) -> bool {
    let arranged = async {
        let side = inner.retries.get(inner).await?;
        retry::later_or_park(&side, queue, properties, body).await
    };
    match arranged.await {
        Ok(result) => {
            inner
                .metrics
                .deferred
                .with_label_values(&[name, result])
                .inc();
            true
        }
        Err(fault) => {
            warn!(queue, %fault, "no retry could be arranged, the request goes back to its queue");
            tokio::time::sleep(REST).await;
            false
        }
    }
}

/// Sets a message aside in `<queue>.parked`; true when it is safe there.
pub(super) async fn set_aside(
    inner: &Arc<Inner>,
    queue: &str,
    properties: &BasicProperties,
    body: &[u8],
) -> bool {
    let parked = async {
        let side = inner.retries.get(inner).await?;
        retry::park(&side, queue, properties, body).await
    };
    let Err(fault) = parked.await else {
        return true;
    };
    warn!(queue, %fault, "a message could not be set aside, it goes back to its queue");
    tokio::time::sleep(REST).await;
    false
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some(200), false)]
    #[case(Some(400), false)]
    #[case(Some(404), false)]
    #[case(Some(409), false)]
    #[case(Some(429), true)]
    #[case(Some(500), true)]
    #[case(Some(503), true)]
    #[case(None, false)]
    fn only_what_may_succeed_later_is_tried_again(
        #[case] status: Option<u16>,
        #[case] again: bool,
    ) {
        let response = status.map(|status| Response::with(status, "", &()));
        assert_eq!(is_worth_another_try(response.as_ref()), again);
    }
}
