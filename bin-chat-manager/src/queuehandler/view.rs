//! What is told of entries: their list, and how long one still waits.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{Db, ListQuery},
    listenhandler::List,
    models::error::{Error, Result},
    resource,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::sight,
    dbhandler::{agents, entries},
    models::{
        agent::Agent,
        queue::Queue,
        queueentry::{EntryStatus, QueueEntry},
    },
    queues::wait::{self, estimate_seconds, handling_seconds},
};

/// Handling times of so long ago count.
const DAY: Duration = Duration::from_secs(86_400);

/// An entry, and how long it waits.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct QueueEntryView {
    #[serde(flatten)]
    entry: QueueEntry,
    /// 1 is the next of its queue; null when it does not wait.
    position: Option<i64>,
    /// How long it still waits, in seconds; null when it does not wait, or nobody is there who could take it.
    estimated_wait_seconds: Option<i64>,
}

/// Entries, the newest first; an agent's own, and those that wait for them.
///
/// # Errors
/// 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<QueueEntry>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let db = &app.store.db;
    if let Some(sight) = sight::of(db, ctx).await? {
        let (condition, values) = sight.entries();
        query = query.confined(&condition, values);
    }
    let created = |entry: &QueueEntry| entry.tm_create;
    db.list(&query, created).await
}

/// A queue that the caller may follow: agents those whose skills they have.
///
/// # Errors
/// 404, 503.
pub(crate) async fn room(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Queue> {
    let queue = resource::get::<Queue, App>(app, ctx, id).await?;
    match sight::of(&app.store.db, ctx).await? {
        Some(sight) if !sight.has_queue(id) => Err(resource::not_found::<Queue>()),
        _ => Ok(queue),
    }
}

/// One entry, and how long it waits.
///
/// # Errors
/// 404, 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<QueueEntryView> {
    let found = app.store.get::<QueueEntry>(id).await?;
    let entry = found
        .filter(|entry| ctx.scope.allows(entry.customer_id))
        .ok_or_else(not_found)?;
    let db = &app.store.db;
    if let Some(sight) = sight::of(db, ctx).await?
        && !sight.has(&entry)
    {
        return Err(not_found());
    }
    let mut view = QueueEntryView {
        entry,
        position: None,
        estimated_wait_seconds: None,
    };
    let entry = &view.entry;
    let Some(queue_id) = entry.queue_id else {
        return Ok(view);
    };
    if entry.status != EntryStatus::Waiting {
        return Ok(view);
    }
    let position = entries::ahead(db, entry, queue_id).await? + 1;
    let since = app.store.clock.now().minus(DAY);
    let handling = handling_seconds(entries::handled_seconds(db, queue_id, since).await?);
    view.position = Some(position);
    view.estimated_wait_seconds = estimate_seconds(position, handling, takers(db, entry).await?);
    Ok(view)
}

/// Agents who are online and have the skills, as far as they count for the wait.
async fn takers(db: &Db, entry: &QueueEntry) -> Result<i64> {
    let online = agents::online(db, entry.customer_id).await?;
    let loads = entries::loads_seen(db, entry.customer_id).await?;
    let has_skills = |skills: &[String]| entry.skills.0.iter().all(|skill| skills.contains(skill));
    let able = online.iter().filter(|agent| has_skills(&agent.skills.0));
    let spare = |agent: &Agent| {
        let load = loads.get(&agent.id).copied().unwrap_or_default();
        i64::from(agent.capacity) - load
    };
    Ok(wait::takers(able.map(spare)))
}

fn not_found() -> Error {
    Error::not_found("QUEUEENTRY_NOT_FOUND", "The queueentry was not found.")
}
