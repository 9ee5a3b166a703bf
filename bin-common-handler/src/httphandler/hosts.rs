//! What each host is allowed: so many requests at once, and none while its breaker is open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::HttpFault;
use crate::requesthandler::breaker::{Admission, Breaker};

/// Requests on their way to one host.
pub(super) const IN_FLIGHT_MAX: usize = 64;
/// Hosts that are remembered. When there are more, those with nothing on its way and a closed breaker go first.
const HOSTS_MAX: usize = 4_096;

struct Host {
    breaker: Mutex<Breaker>,
    places: Arc<Semaphore>,
}

impl Host {
    fn new() -> Self {
        Self {
            breaker: Mutex::default(),
            places: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        self.places.available_permits() == IN_FLIGHT_MAX && self.breaker().state() == 0
    }
}

/// All hosts, by `host:port`.
#[derive(Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<Host>>>);

impl Hosts {
    /// A place for one request to `host`, if there is one and its breaker lets it through.
    pub(super) fn admit(&self, host: &str) -> Result<Admitted, HttpFault> {
        let host = self.get(host)?;
        let place = Arc::clone(&host.places)
            .try_acquire_owned()
            .map_err(|_| HttpFault::TooMany)?;
        let admission = host.breaker().admit(Instant::now());
        match admission {
            Admission::Refused => Err(HttpFault::BreakerOpen),
            admission => Ok(Admitted {
                host,
                is_probe: admission == Admission::Probe,
                is_told: false,
                _place: place,
            }),
        }
    }

    fn get(&self, name: &str) -> Result<Arc<Host>, HttpFault> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return Ok(Arc::clone(host));
        }
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, host| !host.is_idle());
        }
        if hosts.len() >= HOSTS_MAX {
            return Err(HttpFault::TooMany);
        }
        let host = Arc::new(Host::new());
        hosts.insert(name.to_owned(), Arc::clone(&host));
        Ok(host)
    }
}

/// A request that was let through. Dropped before it was told how it ended, it tells the breaker nothing.
pub(super) struct Admitted {
    host: Arc<Host>,
    is_probe: bool,
    is_told: bool,
    _place: OwnedSemaphorePermit,
}

impl Admitted {
    /// The host answered, or did not.
    pub(super) fn ended(mut self, reached: bool) {
        self.is_told = true;
        self.host
            .breaker()
            .note(reached, self.is_probe, Instant::now());
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.is_probe && !self.is_told {
            self.host.breaker().abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_places_of_its_own() {
        let hosts = Hosts::default();
        let held: Vec<Admitted> = (0..IN_FLIGHT_MAX)
            .map(|_| hosts.admit("a:443").unwrap())
            .collect();
        assert!(matches!(hosts.admit("a:443"), Err(HttpFault::TooMany)));
        assert!(hosts.admit("b:443").is_ok());
        drop(held);
        assert!(hosts.admit("a:443").is_ok());
    }

    #[test]
    fn a_host_that_fails_is_left_alone_and_others_are_not() {
        let hosts = Hosts::default();
        for _ in 0..5 {
            hosts.admit("a:443").unwrap().ended(false);
        }
        assert!(matches!(hosts.admit("a:443"), Err(HttpFault::BreakerOpen)));
        assert!(hosts.admit("b:443").is_ok());
    }

    #[test]
    fn idle_hosts_make_room_for_new_ones() {
        let hosts = Hosts::default();
        let held = hosts.admit("held:443").unwrap();
        for number in 0..2 * HOSTS_MAX {
            hosts.admit(&format!("h{number}:443")).unwrap().ended(true);
        }
        let known = hosts.0.lock().unwrap();
        assert!(known.len() <= HOSTS_MAX);
        assert!(known.contains_key("held:443"));
        drop(held);
    }
}
