//! chat-manager: conversations with people, by text. What they write is kept in order, answered by an assistant or by
//! people, and nothing is sent to whoever asked for silence.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

mod addresshandler;
mod alerthandler;
mod alertrulehandler;
mod app;
mod availabilityhandler;
pub mod booking;
mod bookinghandler;
mod businesshandler;
mod calendarhandler;
mod cataloghandler;
mod contacthandler;
mod conversationhandler;
mod customerhandler;
mod dbhandler;
pub mod figures;
mod kpihandler;
mod leadhandler;
mod listenhandler;
pub mod models;
mod room;
mod sendhandler;
mod templatehandler;
mod turnhandler;
mod webhookhandler;
pub mod words;
mod workhandler;

use bin_common_handler::{
    config::{AnySetting, Setting},
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations,
};

use crate::{
    alertrulehandler::{
        changes::{ALERT_ESCALATE, ALERT_WAKE, escalate, wake},
        watch,
    },
    app::App,
    bookinghandler::timers::{APPOINTMENT_REMIND, RESERVATION_EXPIRE, expire, remind},
    models::timers,
};

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
        "1050_catalog_items",
        "1051_rates",
        "1052_resources",
        "1053_holidays",
        "1054_reservations",
        "1055_appointments",
        "1056_leads",
        "1057_calendars",
        "1060_alert_rules",
        "1061_alerts",
        "1062_alert_watches",
        "1063_kpi_facts",
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
    app::TEXTS_PER_SECOND.erased(),
    app::TEXTS_BURST.erased(),
    app::LLM_BASE_URL.erased(),
    app::LLM_API_KEY.erased(),
    app::LLM_MODEL.erased(),
    app::LLM_TIMEOUT.erased(),
    room::RECORDS.erased(),
    app::REMIND_BEFORE.erased(),
    watch::PERIOD.erased(),
    addresshandler::GEOCODER_URL.erased(),
    addresshandler::GEOCODER_KEY.erased(),
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
    ctx.events.on_with(
        "call-manager.call.*.missed",
        app.clone(),
        webhookhandler::call_missed,
    );
    let timers = &ctx.timers;
    timers.on_with(RESERVATION_EXPIRE, app.clone(), expire);
    timers.on_with(APPOINTMENT_REMIND, app.clone(), remind);
    timers.on_with(ALERT_ESCALATE, app.clone(), escalate);
    timers.on_with(ALERT_WAKE, app.clone(), wake);
    kpihandler::start(ctx, &app);
    watch::start(ctx, &app);
    Ok(Wired::new(listenhandler::routes(), app))
}
