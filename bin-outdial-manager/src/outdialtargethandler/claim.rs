//! Handing targets out: each to one caller at a time.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    models::error::{Error, Result},
};
use uuid::Uuid;

use super::OutdialTargetHandler;
use crate::{
    dbhandler::available::{self, Limits},
    models::{
        outdial::Outdial,
        outdialtarget::{AvailableBody, OutdialTarget},
    },
};

/// A target is not looked at again for so long, where SQL does not see that its people opted out.
pub(super) const OPTED_OUT_PAUSE: Duration = Duration::from_secs(3_600);
/// Targets that are looked at for such when there is one.
const REACH: u32 = 1_000;
/// How often they are looked for.
const ROUNDS_MAX: u32 = 16;

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
        let looks = self.lease.is_zero() || wanted.lease == Some(0);
        if let Some(law) = &self.law {
            return self.lawful(ctx, law, &outdial, &limits, looks).await;
        }
        if !looks {
            available::forget_old_leases(&self.store.db, outdial.id).await?;
        }
        for _ in 0..ROUNDS_MAX {
            let found = if looks {
                self.seen(&outdial, &limits).await?
            } else {
                self.taken(ctx, &outdial, &limits).await?
            };
            if let Some(found) = found {
                return Ok(found);
            }
            self.pass_over_opted_out(&outdial, &limits).await?;
        }
        Err(Error::unavailable(
            "database",
            "too many people have opted out",
        ))
    }

    /// What is free; nothing where somebody among it opted out.
    async fn seen(&self, outdial: &Outdial, limits: &Limits) -> Result<Option<Vec<OutdialTarget>>> {
        let db = &self.store.db;
        let seen = available::look(db, outdial.id, limits).await?;
        let gone = available::opted_out(db, outdial.customer_id, limits, &seen).await?;
        Ok(gone.is_empty().then_some(seen))
    }

    /// As [`Self::seen`], leased.
    async fn taken(
        &self,
        ctx: &RequestContext,
        outdial: &Outdial,
        limits: &Limits,
    ) -> Result<Option<Vec<OutdialTarget>>> {
        let mut tx = self.store.begin(ctx).await?;

        let taken = available::claim(tx.sql(), outdial.id, limits, self.lease).await?;
        let customer_id = outdial.customer_id;
        let gone = available::opted_out_in(tx.sql(), customer_id, limits, &taken).await?;
        if !gone.is_empty() {
            return Ok(None);
        }
        // An empty answer too: another delivery of the same request may have been given targets.
        tx.commit(taken).await.map(Some)
    }

    /// Puts off whoever opted out and is not seen by SQL, so that others come up.
    async fn pass_over_opted_out(&self, outdial: &Outdial, limits: &Limits) -> Result<()> {
        let (db, reach) = (&self.store.db, limits.of(limits.count().max(REACH)));
        let seen = available::look(db, outdial.id, &reach).await?;
        let gone = available::opted_out(db, outdial.customer_id, &reach, &seen).await?;
        available::put_off(db, &gone, OPTED_OUT_PAUSE).await
    }
}
