//! The dispatcher: offers what waits to whoever may take it.
//!
//! It is a durable timer for each customer, set in the transaction of whatever may let it find something: a new chat, an
//! agent who came or has room again. It reads without locks, plans, then takes each row of the plan by itself and looks
//! again: what changed meanwhile is passed over.

use std::time::Duration;

use bin_common_handler::{
    daemon::ManagerContext, databasehandler::ChangeTx, ids, models::error::Result,
    timerhandler::Timer,
};
use uuid::Uuid;

use super::{change, offers, terms};
use crate::{
    dbhandler::{agents, entries},
    models::{
        agent::Agent,
        offer::{self, Offer},
        queueentry::{EntryStatus, QueueEntry},
    },
    queues::assignment::{Candidate, Pair, Waiting, plan},
};

/// Offers what waits; of the customer.
const DISPATCH: &str = "chat_dispatch";
/// Offers of one transaction.
const OFFERS_MAX: usize = 50;
/// Entries that are read at a time.
const PAGE: u32 = 200;
/// Entries that are looked at in one transaction; more skilled ones behind them wait.
const LOOKED_AT_MAX: u32 = 10_000;
/// What somebody else held is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Names the handler, at start.
pub(super) fn start(ctx: &ManagerContext) {
    ctx.timers.on(DISPATCH, dispatch);
}

/// Something changed by which a chat may find an agent: the dispatcher looks after this transaction.
///
/// # Errors
/// 503.
pub(crate) async fn wake(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<()> {
    let now = tx.now();
    tx.schedule(DISPATCH, customer_id, now, &()).await
}

async fn dispatch(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let customer_id = timer.entity_id;
    let mut candidates = candidates(tx, customer_id).await?;
    let (mut made, mut missed, mut offset) = (0, 0, 0);
    while made < OFFERS_MAX
        && offset < LOOKED_AT_MAX
        && candidates.iter().any(|agent| agent.spare() > 0)
    {
        let page = entries::waiting(tx, customer_id, PAGE, offset).await?;
        let is_last = page.len() < PAGE as usize;
        let chats = page.into_iter().map(waiting).collect();
        let most = OFFERS_MAX.saturating_sub(made);
        let mut offered = 0;
        for pair in plan(chats, &mut candidates, most) {
            if offer(tx, pair).await? {
                offered += 1;
            } else {
                missed += 1;
            }
        }
        made += offered as usize;
        // What is offered waits no more.
        offset += PAGE - offered;
        if is_last {
            break;
        }
    }
    if made < OFFERS_MAX && missed == 0 {
        return Ok(());
    }
    let again = tx
        .now()
        .plus(if missed > 0 { AGAIN } else { Duration::ZERO });
    tx.schedule(DISPATCH, customer_id, again, &()).await
}

async fn candidates(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<Vec<Candidate>> {
    let online = agents::online_in(tx, customer_id).await?;
    let loads = entries::loads(tx, customer_id).await?;
    let candidate = |agent: Agent| Candidate {
        load: loads.get(&agent.id).copied().unwrap_or_default(),
        id: agent.id,
        skills: agent.skills.0,
        capacity: agent.capacity.into(),
        idle_since: agent.tm_idle,
        is_online: true,
    };
    Ok(online.into_iter().map(candidate).collect())
}

fn waiting(entry: QueueEntry) -> Waiting {
    Waiting {
        id: entry.id,
        skills: entry.skills.0,
        priority: entry.priority,
        since: entry.waiting_since,
        last_agent_id: entry.last_agent_id,
        passed: entry.passed.0,
    }
}

/// Offers a chat, if it still waits and the agent still has room; false where not.
async fn offer(tx: &mut ChangeTx<'_>, pair: Pair) -> Result<bool> {
    let Some(mut entry) = entries::lock_waiting(tx, pair.chat_id).await? else {
        return Ok(false);
    };
    let Some(agent) = agents::lock_free(tx, pair.agent_id).await? else {
        return Ok(false);
    };
    if entries::load(tx, agent.id).await? >= agent.capacity.into() {
        return Ok(false);
    }
    let queue = terms(tx, entry.queue_id).await?;
    let seconds = u64::try_from(queue.offer_seconds).unwrap_or_default();
    let now = tx.now();
    let offer = Offer {
        id: ids::next(),
        customer_id: entry.customer_id,
        entry_id: entry.id,
        conversation_id: entry.conversation_id,
        queue_id: entry.queue_id,
        agent_id: agent.id,
        user_id: agent.user_id,
        expires_at: now.plus(Duration::from_secs(seconds)),
        tm_create: now,
        tm_update: now,
        ..Offer::default()
    };
    tx.insert(&offer).await?;
    tx.emit(offer::CREATED, &offer, offer.customer_id).await?;
    offers::watch(tx, &offer).await?;
    entry.status = EntryStatus::Offered;
    entry.agent_id = Some(agent.id);
    entry.offer_id = Some(offer.id);
    change::save(tx, &mut entry).await?;
    change::touch(tx, agent).await?;
    Ok(true)
}
