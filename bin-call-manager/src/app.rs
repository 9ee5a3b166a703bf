//! What the routes share.

use std::sync::Arc;

use bin_common_handler::{
    config::Setting,
    daemon::{ManagerContext, StartError},
    databasehandler::Store,
    httphandler::HttpClient,
    sealer::Sealer,
    webhooks::lines::Lines,
};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::{modelhandler::Model, room::Rooms, watch::Watch};

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub rooms: Rooms,
    /// Whose number a webhook is for.
    pub lines: Lines,
    /// Counts webhooks.
    pub watch: Watch,
    /// An answer that is shorter counts as missed, in seconds; 0 = none does.
    pub short_seconds: i32,
    pub http: HttpClient,
    pub sealer: Arc<Sealer>,
    pub model: Model,
    turns: Arc<Turns>,
}

/// The setting that makes a short answer a miss.
pub(crate) const SHORT: Setting<u64> = Setting::number(
    "TREAT_SHORT_AS_MISSED_SECONDS",
    "0",
    0..=600,
    "A call that was answered for less counts as missed, as a mobile's own mailbox answers, too; 0 = none does",
    "5",
);

/// Calls share so many turns; two that share one only wait for each other.
const TURNS: usize = 1_024;

/// Requests to sell the same call wait here for each other, not in the database: each of them would hold a
/// connection while it waits for the call's row, and leave none for other calls.
struct Turns(Vec<Mutex<()>>);

impl App {
    pub(crate) fn new(ctx: &ManagerContext) -> Result<Self, StartError> {
        Ok(Self {
            store: ctx.store.clone(),
            rooms: Rooms::new(&ctx.config),
            lines: Lines::new(ctx.rpc.clone()),
            watch: Watch::new(ctx)?,
            short_seconds: i32::try_from(ctx.config.get(&SHORT)).unwrap_or(i32::MAX),
            http: ctx.http()?,
            sealer: ctx.sealer()?,
            model: Model::new(&ctx.config, ctx.http()?),
            turns: Arc::new(Turns((0..TURNS).map(|_| Mutex::default()).collect())),
        })
    }

    /// The turn to sell this call, within this process; nothing is decided by it.
    pub(crate) async fn turn(&self, call_id: Uuid) -> Option<MutexGuard<'_, ()>> {
        // The last bits of an id are drawn.
        let at = call_id.as_u128() % (TURNS as u128);
        let turn = self.turns.0.get(usize::try_from(at).unwrap_or_default())?;
        Some(turn.lock().await)
    }
}
