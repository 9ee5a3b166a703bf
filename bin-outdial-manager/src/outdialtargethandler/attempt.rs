//! Calling a target: an attempt begins with `progressing` and ends with any other status.

use std::collections::BTreeSet;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::error::{Error, Result},
};
use uuid::Uuid;

use super::{OutdialTargetHandler, law, lock};
use crate::{
    dbhandler::{
        call,
        target::{LockedTarget, note_refusal, swallow, update},
        turns,
    },
    models::{
        outdial::Outdial,
        outdialtarget::{self, Destination, OutdialTarget, TargetStatus},
        outdialtargetcall::{CallStatus, OutdialTargetCall, ReferenceType},
    },
};

impl OutdialTargetHandler {
    /// Begins an attempt at the destination `index`. A target that somebody else is calling is refused,
    /// and the refusal is remembered (see [`super::guard`]).
    pub(crate) async fn progress(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        index: usize,
    ) -> Result<OutdialTarget> {
        let mut tx = self.store.begin(ctx).await?;

        let (LockedTarget { mut target, .. }, outdial) = lock(&mut tx, ctx, id).await?;
        check_destination(&mut target, index)?;
        match (target.tm_delete, target.status) {
            (Some(_), _) => return Err(not_callable("deleted")),
            // Whoever was reached must not be called again for the `idle` of one who came too late.
            (None, status @ (TargetStatus::Progressing | TargetStatus::Done))
                if !self.guard.is_zero() =>
            {
                note_refusal(&mut tx, id, self.guard, ctx.caller.as_deref()).await?;
                return tx.commit_refusal(not_callable(status.as_str())).await;
            }
            (None, TargetStatus::Done) => return Err(not_callable("done")),
            (None, TargetStatus::Other(_)) => {
                return Err(not_callable("in a state that is not known here"));
            }
            (None, TargetStatus::Progressing | TargetStatus::Idle) => {}
        }
        self.begin(&mut tx, ctx, &mut target, &outdial, index)
            .await?;
        tx.commit(target).await
    }

    async fn begin(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        target: &mut OutdialTarget,
        outdial: &Outdial,
        index: usize,
    ) -> Result<()> {
        let now = tx.next_version(target.tm_update);
        target.status = TargetStatus::Progressing;
        target.tm_update = now;
        let Some((destination, tries)) = target.destination(index) else {
            return Err(no_such_index());
        };
        *tries = tries.saturating_add(1);
        let attempt = OutdialTargetCall {
            destination: destination.clone(),
            try_count: *tries,
            id: ids::next(),
            customer_id: outdial.customer_id,
            campaign_id: outdial.campaign_id,
            outdial_id: outdial.id,
            outdial_target_id: target.id,
            activeflow_id: Uuid::nil(),
            reference_type: ReferenceType::None,
            reference_id: Uuid::nil(),
            status: CallStatus::Progressing,
            destination_index: i32::try_from(index).unwrap_or_default(),
            tm_create: now,
            tm_update: now,
            tm_delete: None,
        };
        // An earlier attempt may be open when the guard is off.
        call::close(tx, target.id, now).await?;
        tx.insert(&attempt).await?;
        if self.law.is_some() {
            take_turn(tx, &attempt).await?;
            // The law counts calls by number.
            tx.emit(law::ATTEMPTED, &attempt, outdial.customer_id)
                .await?;
        }
        update(tx, target, ctx.caller.as_deref()).await?;
        self.emit(
            tx,
            outdialtarget::UPDATED,
            std::slice::from_ref(target),
            outdial,
        )
        .await
    }

    /// Sets the status. An `idle` of a caller who was refused is answered as if it had worked.
    pub(crate) async fn set_status(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        status: TargetStatus,
    ) -> Result<OutdialTarget> {
        let mut tx = self.store.begin(ctx).await?;

        let (
            LockedTarget {
                mut target,
                refusals,
                now,
            },
            outdial,
        ) = lock(&mut tx, ctx, id).await?;
        if target.tm_delete.is_some() {
            return Err(super::not_found());
        }
        if status == TargetStatus::Idle && refusals.swallows(ctx.caller.as_deref(), now) {
            swallow(&mut tx, id).await?;
            return tx.commit(target).await;
        }
        let ends_attempt =
            target.status == TargetStatus::Progressing && status != TargetStatus::Progressing;
        target.status = status;
        self.finish(&mut tx, &mut target, &outdial, ends_attempt)
            .await?;
        tx.commit(target).await
    }

    /// Writes a new status and, when it ends an attempt, closes the attempt.
    pub(super) async fn finish(
        &self,
        tx: &mut ChangeTx<'_>,
        target: &mut OutdialTarget,
        outdial: &Outdial,
        ends_attempt: bool,
    ) -> Result<()> {
        target.tm_update = tx.next_version(target.tm_update);
        if ends_attempt {
            call::close(tx, target.id, target.tm_update).await?;
        }
        self.write(tx, outdialtarget::UPDATED, target, outdial)
            .await
    }
}

/// Counts the call of a number, and keeps the number for its target until the call is over.
async fn take_turn(tx: &mut ChangeTx<'_>, attempt: &OutdialTargetCall) -> Result<()> {
    let address = attempt.destination.0.as_ref();
    let Some(number) = address.and_then(|address| address.dialled().number()) else {
        return Ok(());
    };
    let (customer_id, target_id) = (attempt.customer_id, attempt.outdial_target_id);
    let number = number.as_str();
    let locked = turns::lock(tx.sql(), customer_id, &BTreeSet::from([number])).await?;
    let turn = locked.get(number).cloned().unwrap_or_default();
    if turn.is_anothers(target_id) {
        return Err(not_callable("of a number that another target dials"));
    }
    let now = attempt.tm_create;
    turns::begin(tx.sql(), customer_id, target_id, number, &turn, now).await
}

fn check_destination(target: &mut OutdialTarget, index: usize) -> Result<()> {
    let (destination, _): (&mut Destination, _) =
        target.destination(index).ok_or_else(no_such_index)?;
    if destination.0.is_some() {
        return Ok(());
    }
    Err(Error::invalid_argument(
        "NO_DESTINATION",
        format!("The target has no destination_{index}."),
    ))
}

fn no_such_index() -> Error {
    Error::invalid_argument(
        "INVALID_DESTINATION_INDEX",
        "destination_index must be from 0 to 4.",
    )
}

fn not_callable(state: &str) -> Error {
    Error::failed_precondition(
        "OUTDIALTARGET_NOT_CALLABLE",
        format!("The target is {state}."),
    )
}
