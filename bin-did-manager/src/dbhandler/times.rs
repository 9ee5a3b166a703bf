//! Times that do harm when a clock was wrong, and what is right instead.

use std::time::Duration;

use bin_common_handler::databasehandler::ahead::{Held, TimeColumn};

/// A column of times that no rightful row has beyond the present.
const fn column(
    table: &'static str,
    column: &'static str,
    held: Held,
    harm: &'static str,
    repair: &'static str,
) -> TimeColumn {
    TimeColumn {
        table,
        column,
        held,
        among: "",
        may_lead: Duration::ZERO,
        harm,
        repair,
        is_quick: true,
    }
}

/// Counters take the calls of the last day and hour for those of the present windows: so a window may be counted
/// too full, and never gives a call back.
pub(crate) const COLUMNS: &[TimeColumn] = &[
    column(
        "did_states",
        "last_used",
        Held::Micros,
        "the number rests until then",
        "last_used = {now}",
    ),
    column(
        "did_states",
        "day_start",
        Held::Micros,
        "calls are counted in a day that has not come",
        "day_start = {now}, day_count = (SELECT COUNT(*) FROM did_usages \
         WHERE did_usages.did_id = did_states.did_id AND did_usages.tm_create > {day_t} \
         AND did_usages.tm_create <= {now_t})",
    ),
    column(
        "did_states",
        "hour_start",
        Held::Micros,
        "calls are counted in an hour that has not come",
        "hour_start = {now}, hour_count = (SELECT COUNT(*) FROM did_usages \
         WHERE did_usages.did_id = did_states.did_id AND did_usages.tm_create > {hour_t} \
         AND did_usages.tm_create <= {now_t})",
    ),
    column(
        "did_dids",
        "tm_status",
        Held::Time,
        "the number's status has not begun, and ends too late",
        "tm_status = {now_t}, until = CASE WHEN until IS NULL THEN NULL ELSE {month_t} END",
    ),
    TimeColumn {
        among: "request_key IS NOT NULL",
        ..column(
            "did_usages",
            "tm_create",
            Held::Time,
            "the same call gets the same number, uncounted, until then",
            "request_key = NULL, request_until = NULL",
        )
    },
    column(
        "did_watermarks",
        "tm_create",
        Held::Time,
        "calls are missing in the figures by day and month until then",
        "tm_create = {now_t}",
    ),
    column(
        "did_pool_exhaustions",
        "hour_start",
        Held::Micros,
        "nobody is told that a pool is exhausted until then",
        "hour_start = 0",
    ),
    column(
        "did_accesskeys",
        "tm_used",
        Held::Time,
        "a key looks as if it were used",
        "tm_used = {now_t}",
    ),
];
