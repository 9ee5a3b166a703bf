//! What the routes share.

use std::sync::Arc;

use bin_common_handler::{
    daemon::{ManagerContext, StartError},
    databasehandler::Store,
    httphandler::HttpClient,
    sealer::Sealer,
};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::{modelhandler::Model, room::Rooms};

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub rooms: Rooms,
    pub http: HttpClient,
    pub sealer: Arc<Sealer>,
    pub model: Model,
    turns: Arc<Turns>,
}

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
