//! How many rows of each kind a customer may have.

use bin_common_handler::{
    config::{Config, Setting},
    quota::{self, Quota},
};

/// The setting that limits what people make by hand, such as templates.
pub(crate) const ENTITIES: Setting<u64> = quota::setting(
    "CHAT_ENTITIES_PER_CUSTOMER",
    "10000",
    "Live templates and the like that one customer may have, of each; 0 = no limit",
);

/// The setting that limits what comes of conversations.
pub(crate) const RECORDS: Setting<u64> = quota::setting(
    "CHAT_RECORDS_PER_CUSTOMER",
    "1000000",
    "Leads and appointments that one customer may have, of each; 0 = no limit",
);

/// The limits by kind of row. Clones share what was counted.
#[derive(Clone)]
pub(crate) struct Rooms {
    pub templates: Quota,
    pub catalog_items: Quota,
    pub rates: Quota,
    pub resources: Quota,
    pub holidays: Quota,
    pub reservations: Quota,
    pub calendars: Quota,
    pub alert_rules: Quota,
    pub appointments: Quota,
    pub leads: Quota,
    pub agents: Quota,
    pub queues: Quota,
    pub entries: Quota,
    pub presences: Quota,
    pub widgets: Quota,
    pub canned_responses: Quota,
    pub webhook_endpoints: Quota,
    pub notification_subscriptions: Quota,
    pub push_subscriptions: Quota,
}

impl Rooms {
    pub(crate) fn new(config: &Config) -> Self {
        let quota = |what, rows| Quota::new(what, &ENTITIES, rows, config);
        let records = |what, rows| Quota::new(what, &RECORDS, rows, config);
        Self {
            templates: quota(
                "TEMPLATES",
                "chat_templates WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            catalog_items: quota(
                "CATALOGITEMS",
                "chat_catalog_items WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            rates: quota(
                "RATES",
                "chat_rates WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            resources: quota(
                "RESOURCES",
                "chat_resources WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            holidays: quota(
                "HOLIDAYS",
                "chat_holidays WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            reservations: quota(
                "RESERVATIONS",
                "chat_reservations WHERE customer_id = ? AND status = 'held' AND tm_delete IS NULL",
            ),
            calendars: quota(
                "CALENDARS",
                "chat_calendars WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            alert_rules: quota(
                "ALERTRULES",
                "chat_alert_rules WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            appointments: records("APPOINTMENTS", "chat_appointments WHERE customer_id = ?"),
            leads: records(
                "LEADS",
                "chat_leads WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            agents: quota(
                "AGENTS",
                "chat_agents WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            queues: quota(
                "QUEUES",
                "chat_queues WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            entries: quota(
                "QUEUE_ENTRIES",
                "chat_queue_entries WHERE customer_id = ? \
                 AND status IN ('waiting', 'offered', 'assigned')",
            ),
            widgets: quota(
                "WIDGETS",
                "chat_widgets WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            canned_responses: quota(
                "CANNED_RESPONSES",
                "chat_canned_responses WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            webhook_endpoints: quota(
                "WEBHOOKENDPOINTS",
                "chat_webhook_endpoints WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            notification_subscriptions: quota(
                "NOTIFICATIONSUBSCRIPTIONS",
                "chat_notification_subscriptions WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            push_subscriptions: quota(
                "PUSHSUBSCRIPTIONS",
                "chat_push_subscriptions WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            presences: quota("PRESENCES", "chat_presences WHERE customer_id = ?"),
        }
    }
}
