//! Every row in which some ids stand, as text that two looks can be compared by.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::databasehandler::{Db, Dialect};
use uuid::Uuid;

/// Tables in which rows come and go without anybody's change: what waits to be published or worked on, what repeated
/// requests are answered with, and figures that a job adds up.
const ON_THEIR_OWN: [&str; 11] = [
    "_outbox",
    "_inbox",
    "_parked",
    "_timers",
    "_dead_letters",
    "_incoming",
    "_received",
    "_seen_versions",
    "_rollups",
    "_kpi_facts",
    "_watermarks",
];

/// What each manager's tables begin with.
const MANAGERS: [&str; 4] = ["did_", "outdial_", "exchange_", "chat_"];

#[derive(bin_common_handler::FromRow)]
struct Column {
    in_table: String,
    name: String,
}

#[derive(bin_common_handler::FromRow)]
struct Line {
    text: String,
}

/// The rows of all managers in which one of `ids` stands.
pub async fn rows_with(db: &Db, ids: &[Uuid]) -> BTreeSet<String> {
    let marks: Vec<_> = ids
        .iter()
        .map(|id| id.simple().to_string().to_uppercase())
        .collect();
    let mut found = BTreeSet::new();
    for (table, columns) in tables(db).await {
        let columns: Vec<_> = columns
            .iter()
            .map(|name| format!("COALESCE(HEX(`{name}`), 'NULL')"))
            .collect();
        let sql = format!(
            "SELECT CONCAT_WS(' ', '{table}', {}) AS text FROM {table}",
            columns.join(", ")
        );
        let lines: Vec<Line> = db.fetch_all(&sql, vec![]).await.unwrap();
        let lines = lines.into_iter().map(|line| line.text);
        found.extend(lines.filter(|line| marks.iter().any(|mark| line.contains(mark))));
    }
    found
}

async fn tables(db: &Db) -> BTreeMap<String, Vec<String>> {
    let sql = match db.dialect() {
        Dialect::MySql => {
            "SELECT table_name AS in_table, column_name AS name FROM information_schema.columns \
             WHERE table_schema = DATABASE() ORDER BY ordinal_position"
        }
        Dialect::Sqlite => {
            "SELECT m.name AS in_table, p.name AS name FROM sqlite_master m, pragma_table_info(m.name) p \
             WHERE m.type = 'table' ORDER BY p.cid"
        }
    };
    let columns: Vec<Column> = db.fetch_all(sql, vec![]).await.unwrap();
    let mut tables = BTreeMap::<String, Vec<String>>::new();
    for column in columns {
        let table = column.in_table;
        let is_a_managers = MANAGERS.iter().any(|start| table.starts_with(start));
        if is_a_managers && !ON_THEIR_OWN.iter().any(|end| table.ends_with(end)) {
            tables.entry(table).or_default().push(column.name);
        }
    }
    for start in MANAGERS {
        let count = tables.keys().filter(|table| table.starts_with(start));
        assert!(count.count() > 3, "every table of {start}");
    }
    tables
}
