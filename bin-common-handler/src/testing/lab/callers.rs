//! Who asks the daemon, from outside.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::site::Site;
use crate::{
    clock::Clock,
    health::Health,
    metrics::Metrics,
    models::sock::{Request, Response},
    redact::Secret,
    sockhandler::{Transport, rabbitmq::RabbitMq},
};

/// How long past its deadline a call may end.
const LATE_MAX: Duration = Duration::from_secs(1);
/// A connection is not given up sooner: others may just have opened it.
const AGE_MIN: Duration = Duration::from_secs(1);

/// A connection shared by all clients, opened again when it failed: a client of its own would not wait either.
pub struct Callers {
    amqp: String,
    queue: String,
    current: Mutex<(Instant, Arc<RabbitMq>)>,
}

impl Callers {
    /// Callers of the site's daemon.
    pub fn new(site: &Site) -> Self {
        let amqp = site.amqp();
        Self {
            current: Mutex::new((Instant::now(), open(&amqp))),
            amqp,
            queue: site.queue(),
        }
    }

    /// Asks once; nothing when there was no answer. Panics when that took longer than `patience` and a second.
    pub async fn ask(&self, request: &Request, patience: Duration) -> Option<Response> {
        let started = Instant::now();
        let caller = self.get();
        let reply = caller.request(&self.queue, request, patience).await.ok();
        let took = started.elapsed();
        assert!(
            took < patience + LATE_MAX,
            "a call ends with its deadline, this one took {took:?}"
        );
        reply
    }

    fn get(&self) -> Arc<RabbitMq> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.1)
    }

    /// Opens a new connection, unless this one is new.
    pub fn renew(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0.elapsed() > AGE_MIN {
            *current = (Instant::now(), open(&self.amqp));
        }
    }
}

pub(super) fn open(amqp: &str) -> Arc<RabbitMq> {
    Arc::new(RabbitMq::new(
        Secret::new(amqp),
        Clock::default(),
        Metrics::new().expect("metrics"),
        Health::default(),
    ))
}
