//! What the routes share.

use std::path::PathBuf;

use bin_common_handler::{daemon::Base, databasehandler::Store, models::error::Result};

use crate::{
    accesskeyhandler::Uses,
    nexthandler::NextHandler,
    privacy::{PhoneHasher, Privacy},
};

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub next: NextHandler,
    pub uses: Uses,
    privacy: Privacy,
    /// Where files of our own are written.
    pub data_dir: PathBuf,
}

impl App {
    pub(crate) fn new(base: &Base) -> Self {
        let privacy = Privacy::new(&base.config);
        Self {
            next: NextHandler::new(&base.store, &privacy, &base.metrics, &base.tasks),
            store: base.store.clone(),
            privacy,
            uses: Uses::start(base),
            data_dir: base.config.data_dir(),
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
