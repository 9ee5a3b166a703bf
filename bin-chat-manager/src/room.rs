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

/// The limits by kind of row. Clones share what was counted.
#[derive(Clone)]
pub(crate) struct Rooms {
    pub templates: Quota,
    pub agents: Quota,
    pub queues: Quota,
    pub entries: Quota,
    pub presences: Quota,
    pub widgets: Quota,
    pub canned_responses: Quota,
}

impl Rooms {
    pub(crate) fn new(config: &Config) -> Self {
        let quota = |what, rows| Quota::new(what, &ENTITIES, rows, config);
        Self {
            templates: quota(
                "TEMPLATES",
                "chat_templates WHERE customer_id = ? AND tm_delete IS NULL",
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
            presences: quota("PRESENCES", "chat_presences WHERE customer_id = ?"),
        }
    }
}
