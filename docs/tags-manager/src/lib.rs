//! tags-manager: tags on outdials. The smallest manager of docs/new-manager.md.

mod dbhandler;
pub mod models;
mod taghandler;

use bin_common_handler::{
    daemon::{Manager, ManagerContext, StartError},
    listenhandler::{Routes, Wired},
};

use crate::{models::Tag, taghandler::TagHandler};

/// The daemon, for `src/managers.rs`.
pub const MANAGER: Manager = Manager {
    name: "tags-manager",
    renamed_by: None,
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: bin_common_handler::migrations!("tag", ["1001_tags"]),
    settings: &[],
    times: &[],
    routes: || routes().infos(),
    start,
};

fn routes() -> Routes<TagHandler> {
    Routes::default().resource::<Tag>("/v1/tags", "/v1/tags/<tag-id>")
}

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let tags = TagHandler(ctx.store.clone());
    let (timers, events) = (&ctx.timers, &ctx.events);
    timers.on_with(taghandler::EXPIRE, tags.clone(), taghandler::expire);
    timers.on_with(taghandler::SWEEP, tags.clone(), taghandler::sweep);
    events.on("outdial-manager.outdial.*.deleted", taghandler::sweep_soon);
    Ok(Wired::new(routes(), tags))
}
