//! Requests to other services: bounded, with a deadline, behind a circuit breaker per queue.

pub(crate) mod breaker;
mod inflight;
mod rpc;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use breaker::{Admission, Breaker};
use inflight::InFlight;
#[cfg(any(test, feature = "test-support"))]
pub use rpc::MockRpc;
pub use rpc::{Rpc, RpcClient};

use crate::{
    metrics::{ManagerMetrics, as_ms},
    models::{
        error::{Error, NOT_SERVED, Result},
        sock::{Request, Response},
    },
    sockhandler::{Transport, request_queue},
};

/// Asks other services. Clones share breakers and limits.
#[derive(Clone)]
pub struct Requester {
    transport: Arc<dyn Transport>,
    metrics: ManagerMetrics,
    in_flight: Arc<InFlight>,
    breakers: Arc<Mutex<HashMap<String, Breaker>>>,
}

impl Requester {
    /// Asks over `transport`; its figures are among those of `metrics`.
    pub fn new(transport: Arc<dyn Transport>, metrics: ManagerMetrics) -> Self {
        Self {
            transport,
            metrics,
            in_flight: Arc::default(),
            breakers: Arc::default(),
        }
    }

    /// Sends a request as it is and gives the reply as it is.
    ///
    /// # Errors
    /// 503 when the service cannot be reached or its breaker is open.
    pub async fn send(
        &self,
        service: &str,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response> {
        let queue = request_queue(service);
        let admitted = self
            .admit(&queue)
            .ok_or_else(|| Error::unavailable("service", format!("{service} failed repeatedly")))?;
        let _place = self.in_flight.take(request.customer_id)?;
        let started = Instant::now();
        let reply = self.transport.request(&queue, request, timeout).await;
        // What was never sent says neither good nor bad of the service.
        if !reply
            .as_ref()
            .is_err_and(|error| error.reason() == NOT_SERVED)
        {
            admitted.ended(reply.is_ok());
        }
        self.metrics
            .request_ms
            .with_label_values(&[service, resource(&request.uri), request.method.as_str()])
            .observe(as_ms(started.elapsed()));
        reply
    }

    /// Hands over a request that is worked on later; see [`Transport::post`]. No breaker: the service need not
    /// be there, only the bus.
    ///
    /// # Errors
    /// 503 when the bus does not take it, or not within `timeout`; inside one process, what the service says.
    pub async fn post(
        &self,
        service: &str,
        request: &Request,
        message_id: &str,
        timeout: Duration,
    ) -> Result<()> {
        let _place = self.in_flight.take(request.customer_id)?;
        let queue = request_queue(service);
        let posted = self.transport.post(&queue, request, message_id);
        tokio::time::timeout(timeout, posted)
            .await
            .map_err(|_| Error::unavailable("service", "the request was not taken in time"))?
    }

    fn admit<'r>(&'r self, queue: &'r str) -> Option<Admitted<'r>> {
        match self.with_breaker(queue, |breaker| breaker.admit(Instant::now())) {
            Admission::Refused => None,
            admission => Some(Admitted {
                requester: self,
                queue,
                is_probe: admission == Admission::Probe,
            }),
        }
    }

    fn with_breaker<T>(&self, queue: &str, work: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = breakers.entry(queue.to_owned()).or_default();
        let done = work(breaker);
        self.metrics
            .breaker_state
            .with_label_values(&[queue])
            .set(breaker.state());
        done
    }
}

/// A call that its breaker let through. Dropped without an end (it was never sent, or its caller went away), it
/// leaves the breaker as it was: a probe that nobody finished must not keep it open for ever.
struct Admitted<'r> {
    requester: &'r Requester,
    queue: &'r str,
    is_probe: bool,
}

impl Admitted<'_> {
    fn ended(mut self, reached: bool) {
        let is_probe = std::mem::take(&mut self.is_probe);
        self.requester.with_breaker(self.queue, |breaker| {
            breaker.note(reached, is_probe, Instant::now());
        });
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.requester.with_breaker(self.queue, Breaker::abandon);
        }
    }
}

/// `/v1/outdials/<id>?…` → `outdials`.
fn resource(uri: &str) -> &str {
    uri.split(['?', '/'])
        .filter(|part| !part.is_empty())
        .nth(1)
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{metrics::Metrics, models::sock::Method, sockhandler::inprocess::InProcess};

    const WITHIN: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_probe_that_was_never_sent_lets_the_next_one_probe() {
        let metrics = Metrics::new().unwrap().for_manager("test").unwrap();
        let requester = Requester::new(Arc::new(InProcess::default()), metrics);
        let queue = request_queue("other-manager");
        requester.with_breaker(&queue, |breaker| {
            breaker.open(Instant::now(), Duration::ZERO);
        });
        let request = Request::new(Method::Get, "/v1/things", "test");
        for _ in 0..3 {
            let error = requester.send("other-manager", &request, WITHIN).await;
            assert_eq!(error.unwrap_err().reason(), NOT_SERVED, "it was tried");
        }
    }
}
