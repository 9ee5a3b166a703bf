//! The rules of tags.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    resource::{self, ResourceHooks},
    sockhandler::ReceivedEvent,
    timerhandler::Timer,
};
use uuid::Uuid;

use crate::{dbhandler, models::Tag};

/// The timers: one deletes a tag, one the tags of an outdial.
pub(crate) const EXPIRE: &str = "tag_expire";
pub(crate) const SWEEP: &str = "tag_sweep";

/// Creates, reads, changes and deletes tags.
#[derive(Clone)]
pub(crate) struct TagHandler(pub(crate) Store);

impl ResourceHooks<Tag> for TagHandler {
    fn store(&self) -> &Store {
        &self.0
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        _: Option<&Tag>,
        after: &mut Tag,
    ) -> Result<()> {
        match after.expires_at.filter(|_| after.tm_delete.is_none()) {
            Some(at) => tx.schedule(EXPIRE, after.id, at, &()).await,
            None => tx.cancel(EXPIRE, after.id).await.map(drop),
        }
    }
}

pub(crate) async fn expire(tags: TagHandler, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    remove(&tags, tx, timer.entity_id).await
}

/// What we want to know of an outdial.
#[derive(serde::Deserialize)]
struct Outdial {
    id: Uuid,
}

/// The tags of an outdial go with it, some at a time.
pub(crate) async fn sweep_soon(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let (outdial, now): (Outdial, _) = (event.data()?, tx.now());
    tx.schedule(SWEEP, outdial.id, now, &()).await
}

pub(crate) async fn sweep(tags: TagHandler, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let (found, now) = (dbhandler::live_of(tx, timer.entity_id).await?, tx.now());
    for id in &found {
        remove(&tags, tx, *id).await?;
    }
    if found.is_empty() {
        return Ok(());
    }
    tx.schedule(SWEEP, timer.entity_id, now, &()).await
}

async fn remove(tags: &TagHandler, tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
    let found = tx.lock::<Tag>(id).await?;
    if let Some(tag) = found.filter(|tag| tag.tm_delete.is_none()) {
        resource::soft_delete(tags, tx, &RequestContext::internal(), &tag).await?;
    }
    Ok(())
}
