//! The counters of a number.

use uuid::Uuid;

/// How often a number was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bin_common_handler::FromRow)]
pub(crate) struct State {
    pub did_id: Uuid,
    pub customer_id: Uuid,
    /// The tenant's version whose calendar these windows are of; older versions may not count in them.
    pub calendar: i64,
    /// When the day began that `day_count` is of, in µs since the Unix epoch.
    pub day_start: i64,
    pub day_count: i32,
    /// When the clock hour began that `hour_count` is of.
    pub hour_start: i64,
    pub hour_count: i32,
    /// When the number was given last; 0 = never.
    pub last_used: i64,
    /// How often it was ever given.
    pub total: i64,
}
