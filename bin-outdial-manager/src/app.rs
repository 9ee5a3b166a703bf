//! What the routes share.

use bin_common_handler::daemon::ManagerContext;

use crate::{outdialhandler::OutdialHandler, outdialtargethandler::OutdialTargetHandler};

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub outdials: OutdialHandler,
    pub targets: OutdialTargetHandler,
}

impl App {
    pub(crate) fn new(ctx: &ManagerContext) -> Self {
        let outdials = OutdialHandler::new(ctx.store.clone(), &ctx.config);
        Self {
            targets: OutdialTargetHandler::new(ctx.store.clone(), outdials.clone(), &ctx.config),
            outdials,
        }
    }
}
