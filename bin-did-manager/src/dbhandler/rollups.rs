//! SQL of rollups: adding to them, and reading a span of them.

use std::collections::{BTreeMap, HashMap};

use bin_common_handler::{
    databasehandler::{Db, Dialect, Tx, Value, marks, runs},
    models::time::Timestamp,
};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::models::rollup::{Cell, Counts, Dimension, Span};

/// What is to be added. Ordered, so that everybody locks rows in the same order.
#[derive(Default)]
pub(crate) struct Increments(BTreeMap<Cell, Counts>);

impl FromIterator<(Cell, Counts)> for Increments {
    /// Of the cells of days, which count in their months as well.
    fn from_iter<I: IntoIterator<Item = (Cell, Counts)>>(days: I) -> Self {
        let mut increments = Self::default();
        for (day, counts) in days {
            for cell in [day, day.of_month()] {
                *increments.0.entry(cell).or_default() += counts;
            }
        }
        increments
    }
}

/// Up to where usages were counted: everything not after this instant and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bin_common_handler::FromRow)]
pub(crate) struct Watermark {
    pub tm_create: Timestamp,
    pub id: Uuid,
}

/// Adds to the rows, which come into being where need be.
pub(crate) async fn add(tx: &mut Tx, increments: &Increments) -> Result<(), SqlError> {
    let cells: Vec<_> = increments.0.iter().collect();
    let dialect = tx.dialect();
    for cells in runs(&cells) {
        let groups = vec!["(?, ?, ?, ?, ?, ?, ?, ?)"; cells.len()].join(", ");
        let sql = format!(
            "INSERT INTO did_rollups (customer_id, kind, day, item, calls, answered, human, duration_seconds) \
             VALUES {groups} {}",
            upsert(
                dialect,
                "customer_id, kind, day, item",
                &["calls", "answered", "human", "duration_seconds"],
            )
        );
        let values = cells.iter().flat_map(|(cell, counts)| row(cell, counts));
        tx.execute(&sql, values.collect()).await?;
    }
    Ok(())
}

/// The end of an INSERT that adds to the columns where the row is there.
pub(super) fn upsert(dialect: Dialect, key: &str, columns: &[&str]) -> String {
    let (head, new): (String, fn(&str) -> String) = match dialect {
        Dialect::MySql => ("ON DUPLICATE KEY UPDATE".to_owned(), |column| {
            format!("{column} = {column} + VALUES({column})")
        }),
        Dialect::Sqlite => (format!("ON CONFLICT ({key}) DO UPDATE SET"), |column| {
            format!("{column} = {column} + excluded.{column}")
        }),
    };
    let columns: Vec<_> = columns.iter().map(|column| new(column)).collect();
    format!("{head} {}", columns.join(", "))
}

fn row(cell: &Cell, counts: &Counts) -> [Value; 8] {
    [
        cell.customer_id.into(),
        cell.dimension.into(),
        cell.day.into(),
        cell.item.to_string().into(),
        counts.calls.into(),
        counts.answered.into(),
        counts.human.into(),
        counts.duration_seconds.into(),
    ]
}

/// Figures by item, and up to where usages are counted in them.
pub(crate) struct Rolled {
    pub watermark: Watermark,
    pub by_item: HashMap<String, Counts>,
}

#[derive(bin_common_handler::FromRow)]
struct RolledRow {
    tm_create: Timestamp,
    id: Uuid,
    item: Option<String>,
    #[row(flatten)]
    counts: Counts,
}

/// What is summed up.
pub(crate) struct Wanted<'w> {
    pub customer_id: Uuid,
    pub dimension: Dimension,
    pub span: &'w Span,
    /// One figure for each day instead of each item.
    pub by_day: bool,
    /// Items at most, those with most calls first.
    pub limit: u32,
}

/// Sums a span up. One statement: the watermark and the figures are of the same instant.
pub(crate) async fn read(db: &Db, wanted: &Wanted<'_>) -> Result<Option<Rolled>, SqlError> {
    let (parts, mut values) = parts(wanted);
    let item = if wanted.by_day {
        "CAST(r.day AS CHAR(8))"
    } else {
        "r.item"
    };
    let sum = |column: &str| format!("CAST(COALESCE(SUM(r.{column}), 0) AS SIGNED) AS {column}");
    let sql = format!(
        "SELECT w.tm_create, w.id, {item} AS item, {}, {}, {}, {} \
         FROM did_watermarks w LEFT JOIN ({parts}) r ON 1 = 1 \
         WHERE w.name = 'usages' GROUP BY w.tm_create, w.id, {item} ORDER BY SUM(r.calls) DESC LIMIT ?",
        sum("calls"),
        sum("answered"),
        sum("human"),
        sum("duration_seconds"),
    );
    values.push(wanted.limit.into());
    let rows: Vec<RolledRow> = db.fetch_all(&sql, values).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Rolled {
        watermark: Watermark {
            tm_create: first.tm_create,
            id: first.id,
        },
        by_item: rows
            .into_iter()
            .filter_map(|row| Some((row.item?, row.counts)))
            .collect(),
    }))
}

/// The rows of a span: a SELECT for each of its pieces, because SQLite would read all days for an OR of them.
fn parts(wanted: &Wanted<'_>) -> (String, Vec<Value>) {
    let Span { days, months } = wanted.span;
    let mut values = Vec::new();
    let mut part = |on_day: &str, keys: &[i32]| {
        values.extend([wanted.customer_id.into(), wanted.dimension.into()]);
        values.extend(keys.iter().copied().map(Value::from));
        format!(
            "SELECT day, item, calls, answered, human, duration_seconds FROM did_rollups \
             WHERE customer_id = ? AND kind = ? AND {on_day}"
        )
    };
    let mut parts: Vec<_> = days
        .iter()
        .map(|(first, last)| part("day BETWEEN ? AND ?", &[*first, *last]))
        .collect();
    if !months.is_empty() || parts.is_empty() {
        let marks = marks(months.len().max(1));
        let keys = if months.is_empty() { &vec![0] } else { months };
        parts.push(part(&format!("day IN ({marks})"), keys));
    }
    (parts.join(" UNION ALL "), values)
}

/// Holds the watermark; nothing when somebody else is counting.
pub(crate) async fn lock_watermark(tx: &mut Tx) -> Result<Option<Watermark>, SqlError> {
    let sql = format!(
        "SELECT tm_create, id FROM did_watermarks WHERE name = 'usages'{}",
        tx.dialect().for_update_skip_locked()
    );
    tx.fetch_optional(&sql, vec![]).await
}

/// Moves the watermark that is held.
pub(crate) async fn move_watermark(tx: &mut Tx, to: Watermark) -> Result<(), SqlError> {
    let sql = "UPDATE did_watermarks SET tm_create = ?, id = ? WHERE name = 'usages'";
    tx.execute(sql, vec![to.tm_create.into(), to.id.into()])
        .await?;
    Ok(())
}
