//! RabbitMQ, through three kinds of connection: consuming, replying and asking, publishing events.
//!
//! A memory alarm stops what publishes and not what consumes; a channel error takes one role, not all.
//! Nothing recovers by itself: a supervisor builds each role anew, with backoff, for ever.

mod acks;
mod address;
mod backlog;
mod collect;
mod connection;
mod consume;
mod delay;
mod follow;
mod frames;
mod hear;
mod lease;
mod lenient;
mod post;
mod probe;
mod retry;
mod rpc;
mod sole;
mod subscribe;
mod unreadable;
mod work;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use lapin::{BasicProperties, options::BasicPublishOptions, types::FieldTable};
use tokio_util::sync::CancellationToken;

pub use address::{BadAddress, check_address};

use self::{
    connection::{Link, limit},
    post::ConfirmChannel,
    rpc::RpcChannel,
};
use super::{Collect, Live, PublisherLease, Receive, Serve, Subscription, Transport};
use crate::{
    clock::Clock,
    health::Health,
    metrics::Metrics,
    models::{
        error::{Error, Result},
        sock::{Request, Response},
    },
    redact::Secret,
};

/// A RabbitMQ broker. Clones share the connections.
#[derive(Clone)]
pub struct RabbitMq(Arc<Inner>);

struct Inner {
    address: Secret,
    clock: Clock,
    metrics: Metrics,
    health: Health,
    /// Replies, requests of our own, doorbells.
    talk: Link,
    rpc: RpcChannel,
    posts: ConfirmChannel,
    /// Apart from the posts: a queue that cannot be declared closes its channel.
    retries: ConfirmChannel,
}

impl RabbitMq {
    /// Connects with the first use.
    pub fn new(address: Secret, clock: Clock, metrics: Metrics, health: Health) -> Self {
        let talk = Link::new(address.clone(), "talk");
        Self(Arc::new(Inner {
            address,
            clock,
            metrics,
            health,
            talk,
            rpc: RpcChannel::default(),
            posts: ConfirmChannel::default(),
            retries: ConfirmChannel::default(),
        }))
    }
}

#[async_trait]
impl Transport for RabbitMq {
    async fn serve(
        &self,
        name: &str,
        handler: Arc<dyn Serve>,
        health: Health,
        stop: CancellationToken,
    ) {
        consume::serve(&self.0, name, handler, &health, stop).await;
    }

    async fn request(&self, queue: &str, request: &Request, timeout: Duration) -> Result<Response> {
        let body = serde_json::to_vec(request).map_err(Error::internal)?;
        rpc::request(&self.0, queue, &body, request.trace, timeout).await
    }

    async fn request_later(&self, queue: &str, request: &Request, delay: Duration) -> Result<()> {
        let body = serde_json::to_vec(request).map_err(Error::internal)?;
        delay::request_later(&self.0, queue, &body, delay).await
    }

    async fn post(&self, queue: &str, request: &Request, message_id: &str) -> Result<()> {
        let body = serde_json::to_vec(request).map_err(Error::internal)?;
        post::post(&self.0, queue, &body, message_id, request.trace).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Receive>,
        stop: CancellationToken,
    ) {
        subscribe::subscribe(&self.0, subscription, handler, stop).await;
    }

    async fn follow(&self, live: Live, handler: Arc<dyn Receive>, stop: CancellationToken) {
        follow::follow(&self.0, live, handler, stop).await;
    }

    fn collect(
        &self,
        subscription: Subscription,
        collector: Arc<dyn Collect>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { collect::collect(&inner, subscription, collector, stop).await })
    }

    async fn lease(&self, publisher: &str, database_id: &str) -> Result<Box<dyn PublisherLease>> {
        Ok(Box::new(
            lease::RabbitLease::acquire(&self.0, publisher, database_id).await?,
        ))
    }

    async fn wake(&self, publisher: &str, database_id: &str) {
        let Ok(channel) = self.0.talk.channel().await else {
            return;
        };
        let queue = lease::queue_name(publisher, database_id);
        let woken = channel.basic_publish(
            "".into(),
            queue.as_str().into(),
            BasicPublishOptions::default(),
            b"",
            BasicProperties::default(),
        );
        let _ = limit(woken).await;
    }
}

fn away(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unavailable("broker", error)
}

fn no_arguments() -> FieldTable {
    FieldTable::default()
}
