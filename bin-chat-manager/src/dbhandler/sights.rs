//! What an agent sees: what they have, what they had when it was closed, and what waits in queues whose skills they have.

use bin_common_handler::{
    databasehandler::{Db, Value},
    models::error::Result,
};
use uuid::Uuid;

use super::select;
use crate::models::{
    agent::Agent, conversation::Conversation, queue::Queue, queueentry::QueueEntry,
};

/// Queues of one customer that are looked at.
const QUEUES_MAX: u32 = 1_000;

/// What an agent sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    customer_id: Uuid,
    user_id: Uuid,
    /// The user's agent; none for a user who is none.
    agent_id: Option<Uuid>,
    queue_ids: Vec<Uuid>,
}

impl Sight {
    /// As a condition on `chat_conversations`, with its values.
    pub(crate) fn condition(&self) -> (String, Vec<Value>) {
        let mut ways = vec!["owner_id = ?".to_owned()];
        let mut values: Vec<Value> = vec![self.user_id.into()];
        if let Some(agent_id) = self.agent_id {
            ways.push(
                "open_key IS NULL AND id IN (SELECT conversation_id FROM chat_queue_entries \
                 WHERE agent_id = ? AND status = 'ended' AND reason IN ('closed', 'visitor_left'))"
                    .to_owned(),
            );
            values.push(agent_id.into());
        }
        if let Some((waits, of_queues)) = self.waits() {
            ways.push(format!(
                "id IN (SELECT conversation_id FROM chat_queue_entries WHERE {waits})"
            ));
            values.extend(of_queues);
        }
        (format!("({})", ways.join(" OR ")), values)
    }

    /// As a condition on `chat_queue_entries`, with its values: what the agent has, and what waits for them.
    pub(crate) fn entries(&self) -> (String, Vec<Value>) {
        // Who is no agent has none.
        let mut values: Vec<Value> = vec![self.agent_id.unwrap_or_default().into()];
        match self.waits() {
            Some((waits, of_queues)) => {
                values.extend(of_queues);
                (format!("(agent_id = ? OR ({waits}))"), values)
            }
            None => ("agent_id = ?".to_owned(), values),
        }
    }

    /// Whether an entry is among them.
    pub(crate) fn has(&self, entry: &QueueEntry) -> bool {
        let is_own = entry.agent_id.is_some() && entry.agent_id == self.agent_id;
        is_own || (entry.status.waits() && entry.queue_id.is_some_and(|id| self.has_queue(id)))
    }

    /// Whether the agent has the skills of a queue.
    pub(crate) fn has_queue(&self, id: Uuid) -> bool {
        self.queue_ids.contains(&id)
    }

    /// Whose sight it is.
    pub(crate) const fn user_id(&self) -> Uuid {
        self.user_id
    }

    fn waits(&self) -> Option<(String, Vec<Value>)> {
        if self.queue_ids.is_empty() {
            return None;
        }
        let marks = vec!["?"; self.queue_ids.len()].join(", ");
        let condition = format!(
            "customer_id = ? AND status IN ('waiting', 'offered') AND queue_id IN ({marks})"
        );
        let mut values: Vec<Value> = vec![self.customer_id.into()];
        values.extend(self.queue_ids.iter().map(|id| Value::from(*id)));
        Some((condition, values))
    }
}

/// What the agent of a user sees; a user who is no agent sees what is theirs.
///
/// # Errors
/// 503.
pub(crate) async fn of_agent(db: &Db, customer_id: Uuid, user_id: Uuid) -> Result<Sight> {
    let tail = "WHERE customer_id = ? AND live_user_id = ?";
    let values = vec![customer_id.into(), user_id.into()];
    let agents: Vec<Agent> = db.select(tail, values).await?;
    let mut sight = Sight {
        customer_id,
        user_id,
        agent_id: agents.first().map(|agent| agent.id),
        queue_ids: Vec::new(),
    };
    if let Some(agent) = agents.first() {
        let tail = "WHERE customer_id = ? AND tm_delete IS NULL ORDER BY id LIMIT ?";
        let values = vec![customer_id.into(), QUEUES_MAX.into()];
        let queues: Vec<Queue> = db.select(tail, values).await?;
        let is_able = |queue: &&Queue| {
            let mut skills = queue.skills.0.iter();
            skills.all(|skill| agent.skills.0.contains(skill))
        };
        sight.queue_ids = queues
            .iter()
            .filter(is_able)
            .map(|queue| queue.id)
            .collect();
    }
    Ok(sight)
}

/// Whether a conversation of the same tenant is among them.
///
/// # Errors
/// 503.
pub(crate) async fn sees(db: &Db, sight: &Sight, conversation: &Conversation) -> Result<bool> {
    if conversation.owner_id == Some(sight.user_id) {
        return Ok(true);
    }
    let (condition, mut values) = sight.condition();
    let sql = format!("{} WHERE id = ? AND {condition}", select::<Conversation>());
    values.insert(0, conversation.id.into());
    let found: Option<Conversation> = db.fetch_optional(&sql, values).await?;
    Ok(found.is_some())
}
