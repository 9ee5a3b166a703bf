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

use crate::{
    dncbookhandler::DncBook, goodbyes::Goodbyes, modelhandler::Model, room::Rooms,
    standing::Standing, turns::Turns, watch::Watch,
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
    pub goodbyes: Goodbyes,
    /// An answer that is shorter counts as missed, in seconds; 0 = none does.
    pub short_seconds: i32,
    pub rpc: RpcClient,
    /// What seals secrets of rows.
    pub sealer: Arc<Sealer>,
    pub http: HttpClient,
    pub model: Model,
    pub standing: Standing,
    /// Requests to sell wait here for each other.
    pub turns: Arc<Turns>,
    /// Who takes frames of SIP over WebSocket; named at start.
    pub sip: Arc<OnceLock<TakeFrames>>,
}

/// The setting that makes a short answer a miss.
pub(crate) const SHORT: Setting<u64> = Setting::number(
    "TREAT_SHORT_AS_MISSED_SECONDS",
    "0",
    0..=600,
    "A call that was answered for less counts as missed, as a mobile's own mailbox answers, too; 0 = none does",
    "5",
);

impl App {
    pub(crate) fn new(
        ctx: &ManagerContext,
        standing: Standing,
    ) -> std::result::Result<Self, StartError> {
        Ok(Self {
            store: ctx.store.clone(),
            rooms: Rooms::new(&ctx.config),
            dnc: Arc::clone(&standing.dnc),
            lines: Lines::new(ctx.rpc.clone()),
            watch: Watch::new(ctx)?,
            goodbyes: Goodbyes::new(ctx.rpc.clone()),
            short_seconds: i32::try_from(ctx.config.get(&SHORT)).unwrap_or(i32::MAX),
            rpc: ctx.rpc.clone(),
            sealer: ctx.sealer()?,
            http: ctx.http()?,
            model: Model::new(&ctx.config, ctx.http()?),
            standing,
            turns: Arc::new(Turns::new()),
            sip: Arc::default(),
        })
    }
}
