//! Wakes the timers of this process after a commit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{models::time::Timestamp, worker::Wake};

/// One for each kind that has a runner here. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarms(Arc<Mutex<HashMap<String, Arc<Wake>>>>);

impl Alarms {
    /// The alarm of a kind.
    pub(super) fn of(&self, kind: &str) -> Arc<Wake> {
        let mut alarms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(alarms.entry(kind.to_owned()).or_default())
    }

    /// A timer was set to `at`. Nothing happens where nobody waits for its kind.
    pub(crate) fn wake(&self, kind: &str, at: Timestamp) {
        let alarms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = alarms.get(kind) {
            wake.wake(at);
        }
    }
}
