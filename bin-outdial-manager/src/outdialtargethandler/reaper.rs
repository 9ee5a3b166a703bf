//! Targets whose caller never came back.

use std::time::Duration;

use bin_common_handler::{context::RequestContext, models::error::Result};
use tracing::{info, warn};
use uuid::Uuid;

use super::{OutdialTargetHandler, lock};
use crate::{
    dbhandler::target::{LockedTarget, stuck},
    models::outdialtarget::TargetStatus,
};

impl OutdialTargetHandler {
    /// Returns every target that has been progressing for longer than `timeout` to idle.
    pub(crate) async fn reap(&self, timeout: Duration) {
        let result = async {
            let mut reaped = 0;
            for id in stuck(&self.store.db, timeout).await? {
                match self.reap_one(id, timeout).await {
                    Ok(was_stuck) => reaped += usize::from(was_stuck),
                    // The others are no worse for it; it is looked at again with the next round.
                    Err(error) => warn!(%error, %id, "a stuck target was not freed"),
                }
            }
            Ok::<_, bin_common_handler::models::error::Error>(reaped)
        };
        match result.await {
            Ok(0) => {}
            Ok(reaped) => info!(
                reaped,
                "targets were progressing for too long and are idle again"
            ),
            Err(error) => warn!(%error, "reaper failed, will try again"),
        }
    }

    /// Whether it was still stuck when it was looked at again, under its lock.
    async fn reap_one(&self, id: Uuid, timeout: Duration) -> Result<bool> {
        let ctx = RequestContext::internal();
        let mut tx = self.store.begin(&ctx).await?;

        let (
            LockedTarget {
                mut target, now, ..
            },
            outdial,
        ) = lock(&mut tx, &ctx, id).await?;
        let is_stuck = target.status == TargetStatus::Progressing
            && target.tm_delete.is_none()
            // Whoever has been called for who knows how long may still be on the phone.
            && !target.tm_update.is_unset()
            && target.tm_update < now.minus(timeout);
        if is_stuck {
            target.status = TargetStatus::Idle;
            self.finish(&mut tx, &mut target, &outdial, true).await?;
        }
        tx.commit(is_stuck).await
    }
}
