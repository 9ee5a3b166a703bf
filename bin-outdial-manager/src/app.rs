//! What the routes share.

use bin_common_handler::{
    config::shared::COMPLIANCE,
    daemon::{ManagerContext, StartError},
};

use crate::{
    outdialhandler::OutdialHandler,
    outdialtargethandler::{OutdialTargetHandler, law::Law},
};

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub outdials: OutdialHandler,
    pub targets: OutdialTargetHandler,
}

impl App {
    pub(crate) fn new(ctx: &ManagerContext) -> Result<Self, StartError> {
        let outdials = OutdialHandler::new(ctx.store.clone(), &ctx.config);
        let targets = OutdialTargetHandler::new(ctx.store.clone(), outdials.clone(), &ctx.config);
        let targets = if ctx.config.get(&COMPLIANCE) {
            targets.within(Law::new(ctx)?)
        } else {
            targets
        };
        Ok(Self { outdials, targets })
    }
}
