//! Setting and cancelling timers in a change's transaction.

use serde::Serialize;
use uuid::Uuid;

use crate::{
    databasehandler::{ChangeTx, Value},
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    trace,
};

/// Longest kind, in bytes: its column.
const KIND_MAX: usize = 64;
/// Largest payload, in bytes: a timer names its entity, it does not carry it.
const PAYLOAD_MAX: usize = 64 * 1024;

/// A kind is a short plain name.
pub(super) fn check_kind(kind: &str) -> Result<()> {
    if kind.is_empty() || kind.len() > KIND_MAX || !kind.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(Error::internal(format!(
            "{kind:?} is no kind of timer: 1 to {KIND_MAX} ASCII characters without spaces"
        )));
    }
    Ok(())
}

impl ChangeTx<'_> {
    /// Sets the timer of this kind and entity to `at`, with this change and only with it. One that is set already
    /// is moved, and has the new payload. A time in the past is due at once.
    ///
    /// # Errors
    /// When the payload has no JSON form or more than 64 KiB of it; whatever the database says.
    pub async fn schedule(
        &mut self,
        kind: &str,
        entity_id: Uuid,
        at: Timestamp,
        payload: &(impl Serialize + Sync),
    ) -> Result<()> {
        check_kind(kind)?;
        let payload = serde_json::to_string(payload).map_err(Error::internal)?;
        if payload.len() > PAYLOAD_MAX {
            let bytes = payload.len();
            return Err(Error::internal(format!(
                "a timer's payload of {bytes} bytes is more than {PAYLOAD_MAX}"
            )));
        }
        // REPLACE is an upsert on both databases; every column is written.
        let sql = format!(
            "REPLACE INTO {}_timers (kind, entity_id, id, due_at, next_at, attempt, payload, traceparent) \
             VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
            self.prefix()
        );
        let values = vec![
            kind.into(),
            entity_id.into(),
            ids::next().into(),
            Value::Int(at.micros()),
            Value::Int(at.micros()),
            payload.into(),
            trace::current().map(|trace| trace.to_string()).into(),
        ];
        self.sql().execute(&sql, values).await?;
        self.note_timer(kind, at);
        Ok(())
    }

    /// Moves the timer of this kind and entity from one time to another, with this change and only with it; false when
    /// it is not set for `from` (any more). So a timer can be a lease: whoever set it knows whether it still is theirs.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn postpone(
        &mut self,
        kind: &str,
        entity_id: Uuid,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<bool> {
        let sql = format!(
            "UPDATE {}_timers SET id = ?, due_at = ?, next_at = ?, attempt = 0 \
             WHERE kind = ? AND entity_id = ? AND due_at = ?",
            self.prefix()
        );
        let values = vec![
            ids::next().into(),
            Value::Int(to.micros()),
            Value::Int(to.micros()),
            kind.into(),
            entity_id.into(),
            Value::Int(from.micros()),
        ];
        let is_moved = self.sql().execute(&sql, values).await? > 0;
        if is_moved {
            self.note_timer(kind, to);
        }
        Ok(is_moved)
    }

    /// Cancels the timer of this kind and entity, with this change and only with it; false when there is none,
    /// e.g. as it has fired.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn cancel(&mut self, kind: &str, entity_id: Uuid) -> Result<bool> {
        let sql = format!(
            "DELETE FROM {}_timers WHERE kind = ? AND entity_id = ?",
            self.prefix()
        );
        let values = vec![kind.into(), entity_id.into()];
        Ok(self.sql().execute(&sql, values).await? > 0)
    }
}
