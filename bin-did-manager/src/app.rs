//! What the routes share.

use std::{path::PathBuf, sync::Arc};

use bin_common_handler::{
    daemon::{ManagerContext, StartError},
    databasehandler::Store,
    listenhandler::Scopes,
    models::error::Result,
    requesthandler::RpcClient,
    sealer::Sealer,
};

use crate::{
    carriers::Carriers,
    keyuses::Uses,
    nexthandler::NextHandler,
    privacy::{PhoneHasher, Privacy},
    room::Rooms,
};

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub next: NextHandler,
    pub uses: Uses,
    pub rooms: Rooms,
    /// What access keys may be allowed to do.
    pub scopes: Scopes,
    privacy: Privacy,
    /// Encrypts secrets at rest.
    pub sealer: Arc<Sealer>,
    /// Asks the businesses' carriers.
    pub carriers: Carriers,
    /// Asks other services.
    pub rpc: RpcClient,
    /// Where files of our own are written.
    pub data_dir: PathBuf,
}

impl App {
    pub(crate) fn new(ctx: &ManagerContext) -> std::result::Result<Self, StartError> {
        let privacy = Privacy::new(&ctx.config);
        let sealer = ctx.sealer()?;
        Ok(Self {
            next: NextHandler::new(&ctx.store, &privacy, &ctx.process_metrics, &ctx.tasks),
            store: ctx.store.clone(),
            privacy,
            carriers: Carriers::new(ctx, Arc::clone(&sealer))?,
            rpc: ctx.rpc.clone(),
            sealer,
            uses: Uses::start(ctx),
            rooms: Rooms::new(&ctx.config),
            scopes: ctx.scopes.clone(),
            data_dir: ctx.config.data_dir(),
        })
    }

    /// Hashes people and calls.
    ///
    /// # Errors
    /// 503 when the database, which may keep the key, is away.
    pub(crate) async fn hasher(&self) -> Result<&PhoneHasher> {
        self.privacy.hasher(&self.store.db).await
    }
}
