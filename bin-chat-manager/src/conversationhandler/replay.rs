//! What happened after a number that a reader knows.

use std::{collections::HashMap, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::{ensure, in_range},
        error::Result,
    },
    resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::participant;
use crate::{
    app::App,
    dbhandler::conversationevents,
    models::{
        conversation::Conversation,
        conversationevent::{ConversationEvent, EventView},
    },
};

/// Events of one answer.
const PAGE_MAX: i64 = 100;
/// Whoever is further behind reads by the lists.
const BEHIND_MAX: i64 = 1_000;
/// So is who was away for longer.
const AGE_MAX: Duration = Duration::from_secs(86_400);

/// Which events.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct EventsWanted {
    /// Those after this number; none where it is missing.
    pub after_seq: Option<i64>,
    /// Those of private notes after this number; none where it is missing.
    pub after_note_seq: Option<i64>,
    /// So many at most, up to 100.
    pub limit: Option<i64>,
}

/// Where a conversation is, and what a reader missed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventPage {
    /// The conversation.
    conversation_id: Uuid,
    /// False where too much was missed to be told: the lists have it.
    ok: bool,
    /// The number of the last event.
    last_seq: i64,
    /// The number of the last event of a private note; 0 for visitors.
    last_note_seq: i64,
    /// The first number that can be told.
    oldest_seq: i64,
    /// In their order, notes last; as many as fit.
    events: Vec<EventView>,
}

/// Events after the numbers that a reader knows.
///
/// # Errors
/// 400 naming the field; 404; 503.
pub(crate) async fn events(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    wanted: &EventsWanted,
) -> Result<EventPage> {
    for (name, value) in [
        ("after_seq", wanted.after_seq),
        ("after_note_seq", wanted.after_note_seq),
    ] {
        ensure(value.unwrap_or(0) >= 0, name, "must not be negative")?;
    }
    let limit = wanted.limit.unwrap_or(PAGE_MAX);
    in_range("limit", limit, 1, PAGE_MAX)?;
    let who = participant::of(app, ctx, id).await?;
    let conversation = resource::get::<Conversation, App>(app, ctx, id).await?;
    let mut page = EventPage {
        conversation_id: id,
        ok: true,
        last_seq: conversation.last_seq,
        last_note_seq: 0,
        oldest_seq: conversation.last_seq.saturating_add(1),
        events: Vec::new(),
    };
    let mut found = Vec::new();
    if let Some(after) = wanted.after_seq {
        found = missed(app, &conversation, after, limit, &mut page).await?;
    }
    if who.reads_notes() {
        page.last_note_seq = conversation.last_note_seq;
        let left = limit.saturating_sub(i64::try_from(found.len()).unwrap_or(limit));
        if let Some(after) = wanted.after_note_seq.filter(|_| page.ok && left > 0) {
            let db = &app.store.db;
            found.extend(conversationevents::notes_after(db, &conversation, after, left).await?);
        }
    }
    page.events = views(app, &conversation, &found).await?;
    Ok(page)
}

async fn missed(
    app: &App,
    conversation: &Conversation,
    after: i64,
    limit: i64,
    page: &mut EventPage,
) -> Result<Vec<ConversationEvent>> {
    let db = &app.store.db;
    let since = app.store.clock.now().minus(AGE_MAX);
    let behind = conversation.last_seq.saturating_sub(after);
    let found = if (0..=BEHIND_MAX).contains(&behind) {
        conversationevents::after(db, conversation, after, limit).await?
    } else {
        Vec::new()
    };
    let is_next = |event: &ConversationEvent| {
        event.seq == after.saturating_add(1) && event.tm_create >= since
    };
    page.ok = behind == 0 || found.first().is_some_and(is_next);
    if page.ok {
        page.oldest_seq = after.saturating_add(1);
        return Ok(found);
    }
    let floor = conversation.last_seq.saturating_sub(BEHIND_MAX).max(0);
    if let Some(seq) = conversationevents::oldest(db, conversation, floor, since).await? {
        page.oldest_seq = seq;
    }
    Ok(Vec::new())
}

async fn views(
    app: &App,
    conversation: &Conversation,
    events: &[ConversationEvent],
) -> Result<Vec<EventView>> {
    let mut ids: Vec<Uuid> = events.iter().filter_map(|event| event.message_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let messages = conversationevents::messages(&app.store.db, conversation, ids).await?;
    let messages: HashMap<Uuid, _> = messages.iter().map(|it| (it.id, it)).collect();
    let view = |event: &ConversationEvent| {
        let message = event.message_id.and_then(|id| messages.get(&id).copied());
        EventView::new(event, message)
    };
    Ok(events.iter().map(view).collect())
}
