//! The registry decides about a number's campaign, or the operator about a business: conversations are opened, or blocked.
//! What was not said meanwhile is not said late: nobody is greeted for an old call, and who wrote of late is answered.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::ChangeTx, models::error::Result, sockhandler::ReceivedEvent,
    timerhandler::Timer,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{change, timers};
use crate::{
    alertrulehandler,
    app::App,
    dbhandler::conversations::{self, Blocked},
    figures::alarm::Metric,
    models::{
        business::CampaignStatus,
        conversation::{BlockReason, Conversation},
        timers::CAMPAIGN,
    },
};

/// Conversations of one transaction.
const BATCH: u32 = 100;
/// Who wrote within this is answered; of the others a person decides.
const LATELY: Duration = Duration::from_secs(24 * 3_600);
/// Work that is under way may know the number as it was for five seconds.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How did-manager says that a number could not be given back.
const RELEASE_FAILED: &str = "release_failed";
/// How long people have to answer first, in seconds.
const DELAY: u32 = 60;

/// What an event of a number says.
#[derive(Debug, Deserialize)]
struct Changed {
    id: Uuid,
    customer_id: Uuid,
    number: String,
    #[serde(default)]
    campaign_status: String,
    #[serde(default)]
    status: String,
}

/// What is done to the conversations of a number, or of all numbers.
#[derive(Debug, Serialize, Deserialize)]
struct Decision {
    customer_id: Uuid,
    /// Empty for all.
    number: String,
    may_send: bool,
    /// What blocks them.
    #[serde(default = "registration")]
    reason: BlockReason,
    /// The second look, after which nobody remembers what the number was before.
    is_last: bool,
}

/// Timers of before there was another reason have none.
const fn registration() -> BlockReason {
    BlockReason::CampaignPending
}

/// A business may send no texts any more, or may again: its conversations follow.
///
/// # Errors
/// 503.
pub(crate) async fn customer_changed(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    may_send: bool,
) -> Result<()> {
    let decision = Decision {
        customer_id,
        number: String::new(),
        may_send,
        reason: BlockReason::Suspended,
        is_last: false,
    };
    let now = tx.now();
    tx.schedule(CAMPAIGN, customer_id, now, &decision).await
}

/// A number changed: its conversations follow. That it could not be given back is told: it costs money every month.
pub(crate) async fn number_changed(
    _: App,
    tx: &mut ChangeTx<'_>,
    event: &ReceivedEvent,
) -> Result<()> {
    let changed: Changed = event.data()?;
    if changed.status == RELEASE_FAILED {
        let (customer_id, id) = (changed.customer_id, changed.id);
        let metric = Metric::ProviderFailures;
        alertrulehandler::notice(tx, customer_id, metric, id, RELEASE_FAILED).await?;
    }
    let status = CampaignStatus::read(&changed.campaign_status);
    let decision = Decision {
        customer_id: changed.customer_id,
        may_send: status.may_send(&changed.number),
        number: changed.number,
        reason: registration(),
        is_last: false,
    };
    let now = tx.now();
    tx.schedule(CAMPAIGN, changed.id, now, &decision).await
}

/// Opens or blocks some conversations, and goes on while there are more.
pub(crate) async fn decided(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let mut decision: Decision = timer.payload()?;
    let Decision {
        customer_id,
        number,
        may_send,
        reason,
        is_last,
    } = &decision;
    let (is_last, reason) = (*is_last, *reason);
    let wanted = Blocked {
        reason,
        number,
        is_blocked: *may_send,
    };
    let ids = conversations::open_of(tx, *customer_id, wanted, BATCH).await?;
    let count = ids.len();
    for id in ids {
        if let Some(mut conversation) = tx.lock::<Conversation>(id).await? {
            follow(tx, &mut conversation, reason, *may_send).await?;
        }
    }
    if count >= usize::try_from(BATCH).unwrap_or(usize::MAX) {
        let now = tx.now();
        return tx.schedule(CAMPAIGN, timer.entity_id, now, &decision).await;
    }
    if is_last {
        return Ok(());
    }
    decision.is_last = true;
    let at = tx.now().plus(REMEMBERED);
    tx.schedule(CAMPAIGN, timer.entity_id, at, &decision).await
}

async fn follow(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    reason: BlockReason,
    may_send: bool,
) -> Result<()> {
    if conversation.is_closed() {
        return Ok(());
    }
    if !may_send {
        if conversation.block(reason) {
            change::cancel_timers(tx, conversation).await?;
        }
        return change::save(tx, conversation).await;
    }
    conversation.lift(reason);
    conversation.settle();
    if conversation.is_unanswered() && conversation.is_assistants() {
        let now = tx.now();
        let is_of_late = conversation
            .tm_inbound
            .is_some_and(|at| now < at.plus(LATELY));
        if is_of_late {
            timers::open_window(tx, conversation, DELAY).await?;
        } else {
            conversation.needs_human = true;
        }
    }
    change::save(tx, conversation).await
}
