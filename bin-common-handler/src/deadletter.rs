//! Dead letters: timers and events whose work failed too often. They are kept for a person to look at, and hold
//! nobody up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;

use crate::{
    databasehandler::{Db, Tx, Value, list},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};

/// Bytes of a text that are kept: it fits its column in any alphabet.
const TEXT_MAX: usize = 255;
/// How long a dead letter is kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Dead letters that are kept at most; the oldest beyond that go with the next sweep.
const KEPT_MAX: i64 = 1_000_000;
/// Rows of one statement of the sweep.
const SWEEP_BATCH: i64 = 1_000;
/// Dead letters that are listed at most.
const LISTED_MAX: i64 = 1_000;

/// Work that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its number; later ones have higher numbers.
    pub id: i64,
    /// `timer` or `event`.
    pub source: String,
    /// The timer's kind, or the event's type.
    pub kind: String,
    /// The timer's entity, or the event's topic.
    pub subject: String,
    /// The id of the timer or event.
    pub message_id: String,
    /// How often it failed.
    pub attempt: i64,
    /// Why, the last time: reason and message, never the cause.
    pub reason: String,
    /// When it was given up.
    pub tm_create: Timestamp,
}

/// What is set aside.
pub(crate) struct Letter<'l> {
    pub(crate) source: &'static str,
    pub(crate) kind: &'l str,
    pub(crate) subject: &'l str,
    pub(crate) message_id: &'l str,
    pub(crate) attempt: i64,
    pub(crate) reason: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) now: Timestamp,
}

/// What the table says of why: what a caller would be told, nothing that only the log may see.
pub(crate) fn reason(error: &Error) -> String {
    format!("{}: {}", error.reason(), error.message())
}

/// Sets something aside, in the transaction that takes it out of its queue.
pub(crate) async fn bury(tx: &mut Tx, prefix: &str, letter: Letter<'_>) -> Result<()> {
    let sql = format!(
        "INSERT INTO {prefix}_dead_letters \
         (source, kind, subject, message_id, attempt, reason, payload, tm_create) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    );
    let values = vec![
        letter.source.into(),
        cut(letter.kind).into(),
        cut(letter.subject).into(),
        cut(letter.message_id).into(),
        Value::Int(letter.attempt),
        cut(&letter.reason).into(),
        letter.payload.into(),
        Value::Int(letter.now.micros()),
    ];
    tx.execute(&sql, values).await?;
    Ok(())
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX))
        .unwrap_or_default()
}

/// The dead letters of one manager. Clones share them.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    db: Db,
    prefix: &'static str,
}

#[derive(bin_common_handler::FromRow)]
struct Row {
    id: i64,
    source: String,
    kind: String,
    subject: String,
    message_id: String,
    attempt: i64,
    reason: String,
    tm_create: i64,
}

impl DeadLetters {
    /// Those of the manager whose tables start with `prefix`.
    pub(crate) fn new(db: Db, prefix: &'static str) -> Self {
        Self { db, prefix }
    }

    /// The newest, without their payloads, which may hold what a log must not.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn list(&self) -> Result<Vec<DeadLetter>> {
        let sql = format!(
            "SELECT id, source, kind, subject, message_id, attempt, reason, tm_create \
             FROM {}_dead_letters ORDER BY id DESC LIMIT ?",
            self.prefix
        );
        let rows: Vec<Row> = self.db.fetch_all(&sql, vec![LISTED_MAX.into()]).await?;
        Ok(rows
            .into_iter()
            .map(|row| DeadLetter {
                id: row.id,
                source: row.source,
                kind: row.kind,
                subject: row.subject,
                message_id: row.message_id,
                attempt: row.attempt,
                reason: row.reason,
                tm_create: Timestamp::from_micros(row.tm_create),
            })
            .collect())
    }
}

#[derive(bin_common_handler::FromRow)]
struct Number {
    id: i64,
}

impl DeadLetters {
    /// Removes what nobody looked at for long; the number of rows removed.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<u64> {
        let table = format!("{}_dead_letters", self.prefix);
        let old = format!(
            "SELECT id FROM {table} WHERE tm_create < ? \
             OR id <= (SELECT MAX(id) FROM {table}) - {KEPT_MAX} ORDER BY id LIMIT ?"
        );
        let before = Value::Int(now.minus(KEPT).micros());
        let mut removed = 0;
        loop {
            let values = vec![before.clone(), SWEEP_BATCH.into()];
            let rows: Vec<Number> = self.db.fetch_all(&old, values).await?;
            if rows.is_empty() {
                return Ok(removed);
            }
            let (marks, values) = list(rows.iter().map(|row| row.id));
            let sql = format!("DELETE FROM {table} WHERE id IN ({marks})");
            removed += self.db.execute(&sql, values).await?;
        }
    }
}

/// The dead letters of all managers of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Registers(Arc<Mutex<BTreeMap<&'static str, DeadLetters>>>);

impl Registers {
    pub(crate) fn add(&self, manager: &'static str, letters: DeadLetters) {
        self.all().insert(manager, letters);
    }

    /// The newest of each manager.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn list(&self) -> Result<BTreeMap<&'static str, Vec<DeadLetter>>> {
        let all = self.all().clone();
        let mut listed = BTreeMap::new();
        for (manager, letters) in all {
            listed.insert(manager, letters.list().await?);
        }
        Ok(listed)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, DeadLetters>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databasehandler::scratch;

    #[tokio::test]
    async fn one_is_kept_for_a_month() {
        let (db, _dir) = scratch::database().await;
        let then = Timestamp::from_micros(5);
        for after in [Duration::ZERO, KEPT] {
            let mut tx = db.begin().await.unwrap();
            let letter = Letter {
                source: "timer",
                kind: "close",
                subject: "",
                message_id: "",
                attempt: 9,
                reason: String::new(),
                payload: Vec::new(),
                now: then.plus(after),
            };
            bury(&mut tx, "t", letter).await.unwrap();
            tx.commit().await.unwrap();
        }
        let letters = DeadLetters::new(db, "t");
        let soon = Duration::from_secs(1);
        for (now, removed) in [(then.plus(KEPT), 0), (then.plus(KEPT).plus(soon), 1)] {
            assert_eq!(letters.sweep(now).await.unwrap(), removed);
        }
        assert_eq!(letters.list().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_dead_letter_is_listed_without_its_payload_and_fits_its_columns() {
        let (db, _dir) = scratch::database().await;
        let mut tx = db.begin().await.unwrap();
        let letter = Letter {
            source: "timer",
            kind: "close",
            subject: &"ä".repeat(300),
            message_id: "m",
            attempt: 9,
            reason: reason(&Error::not_found("GONE", "It is gone.").caused_by("+15550100")),
            payload: b"secret".to_vec(),
            now: Timestamp::from_micros(5),
        };
        bury(&mut tx, "t", letter).await.unwrap();
        tx.commit().await.unwrap();
        let listed = DeadLetters::new(db, "t").list().await.unwrap();
        let [one] = &*listed else {
            panic!("one letter")
        };
        assert_eq!(one.reason, "GONE: It is gone.");
        assert_eq!((one.attempt, one.subject.len()), (9, 254));
        let shown = serde_json::to_string(one).unwrap();
        assert!(
            !shown.contains("secret") && !shown.contains("5550100"),
            "{shown}"
        );
    }
}
