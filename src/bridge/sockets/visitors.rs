//! Sockets of visitors. One looks at its token again when its session changed, or what all sessions of its customer hang on:
//! it may have ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::value::RawValue;
use tokio::sync::Notify;
use uuid::Uuid;

use bin_common_handler::listenhandler::VisitorIdentity;

/// Sockets of one visitor at this bridge; more than one page has, as some may be dead and not known to be.
const VISITOR_SOCKETS_MAX: usize = 8;

/// All sockets of visitors.
pub(super) struct Visitors {
    /// The manager that knows them, and after which events tokens are looked at again.
    told_by: Option<(&'static str, VisitorIdentity)>,
    /// By their sessions.
    sessions: Mutex<HashMap<Uuid, Session>>,
}

/// The sockets of one visitor.
struct Session {
    customer_id: Uuid,
    /// What makes each of them look at its token again.
    looks: HashMap<Uuid, Arc<Notify>>,
}

impl Session {
    fn look_again(&self) {
        self.looks.values().for_each(|look| look.notify_one());
    }
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
    /// The manager that knows visitors, and after which events their tokens are looked at again.
    pub(super) fn new(told_by: Option<(&'static str, VisitorIdentity)>) -> Self {
        Self {
            told_by,
            sessions: Mutex::default(),
        }
    }

    /// The resources whose events say that tokens may have ended.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let identity = self.told_by.map(|(_, identity)| identity);
        identity.into_iter().flat_map(|identity| {
            let of_customer = identity.customer_topics.iter().copied();
            std::iter::once(identity.topic).chain(of_customer)
        })
    }

    /// A socket looks at its token again when it is notified; none where the visitor has too many.
    pub(super) fn watch(
        self: &Arc<Self>,
        (customer_id, session): (Uuid, Uuid),
        socket: Uuid,
        look: &Arc<Notify>,
    ) -> Option<VisitorWatch> {
        let mut sessions = self.sessions();
        let own = sessions.entry(session).or_insert_with(|| Session {
            customer_id,
            looks: HashMap::new(),
        });
        if own.looks.len() >= VISITOR_SOCKETS_MAX {
            return None;
        }
        own.looks.insert(socket, Arc::clone(look));
        Some(VisitorWatch {
            visitors: Arc::clone(self),
            session,
            socket,
        })
    }

    fn forget(&self, session: Uuid, socket: Uuid) {
        let mut sessions = self.sessions();
        if let Some(own) = sessions.get_mut(&session) {
            own.looks.remove(&socket);
            if own.looks.is_empty() {
                sessions.remove(&session);
            }
        }
    }

    /// An event of this manager and resource: the sockets whose tokens it may have ended look again.
    pub(super) fn hear(
        &self,
        (service, resource): (Option<&str>, Option<&str>),
        customer_id: Option<Uuid>,
        data: &RawValue,
    ) {
        let (Some((own, identity)), Some(resource)) = (self.told_by, resource) else {
            return;
        };
        if service == Some(own) && resource == identity.topic {
            self.look_again(data);
        }
        if identity.customer_topics.contains(&resource) {
            let sessions = self.sessions();
            let of_customer = sessions
                .values()
                .filter(|session| customer_id == Some(session.customer_id));
            of_customer.for_each(Session::look_again);
        }
    }

    /// The sockets of the session that an event is about look again.
    fn look_again(&self, data: &RawValue) {
        #[derive(serde::Deserialize)]
        struct Told {
            id: Uuid,
        }
        let Ok(told) = serde_json::from_str::<Told>(data.get()) else {
            return;
        };
        if let Some(session) = self.sessions().get(&told.id) {
            session.look_again();
        }
    }

    /// All of them look again: events may have been missed.
    pub(super) fn all_look_again(&self) {
        self.sessions().values().for_each(Session::look_again);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Uuid, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::its_session(("chat-manager", "chatsession"), 1, 11, [true, false, false])]
    #[case::of_another_manager(("call-manager", "chatsession"), 1, 11, [false; 3])]
    #[case::a_widget(("chat-manager", "widget"), 1, 99, [true, true, false])]
    #[case::the_customer(("did-manager", "customer"), 2, 2, [false, false, true])]
    #[case::something_else(("chat-manager", "message"), 1, 11, [false; 3])]
    fn sockets_look_again_after_what_may_end_their_tokens(
        #[case] topic: (&str, &str),
        #[case] customer: u128,
        #[case] about: u128,
        #[case] expected: [bool; 3],
    ) {
        let identity = VisitorIdentity {
            topic: "chatsession",
            customer_topics: &["widget", "customer"],
        };
        let visitors = Arc::new(Visitors::new(Some(("chat-manager", identity))));
        let kinds: Vec<_> = visitors.kinds().collect();
        assert_eq!(kinds, ["chatsession", "widget", "customer"]);
        let id = Uuid::from_u128;
        let looks: [Arc<Notify>; 3] = Default::default();
        let sessions = [(1, 11), (1, 12), (2, 21)];
        let mut watches = Vec::new();
        for ((customer, session), look) in sessions.into_iter().zip(&looks) {
            let watch = visitors.watch((id(customer), id(session)), id(session), look);
            watches.push(watch.unwrap());
        }
        let data = serde_json::json!({"id": id(about)}).to_string();
        let data = RawValue::from_string(data).unwrap();
        visitors.hear((Some(topic.0), Some(topic.1)), Some(id(customer)), &data);
        let told = looks.map(|look| look.notified().now_or_never().is_some());
        assert_eq!(told, expected);
    }
}
