//! The rules of numbers: made, changed, imported, told with their counters.

pub(crate) mod expiry;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod row;

use std::collections::{HashMap, HashSet};

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
    dbhandler::{customers, members, states},
    models::{
        calendar::Windows,
        did::{self, Did},
        didpool::Didpool,
        didstate::State,
    },
    tenancy::AuditedResource,
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

pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<DidView> {
    let did = resource::get::<Did, App>(app, ctx, id).await?;
    let view = views(app, vec![did]).await?.pop();
    view.ok_or_else(resource::not_found::<Did>)
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<DidView>> {
    let dids = resource::list::<Did, App>(app, ctx, wanted).await?;
    views(app, dids).await
}

/// The numbers of a pool, in the order of their ids; the token of the next page is the last id.
pub(crate) async fn list_of_pool(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    after: Uuid,
    size: u32,
) -> Result<Vec<DidView>> {
    let pool = resource::get::<Didpool, App>(app, ctx, id).await?;
    let dids = members::dids(&app.store.db, pool.id, after, size).await?;
    views(app, dids).await
}

/// Numbers with their counters.
async fn views(app: &App, dids: Vec<Did>) -> Result<Vec<DidView>> {
    let ids: Vec<_> = dids.iter().map(|did| did.id).collect();
    let states = states::of(&app.store.db, &ids).await?;
    let tenants: HashSet<_> = dids.iter().map(|did| did.customer_id).collect();
    let tenants: Vec<_> = tenants.into_iter().collect();
    let calendars = customers::calendars(&app.store.db, &tenants).await?;
    let now = app.store.clock.now().micros();
    let windows: HashMap<Uuid, Windows> = calendars
        .into_iter()
        .map(|(id, calendar)| (id, calendar.windows(now)))
        .collect();
    let seen = |did: Did| {
        let state = states.get(&did.id).copied().unwrap_or_default();
        let windows = windows.get(&did.customer_id).copied();
        DidView::new(did, state, windows)
    };
    Ok(dids.into_iter().map(seen).collect())
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
