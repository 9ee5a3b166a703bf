//! Times that a clock which was wrong has left in the database: found, told, and set right when a person says so.
//!
//! Versions of entities (tm_update) are left alone where they block nothing: listeners ignore a version that is
//! older than one they know.

use std::time::Duration;

use sqlx::Error as SqlError;

use super::{Db, Tx, Value};
use crate::models::time::Timestamp;

/// How far beyond the present a time may be: replicas' clocks differ, and zones are mistaken for each other.
const SLACK: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
/// How long a key of a request is kept.
const KEY_LIFE: Duration = Duration::from_secs(86_400);
/// What a number's status lasts for.
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// Rows that are counted one by one.
const COUNTED_MAX: i64 = 1_000;

/// How a column holds its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// As microseconds since the Unix epoch.
    Micros,
    /// As DATETIME(6) in MySQL, as microseconds in SQLite.
    Time,
}

/// A column whose times do harm when they are beyond the present.
#[derive(Debug, Clone, Copy)]
pub struct TimeColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// How it holds them.
    pub held: Held,
    /// Which rows count, beside those that are ahead, as SQL; empty for all.
    pub among: &'static str,
    /// How far ahead its times may rightly be, beyond a day.
    pub may_lead: Duration,
    /// What such a time does, for people.
    pub harm: &'static str,
    /// What is set instead, as SQL. `{now}` is the present in µs; `{now_t}`, `{hour_t}`, `{day_t}` and `{month_t}`
    /// are the present, an hour and a day ago, and a month from now, as columns hold times.
    pub repair: &'static str,
    /// Whether an index, or a table with one row for each number, finds it: then health looks, too.
    pub is_quick: bool,
}

/// Rows of a column that are ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// The table.
    pub table: String,
    /// The column.
    pub column: &'static str,
    /// How many; more than a thousand are not counted.
    pub rows: i64,
    /// What they do.
    pub harm: &'static str,
}

/// Columns that every manager has; `{prefix}` stands for what its tables begin with.
const COMMON: &[TimeColumn] = &[
    TimeColumn {
        table: "{prefix}_inbox",
        column: "tm_expire",
        held: Held::Micros,
        among: "",
        may_lead: KEY_LIFE,
        harm: "a request's key is kept, and its first reply repeated, until then",
        repair: "tm_expire = {now}",
        is_quick: true,
    },
    TimeColumn {
        table: "{prefix}_outbox",
        column: "tm_create",
        held: Held::Micros,
        among: "",
        may_lead: Duration::ZERO,
        harm: "an event that waits looks as if it were new",
        repair: "tm_create = {now}",
        is_quick: true,
    },
];

/// The columns of a manager whose tables begin with `prefix`.
fn columns(prefix: &str, own: &[TimeColumn]) -> Vec<(String, TimeColumn)> {
    let all = COMMON.iter().chain(own);
    all.map(|column| (column.table.replace("{prefix}", prefix), *column))
        .collect()
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    count: i64,
}

/// The rows of a manager that are ahead of `now`; only what is found quickly, where somebody waits.
///
/// # Errors
/// Whatever the database says.
pub async fn find(
    db: &Db,
    prefix: &str,
    own: &[TimeColumn],
    now: Timestamp,
    only_quick: bool,
) -> Result<Vec<Ahead>, SqlError> {
    let mut found = Vec::new();
    for (table, column) in columns(prefix, own) {
        if only_quick && !column.is_quick {
            continue;
        }
        let sql = format!(
            "SELECT COUNT(*) AS count FROM (SELECT 1 AS one FROM {table} WHERE {} LIMIT {COUNTED_MAX}) some",
            column.condition()
        );
        let counted: Option<Count> = db.fetch_optional(&sql, vec![column.limit(now)]).await?;
        let rows = counted.map_or(0, |counted| counted.count);
        if rows > 0 {
            found.push(Ahead {
                table,
                column: column.column,
                rows,
                harm: column.harm,
            });
        }
    }
    Ok(found)
}

/// Sets the rows of a manager right that are ahead of `now`, in one transaction; how many there were.
///
/// # Errors
/// Whatever the database says; nothing is changed then.
pub async fn repair(
    db: &Db,
    prefix: &str,
    own: &[TimeColumn],
    now: Timestamp,
) -> Result<u64, SqlError> {
    let mut tx = db.begin().await?;
    let mut rows = 0;
    for (table, column) in columns(prefix, own) {
        rows += set_right(&mut tx, &table, &column, now).await?;
    }
    tx.commit().await?;
    Ok(rows)
}

async fn set_right(
    tx: &mut Tx,
    table: &str,
    column: &TimeColumn,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let (set, mut values) = bound(column.repair, now);
    values.push(column.limit(now));
    let sql = format!("UPDATE {table} SET {set} WHERE {}", column.condition());
    tx.execute(&sql, values).await
}

impl TimeColumn {
    fn condition(&self) -> String {
        match self.among {
            "" => format!("{} > ?", self.column),
            among => format!("{} > ? AND {among}", self.column),
        }
    }

    fn limit(&self, now: Timestamp) -> Value {
        let limit = later(now, SLACK + self.may_lead);
        match self.held {
            Held::Micros => limit.micros().into(),
            Held::Time => limit.into(),
        }
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.micros().saturating_add(by))
}

/// The text with `?` for each word in braces, and what is bound there.
fn bound(text: &str, now: Timestamp) -> (String, Vec<Value>) {
    let words: [(&str, Value); 5] = [
        ("{now}", now.micros().into()),
        ("{now_t}", now.into()),
        ("{hour_t}", now.minus(HOUR).into()),
        ("{day_t}", now.minus(SLACK).into()),
        ("{month_t}", later(now, MONTH).into()),
    ];
    let (mut sql, mut values) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((word, tail)) = after.split_once('}') else {
            break;
        };
        sql.push_str(before);
        let word = format!("{{{word}}}");
        if let Some((_, value)) = words.iter().find(|(known, _)| *known == word) {
            sql.push('?');
            values.push(value.clone());
        }
        rest = tail;
    }
    sql.push_str(rest);
    (sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databasehandler::scratch::database;

    const DAY: i64 = 86_400_000_000;
    const OWN: &[TimeColumn] = &[TimeColumn {
        table: "t_things",
        column: "until",
        held: Held::Time,
        among: "kind = 'lease'",
        may_lead: Duration::ZERO,
        harm: "waits",
        repair: "until = {now_t}, seen = {day_t}",
        is_quick: false,
    }];

    async fn things(now: i64) -> (Db, tempfile::TempDir) {
        let (db, dir) = database().await;
        db.execute(
            "CREATE TABLE t_things (kind TEXT, until INTEGER, seen INTEGER)",
            vec![],
        )
        .await
        .unwrap();
        for (kind, until) in [
            ("lease", now - DAY),
            ("lease", now + DAY),
            ("lease", now + DAY + 1),
            ("lease", now + 400 * DAY),
            ("wish", now + 400 * DAY),
        ] {
            let sql = "INSERT INTO t_things (kind, until, seen) VALUES (?, ?, 0)";
            db.execute(sql, vec![kind.into(), until.into()])
                .await
                .unwrap();
        }
        (db, dir)
    }

    #[tokio::test]
    async fn only_what_is_more_than_a_day_ahead_is_found_and_set_right_once() {
        let now = Timestamp::from_micros(1_000 * DAY);
        let (db, _dir) = things(now.micros()).await;
        assert_eq!(find(&db, "t", OWN, now, true).await.unwrap(), []);
        let found = find(&db, "t", OWN, now, false).await.unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|ahead| (&*ahead.table, ahead.rows))
            .collect();
        assert_eq!(told, [("t_things", 2)]);
        assert_eq!(repair(&db, "t", OWN, now).await.unwrap(), 2);
        assert_eq!(find(&db, "t", OWN, now, false).await.unwrap(), []);
        assert_eq!(repair(&db, "t", OWN, now).await.unwrap(), 0);
        let sql = "SELECT COUNT(*) AS count FROM t_things WHERE until = ? AND seen = ?";
        let values = vec![now.into(), now.minus(SLACK).into()];
        let set: Option<Count> = db.fetch_optional(sql, values).await.unwrap();
        assert_eq!(set.unwrap().count, 2);
    }

    #[tokio::test]
    async fn a_clock_that_is_right_again_finds_what_it_wrote_and_a_later_one_finds_nothing() {
        let clock = crate::clock::Clock::default();
        let (db, _dir) = things(clock.now().micros()).await;
        let found = async || find(&db, "t", OWN, clock.now(), false).await.unwrap().len();
        clock.shift(401 * DAY);
        assert_eq!(found().await, 0);
        clock.shift(0);
        assert_eq!(found().await, 1);
        clock.shift(-DAY);
        assert_eq!(found().await, 1);
    }

    #[tokio::test]
    async fn keys_of_requests_may_lead_by_their_life() {
        let now = Timestamp::from_micros(1_000 * DAY);
        let (db, _dir) = database().await;
        for (key, expire) in [(1_u8, 2 * DAY), (2, 2 * DAY + 1), (3, 400 * DAY)] {
            let sql = "INSERT INTO t_inbox (op_key, fingerprint, owner, status_code, data_type, tm_expire) \
                       VALUES (?, ?, ?, 200, '', ?)";
            let blob = || Value::Bytes(vec![key; 32]);
            let values = vec![blob(), blob(), blob(), (now.micros() + expire).into()];
            db.execute(sql, values).await.unwrap();
        }
        assert_eq!(repair(&db, "t", &[], now).await.unwrap(), 2);
    }
}
