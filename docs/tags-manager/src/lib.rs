//! tags-manager: tags on outdials. The smallest manager of docs/new-manager.md.

pub mod models;
mod taghandler;

use bin_common_handler::{
    daemon::{Manager, ManagerContext, StartError},
    listenhandler::{Routes, Wired},
    migrations,
};

use crate::{models::Tag, taghandler::TagHandler};

/// The daemon, for `src/managers.rs`.
pub const MANAGER: Manager = Manager {
    name: "tags-manager",
    renamed_by: None,
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: migrations!("tag", ["1001_tags"]),
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
    ctx.timers
        .on_with(taghandler::EXPIRE, tags.clone(), taghandler::expire);
    ctx.timers
        .on_with(taghandler::SWEEP, tags.clone(), taghandler::sweep);
    ctx.events.on(
        "outdial-manager.outdial.*.deleted",
        taghandler::outdial_deleted,
    );
    Ok(Wired::new(routes(), tags))
}
