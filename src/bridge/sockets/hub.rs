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
use tokio::{
    task::yield_now,
    time::{Instant, timeout},
};
use uuid::Uuid;

use bin_common_handler::{
    models::{
        error::{Error, Result},
        role::Reach,
    },
    sockhandler::{Bindings, Held, Live, Receive, ReceivedEvent, socket_key, socket_key_of_all},
};

use super::{
    outbox::Outbox,
    patience::{Patience, WAIT_MAX},
    rooms::Rooms,
    scope::Scope,
    visitors::Visitors,
};
use crate::bridge::{
    NAME,
    keys::Grant,
    table::{Table, Target},
};

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

/// The scopes of all managers and the sockets that follow them.
pub(in crate::bridge) struct Hub {
    scopes: Vec<Scope>,
    audiences: Mutex<HashMap<Audience, HashMap<Uuid, Arc<Outbox>>>>,
    /// What can be followed beside lists.
    rooms: Rooms,
    /// Whose token may have ended.
    visitors: Arc<Visitors>,
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
            visitors: Arc::new(Visitors::new(
                table
                    .visitors()
                    .map(|route| (route.service, route.identity)),
            )),
            patience: Mutex::new(Patience::new(Instant::now())),
            bindings: Arc::default(),
        }
    }

    /// What can be followed beside lists.
    pub(super) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Sockets of visitors.
    pub(super) fn visitors(&self) -> &Arc<Visitors> {
        &self.visitors
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

    /// As [`Self::hold`] for what says that a visitor's token may have ended.
    pub(super) fn hold_visitors(&self, grant: &Grant) -> Held {
        self.hold_kinds(grant, self.visitors.kinds())
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
        self.visitors.hear(topic, event.customer_id, data);
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
        self.visitors.all_look_again();
    }
}
