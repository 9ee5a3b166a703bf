//! What the routes share.

use std::sync::{Arc, OnceLock};

use bin_common_handler::{
    config::Setting,
    daemon::{ManagerContext, StartError},
    databasehandler::Store,
    httphandler::HttpClient,
    models::{
        error::Result,
        frame::{Frame, Frames},
    },
    requesthandler::RpcClient,
    sealer::Sealer,
    webhooks::lines::Lines,
};
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::{
    dncbookhandler::DncBook, modelhandler::Model, models::call::Call, room::Rooms,
    standing::Standing, watch::Watch,
};

/// Takes one frame of a socket that speaks another protocol. The room that speaks it needs the app, not the other way round.
pub(crate) type TakeFrames =
    Box<dyn Fn(App, Frame) -> BoxFuture<'static, Result<Frames>> + Send + Sync>;

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub rooms: Rooms,
    /// Do-not-call lists that were looked at, in memory.
    pub dnc: Arc<DncBook>,
    /// Whose number a webhook is for.
    pub lines: Lines,
    /// Counts webhooks.
    pub watch: Watch,
    /// An answer that is shorter counts as missed, in seconds; 0 = none does.
    pub short_seconds: i32,
    pub rpc: RpcClient,
    /// What seals secrets of rows.
    pub sealer: Arc<Sealer>,
    pub http: HttpClient,
    pub model: Model,
    pub standing: Standing,
    /// Who takes frames of SIP over WebSocket; named at start.
    pub sip: Arc<OnceLock<TakeFrames>>,
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

/// Calls share so many turns, and campaigns so many counters; two that share one only wait for each other.
const TURNS: usize = 1_024;
/// Calls of one campaign that are sold at the same time by one process: while one commits, the next is looked up. All of
/// them lock the turns of the campaign, or the account of whoever bids most; more would only wait, each with a connection.
const SOLD_AT_ONCE: usize = 2;

/// Requests to sell wait here for each other, not in the database: there each of them would hold a connection while it
/// waits for a row, and leave none for others.
struct Turns {
    calls: Vec<Mutex<()>>,
    pings: Vec<Mutex<()>>,
    campaigns: Vec<Semaphore>,
}

/// A turn to sell a call; it ends when this is dropped.
pub(crate) struct Turn<'a> {
    _call: Option<MutexGuard<'a, ()>>,
    _campaign: Option<SemaphorePermit<'a>>,
}

impl App {
    pub(crate) fn new(
        ctx: &ManagerContext,
        standing: Standing,
    ) -> std::result::Result<Self, StartError> {
        let turns = Turns {
            calls: (0..TURNS).map(|_| Mutex::default()).collect(),
            pings: (0..TURNS).map(|_| Mutex::default()).collect(),
            campaigns: (0..TURNS).map(|_| Semaphore::new(SOLD_AT_ONCE)).collect(),
        };
        Ok(Self {
            store: ctx.store.clone(),
            rooms: Rooms::new(&ctx.config),
            dnc: Arc::default(),
            lines: Lines::new(ctx.rpc.clone()),
            watch: Watch::new(ctx)?,
            short_seconds: i32::try_from(ctx.config.get(&SHORT)).unwrap_or(i32::MAX),
            rpc: ctx.rpc.clone(),
            sealer: ctx.sealer()?,
            http: ctx.http()?,
            model: Model::new(&ctx.config, ctx.http()?),
            standing,
            sip: Arc::default(),
            turns: Arc::new(turns),
        })
    }

    /// The turn to answer or accept this ping, within this process; nothing is decided by it.
    pub(crate) async fn turn_of_ping(&self, id: Uuid) -> Option<MutexGuard<'_, ()>> {
        match self.turns.pings.get(place(id)) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    /// The turn to sell this call, within this process; nothing is decided by it.
    pub(crate) async fn turn(&self, call: &Call) -> Turn<'_> {
        let of_call = match self.turns.calls.get(place(call.id)) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let of_campaign = match self.turns.campaigns.get(place(call.call_campaign_id)) {
            // Nobody closes it.
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        Turn {
            _call: of_call,
            _campaign: of_campaign,
        }
    }
}

/// The last bits of an id are drawn.
fn place(id: Uuid) -> usize {
    usize::try_from(id.as_u128() % (TURNS as u128)).unwrap_or_default()
}
