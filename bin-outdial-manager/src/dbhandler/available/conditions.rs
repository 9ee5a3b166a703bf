//! What makes a target free, as SQL, and the indexes that have it.

use bin_common_handler::{databasehandler::Dialect, models::address::AddressType};

use super::limits::Limits;

/// Whether a target is live, idle, and has a destination that `limits` admit.
pub(super) fn is_free(dialect: Dialect, limits: &Limits) -> String {
    let wanted = limits.tries.iter().enumerate();
    let admitted: Vec<_> = wanted
        .filter(|(_, tries)| **tries > 0)
        .map(|(n, tries)| {
            let dialable = is_dialable(dialect, n);
            format!("(try_count_{n} >= 0 AND try_count_{n} < {tries} AND {dialable})")
        })
        .collect();
    format!(
        "{} AND tm_delete IS NULL AND ({})",
        is_idle(dialect),
        admitted.join(" OR ")
    )
}

/// MySQL takes `IDLE` for `idle`, which is a state that we do not know.
pub(super) fn is_idle(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "CAST(status AS BINARY) = 'idle'",
        Dialect::Sqlite => "status = 'idle'",
    }
}

/// Whether a destination is an address of a type that we know, with a target; `{}`, or what is no address, is none. Nor is
/// the number of somebody who wants to hear nothing of this customer.
pub(super) fn is_dialable(dialect: Dialect, destination: usize) -> String {
    let column = format!("destination_{destination}");
    let known: Vec<_> = AddressType::ALL
        .iter()
        .map(|kind| format!("'{kind}'"))
        .collect();
    let known = known.join(", ");
    match dialect {
        Dialect::MySql => format!(
            "(COALESCE(CAST(JSON_UNQUOTE(JSON_EXTRACT({column}, '$.type')) AS BINARY), '') IN ({known}) \
             AND JSON_TYPE(JSON_EXTRACT({column}, '$.target')) = 'STRING' \
             AND JSON_UNQUOTE(JSON_EXTRACT({column}, '$.target')) <> '' AND {})",
            // The column's own character set and collation, so that the index is used.
            wants_calls(&format!(
                "CONVERT(JSON_UNQUOTE(JSON_EXTRACT({column}, '$.target')) USING utf8mb4) COLLATE utf8mb4_bin"
            ))
        ),
        // Asked in another way, it fails the statement where the column holds no JSON.
        Dialect::Sqlite => format!(
            "CASE WHEN json_valid({column}) \
             THEN COALESCE(json_extract({column}, '$.type'), '') IN ({known}) \
             AND json_type({column}, '$.target') = 'text' AND json_extract({column}, '$.target') <> '' AND {} END",
            wants_calls(&format!("json_extract({column}, '$.target')"))
        ),
    }
}

/// Whether the number in `target` did not opt out.
fn wants_calls(target: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM outdial_optouts WHERE outdial_optouts.number = {target} \
         AND outdial_optouts.customer_id = (SELECT outdial_outdials.customer_id FROM outdial_outdials \
         WHERE outdial_outdials.id = outdial_outdialtargets.outdial_id))"
    )
}

/// The optimiser's statistics lag behind a table of which 99 % is done; the index is the point.
pub(super) fn indexed_table(dialect: Dialect, index: &str) -> String {
    match dialect {
        Dialect::MySql => format!("outdial_outdialtargets FORCE INDEX ({index})"),
        Dialect::Sqlite => format!("outdial_outdialtargets INDEXED BY {index}"),
    }
}
