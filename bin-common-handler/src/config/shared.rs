//! Settings that more than one manager reads.

use super::Setting;

/// voipbin's own call-manager has the same name.
pub const CALL_MANAGER_NAME: Setting<String> = Setting::text(
    "CALL_MANAGER_NAME",
    "",
    "Another name for call-manager, beside voipbin's own: of its queue, its exchange and its events; empty = call-manager",
    "exchange-manager",
);

/// Whether targets are handed out only when the law allows a call to them.
pub const COMPLIANCE: Setting<bool> = Setting::flag(
    "COMPLIANCE",
    false,
    "Hand out only targets that may be called now: call-manager is asked, and away means 503, never an empty list",
    "true",
);
