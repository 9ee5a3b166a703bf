//! Handing targets out: each to one caller at a time.

use bin_common_handler::{context::RequestContext, models::error::Result};
use uuid::Uuid;

use super::OutdialTargetHandler;
use crate::{
    dbhandler::available::{self, Limits},
    models::outdialtarget::{AvailableBody, OutdialTarget},
};

impl OutdialTargetHandler {
    /// Live idle targets of a live outdial with at least one destination whose own count is under its own
    /// limit, least recently updated first. Each is leased: nobody else gets it until the lease ends or its
    /// status changes.
    pub(crate) async fn available(
        &self,
        ctx: &RequestContext,
        outdial_id: Uuid,
        wanted: AvailableBody,
    ) -> Result<Vec<OutdialTarget>> {
        let outdial = self.outdials.get(ctx, outdial_id).await?;
        let limits = Limits::from(wanted);
        let wants_none = ctx.is_service && wanted.limit.unwrap_or_default() == 0;
        if outdial.tm_delete.is_some() || wants_none || limits.admit_nothing() {
            return Ok(Vec::new());
        }
        if let Some(law) = &self.law {
            let looks = self.lease.is_zero() || wanted.lease == Some(0);
            return self.lawful(ctx, law, &outdial, &limits, looks).await;
        }
        if self.lease.is_zero() || wanted.lease == Some(0) {
            return available::look(&self.store.db, outdial.id, &limits).await;
        }
        available::forget_old_leases(&self.store.db, outdial.id).await?;
        let mut tx = self.store.begin(ctx).await?;
        let taken = available::claim(tx.sql(), outdial.id, &limits, self.lease).await?;
        // An empty answer too: another delivery of the same request may have been given targets.
        tx.commit(taken).await
    }
}
