//! Sockets of visitors. One looks at its token again when its session changed: it may have ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::value::RawValue;
use tokio::sync::Notify;
use uuid::Uuid;

/// Sockets of one visitor at this bridge; more than one page has, as some may be dead and not known to be.
const VISITOR_SOCKETS_MAX: usize = 8;

/// All sockets of visitors.
pub(super) struct Visitors {
    /// Whose events (manager's name, resource) say that a visitor's session changed.
    topic: Option<(&'static str, &'static str)>,
    /// By their sessions, with what makes them look at their token again.
    sockets: Mutex<HashMap<Uuid, HashMap<Uuid, Arc<Notify>>>>,
}

/// A visitor's socket among those that look at their token again when they are told; until this is dropped.
pub(super) struct VisitorWatch {
    visitors: Arc<Visitors>,
    session: Uuid,
    socket: Uuid,
}

impl Drop for VisitorWatch {
    fn drop(&mut self) {
        self.visitors.forget(self.session, self.socket);
    }
}

impl Visitors {
    /// Events of this manager and resource say that a session changed.
    pub(super) fn new(topic: Option<(&'static str, &'static str)>) -> Self {
        Self {
            topic,
            sockets: Mutex::default(),
        }
    }

    /// The resource whose events say that a session changed.
    pub(super) fn kind(&self) -> Option<&'static str> {
        self.topic.map(|(_, resource)| resource)
    }

    /// Whether events of this manager and resource say that a session changed.
    pub(super) fn are_told_by(&self, topic: (Option<&str>, Option<&str>)) -> bool {
        self.topic
            .is_some_and(|(service, resource)| topic == (Some(service), Some(resource)))
    }

    /// A socket looks at its token again when it is notified; none where the visitor has too many.
    pub(super) fn watch(
        self: &Arc<Self>,
        session: Uuid,
        socket: Uuid,
        look: &Arc<Notify>,
    ) -> Option<VisitorWatch> {
        let mut visitors = self.sockets();
        let sockets = visitors.entry(session).or_default();
        if sockets.len() >= VISITOR_SOCKETS_MAX {
            return None;
        }
        sockets.insert(socket, Arc::clone(look));
        Some(VisitorWatch {
            visitors: Arc::clone(self),
            session,
            socket,
        })
    }

    fn forget(&self, session: Uuid, socket: Uuid) {
        let mut visitors = self.sockets();
        if let Some(sockets) = visitors.get_mut(&session) {
            sockets.remove(&socket);
            if sockets.is_empty() {
                visitors.remove(&session);
            }
        }
    }

    /// The sockets of the session that an event is about look again.
    pub(super) fn look_again(&self, data: &RawValue) {
        #[derive(serde::Deserialize)]
        struct Session {
            id: Uuid,
        }
        let Ok(session) = serde_json::from_str::<Session>(data.get()) else {
            return;
        };
        let visitors = self.sockets();
        let sockets = visitors.get(&session.id).into_iter();
        sockets
            .flat_map(HashMap::values)
            .for_each(|it| it.notify_one());
    }

    /// All of them look again: events may have been missed.
    pub(super) fn all_look_again(&self) {
        let visitors = self.sockets();
        let sockets = visitors.values().flat_map(HashMap::values);
        sockets.for_each(|look| look.notify_one());
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<Uuid, HashMap<Uuid, Arc<Notify>>>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
