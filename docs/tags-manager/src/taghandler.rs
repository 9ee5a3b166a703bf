//! The rules of tags.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    resource::{self, ResourceHooks},
    sockhandler::ReceivedEvent,
    timerhandler::Timer,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::models::Tag;

/// The timer that deletes a tag.
pub(crate) const EXPIRE: &str = "tag_expire";
/// The timer that deletes the tags of an outdial, and how many in one transaction.
pub(crate) const SWEEP: &str = "tag_sweep";
const TAGS_MAX: i64 = 100;

/// Creates, reads, changes and deletes tags.
#[derive(Clone)]
pub(crate) struct TagHandler(pub(crate) Store);

impl ResourceHooks<Tag> for TagHandler {
    fn store(&self) -> &Store {
        &self.0
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.owner(named.unwrap_or_default())
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

/// What we want to know of an outdial, and of its tags.
#[derive(Deserialize, bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

/// The tags of an outdial go with it, some at a time.
pub(crate) async fn outdial_deleted(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let (outdial, now): (Id, _) = (event.data()?, tx.now());
    tx.schedule(SWEEP, outdial.id, now, &()).await
}

pub(crate) async fn sweep(tags: TagHandler, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let sql = "SELECT id FROM tag_tags WHERE outdial_id = ? AND tm_delete IS NULL LIMIT ?";
    let values = vec![timer.entity_id.into(), TAGS_MAX.into()];
    let found: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    for tag in &found {
        remove(&tags, tx, tag.id).await?;
    }
    if found.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    tx.schedule(SWEEP, timer.entity_id, now, &()).await
}

async fn remove(tags: &TagHandler, tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
    let found = tx.lock::<Tag>(id).await?;
    if let Some(tag) = found.filter(|tag| tag.tm_delete.is_none()) {
        resource::soft_delete(tags, tx, &RequestContext::internal(), &tag).await?;
    }
    Ok(())
}
