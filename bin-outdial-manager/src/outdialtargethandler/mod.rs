//! The rules of targets: made, handed out, called, finished.

mod attempt;
mod claim;
mod create;
pub(crate) mod law;
mod lawful;
mod reaper;
#[cfg(test)]
mod simulation;

use std::{collections::BTreeSet, time::Duration};

use bin_common_handler::{
    config::{Config, Setting},
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery, Store},
    models::{
        error::{Error, Result},
        page::{Filters, Page},
    },
    quota::{self, Quota},
};
use uuid::Uuid;

use crate::{
    dbhandler::{target::LockedTarget, turns},
    models::{
        outdial::Outdial,
        outdialtarget::{self, OutdialTarget, TargetStatus},
        outdialtargetcall::OutdialTargetCall,
    },
    outdialhandler::{OutdialHandler, page_for},
    settings,
};

/// The setting that limits them.
pub(crate) const LIMIT: Setting<u64> = quota::setting(
    "TARGETS_PER_CUSTOMER",
    "5000000",
    "Live targets of its live outdials that one customer may have; 0 = no limit",
);
/// Each outdial's live targets stand together in an index.
const LIVE: &str = "outdial_outdials AS o CROSS JOIN outdial_outdialtargets AS t \
                    WHERE o.customer_id = ? AND o.tm_delete IS NULL AND t.outdial_id = o.id AND t.tm_delete IS NULL";

/// Creates, hands out, changes and deletes targets.
#[derive(Debug, Clone)]
pub(crate) struct OutdialTargetHandler {
    store: Store,
    outdials: OutdialHandler,
    quota: Quota,
    lease: Duration,
    guard: Duration,
    validates: bool,
    announces: bool,
    /// Asked before a target is handed out, where the operator wants it.
    law: Option<law::Law>,
}

impl OutdialTargetHandler {
    pub(crate) fn new(store: Store, outdials: OutdialHandler, config: &Config) -> Self {
        Self {
            store,
            outdials,
            quota: Quota::new("TARGETS", &LIMIT, LIVE, config),
            lease: config.get(&settings::LEASE),
            guard: config.get(&settings::GUARD),
            validates: config.get(&settings::VALIDATES),
            announces: config.get(&settings::ANNOUNCES),
            law: None,
        }
    }

    /// Where targets are.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Says that a target is gone, where such things are said.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn announce_deleted(
        &self,
        tx: &mut ChangeTx<'_>,
        target: &OutdialTarget,
        customer_id: Uuid,
    ) -> Result<()> {
        if !self.announces {
            return Ok(());
        }
        let targets = std::slice::from_ref(target);
        tx.announce_all(outdialtarget::DELETED, targets, customer_id)
            .await
    }

    /// The same, handing out only what the law allows.
    pub(crate) fn within(self, law: law::Law) -> Self {
        Self {
            law: Some(law),
            ..self
        }
    }

    /// A target, live or deleted, of an outdial that the caller may see.
    pub(crate) async fn get(&self, ctx: &RequestContext, id: Uuid) -> Result<OutdialTarget> {
        let target = self
            .store
            .get::<OutdialTarget>(id)
            .await?
            .ok_or_else(not_found)?;
        if ctx.scope.customer_id().is_some() {
            self.outdials
                .get(ctx, target.outdial_id)
                .await
                .map_err(hide)?;
        }
        Ok(target)
    }

    pub(crate) async fn list(
        &self,
        ctx: &RequestContext,
        outdial_id: Uuid,
        page: Page,
        filters: &Filters,
    ) -> Result<Vec<OutdialTarget>> {
        let outdial = self.outdials.get(ctx, outdial_id).await?;
        let query = ListQuery::new(filters, page_for(ctx, page)).matching("outdial_id", outdial.id);
        self.store
            .db
            .list(&query, |target: &OutdialTarget| target.tm_create)
            .await
    }

    pub(crate) async fn list_calls(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        page: Page,
        filters: &Filters,
    ) -> Result<Vec<OutdialTargetCall>> {
        let target = self.get(ctx, id).await?;
        let query =
            ListQuery::new(filters, page_for(ctx, page)).matching("outdial_target_id", target.id);
        self.store
            .db
            .list(&query, |call: &OutdialTargetCall| call.tm_create)
            .await
    }

    /// Deleting what is deleted changes nothing.
    pub(crate) async fn delete(&self, ctx: &RequestContext, id: Uuid) -> Result<OutdialTarget> {
        let mut tx = self.store.begin(ctx).await?;

        let (LockedTarget { mut target, .. }, outdial) = lock(&mut tx, ctx, id).await?;
        if target.tm_delete.is_some() {
            return tx.commit(target).await;
        }
        target.tm_update = tx.next_version(target.tm_update);
        target.tm_delete = Some(target.tm_update);
        self.write(&mut tx, outdialtarget::DELETED, &target, &outdial)
            .await?;
        tx.commit(target).await
    }

    /// Writes a locked target, gives its lease back, and says what happened.
    async fn write(
        &self,
        tx: &mut ChangeTx<'_>,
        event: &str,
        target: &OutdialTarget,
        outdial: &Outdial,
    ) -> Result<()> {
        crate::dbhandler::target::update(tx, target, None).await?;
        let is_over = target.status != TargetStatus::Progressing || target.tm_delete.is_some();
        if is_over && self.law.is_some() {
            let numbers = dialled_numbers(target);
            turns::end(tx.sql(), outdial.customer_id, target.id, &numbers).await?;
        }
        self.emit(tx, event, std::slice::from_ref(target), outdial)
            .await
    }

    async fn emit(
        &self,
        tx: &mut ChangeTx<'_>,
        event: &str,
        targets: &[OutdialTarget],
        outdial: &Outdial,
    ) -> Result<()> {
        if self.announces {
            tx.announce_all(event, targets, outdial.customer_id).await
        } else {
            Ok(())
        }
    }
}

/// Holds a target until the end of the transaction; its outdial says whom it belongs to.
async fn lock(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    id: Uuid,
) -> Result<(LockedTarget, Outdial)> {
    let locked = crate::dbhandler::target::lock(tx, id)
        .await?
        .ok_or_else(not_found)?;
    let outdial = tx.get::<Outdial>(locked.target.outdial_id).await?;
    // A target without an outdial is nobody's, and in a trusted service's hands all the same.
    let outdial = outdial.unwrap_or_default();
    if !ctx.scope.allows(outdial.customer_id) {
        return Err(not_found());
    }
    Ok((locked, outdial))
}

/// The numbers that any of a target's destinations dials.
fn dialled_numbers(target: &OutdialTarget) -> BTreeSet<String> {
    let destinations = target.destinations().into_iter();
    let addresses = destinations.filter_map(|(destination, _)| destination.0.as_ref());
    let numbers = addresses.filter_map(|address| address.dialled().number());
    numbers.map(|number| number.as_str().to_owned()).collect()
}

/// A target of a foreign outdial is answered as an unknown target.
fn hide(error: Error) -> Error {
    if error.status().code() == 404 {
        not_found()
    } else {
        error
    }
}

fn not_found() -> Error {
    Error::not_found("OUTDIAL_TARGET_NOT_FOUND", "The target was not found.")
}
