//! Promises: until when a human answers first, answers next, and is done. Only opening hours count.
//!
//! Each promise is a durable timer that fires before its time, to warn, and at it.

use std::time::Duration;

use bin_common_handler::{
    daemon::ManagerContext,
    databasehandler::{ChangeTx, EventPayload},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    text_enum,
    timerhandler::Timer,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{change, terms};
use crate::{
    dbhandler::entries,
    models::{
        queue::Queue,
        queueentry::{EntryStatus, QueueEntry, SLA_BREACHED, SLA_WARNING},
    },
    queues::business,
};

/// How much of the time is over when it is warned, in percent.
const WARNED_AT_PERCENT: u32 = 80;

text_enum!(
    /// What is promised.
    pub enum Promise {
        /// The first answer of a human.
        FirstResponse = "first_response",
        /// The next one.
        NextResponse = "next_response",
        /// The end.
        Resolution = "resolution",
    }
);

/// What a timer is to tell.
#[derive(Serialize, Deserialize)]
enum Stage {
    Warning,
    Breach,
}

/// An entry whose promise is, or is about to be, broken.
#[derive(Serialize)]
struct Told<'e> {
    #[serde(flatten)]
    entry: &'e QueueEntry,
    promise: Promise,
    due: Timestamp,
}

impl Promise {
    /// The kind of its timer, which is the entry's.
    const fn timer(self) -> &'static str {
        match self {
            Self::FirstResponse | Self::Other(_) => "chat_sla_first",
            Self::NextResponse => "chat_sla_next",
            Self::Resolution => "chat_sla_resolution",
        }
    }

    const fn seconds(self, queue: &Queue) -> Option<i64> {
        let sla = &queue.sla.0;
        match self {
            Self::FirstResponse => sla.first_response_seconds,
            Self::NextResponse => sla.next_response_seconds,
            Self::Resolution => sla.resolution_seconds,
            Self::Other(_) => None,
        }
    }

    const fn due(self, entry: &mut QueueEntry) -> &mut Option<Timestamp> {
        match self {
            Self::FirstResponse | Self::Other(_) => &mut entry.tm_first_due,
            Self::NextResponse => &mut entry.tm_next_due,
            Self::Resolution => &mut entry.tm_resolution_due,
        }
    }

    /// Whether it is still to be kept.
    const fn is_open(self, entry: &QueueEntry) -> bool {
        match self {
            Self::FirstResponse => entry.tm_first_response.is_none(),
            _ => true,
        }
    }
}

/// Names the handlers, at start.
pub(super) fn start(ctx: &ManagerContext) {
    for promise in Promise::ALL {
        ctx.timers.on_with(promise.timer(), *promise, due);
    }
}

/// What a queue promises for an entry that comes to it. What was promised before stays. The entry is written by the
/// caller.
///
/// # Errors
/// 503.
pub(super) async fn promise(
    tx: &mut ChangeTx<'_>,
    entry: &mut QueueEntry,
    queue: &Queue,
) -> Result<()> {
    for promise in [Promise::FirstResponse, Promise::Resolution] {
        set(tx, entry, queue, promise).await?;
    }
    Ok(())
}

/// What was promised is promised no more, so that the next queue's terms hold; what was broken stays broken. The entry is
/// held, and written by the caller.
pub(crate) const fn begin_again(entry: &mut QueueEntry) {
    if entry.tm_first_response.is_none() {
        entry.tm_first_due = None;
    }
    entry.tm_next_due = None;
    entry.tm_resolution_due = None;
}

async fn set(
    tx: &mut ChangeTx<'_>,
    entry: &mut QueueEntry,
    queue: &Queue,
    promise: Promise,
) -> Result<()> {
    let Some(seconds) = promise.seconds(queue) else {
        return Ok(());
    };
    if promise.due(entry).is_some() || !promise.is_open(entry) {
        return Ok(());
    }
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let now = tx.now();
    let after = |time| business::deadline(now, time, &queue.hours.0, queue.zone());
    *promise.due(entry) = Some(after(whole));
    let warned = after(whole * WARNED_AT_PERCENT / 100);
    tx.schedule(promise.timer(), entry.id, warned, &Stage::Warning)
        .await
}

/// A human answered. The conversation is held.
///
/// # Errors
/// 503.
pub(crate) async fn answered(tx: &mut ChangeTx<'_>, conversation_id: Uuid) -> Result<()> {
    let Some(mut entry) = entries::lock_live(tx, conversation_id).await? else {
        return Ok(());
    };
    if entry.tm_first_response.is_some() && entry.tm_next_due.is_none() {
        return Ok(());
    }
    entry.tm_next_due = None;
    if entry.tm_first_response.is_none() {
        entry.tm_first_response = Some(tx.now());
    }
    change::save(tx, &mut entry).await
}

/// The person wrote. The conversation is held.
///
/// # Errors
/// 503.
pub(crate) async fn asked(tx: &mut ChangeTx<'_>, conversation_id: Uuid) -> Result<()> {
    let Some(mut entry) = entries::lock_live(tx, conversation_id).await? else {
        return Ok(());
    };
    // Before the first answer the first promise counts.
    if entry.status != EntryStatus::Assigned
        || entry.tm_first_response.is_none()
        || entry.tm_next_due.is_some()
    {
        return Ok(());
    }
    let queue = terms(tx, entry.queue_id).await?;
    set(tx, &mut entry, &queue, Promise::NextResponse).await?;
    if entry.tm_next_due.is_none() {
        return Ok(());
    }
    change::save(tx, &mut entry).await
}

async fn due(promise: Promise, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let stage: Stage = timer.payload()?;
    let Some(mut entry) = tx.lock::<QueueEntry>(timer.entity_id).await? else {
        return Ok(());
    };
    let Some(due) = *promise.due(&mut entry) else {
        return Ok(());
    };
    if entry.has_ended() || !promise.is_open(&entry) {
        return Ok(());
    }
    if due > tx.now() {
        if matches!(stage, Stage::Warning) {
            tell(tx, SLA_WARNING, &entry, promise, due).await?;
        }
        return tx
            .schedule(promise.timer(), entry.id, due, &Stage::Breach)
            .await;
    }
    entry.breaches.0.push(promise.as_str().to_owned());
    entry.breaches.0.sort_unstable();
    entry.breaches.0.dedup();
    change::save(tx, &mut entry).await?;
    tell(tx, SLA_BREACHED, &entry, promise, due).await
}

async fn tell(
    tx: &mut ChangeTx<'_>,
    kind: &str,
    entry: &QueueEntry,
    promise: Promise,
    due: Timestamp,
) -> Result<()> {
    let told = Told {
        entry,
        promise,
        due,
    };
    let payload = EventPayload {
        resource_id: entry.id,
        customer_id: entry.customer_id,
        version: tx.next_version(entry.tm_update),
        data: serde_json::to_string(&told).map_err(Error::internal)?,
    };
    tx.emit_payload(kind, payload).await
}
