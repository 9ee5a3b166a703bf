//! What works, what does not, and why: the source of `/readyz` and `/healthz`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

/// The state of one part of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "why", rename_all = "snake_case")]
pub enum State {
    /// Works.
    Up,
    /// Works, with a promise less than usual.
    Reduced(String),
    /// Does not work: requests are not served.
    Down(String),
}

/// All parts of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, State>>>);

impl Health {
    /// Says how `part` is doing; true when that is news.
    pub fn set(&self, part: &str, state: State) -> bool {
        let mut parts = self.parts();
        if parts.get(part) == Some(&state) {
            return false;
        }
        parts.insert(part.to_owned(), state);
        true
    }

    /// True when no part is down.
    pub fn is_ready(&self) -> bool {
        !self
            .parts()
            .values()
            .any(|state| matches!(state, State::Down(_)))
    }

    /// Every part and its state.
    pub fn report(&self) -> BTreeMap<String, State> {
        self.parts().clone()
    }

    fn parts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduced_is_ready_and_down_is_not() {
        let health = Health::default();
        health.set("a", State::Reduced("slow disk".into()));
        assert!(health.is_ready());
        assert!(health.set("b", State::Down("gone".into())));
        assert!(!health.set("b", State::Down("gone".into())), "no news");
        assert!(!health.is_ready());
        health.set("b", State::Up);
        assert!(health.is_ready());
    }
}
