//! Events for those who come and go: one exclusive queue of this process, whose bindings change while it is consumed.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use lapin::{
    Channel, ExchangeKind,
    options::{
        BasicQosOptions, ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    connection::{Fault, limit},
    hear::{Listener, Queue},
    no_arguments,
    subscribe::PREFETCH,
};
use crate::{
    ids,
    sockhandler::{Bindings, EVENT_EXCHANGE, Live, Receive, SOCKET_EXCHANGE},
};

pub(super) async fn follow(
    inner: &Arc<Inner>,
    live: Live,
    handler: Arc<dyn Receive>,
    stop: CancellationToken,
) {
    let listener = Listener {
        inner,
        name: &live.name,
        // Nothing is published for what cannot be read here: it is live, and gone.
        durable: false,
        handler,
        stop,
    };
    let mut queue = Changing {
        listener: &live.name,
        queue: String::new(),
        bindings: &live.bindings,
        bound: HashSet::new(),
    };
    listener.run(&mut queue).await;
}

/// The exchange of events for sockets, which hears all of them under their second key, and a queue of this process.
async fn declare(channel: &Channel, queue: &str) -> Result<(), Fault> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    for exchange in [EVENT_EXCHANGE, SOCKET_EXCHANGE] {
        limit(channel.exchange_declare(
            exchange.into(),
            ExchangeKind::Topic,
            durable,
            no_arguments(),
        ))
        .await?;
    }
    limit(channel.exchange_bind(
        SOCKET_EXCHANGE.into(),
        EVENT_EXCHANGE.into(),
        "#".into(),
        ExchangeBindOptions::default(),
        no_arguments(),
    ))
    .await?;
    let own = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    limit(channel.queue_declare(queue.into(), own, no_arguments())).await?;
    limit(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await
}

/// A queue that is kept bound to what is held.
struct Changing<'b> {
    listener: &'b str,
    queue: String,
    bindings: &'b Bindings,
    bound: HashSet<String>,
}

#[async_trait]
impl Queue for Changing<'_> {
    async fn declare(&mut self, channel: &Channel, side: &Channel) -> Result<String, Fault> {
        // Another name each time: the broker may hold the old one a while.
        self.queue = format!("{}.{}", self.listener, ids::next());
        self.bound.clear();
        declare(channel, &self.queue).await?;
        self.bindings.renew();
        self.bind(side).await?;
        Ok(self.queue.clone())
    }

    async fn keep(&mut self, side: &Channel) -> Fault {
        loop {
            self.bindings.changed().await;
            if let Err(fault) = self.bind(side).await {
                return fault;
            }
        }
    }

    fn lost(&mut self) {
        self.bindings.lose();
    }
}

impl Changing<'_> {
    /// One round. The broker answers in order, so only the last answer is waited for.
    async fn bind(&mut self, side: &Channel) -> Result<(), Fault> {
        let changes = self.bindings.changes(&self.bound);
        for key in changes.unbind {
            limit(side.queue_unbind(
                self.queue.as_str().into(),
                SOCKET_EXCHANGE.into(),
                key.as_str().into(),
                no_arguments(),
            ))
            .await?;
            self.bound.remove(&key);
        }
        let last = changes.bind.len();
        for (position, key) in (1..).zip(changes.bind) {
            let options = QueueBindOptions {
                nowait: position < last,
            };
            limit(side.queue_bind(
                self.queue.as_str().into(),
                SOCKET_EXCHANGE.into(),
                key.as_str().into(),
                options,
                no_arguments(),
            ))
            .await?;
            self.bound.insert(key);
        }
        self.bindings.settle(changes.round);
        Ok(())
    }
}
