//! Requests to other services: bounded, with a deadline, behind a circuit breaker per queue.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    metrics::{ManagerMetrics, as_ms},
    models::{
        error::{Error, NOT_SERVED, Result},
        sock::{Method, Request, Response},
    },
    sockhandler::{Transport, request_queue},
};

/// Calls in flight at most.
const IN_FLIGHT_MAX: usize = 1_024;
/// Of these, calls on behalf of one tenant: whoever asks how often, there is room for others.
const IN_FLIGHT_OF_TENANT_MAX: usize = IN_FLIGHT_MAX / 4;
/// Transport failures in a row that open the breaker.
const FAILURES_MAX: u32 = 5;
/// How long it stays open before one call probes.
const OPEN: Duration = Duration::from_secs(30);

/// The breaker of one queue: closed, open for a while, then one probe.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
    is_probing: bool,
}

impl Breaker {
    /// Whether a call may be made at `now`; after the pause one caller at a time may probe.
    pub fn admit(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) if self.is_probing => false,
            Some(_) => {
                self.is_probing = true;
                true
            }
        }
    }

    /// A call was made and did, or did not, reach its service.
    pub fn note(&mut self, reached: bool, now: Instant) {
        if reached {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.is_probing || self.failures >= FAILURES_MAX {
            self.open_until = Some(now + OPEN);
            self.is_probing = false;
        }
    }

    /// As the metric has it: 0 closed, 1 half open, 2 open.
    pub fn state(&self) -> i64 {
        match (self.open_until, self.is_probing) {
            (None, _) => 0,
            (Some(_), true) => 1,
            (Some(_), false) => 2,
        }
    }
}

/// Calls on their way, counted by the tenant on whose behalf they are made.
#[derive(Default)]
struct InFlight(Mutex<HashMap<Option<Uuid>, usize>>);

/// One call's place; free when it is dropped.
struct Place<'f> {
    in_flight: &'f InFlight,
    tenant: Option<Uuid>,
}

impl InFlight {
    fn counts(&self) -> MutexGuard<'_, HashMap<Option<Uuid>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one call.
    ///
    /// # Errors
    /// 429 when all are taken, or all of this tenant.
    fn take(&self, tenant: Option<Uuid>) -> Result<Place<'_>> {
        let mut counts = self.counts();
        let all: usize = counts.values().sum();
        let own = counts.get(&tenant).copied().unwrap_or_default();
        let own_max = tenant.map_or(IN_FLIGHT_MAX, |_| IN_FLIGHT_OF_TENANT_MAX);
        if all >= IN_FLIGHT_MAX || own >= own_max {
            let message = "Too many requests are in flight; come again in a second.";
            let error = Error::resource_exhausted("TOO_MANY_REQUESTS", message);
            return Err(error.with_detail(json!({ "retry_after_s": 1 })));
        }
        counts.insert(tenant, own + 1);
        Ok(Place {
            in_flight: self,
            tenant,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut counts = self.in_flight.counts();
        if let Some(own) = counts.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                counts.remove(&self.tenant);
            }
        }
    }
}

/// Asks other services. Clones share breakers and limits.
#[derive(Clone)]
pub struct Requester {
    transport: Arc<dyn Transport>,
    publisher: &'static str,
    metrics: ManagerMetrics,
    in_flight: Arc<InFlight>,
    breakers: Arc<Mutex<HashMap<String, Breaker>>>,
}

impl Requester {
    /// Asks in the name of `publisher`.
    pub fn new(
        transport: Arc<dyn Transport>,
        publisher: &'static str,
        metrics: ManagerMetrics,
    ) -> Self {
        Self {
            transport,
            publisher,
            metrics,
            in_flight: Arc::default(),
            breakers: Arc::default(),
        }
    }

    /// Asks `service` (e.g. `outdial-manager`) and reads its reply.
    ///
    /// # Errors
    /// 503 when it cannot be reached or its breaker is open; otherwise what the service says.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        service: &str,
        method: Method,
        uri: &str,
        body: Option<&(impl Serialize + Sync)>,
        timeout: Duration,
    ) -> Result<T> {
        let mut request = Request::new(method, uri, self.publisher);
        if let Some(body) = body {
            request = request.json(body).map_err(Error::internal)?;
        }
        let response = self.send(service, &request, timeout).await?;
        if response.status_code >= 400 {
            return Err(Error::unavailable(
                "service",
                format!("{service} said {}", response.status_code),
            ));
        }
        serde_json::from_str(response.body()).map_err(Error::internal)
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
        if !self.with_breaker(&queue, |breaker| breaker.admit(Instant::now())) {
            return Err(Error::unavailable(
                "service",
                format!("{service} failed repeatedly"),
            ));
        }
        let _place = self.in_flight.take(request.customer_id)?;
        let started = Instant::now();
        let reply = self.transport.request(&queue, request, timeout).await;
        self.note(&queue, &reply);
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

    /// What was never sent counts neither for nor against the service.
    fn note(&self, queue: &str, reply: &Result<Response>) {
        if !reply
            .as_ref()
            .is_err_and(|error| error.reason() == NOT_SERVED)
        {
            self.with_breaker(queue, |breaker| breaker.note(reply.is_ok(), Instant::now()));
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

/// `/v1/outdials/<id>?…` → `outdials`.
fn resource(uri: &str) -> &str {
    uri.split(['?', '/'])
        .filter(|part| !part.is_empty())
        .nth(1)
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_a_share_of_the_places_and_all_together_no_more_than_there_are() {
        let in_flight = InFlight::default();
        let mut places = Vec::new();
        for tenant in (1..=5).map(|id| Some(Uuid::from_u128(id))) {
            while let Ok(place) = in_flight.take(tenant) {
                places.push(place);
            }
        }
        assert_eq!(places.len(), IN_FLIGHT_MAX);
        places.drain(..IN_FLIGHT_OF_TENANT_MAX);
        let noisy = Some(Uuid::from_u128(2));
        let error = in_flight
            .take(noisy)
            .err()
            .map(|error| error.reason().to_owned());
        assert_eq!(error.as_deref(), Some("TOO_MANY_REQUESTS"));
        places.extend(in_flight.take(Some(Uuid::from_u128(5))));
        places.extend(in_flight.take(None));
        assert_eq!(places.len(), IN_FLIGHT_MAX - IN_FLIGHT_OF_TENANT_MAX + 2);
        places.clear();
        assert!(in_flight.counts().is_empty());
    }

    #[test]
    fn five_failures_open_it_and_one_probe_closes_it() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX {
            assert!(breaker.admit(start));
            breaker.note(false, start);
        }
        assert!(!breaker.admit(start), "open");
        let later = start + OPEN;
        assert!(breaker.admit(later), "one may probe");
        assert!(!breaker.admit(later), "and only one");
        breaker.note(true, later);
        assert!(breaker.admit(later) && breaker.admit(later), "closed");
    }

    #[test]
    fn a_failed_probe_keeps_it_open() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        (0..FAILURES_MAX).for_each(|_| breaker.note(false, start));
        let later = start + OPEN;
        assert!(breaker.admit(later));
        breaker.note(false, later);
        assert!(!breaker.admit(later + Duration::from_secs(29)));
        assert!(breaker.admit(later + OPEN));
    }

    #[test]
    fn a_success_forgets_earlier_failures() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            (1..FAILURES_MAX).for_each(|_| breaker.note(false, now));
            breaker.note(true, now);
        }
        assert!(breaker.admit(now));
    }
}
