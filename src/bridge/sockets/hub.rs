//! Who follows what: events of the managers come in once for the process and go to the outboxes of those who may
//! see them.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use axum::extract::ws::Utf8Bytes;
use serde_json::value::RawValue;
use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, timeout},
};
use uuid::Uuid;

use bin_common_handler::{
    listenhandler::{RouteInfo, Views},
    models::{
        error::{Error, Result},
        role::Reach,
    },
    sockhandler::{Bindings, Held, Live, Receive, ReceivedEvent, socket_key, socket_key_of_all},
};

use super::{
    frames::{Numbers, ServerFrame},
    outbox::Outbox,
    patience::{Patience, WAIT_MAX},
    rooms::Rooms,
};
use crate::bridge::{
    NAME,
    keys::Grant,
    table::{Table, Target},
};

/// Sockets of one visitor at this bridge; more than one page has, as some may be dead and not known to be.
const VISITOR_SOCKETS_MAX: usize = 8;

/// A list that can be followed.
struct Scope {
    name: &'static str,
    service: &'static str,
    topic: &'static str,
    /// The field of its events that names the account which may see them.
    account_field: Option<&'static str>,
    /// What each account sees of an event.
    views: Option<Views>,
    route: RouteInfo,
    /// The number of its last event that anybody here followed.
    last_seq: AtomicI64,
}

/// Those who get the same events: of one scope and one tenant, or one account of it, or of all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Audience {
    scope: usize,
    customer_id: Option<Uuid>,
    account_id: Option<Uuid>,
}

impl Audience {
    fn of(scope: usize, grant: &Grant) -> Self {
        Self {
            scope,
            customer_id: grant.scope().customer_id(),
            account_id: grant.account_id(),
        }
    }
}

/// Whom an event was told.
#[derive(Default)]
pub(super) struct Audiences {
    /// Their sockets, each told once.
    pub told: HashSet<Uuid>,
    /// Outboxes that should be emptied before the next one.
    pub crowded: Vec<Arc<Outbox>>,
}

impl Audiences {
    /// Lets the sockets take what they were told.
    async fn rest(self, patience: &Mutex<Patience>) {
        if self.told.is_empty() {
            return;
        }
        // Their sessions may be waiting for this very thread.
        yield_now().await;
        if self.crowded.is_empty() {
            return;
        }
        let began = Instant::now();
        let left = lock(patience).left(began);
        let eased = async {
            for outbox in &self.crowded {
                outbox.eased().await;
            }
        };
        if timeout(left.min(WAIT_MAX), eased).await.is_err() {
            self.crowded.iter().for_each(|outbox| outbox.give_up());
        }
        lock(patience).spend(began.elapsed());
    }
}

/// A visitor's socket among those that look at their token again when they are told; until this is dropped.
pub(super) struct VisitorWatch {
    hub: Arc<Hub>,
    session: Uuid,
    socket: Uuid,
}

impl Drop for VisitorWatch {
    fn drop(&mut self) {
        self.hub.forget_visitor(self.session, self.socket);
    }
}

/// The scopes of all managers and the sockets that follow them.
pub(in crate::bridge) struct Hub {
    scopes: Vec<Scope>,
    audiences: Mutex<HashMap<Audience, HashMap<Uuid, Arc<Outbox>>>>,
    /// What can be followed beside lists.
    rooms: Rooms,
    /// Sockets of visitors by their sessions, and what makes them look at their token again.
    visitors: Mutex<HashMap<Uuid, HashMap<Uuid, Arc<Notify>>>>,
    /// Whose events (manager's name, resource) say that a visitor's session changed.
    visitor_topic: Option<(&'static str, &'static str)>,
    /// What is heard: the events that somebody here follows.
    bindings: Arc<Bindings>,
    patience: Mutex<Patience>,
}

impl Hub {
    /// The lists and rooms of these routes that can be followed.
    pub(in crate::bridge) fn new(table: &Table) -> Self {
        let scopes = table.routes().filter_map(|(service, route)| {
            let stream = route.edge.stream?;
            Some(Scope {
                name: stream.scope,
                service,
                topic: stream.topic,
                account_field: stream.account_field,
                views: stream.views,
                route: route.clone(),
                last_seq: AtomicI64::new(0),
            })
        });
        Self {
            scopes: scopes.collect(),
            audiences: Mutex::default(),
            rooms: Rooms::new(table.live()),
            visitors: Mutex::default(),
            patience: Mutex::new(Patience::new(Instant::now())),
            bindings: Arc::default(),
            visitor_topic: table
                .visitors()
                .map(|route| (route.service, route.identity.topic)),
        }
    }

    /// What can be followed beside lists.
    pub(super) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// A visitor's socket looks at its token again when it is notified; none where the visitor has too many.
    pub(super) fn watch_visitor(
        self: &Arc<Self>,
        session: Uuid,
        socket: Uuid,
        look: &Arc<Notify>,
    ) -> Option<VisitorWatch> {
        let mut visitors = self.visitors();
        let sockets = visitors.entry(session).or_default();
        if sockets.len() >= VISITOR_SOCKETS_MAX {
            return None;
        }
        sockets.insert(socket, Arc::clone(look));
        Some(VisitorWatch {
            hub: Arc::clone(self),
            session,
            socket,
        })
    }

    fn forget_visitor(&self, session: Uuid, socket: Uuid) {
        let mut visitors = self.visitors();
        if let Some(sockets) = visitors.get_mut(&session) {
            sockets.remove(&socket);
            if sockets.is_empty() {
                visitors.remove(&session);
            }
        }
    }

    fn visitors(&self) -> MutexGuard<'_, HashMap<Uuid, HashMap<Uuid, Arc<Notify>>>> {
        lock(&self.visitors)
    }

    fn look_again(&self, data: &RawValue) {
        #[derive(serde::Deserialize)]
        struct Session {
            id: Uuid,
        }
        let Ok(session) = serde_json::from_str::<Session>(data.get()) else {
            return;
        };
        let visitors = self.visitors();
        let sockets = visitors.get(&session.id).into_iter();
        sockets
            .flat_map(HashMap::values)
            .for_each(|it| it.notify_one());
    }

    /// The events to hear: those that somebody here follows.
    pub(in crate::bridge) fn live(&self) -> Live {
        Live {
            name: format!("{NAME}.sockets"),
            bindings: Arc::clone(&self.bindings),
        }
    }

    /// Events of a scope are heard for this caller once what is told here is ready, until it is dropped.
    pub(super) fn hold(&self, grant: &Grant, scope: &str) -> Held {
        let lists = self.scopes.iter().filter(|it| it.name == scope);
        let kinds = lists.map(|it| it.topic).chain(self.rooms.kinds_of(scope));
        self.hold_kinds(grant, kinds)
    }

    /// As [`Self::hold`] for what says that a visitor's session changed.
    pub(super) fn hold_visitors(&self, grant: &Grant) -> Held {
        let kinds = self.visitor_topic.into_iter().map(|(_, topic)| topic);
        self.hold_kinds(grant, kinds)
    }

    fn hold_kinds(&self, grant: &Grant, kinds: impl Iterator<Item = &'static str>) -> Held {
        let customer_id = grant.scope().customer_id();
        let key = |kind: &str| match customer_id {
            Some(id) => socket_key(Some(id), kind),
            None => socket_key_of_all(kind),
        };
        self.bindings.hold(kinds.map(key).collect())
    }

    /// Follows a scope from now on; the number of its last event.
    ///
    /// # Errors
    /// 404 `SCOPE_NOT_FOUND`, 403 when the key may not read the list.
    pub(super) fn follow(
        &self,
        grant: &Grant,
        name: &str,
        socket: Uuid,
        outbox: &Arc<Outbox>,
    ) -> Result<i64> {
        let (position, scope) = self.scope(name)?;
        if grant.account_id().is_some() && !scope.is_for_accounts() {
            // Its events say more than one account may see.
            return Err(Error::permission_denied(
                "SCOPE_REQUIRED",
                "Keys that are bound to an account cannot follow this list.",
            ));
        }
        let target = Target {
            service: scope.service,
            route: &scope.route,
            path: scope.route.template,
        };
        grant.allow(&target)?;
        if grant.reach(&target) == Reach::Own {
            // Its events are everybody's.
            return Err(Error::permission_denied(
                "ROLE_NOT_ALLOWED",
                "The role agent may not follow this list.",
            ));
        }
        let audience = Audience::of(position, grant);
        let mut audiences = self.audiences();
        let followers = audiences.entry(audience).or_default();
        followers.insert(socket, Arc::clone(outbox));
        Ok(scope.last_seq.load(Ordering::Relaxed))
    }

    /// Follows a scope no longer.
    ///
    /// # Errors
    /// 404 `SCOPE_NOT_FOUND`.
    pub(super) fn leave(&self, grant: &Grant, name: &str, socket: Uuid) -> Result<()> {
        let (scope, _) = self.scope(name)?;
        self.remove(Audience::of(scope, grant), socket);
        Ok(())
    }

    /// Forgets a socket.
    pub(super) fn leave_all(&self, grant: &Grant, socket: Uuid) {
        for scope in 0..self.scopes.len() {
            self.remove(Audience::of(scope, grant), socket);
        }
    }

    fn remove(&self, audience: Audience, socket: Uuid) {
        let mut audiences = self.audiences();
        if let Some(followers) = audiences.get_mut(&audience) {
            followers.remove(&socket);
            if followers.is_empty() {
                audiences.remove(&audience);
            }
        }
    }

    fn scope(&self, name: &str) -> Result<(usize, &Scope)> {
        let mut scopes = self.scopes.iter().enumerate();
        scopes
            .find(|(_, scope)| scope.name == name)
            .ok_or_else(|| Error::not_found("SCOPE_NOT_FOUND", "There is no such scope to follow."))
    }

    fn publish(&self, event: &ReceivedEvent) -> Audiences {
        let mut heard = Audiences::default();
        let Some(data) = event.event.data.as_deref() else {
            return heard;
        };
        let mut words = event.routing_key.split('.');
        let topic = (words.next(), words.next());
        if self.visitor_topic.map(|it| (Some(it.0), Some(it.1))) == Some(topic) {
            self.look_again(data);
        }
        self.rooms.publish(event, data, &mut heard);
        for (position, scope) in self.scopes.iter().enumerate() {
            if topic != (Some(scope.service), Some(scope.topic)) {
                continue;
            }
            let account_id = scope.account_of(data);
            let followers = self.followers(position, event.customer_id, account_id);
            scope.tell(&event.event.kind, data, followers, &mut heard);
            let Some(views) = scope.views.filter(|_| self.has_accounts(position, event)) else {
                continue;
            };
            for view in views.of(data.get()) {
                let followers = self.of_account(position, event.customer_id, view.account_id);
                scope.tell(&event.event.kind, &view.data, followers, &mut heard);
            }
        }
        heard
    }

    /// The tenant's sockets, those of the account that the event is about, and those of the operator.
    fn followers(
        &self,
        scope: usize,
        customer_id: Option<Uuid>,
        account_id: Option<Uuid>,
    ) -> Vec<(Uuid, Arc<Outbox>)> {
        let audiences = self.audiences();
        let of = |customer_id, account_id| {
            audiences.get(&Audience {
                scope,
                customer_id,
                account_id,
            })
        };
        let own = customer_id.and_then(|id| of(Some(id), None));
        let account = customer_id.and_then(|id| of(Some(id), Some(account_id?)));
        [own, account, of(None, None)]
            .into_iter()
            .flatten()
            .flatten()
            .map(|(socket, outbox)| (*socket, Arc::clone(outbox)))
            .collect()
    }

    /// Whether anybody follows with a key that is bound to an account: else nothing is made for them.
    fn has_accounts(&self, scope: usize, event: &ReceivedEvent) -> bool {
        self.audiences().keys().any(|audience| {
            audience.scope == scope
                && audience.account_id.is_some()
                && audience.customer_id == event.customer_id
        })
    }

    /// The sockets of one account.
    fn of_account(
        &self,
        scope: usize,
        customer_id: Option<Uuid>,
        account_id: Uuid,
    ) -> Vec<(Uuid, Arc<Outbox>)> {
        let audience = Audience {
            scope,
            customer_id,
            account_id: Some(account_id),
        };
        let audiences = self.audiences();
        let followers = audiences.get(&audience).into_iter().flatten();
        followers
            .map(|(socket, outbox)| (*socket, Arc::clone(outbox)))
            .collect()
    }

    fn audiences(&self) -> MutexGuard<'_, HashMap<Audience, HashMap<Uuid, Arc<Outbox>>>> {
        lock(&self.audiences)
    }
}

fn lock<T>(all: &Mutex<T>) -> MutexGuard<'_, T> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scope {
    /// Whether keys that are bound to an account may follow it.
    fn is_for_accounts(&self) -> bool {
        self.account_field.is_some() || self.views.is_some()
    }

    /// Puts an event into these outboxes, once for a socket, in whatever scopes it is.
    fn tell(
        &self,
        r#type: &str,
        data: &RawValue,
        followers: Vec<(Uuid, Arc<Outbox>)>,
        heard: &mut Audiences,
    ) {
        if followers.is_empty() {
            return;
        }
        let frame = self.frame(r#type, data);
        for (socket, outbox) in followers {
            if heard.told.insert(socket) && outbox.push(&frame) {
                heard.crowded.push(outbox);
            }
        }
    }

    /// Says that it is followed from here on: what was before is in the list.
    fn subscribed(&self) -> Utf8Bytes {
        ServerFrame::Subscribed {
            scope: self.name,
            last_seq: self.last_seq.load(Ordering::Relaxed),
            last_note_seq: None,
        }
        .text()
    }

    /// The account that an event is about.
    fn account_of(&self, data: &RawValue) -> Option<Uuid> {
        let field = self.account_field?;
        let fields: HashMap<String, &RawValue> = serde_json::from_str(data.get()).ok()?;
        serde_json::from_str(fields.get(field)?.get()).ok()
    }

    fn frame(&self, r#type: &str, data: &RawValue) -> Utf8Bytes {
        let seq = self.last_seq.fetch_add(1, Ordering::Relaxed) + 1;
        let scope = self.name;
        ServerFrame::Ev {
            scope,
            numbers: Numbers { seq, note_seq: 0 },
            r#type,
            data,
        }
        .text()
    }
}

#[async_trait]
impl Receive for Hub {
    async fn receive(&self, event: ReceivedEvent) -> Result<()> {
        self.publish(&event).rest(&self.patience).await;
        Ok(())
    }

    /// Those who were told of events in their order fetch what they missed, and others are told to read their lists again;
    /// visitors' sessions may have ended.
    fn resumed(&self) {
        self.rooms.doubt();
        for (audience, followers) in self.audiences().iter() {
            if let Some(scope) = self.scopes.get(audience.scope) {
                let frame = scope.subscribed();
                followers.values().for_each(|outbox| {
                    outbox.push(&frame);
                });
            }
        }
        let visitors = self.visitors();
        let sockets = visitors.values().flat_map(HashMap::values);
        sockets.for_each(|look| look.notify_one());
    }
}
