//! chat-manager: conversations with people, by text. What they write is kept in order, answered by an assistant or by
//! people, and nothing is sent to whoever asked for silence.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

mod agenthandler;
mod app;
mod dbhandler;
mod listenhandler;
pub mod models;
mod presencehandler;
mod queuehandler;
pub mod queues;
mod room;
mod templatehandler;
pub mod words;

use bin_common_handler::{
    config::{AnySetting, Setting},
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations,
};

use crate::app::App;

/// The service's name on the wire, unless a setting renames it.
pub const NAME: &str = "chat-manager";

/// The daemon, for its own `main` and for `tandem`.
pub const MANAGER: Manager = Manager {
    name: NAME,
    renamed_by: Some(&RENAMED),
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: MIGRATIONS,
    settings: SETTINGS,
    times: &[],
    routes: || listenhandler::routes().infos(),
    start,
};

const MIGRATIONS: Migrations = migrations!(
    "chat",
    [
        "1001_templates",
        "1100_agents",
        "1101_presences",
        "1102_presence_devices",
        "1103_queues",
        "1104_queue_entries",
        "1105_offers",
    ]
);

/// voipbin has a chat-manager, too.
const RENAMED: Setting<String> = Setting::text(
    "CHAT_MANAGER_NAME",
    "",
    "Another name for chat-manager, beside voipbin's own: of its queue, its exchange and its events; empty = chat-manager",
    "conversation-manager",
);

const SETTINGS: &[AnySetting] = &[
    RENAMED.erased(),
    room::ENTITIES.erased(),
    presencehandler::TTL.erased(),
    presencehandler::GRACE.erased(),
];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let app = App::new(ctx);
    presencehandler::start(ctx, &app);
    queuehandler::start(ctx);
    Ok(Wired::new(listenhandler::routes(), app))
}
