//! chat-manager: conversations with people, by text. What they write is kept in order, answered by an assistant or by
//! people, and nothing is sent to whoever asked for silence.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

// Every manager has these: URIs at the top, SQL and entities at the bottom.
mod app;
mod dbhandler;
mod listenhandler;
pub mod models;
mod room;

// Conversations: how they open, what is said, who has them.
mod attachmenthandler;
mod buckethandler;
mod conversationhandler;
mod embeddinghandler;
mod leadhandler;
mod searchhandler;
mod summaryhandler;
mod templatehandler;
mod transcripthandler;

// Texts: carriers' webhooks in, texts out, and the law between.
mod compliancehandler;
mod contacthandler;
mod sendhandler;
mod suspensionhandler;
mod webhookhandler;

// The assistant: the model's server, turns, and the words it understands.
mod modelserver;
mod turnhandler;
pub mod words;

// Appointments: what is offered, when, where, at what price, and in whose calendar.
mod addresshandler;
mod availabilityhandler;
pub mod booking;
mod bookinghandler;
mod calendarhandler;
mod calendarsynchandler;
mod cataloghandler;
mod geocodehandler;
mod holdhandler;
mod invitationhandler;
mod oauthhandler;

// Live chat: visitors, agents, and the queue between them.
mod agenthandler;
mod entryhandler;
mod framehandler;
mod pace;
mod presencehandler;
mod queuehandler;
pub mod queues;
mod sessionhandler;
mod visitoremailhandler;
mod widgethandler;

// Notifications: mail, push and webhooks of our customers.
mod deliveryhandler;
mod emailhandler;
mod inboundemailhandler;
mod notificationhandler;
mod pushhandler;
mod replyhandler;
mod webhookendpointhandler;

// Figures and alarms.
mod alertrulehandler;
pub mod figures;
mod kpihandler;

// What did-manager knows of a customer.
mod businesshandler;
mod customerhandler;

// What is kept, and until when.
mod retentionhandler;
mod subjecthandler;

// Work beside requests.
mod attempthandler;
mod conflicts;
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
        "1260_conversation_events",
        "1270_webhook_endpoints",
        "1271_deliveries",
        "1272_notifications",
        "1273_notification_subscriptions",
        "1274_push_subscriptions",
        "1280_attachments",
        "1281_summaries",
        "1282_retentions",
        "1300_calendar_syncs",
        "1301_calendar_events",
        "1302_busy_times",
        "1310_conversation_notes",
        "1311_offered_slots",
        "1312_retention_indexes",
        "1313_calendars_elsewhere",
        "1314_conversation_alerts",
        "1320_order_of_texts",
        "1330_alert_rule_metrics",
        "1331_alerts_by_metric",
        "1332_retention_of_more",
        "1350_suspensions",
        "1351_conversation_owners",
        "1360_reservation_conversations",
        "1361_unreachable_contacts",
        "1362_invitations",
        "1380_visitor_emails",
        "1381_messages_about_appointments",
        "1382_embeddings",
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
    app::LLM.base_url.erased(),
    app::LLM.api_key.erased(),
    app::LLM.model.erased(),
    app::LLM_TIMEOUT.erased(),
    embeddinghandler::SERVER.base_url.erased(),
    embeddinghandler::SERVER.api_key.erased(),
    embeddinghandler::SERVER.model.erased(),
    embeddinghandler::DIMENSIONS.erased(),
    searchhandler::indexing::PERIOD.erased(),
    room::RECORDS.erased(),
    app::REMIND_BEFORE.erased(),
    app::WEBHOOK_DISABLE_AFTER.erased(),
    emailhandler::SMTP_URL.erased(),
    emailhandler::EMAIL_FROM.erased(),
    inboundemailhandler::posted::INBOUND_EMAIL_SECRET.erased(),
    inboundemailhandler::maildir::INBOUND_MAILDIR.erased(),
    inboundemailhandler::maildir::INBOUND_MAILDIR_PERIOD.erased(),
    replyhandler::EMAIL_REPLY_TO.erased(),
    watch::PERIOD.erased(),
    retentionhandler::PERIOD.erased(),
    geocodehandler::GEOCODER_URL.erased(),
    geocodehandler::GEOCODER_KEY.erased(),
    queues::presence::TTL.erased(),
    queues::presence::GRACE.erased(),
    app::CALENDAR_PERIOD.erased(),
    buckethandler::URL.erased(),
    buckethandler::REGION.erased(),
    buckethandler::KEY_ID.erased(),
    buckethandler::SECRET.erased(),
    oauthhandler::GOOGLE_CALENDAR_URL.erased(),
    oauthhandler::GOOGLE_TOKEN_URL.erased(),
    oauthhandler::GOOGLE_CLIENT_ID.erased(),
    oauthhandler::GOOGLE_CLIENT_SECRET.erased(),
    oauthhandler::MICROSOFT_GRAPH_URL.erased(),
    oauthhandler::MICROSOFT_TOKEN_URL.erased(),
    oauthhandler::MICROSOFT_CLIENT_ID.erased(),
    oauthhandler::MICROSOFT_CLIENT_SECRET.erased(),
];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let (app, waiting) = App::new(ctx)?;
    let timers = &ctx.timers;
    timers.on_with(timers::SEND, app.jobs.clone(), sendhandler::due);
    timers.on(timers::CLOSE, conversationhandler::timers::quiet);
    timers.on(timers::SILENCE, conversationhandler::timers::silent);
    timers.on(timers::CAMPAIGN, conversationhandler::campaign::decided);
    turnhandler::start(ctx, &app);
    workhandler::start(ctx, &app, waiting);
    ctx.events.on_with(
        "call-manager.call.*.missed",
        app.clone(),
        webhookhandler::call_missed,
    );
    ctx.events.on_with(
        "did-manager.phone.*.number_updated",
        app.clone(),
        conversationhandler::campaign::number_changed,
    );
    timers.on_with(RESERVATION_EXPIRE, app.clone(), expire);
    timers.on_with(APPOINTMENT_REMIND, app.clone(), remind);
    timers.on_with(ALERT_ESCALATE, app.clone(), escalate);
    timers.on_with(ALERT_WAKE, app.clone(), wake);
    ctx.events
        .on(bin_common_handler::subjects::ERASED, subjecthandler::erased);
    ctx.events.on(
        bin_common_handler::subjects::EMAIL_ERASED,
        subjecthandler::by_email::erased,
    );
    retentionhandler::start(ctx, &app)?;
    searchhandler::indexing::start(ctx, &app);
    timers.on_with(timers::CALENDAR_SYNC, app.clone(), calendarsynchandler::due);
    kpihandler::start(ctx, &app);
    watch::start(ctx, &app);
    presencehandler::start(ctx, &app);
    entryhandler::start(ctx);
    queuehandler::start(ctx);
    suspensionhandler::start(ctx);
    deliveryhandler::start(ctx, &app);
    notificationhandler::start(ctx, &app);
    inboundemailhandler::maildir::start(ctx, &app)?;
    Ok(Wired::new(listenhandler::routes(), app))
}
