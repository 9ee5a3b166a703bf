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
}

impl Rooms {
    pub(crate) fn new(config: &Config) -> Self {
        let quota = |what, rows| Quota::new(what, &ENTITIES, rows, config);
        Self {
            templates: quota(
                "TEMPLATES",
                "chat_templates WHERE customer_id = ? AND tm_delete IS NULL",
            ),
        }
    }
}
