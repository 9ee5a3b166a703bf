//! What the routes share.

use bin_common_handler::{daemon::Base, databasehandler::Store};

use crate::accesskeyhandler::Uses;

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub uses: Uses,
}

impl App {
    pub(crate) fn new(base: &Base) -> Self {
        Self {
            store: base.store.clone(),
            uses: Uses::start(base),
        }
    }
}
