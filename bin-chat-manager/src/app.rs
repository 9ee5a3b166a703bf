//! What the routes share.

use bin_common_handler::{daemon::ManagerContext, databasehandler::Store};

use crate::{presencehandler::Times, room::Rooms};

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub rooms: Rooms,
    pub presence: Times,
}

impl App {
    pub(crate) fn new(ctx: &ManagerContext) -> Self {
        Self {
            store: ctx.store.clone(),
            rooms: Rooms::new(&ctx.config),
            presence: Times::new(&ctx.config),
        }
    }
}
