//! What really worked last: the one thing that tells whether the database can be written.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sqlx::Error as SqlError;

use super::error::Trouble;
use crate::files;

/// A full disk has room again from here on: small writes may succeed on a full one.
const ROOM_BYTES: u64 = 1024 * 1024;

/// How the last writes went.
#[derive(Debug, Default)]
pub(super) struct Condition(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    trouble: Option<Trouble>,
    worked: Option<Instant>,
}

impl Condition {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A statement failed; a conflict, or a caller's mistake, says nothing about the database.
    pub(super) fn failed(&self, error: &SqlError) {
        if let Some(trouble) = Trouble::of(error) {
            self.last().trouble = Some(trouble);
        }
    }

    /// A write is durable; `folder` is where an embedded database lies.
    pub(super) fn worked(&self, folder: Option<&Path>) {
        let mut last = self.last();
        if last.trouble == Some(Trouble::DiskFull) && folder.is_some_and(is_full) {
            return;
        }
        last.trouble = None;
        last.worked = Some(Instant::now());
    }

    /// Why it cannot be written, if so.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.last().trouble
    }

    /// Whether nobody has written for so long.
    pub(super) fn is_idle(&self, period: Duration) -> bool {
        self.last().worked.is_none_or(|at| at.elapsed() >= period)
    }
}

fn is_full(folder: &Path) -> bool {
    files::free_bytes(folder).is_some_and(|free| free < ROOM_BYTES)
}
