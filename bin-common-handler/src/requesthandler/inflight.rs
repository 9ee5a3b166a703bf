//! How many calls may be on their way: all together, and on behalf of one tenant.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::json;
use uuid::Uuid;

use crate::models::error::{Error, Result};

/// Calls in flight at most.
const IN_FLIGHT_MAX: usize = 1_024;
/// Of these, calls on behalf of one tenant: whoever asks how often, there is room for others.
const IN_FLIGHT_OF_TENANT_MAX: usize = IN_FLIGHT_MAX / 4;

/// Calls on their way, counted by the tenant on whose behalf they are made.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashMap<Option<Uuid>, usize>>);

/// One call's place; free when it is dropped.
pub(super) struct Place<'f> {
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
    pub(super) fn take(&self, tenant: Option<Uuid>) -> Result<Place<'_>> {
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
}
