//! Requests of our own: one channel, direct reply-to, correlation ids.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Consumer,
    options::{BasicConsumeOptions, BasicPublishOptions},
};
use tokio::sync::oneshot;

use super::{
    Inner, away,
    connection::{Fault, limit, limit_to},
    no_arguments,
    retry::insert_trace,
};
use crate::{
    models::{
        encoding::skip_bom,
        error::{Error, Result},
        sock::Response,
    },
    trace::TraceContext,
};

/// The protocol's limit on names, in bytes.
const QUEUE_NAME_MAX: usize = 255;
const DIRECT_REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// The channel on which we ask and are answered.
#[derive(Default)]
pub(super) struct RpcChannel {
    open: tokio::sync::Mutex<Option<Channel>>,
    waiting: Arc<Waiting>,
    next_id: AtomicU64,
}

#[derive(Default)]
struct Waiting(Mutex<HashMap<String, oneshot::Sender<Vec<u8>>>>);

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a request whose caller gave up.
struct Ticket<'w> {
    waiting: &'w Waiting,
    id: String,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

pub(super) async fn request(
    inner: &Arc<Inner>,
    queue: &str,
    body: &[u8],
    trace: Option<TraceContext>,
    timeout: Duration,
) -> Result<Response> {
    if queue.len() > QUEUE_NAME_MAX {
        return Err(Error::invalid_argument(
            "INVALID_QUEUE",
            "A queue's name has at most 255 bytes.",
        ));
    }
    let asked = tokio::time::timeout(timeout, ask(inner, queue, body, trace, timeout)).await;
    let reply = asked
        .map_err(|_| Error::unavailable("service", format!("{queue} did not answer in time")))?
        .map_err(away)?;
    serde_json::from_slice(skip_bom(&reply)).map_err(Error::internal)
}

async fn ask(
    inner: &Arc<Inner>,
    queue: &str,
    body: &[u8],
    trace: Option<TraceContext>,
    timeout: Duration,
) -> Result<Vec<u8>, Fault> {
    let channel = inner.rpc.channel(inner).await?;
    let id = inner
        .rpc
        .next_id
        .fetch_add(1, Ordering::Relaxed)
        .to_string();
    let (reply, replied) = oneshot::channel();
    inner.rpc.waiting.lock().insert(id.clone(), reply);
    let ticket = Ticket {
        waiting: &inner.rpc.waiting,
        id,
    };
    let mut properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_reply_to(DIRECT_REPLY_TO.into())
        .with_correlation_id(ticket.id.as_str().into())
        // The broker's own clock drops it when it is late: no two machines' clocks are compared.
        .with_expiration(timeout.as_millis().to_string().into());
    if trace.is_some() {
        let mut headers = no_arguments();
        insert_trace(&mut headers, trace);
        properties = properties.with_headers(headers);
    }
    limit_to(
        timeout,
        channel.basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            body,
            properties,
        ),
    )
    .await?;
    replied.await.map_err(|_| Fault::Timeout)
}

impl RpcChannel {
    async fn channel(&self, inner: &Arc<Inner>) -> Result<Channel, Fault> {
        let mut open = self.open.lock().await;
        if let Some(channel) = open.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let channel = inner.talk.scratch().await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let consumer = limit(channel.basic_consume(
            DIRECT_REPLY_TO.into(),
            "".into(),
            options,
            no_arguments(),
        ))
        .await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with its channel; nothing waits for it"
        )]
        tokio::spawn(hand_out(consumer, Arc::clone(&self.waiting)));
        *open = Some(channel.clone());
        Ok(channel)
    }
}

/// Gives each reply to the caller that waits for it. When the channel ends, nobody is left waiting.
async fn hand_out(mut consumer: Consumer, waiting: Arc<Waiting>) {
    while let Some(Ok(delivery)) = consumer.next().await {
        let id = delivery
            .properties
            .correlation_id()
            .as_ref()
            .map(|id| id.as_str().to_owned());
        if let Some(caller) = id.and_then(|id| waiting.lock().remove(&id)) {
            let _ = caller.send(delivery.data);
        }
    }
    waiting.lock().clear();
}
