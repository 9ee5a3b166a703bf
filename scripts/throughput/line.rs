//! The ways to a manager: its queue, or HTTP.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    clock::Clock,
    health::Health,
    metrics::Metrics,
    models::sock::{Method, Request, Response},
    redact::Secret,
    sockhandler::{Transport, rabbitmq::RabbitMq},
};
use serde_json::Value as Json;

use crate::{Result, child::Child, http::Http};

/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// A consumer that is starting is asked again after this time, so often at most.
const ANSWERED_WITHIN: Duration = Duration::from_millis(200);
const ANSWERED_AFTER_MAX: usize = 100;

/// One connection to the broker, with direct reply-to.
#[derive(Clone)]
pub(crate) struct Bus(Arc<RabbitMq>);

/// A way on which requests are sent.
#[derive(Clone)]
pub(crate) enum Line {
    /// Straight to a queue; how long the caller waits.
    Queue(Bus, Arc<str>, Duration),
    /// Through a bridge.
    Http(Http),
}

impl Bus {
    pub(crate) fn new(address: &str) -> Result<Self> {
        Ok(Self(Arc::new(RabbitMq::new(
            Secret::new(address),
            Clock::default(),
            Metrics::new()?,
            Health::default(),
        ))))
    }

    pub(crate) fn to(&self, queue: &str) -> Line {
        Line::Queue(self.clone(), queue.into(), PATIENCE)
    }

    /// Waits until somebody consumes `queue`.
    pub(crate) async fn wait_for(&self, queue: &str, child: &Child) -> Result<()> {
        let hello = Request::new(Method::Get, "/hello", "bench");
        for _ in 0..ANSWERED_AFTER_MAX {
            if self.0.request(queue, &hello, ANSWERED_WITHIN).await.is_ok() {
                return Ok(());
            }
            child.check()?;
        }
        Err(format!("nobody answers on {queue}").into())
    }
}

impl Line {
    /// For callers to a queue who wait so long.
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        match self {
            Self::Queue(bus, queue, _) => Self::Queue(bus, queue, patience),
            other => other,
        }
    }

    /// One request, and the reply to it whatever its status.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response> {
        match self {
            Self::Queue(bus, queue, patience) => {
                Ok(bus.0.request(queue, request, *patience).await?)
            }
            Self::Http(http) => tokio::time::timeout(PATIENCE, http.send(request))
                .await
                .map_err(|_| "no reply in time")?,
        }
    }

    /// One request that must succeed.
    pub(crate) async fn ask(&self, method: Method, uri: &str, body: &Json) -> Result<Json> {
        let mut request = Request::new(method, uri, "bench");
        if !body.is_null() {
            request = request.json(body)?;
        }
        let response = self.send(&request).await?;
        if response.status_code != 200 {
            return Err(format!("{method} {uri}: {}", response.body()).into());
        }
        Ok(serde_json::from_str(response.body())?)
    }
}
