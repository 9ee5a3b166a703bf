//! What the routes share.

use std::path::PathBuf;

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::Store, listenhandler::Scopes, models::error::Result,
};

use crate::{
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
    /// Where files of our own are written.
    pub data_dir: PathBuf,
}

impl App {
    pub(crate) fn new(ctx: &ManagerContext) -> Self {
        let privacy = Privacy::new(&ctx.config);
        Self {
            next: NextHandler::new(&ctx.store, &privacy, &ctx.process_metrics, &ctx.tasks),
            store: ctx.store.clone(),
            privacy,
            uses: Uses::start(ctx),
            rooms: Rooms::new(&ctx.config),
            scopes: ctx.scopes.clone(),
            data_dir: ctx.config.data_dir(),
        }
    }

    /// Hashes people and calls.
    ///
    /// # Errors
    /// 503 when the database, which may keep the key, is away.
    pub(crate) async fn hasher(&self) -> Result<&PhoneHasher> {
        self.privacy.hasher(&self.store.db).await
    }
}
