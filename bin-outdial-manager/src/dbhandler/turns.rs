//! Turns of numbers, where the law is asked: of the targets of a customer that dial the same number one at a time is handed
//! out. And when each number was called in the last 24 hours: call-manager hears of that a moment later.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bin_common_handler::{
    databasehandler::{Db, Dialect, Tx, Value, fills, list},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::target::micros;

/// Numbers that one statement asks for.
const NUMBERS_PER_QUERY: usize = 500;
/// Calls of one number that are known, the latest ones. call-manager takes as many.
const ATTEMPTS_MAX: usize = 100;
/// Calls of so long ago count no more.
const DAY: Duration = Duration::from_secs(86_400);
/// No call takes longer.
const CALL_MAX: Duration = DAY;
/// A row that nobody has written for so long says nothing any more. The clocks of two servers differ.
const AGE_MAX: Duration = Duration::from_secs(2 * 86_400);
/// Old rows that one statement deletes.
const SWEPT_AT_ONCE: i64 = 1_000;

/// What is known of a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The target that was handed out, or is being called, and is not over yet.
    held_by: Option<Uuid>,
    /// When it was called in the last days, in order.
    pub(crate) attempts: Vec<Timestamp>,
}

impl Turn {
    /// Whether a target other than this one has the turn.
    pub(crate) fn is_anothers(&self, target_id: Uuid) -> bool {
        self.held_by.is_some_and(|holder| holder != target_id)
    }

    /// The calls of the 24 hours before `now`.
    pub(crate) fn attempts_since(&self, now: Timestamp) -> Vec<Timestamp> {
        let since = now.minus(DAY);
        let attempts = self.attempts.iter().copied();
        attempts.filter(|attempt| *attempt > since).collect()
    }
}

#[derive(bin_common_handler::FromRow)]
struct Row {
    number: String,
    target_id: Uuid,
    held_until: i64,
    attempts: String,
    db_now: i64,
}

impl Row {
    fn turn(self) -> (String, Turn) {
        let attempts: Vec<i64> = serde_json::from_str(&self.attempts).unwrap_or_default();
        let attempts = attempts.into_iter().map(Timestamp::from_micros).collect();
        let held_by = (self.held_until > self.db_now).then_some(self.target_id);
        (self.number, Turn { held_by, attempts })
    }
}

fn select(
    dialect: Dialect,
    customer_id: Uuid,
    numbers: &[&str],
    lock: &str,
) -> (String, Vec<Value>) {
    let (marks, numbers) = list(numbers.iter().copied());
    let now = dialect.now_micros();
    let sql = format!(
        "SELECT number, target_id, held_until, attempts, {now} AS db_now FROM outdial_turns \
         WHERE customer_id = ? AND number IN ({marks}) ORDER BY number{lock}"
    );
    let values = std::iter::once(customer_id.into()).chain(numbers).collect();
    (sql, values)
}

/// What is known of some numbers; nothing of a number that is not in the answer.
///
/// # Errors
/// 503.
pub(crate) async fn known(
    db: &Db,
    customer_id: Uuid,
    numbers: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Turn>> {
    let numbers: Vec<&str> = numbers.iter().copied().collect();
    let mut known = BTreeMap::new();
    for some in numbers.chunks(NUMBERS_PER_QUERY) {
        let (sql, values) = select(db.dialect(), customer_id, some, "");
        let rows: Vec<Row> = db.fetch_all(&sql, values).await?;
        known.extend(rows.into_iter().map(Row::turn));
    }
    Ok(known)
}

/// As [`known`], and holds these numbers until the end of the transaction: whoever comes next waits. Always after targets,
/// and in the order of numbers, so that no two wait for each other.
///
/// # Errors
/// 503.
pub(crate) async fn lock(
    tx: &mut Tx,
    customer_id: Uuid,
    numbers: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Turn>> {
    let numbers: Vec<&str> = numbers.iter().copied().collect();
    let dialect = tx.dialect();
    // What is not there yet cannot be locked.
    let otherwise = match dialect {
        Dialect::MySql => "ON DUPLICATE KEY UPDATE attempts = attempts",
        Dialect::Sqlite => "ON CONFLICT DO NOTHING",
    };
    for some in fills(&numbers) {
        let rows = vec!["(?, ?, ?, 0, '[]')"; some.len()].join(", ");
        let sql = format!(
            "INSERT INTO outdial_turns (customer_id, number, target_id, held_until, attempts) \
             VALUES {rows} {otherwise}"
        );
        let mut values: Vec<Value> = Vec::with_capacity(3 * some.len());
        for number in some {
            values.extend([Value::from(customer_id), number.into(), Uuid::nil().into()]);
        }
        tx.execute(&sql, values).await?;
    }
    let mut known = BTreeMap::new();
    for some in numbers.chunks(NUMBERS_PER_QUERY) {
        let (sql, values) = select(dialect, customer_id, some, dialect.for_update());
        let rows: Vec<Row> = tx.fetch_all(&sql, values).await?;
        known.extend(rows.into_iter().map(Row::turn));
    }
    Ok(known)
}

/// Gives the turns of numbers, which are locked, each to the target that is handed out.
///
/// # Errors
/// 503.
pub(crate) async fn hold(
    tx: &mut Tx,
    customer_id: Uuid,
    turns: &[(&str, Uuid)],
    lease: Duration,
) -> Result<()> {
    let dialect = tx.dialect();
    let otherwise = match dialect {
        Dialect::MySql => {
            "ON DUPLICATE KEY UPDATE target_id = VALUES(target_id), held_until = VALUES(held_until)"
        }
        Dialect::Sqlite => {
            "ON CONFLICT (customer_id, number) DO UPDATE SET \
             target_id = excluded.target_id, held_until = excluded.held_until"
        }
    };
    let row = format!("(?, ?, ?, {} + ?, '[]')", dialect.now_micros());
    for some in fills(turns) {
        let rows = vec![row.as_str(); some.len()].join(", ");
        let sql = format!(
            "INSERT INTO outdial_turns (customer_id, number, target_id, held_until, attempts) \
             VALUES {rows} {otherwise}"
        );
        let mut values: Vec<Value> = Vec::with_capacity(4 * some.len());
        for (number, target_id) in some {
            values.extend([
                Value::from(customer_id),
                number.into(),
                target_id.into(),
                micros(lease),
            ]);
        }
        tx.execute(&sql, values).await?;
    }
    Ok(())
}

/// A target's number, whose turn is locked, is called: it has the turn until that call is over.
///
/// # Errors
/// 503.
pub(crate) async fn begin(
    tx: &mut Tx,
    customer_id: Uuid,
    target_id: Uuid,
    number: &str,
    turn: &Turn,
    now: Timestamp,
) -> Result<()> {
    let mut attempts = turn.attempts_since(now);
    attempts.push(now);
    let surplus = attempts.len().saturating_sub(ATTEMPTS_MAX);
    let attempts: Vec<i64> = attempts
        .iter()
        .skip(surplus)
        .map(|attempt| attempt.micros())
        .collect();
    let sql = format!(
        "UPDATE outdial_turns SET target_id = ?, held_until = {} + ?, attempts = ? \
         WHERE customer_id = ? AND number = ?",
        tx.dialect().now_micros()
    );
    let values = vec![
        target_id.into(),
        micros(CALL_MAX),
        Value::json(&attempts),
        customer_id.into(),
        number.into(),
    ];
    tx.execute(&sql, values).await?;
    Ok(())
}

/// A target is called no more: its numbers may be called by others.
///
/// # Errors
/// 503.
pub(crate) async fn end(
    tx: &mut Tx,
    customer_id: Uuid,
    target_id: Uuid,
    numbers: &BTreeSet<String>,
) -> Result<()> {
    if numbers.is_empty() {
        return Ok(());
    }
    let now = tx.dialect().now_micros();
    let (marks, numbers) = list(numbers.iter().map(String::as_str));
    let sql = format!(
        "UPDATE outdial_turns SET held_until = {now} \
         WHERE customer_id = ? AND number IN ({marks}) AND target_id = ? AND held_until > {now}"
    );
    let values = std::iter::once(customer_id.into()).chain(numbers);
    let values = values.chain(std::iter::once(target_id.into())).collect();
    tx.execute(&sql, values).await?;
    Ok(())
}

/// Forgets a number.
///
/// # Errors
/// 503.
pub(crate) async fn forget(tx: &mut Tx, customer_id: Uuid, number: &str) -> Result<()> {
    let sql = "DELETE FROM outdial_turns WHERE customer_id = ? AND number = ?";
    tx.execute(sql, vec![customer_id.into(), number.into()])
        .await?;
    Ok(())
}

/// Deletes rows that say nothing any more.
///
/// # Errors
/// 503.
pub(crate) async fn sweep(db: &Db) -> Result<()> {
    let now = db.dialect().now_micros();
    let sql = match db.dialect() {
        Dialect::MySql => {
            format!("DELETE FROM outdial_turns WHERE held_until < {now} - ? LIMIT ?")
        }
        Dialect::Sqlite => format!(
            "DELETE FROM outdial_turns WHERE rowid IN \
             (SELECT rowid FROM outdial_turns WHERE held_until < {now} - ? LIMIT ?)"
        ),
    };
    loop {
        let values = vec![micros(AGE_MAX), Value::Int(SWEPT_AT_ONCE)];
        let swept = db.execute(&sql, values).await?;
        if i64::try_from(swept).is_ok_and(|swept| swept < SWEPT_AT_ONCE) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_somebodys_until_its_time_and_calls_count_for_a_day() {
        let now = Timestamp::from_micros(10 * 86_400_000_000);
        let (ours, others) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let old = now.minus(DAY);
        let row = |held_until: i64, attempts: &str| Row {
            number: "+14045550123".to_owned(),
            target_id: ours,
            held_until,
            attempts: attempts.to_owned(),
            db_now: now.micros(),
        };
        let attempts = format!("[{}, {}]", old.micros(), old.micros() + 1);
        let (number, turn) = row(now.micros() + 1, &attempts).turn();
        assert_eq!(number, "+14045550123");
        assert!(turn.is_anothers(others) && !turn.is_anothers(ours));
        let counted = [Timestamp::from_micros(old.micros() + 1)];
        assert_eq!(turn.attempts_since(now), counted);
        let (_, over) = row(now.micros(), "what is this").turn();
        assert_eq!(over, Turn::default());
        assert!(!over.is_anothers(others));
    }
}
