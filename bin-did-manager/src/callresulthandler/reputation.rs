//! A number's reputation as its own calls speak for it, published on the number when it moved by enough.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

use crate::{
    dbhandler::performances,
    models::{
        did::{self, Did},
        performance::Performance,
    },
};

/// Ages the figures of late, and publishes the reputation where it is news.
pub(super) async fn follow(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    did_id: Uuid,
    performance: &Performance,
) -> Result<()> {
    let news = performance.news();
    let next = Performance {
        reputation: news.or(performance.reputation),
        ..performance.aged()
    };
    if next == *performance {
        return Ok(());
    }
    performances::update(tx, customer_id, did_id, &next).await?;
    match news {
        Some(score) => publish(tx, did_id, score).await,
        None => Ok(()),
    }
}

/// Writes it on the number, unless it is gone or somebody else judges it. The tenant's version stays: whoever
/// gives numbers out need not read them anew for this.
async fn publish(tx: &mut ChangeTx<'_>, did_id: Uuid, score: i32) -> Result<()> {
    let Some(before) = tx.lock::<Did>(did_id).await? else {
        return Ok(());
    };
    let is_ours = matches!(before.reputation_source.as_str(), "" | did::JUDGED_BY_CALLS);
    if before.tm_delete.is_some() || !is_ours {
        return Ok(());
    }
    let now = tx.next_version(before.tm_update);
    let after = Did {
        reputation: Some(score),
        reputation_source: did::JUDGED_BY_CALLS.to_owned(),
        tm_reputation: Some(now),
        tm_update: now,
        ..before
    };
    tx.update(&after).await?;
    tx.emit("did_updated", &after, after.customer_id).await
}
