//! The rules of numbers: made, changed, imported, told with their counters.

pub(crate) mod expiry;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod row;

use std::collections::{HashMap, hash_map::Entry};

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    listenhandler::List,
    models::{error::Result, time::Timestamp},
    resource,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    choice::window::{Calendar, Windows},
    dbhandler::states::{self, State},
    models::{
        customer::Customer,
        did::{self, Did},
        didpool::Didpool,
    },
    tenancy::{AuditedResource, ensure_chosen},
};

/// A number with its counters.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct DidView {
    #[serde(flatten)]
    pub did: Did,
    /// Calls on the customer's present day.
    pub calls_today: i32,
    /// Calls in the present clock hour.
    pub calls_this_hour: i32,
    /// Calls ever.
    pub calls_total: i64,
    /// When it was given last.
    pub tm_used: Option<Timestamp>,
}

impl AuditedResource for Did {
    const AFFECTS_ROUTING: bool = true;

    async fn verify(
        &mut self,
        tx: &mut ChangeTx<'_>,
        before: Option<&Self>,
        version: i64,
    ) -> Result<()> {
        self.seq = version;
        match before {
            None => states::insert(tx, self.customer_id, &[self.id]).await,
            Some(before) if before.status != self.status => {
                tx.emit(did::STATUS_CHANGED, self, self.customer_id).await
            }
            Some(_) => Ok(()),
        }
    }
}

impl AuditedResource for Customer {
    const AFFECTS_ROUTING: bool = true;

    async fn verify(
        &mut self,
        tx: &mut ChangeTx<'_>,
        before: Option<&Self>,
        version: i64,
    ) -> Result<()> {
        let was = before.map(|before| before.didpool_id);
        ensure_chosen::<Didpool>(tx, self.id, was, self.didpool_id).await?;
        match before {
            Some(before) if before.calendar() != self.calendar() => {
                states::recount(tx, self.id, self.calendar(), version).await
            }
            _ => Ok(()),
        }
    }
}

pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<DidView> {
    let did = resource::get::<Did, App>(app, ctx, id).await?;
    let view = views(app, vec![did]).await?.pop();
    view.ok_or_else(resource::not_found::<Did>)
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<DidView>> {
    let dids = resource::list::<Did, App>(app, ctx, wanted).await?;
    views(app, dids).await
}

/// Numbers with their counters.
pub(crate) async fn views(app: &App, dids: Vec<Did>) -> Result<Vec<DidView>> {
    let ids: Vec<_> = dids.iter().map(|did| did.id).collect();
    let states = states::of(&app.store.db, &ids).await?;
    let mut calendars = HashMap::new();
    for did in &dids {
        if let Entry::Vacant(vacant) = calendars.entry(did.customer_id) {
            vacant.insert(windows(app, did.customer_id).await?);
        }
    }
    let seen = |did: Did| {
        let state = states.get(&did.id).copied().unwrap_or_default();
        let windows = calendars.get(&did.customer_id).copied().flatten();
        DidView::new(did, state, windows)
    };
    Ok(dids.into_iter().map(seen).collect())
}

async fn windows(app: &App, customer_id: Uuid) -> Result<Option<Windows>> {
    let customer = app.store.get::<Customer>(customer_id).await?;
    let now = app.store.clock.now().micros();
    Ok(customer.map(|customer| customer.calendar().windows(now)))
}

impl Customer {
    /// Its days and hours.
    pub(crate) fn calendar(&self) -> Calendar {
        Calendar::of(&self.timezone, &self.day_start)
    }
}

impl DidView {
    fn new(did: Did, state: State, windows: Option<Windows>) -> Self {
        let (day, hour) =
            windows.map_or((i64::MAX, i64::MAX), |windows| (windows.day, windows.hour));
        let within = |start: i64, window: i64, count: i32| if start >= window { count } else { 0 };
        Self {
            calls_today: within(state.day_start, day, state.day_count),
            calls_this_hour: within(state.hour_start, hour, state.hour_count),
            calls_total: state.total,
            tm_used: (state.last_used > 0).then(|| Timestamp::from_micros(state.last_used)),
            did,
        }
    }
}
