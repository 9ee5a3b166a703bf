//! The rules of notes.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::{
    config::Setting,
    context::{Operation, RequestContext},
    daemon::{ManagerContext, StartError},
    databasehandler::{ChangeTx, Store},
    listenhandler::Raw,
    models::{
        error::{Error, Result},
        money::Money,
        time::Timestamp,
    },
    quota::{self, Quota},
    redact::Secret,
    requesthandler::RpcClient,
    resource::{self, ResourceHooks},
    sealer::Sealer,
    sockhandler::ReceivedEvent,
    timerhandler::Timer,
};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    dbhandler::{self, SWEEP_MAX},
    models::{Note, NotePatch},
};

/// The timer that makes a note due.
pub(crate) const REMIND: &str = "note_remind";
/// The timer that calls the URL of a due note.
pub(crate) const CALL: &str = "note_call";
/// The timer that goes on deleting the notes about an outdial.
pub(crate) const SWEEP: &str = "note_sweep";

pub(crate) const LIMIT: Setting<u64> = quota::setting(
    "NOTES_PER_CUSTOMER",
    "100000",
    "Live notes that one customer may have; 0 = no limit",
);
const LIVE: &str = "note_notes WHERE customer_id = ? AND tm_delete IS NULL";

/// Creates, reads, changes and deletes notes.
#[derive(Clone)]
pub(crate) struct NoteHandler {
    pub(crate) store: Store,
    quota: Quota,
    rpc: RpcClient,
    sealer: Arc<Sealer>,
}

impl NoteHandler {
    pub(crate) fn new(ctx: &ManagerContext) -> std::result::Result<Self, StartError> {
        Ok(Self {
            store: ctx.store.clone(),
            quota: Quota::new("NOTES", &LIMIT, LIVE, &ctx.config),
            rpc: ctx.rpc.clone(),
            sealer: ctx.sealer()?,
        })
    }

    pub(crate) async fn fee(&self, ctx: &RequestContext, id: Uuid) -> Result<Money> {
        resource::get::<Note, _>(self, ctx, id).await?.fee()
    }

    /// Counts a webhook whose signature is right, once however often it comes. A stranger learns nothing of which notes
    /// exist.
    pub(crate) async fn receive(&self, ctx: &RequestContext, id: Uuid, raw: &Raw) -> Result<()> {
        let refused = || Error::permission_denied("BAD_SIGNATURE", "The signature is not right.");
        let note = self.store.get::<Note>(id).await?.ok_or_else(refused)?;
        if note.secret.is_empty() || note.tm_delete.is_some() {
            return Err(refused());
        }
        let secret = self.sealer.open(&note.secret, &note.secret_place())?;
        let signature = raw.header("x-signature").unwrap_or_default();
        if !is_signed(&secret, raw.body(), signature) {
            return Err(refused());
        }
        // Senders repeat what they are not sure of. The body names the effect: it has the sender's own id.
        let operation = Operation::once(note.customer_id, &[id.as_bytes(), raw.body()]);
        if let Some(reply) = self.store.inbox.find(&operation).await? {
            return Err(Error::replay(reply));
        }
        let own = RequestContext {
            operation: Some(operation),
            ..ctx.clone()
        };
        let mut tx = self.store.begin(&own).await?;
        let before = resource::lock_live::<Note>(&mut tx, &own, id).await?;
        let mut after = before.clone();
        after.inbound_count = before.inbound_count.saturating_add(1);
        write(&mut tx, &before, after, "note_received").await?;
        tx.commit(()).await
    }

    /// A new secret is sealed before it is written.
    fn seal(&self, before: Option<&Note>, after: &mut Note) -> Result<()> {
        let is_new = before.is_none_or(|before| before.secret != after.secret);
        if is_new && !after.secret.is_empty() {
            let secret = Secret::new(std::mem::take(&mut after.secret));
            after.secret = self.sealer.seal(&secret, &after.secret_place())?;
        }
        Ok(())
    }
}

impl ResourceHooks<Note> for NoteHandler {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(&self.quota)
    }

    /// The outdial must exist: its manager is asked, and its 404 stays a 404.
    async fn before_begin(
        &self,
        ctx: &RequestContext,
        _: Option<Uuid>,
        patch: &NotePatch,
    ) -> Result<()> {
        let outdial_id = resource::patched(&Note::default(), patch).outdial_id;
        ensure_outdial(&self.rpc, ctx, outdial_id).await
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&Note>,
        after: &mut Note,
    ) -> Result<()> {
        self.seal(before, after)?;
        let is_moved = before.is_none_or(|before| before.remind_at != after.remind_at);
        let is_over = after.tm_delete.is_some() || after.remind_at.is_none();
        match after.remind_at {
            Some(at) if is_moved && !is_over => {
                after.tm_due = None;
                after.tm_called = None;
                tx.schedule(REMIND, after.id, at, &()).await?;
                tx.cancel(CALL, after.id).await?;
            }
            _ if is_over && before.is_some() => {
                tx.cancel(REMIND, after.id).await?;
                tx.cancel(CALL, after.id).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The outdial of this id exists, as far as the caller may see; nil is none.
async fn ensure_outdial(rpc: &RpcClient, ctx: &RequestContext, id: Uuid) -> Result<()> {
    if id.is_nil() {
        return Ok(());
    }
    let uri = format!("/v1/outdials/{id}");
    let outdial: Outdial = rpc.get("outdial-manager", &uri, ctx).await?;
    if outdial.tm_delete.is_some() {
        return Err(Error::not_found(
            "OUTDIAL_NOT_FOUND",
            "The outdial was not found.",
        ));
    }
    Ok(())
}

/// What we want to know of an outdial.
#[derive(Deserialize)]
struct Outdial {
    id: Uuid,
    customer_id: Uuid,
    tm_delete: Option<Timestamp>,
}

/// Base64 of HMAC-SHA256 over the body; compared in constant time.
fn is_signed(secret: &Secret, body: &[u8], signature: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(body);
    BASE64
        .decode(signature)
        .is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
}

/// Writes a locked note in its new form, with one event.
pub(crate) async fn write(
    tx: &mut ChangeTx<'_>,
    before: &Note,
    mut after: Note,
    kind: &str,
) -> Result<()> {
    after.tm_update = tx.next_version(before.tm_update);
    tx.update(&after).await?;
    tx.emit(kind, &after, after.customer_id).await
}

/// The note is due. The call is a timer of its own, so that a failing one does not undo this.
pub(crate) async fn remind(_: NoteHandler, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(before) = tx.lock::<Note>(timer.entity_id).await? else {
        return Ok(());
    };
    let mut after = before.clone();
    after.tm_due = Some(tx.now());
    if !after.url.is_empty() {
        let now = tx.now();
        tx.schedule(CALL, after.id, now, &0_u32).await?;
    }
    write(tx, &before, after, "note_due").await
}

/// The notes about a deleted outdial go with it.
pub(crate) async fn outdial_deleted(
    notes: NoteHandler,
    tx: &mut ChangeTx<'_>,
    event: &ReceivedEvent,
) -> Result<()> {
    let outdial: Outdial = event.data()?;
    sweep(&notes, tx, outdial.customer_id, outdial.id).await
}

/// Goes on where a transaction would have become too large.
pub(crate) async fn sweep_on(
    notes: NoteHandler,
    tx: &mut ChangeTx<'_>,
    timer: Timer,
) -> Result<()> {
    let customer_id: Uuid = timer.payload()?;
    sweep(&notes, tx, customer_id, timer.entity_id).await
}

async fn sweep(
    notes: &NoteHandler,
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    outdial_id: Uuid,
) -> Result<()> {
    let found = dbhandler::live_about(tx, customer_id, outdial_id).await?;
    let ctx = tx.context().clone();
    for id in &found {
        if let Some(note) = tx
            .lock::<Note>(*id)
            .await?
            .filter(|note| note.tm_delete.is_none())
        {
            resource::soft_delete(notes, tx, &ctx, &note).await?;
        }
    }
    if found.len() == SWEEP_MAX {
        let now = tx.now();
        tx.schedule(SWEEP, outdial_id, now, &customer_id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bin_common_handler::{models::sock::Response, requesthandler::MockRpc};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn outdial(tm_delete: Value) -> Response {
        let id = Uuid::from_u128(1);
        Response::ok(&json!({ "id": id, "customer_id": id, "tm_delete": tm_delete }))
    }

    fn refused(error: Error) -> Response {
        error.to_response("outdial-manager")
    }

    #[rstest]
    #[case(outdial(Value::Null), None)]
    #[case(outdial(json!("2026-01-01T00:00:00Z")), Some((404, "OUTDIAL_NOT_FOUND")))]
    #[case(refused(Error::not_found("GONE", "No.")), Some((404, "GONE")))]
    #[case(refused(Error::permission_denied("NOT_YOURS", "No.")), Some((403, "NOT_YOURS")))]
    #[tokio::test]
    async fn what_the_outdials_manager_refuses_stays_what_it_was(
        #[case] reply: Response,
        #[case] expected: Option<(u16, &str)>,
    ) {
        let mut rpc = MockRpc::new();
        rpc.expect_send()
            .withf(|service, request, _| {
                service == "outdial-manager" && request.uri.starts_with("/v1/outdials/")
            })
            .times(1)
            .returning(move |_, _, _| Ok(reply.clone()));
        let rpc = RpcClient::new(Arc::new(rpc), "notes-manager");
        let asked = ensure_outdial(&rpc, &RequestContext::internal(), Uuid::from_u128(1)).await;
        let told = asked.err();
        let told = told
            .as_ref()
            .map(|error| (error.status().code(), error.reason()));
        assert_eq!(told, expected);
    }

    // RFC 4231, test case 2.
    #[rstest]
    #[case(
        "what do ya want for nothing?",
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=",
        true
    )]
    #[case(
        "what do ya want for nothing!",
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=",
        false
    )]
    #[case("what do ya want for nothing?", "", false)]
    #[case("what do ya want for nothing?", "no base64", false)]
    fn a_signature_is_hmac_sha_256_in_base64(
        #[case] body: &str,
        #[case] signature: &str,
        #[case] expected: bool,
    ) {
        let secret = Secret::new("Jefe");
        assert_eq!(is_signed(&secret, body.as_bytes(), signature), expected);
    }
}
