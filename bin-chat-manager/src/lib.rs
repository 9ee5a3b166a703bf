//! chat-manager: conversations with people, by text. What they write is kept in order, answered by an assistant or by
//! people, and nothing is sent to whoever asked for silence.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

mod agenthandler;
mod alerthandler;
mod app;
mod businesshandler;
mod contacthandler;
mod conversationhandler;
mod dbhandler;
mod entryhandler;
mod listenhandler;
pub mod models;
mod presencehandler;
mod queuehandler;
pub mod queues;
mod room;
mod sendhandler;
mod sessionhandler;
mod templatehandler;
mod transcripthandler;
mod turnhandler;
mod webhookhandler;
mod widgethandler;
pub mod words;
mod workhandler;

use bin_common_handler::{
    config::{AnySetting, Setting},
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations,
};

use crate::{app::App, models::timers};

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
        "1002_conversations",
        "1003_messages",
        "1004_contacts",
        "1005_keys",
        "1006_webhooks",
        "1007_turns",
        "1008_buckets",
        "1100_agents",
        "1101_presences",
        "1102_presence_devices",
        "1103_queues",
        "1104_queue_entries",
        "1105_offers",
        "1106_widgets",
        "1107_chat_sessions",
        "1108_canned_responses",
        "1109_csats",
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
    app::NUMBERS_SERVICE.erased(),
    app::TEXTS_PER_SECOND.erased(),
    app::TEXTS_BURST.erased(),
    app::LLM_BASE_URL.erased(),
    app::LLM_API_KEY.erased(),
    app::LLM_MODEL.erased(),
    app::LLM_TIMEOUT.erased(),
    queues::presence::TTL.erased(),
    queues::presence::GRACE.erased(),
];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let (app, waiting) = App::new(ctx)?;
    ctx.timers
        .on_with(timers::SEND, app.jobs.clone(), sendhandler::due);
    ctx.timers
        .on(timers::CLOSE, conversationhandler::timers::quiet);
    ctx.timers
        .on(timers::SILENCE, conversationhandler::timers::silent);
    turnhandler::start(ctx, &app);
    workhandler::start(ctx, &app, waiting);
    ctx.events
        .on_with("*.call.*.missed", app.clone(), webhookhandler::call_missed);
    presencehandler::start(ctx, &app);
    entryhandler::start(ctx);
    queuehandler::start(ctx);
    Ok(Wired::new(listenhandler::routes(), app))
}
