//! Buys numbers and gives them back: durable, tried again, and outside any transaction.
//!
//! A timer's handler sets its own next try and hands the number to a job, which asks the provider. What a try that was
//! broken off has bought is found by the next one, and not bought twice.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    daemon::{ManagerContext, StartError},
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
    resource::Resource,
    timerhandler::Timer,
};
use tokio::sync::mpsc;
use tracing::warn;
use uuid::Uuid;

use super::{
    orphaned::{self, ORPHANED},
    registered::{self, REGISTER},
};
use crate::{
    app::App,
    carriers::{CarrierFault, reason},
    dbhandler::phonenumbers,
    models::{
        phonenumber::{NumberStatus, PhoneNumber},
        provider::Provider,
    },
};

/// The timer of a number that is to be bought.
pub(super) const PURCHASE: &str = "phone_number_purchase";
/// The timer of a number that is to be given back.
pub(super) const RELEASE: &str = "phone_number_release";
/// Tries, the first included: about two hours.
const TRIES_MAX: u32 = 8;
/// The pause after the first try; it doubles. Longer than the carrier's answers may take.
const PAUSE: Duration = Duration::from_secs(60);
/// Numbers that wait for the job; what has no room is tried again later.
const WAITING_MAX: usize = 64;

/// Numbers that are handed to the job, and what for.
pub(super) type Waiting = mpsc::Sender<(&'static str, Uuid)>;

/// Names the handlers, and starts the job.
pub(crate) fn start_jobs(app: &App, ctx: &ManagerContext) -> std::result::Result<(), StartError> {
    let (due, mut waiting) = mpsc::channel(WAITING_MAX);
    ctx.timers
        .on_with(PURCHASE, (app.clone(), due.clone()), purchase_due);
    ctx.timers
        .on_with(RELEASE, (app.clone(), due.clone()), release_due);
    ctx.timers
        .on_with(REGISTER, (app.clone(), due), registered::due);
    ctx.timers.on_with(ORPHANED, app.clone(), orphaned::due);
    let app = app.clone();
    ctx.tasks.spawn("phone numbers", |stop| async move {
        while let Some(Some((kind, id))) = stop.run_until_cancelled(waiting.recv()).await {
            let done = match kind {
                PURCHASE => purchase(&app, id).await,
                REGISTER => registered::look(&app, id).await,
                _ => release(&app, id).await,
            };
            if let Err(error) = done {
                warn!(kind, %error, "a number waits for its next try");
            }
        }
        stop.cancelled().await;
    });
    Ok(())
}

async fn purchase_due((_, due): (App, Waiting), tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    if again(tx, &timer).await? {
        // Full: the next try is set already.
        tx.after_commit(move || {
            let _ = due.try_send((PURCHASE, timer.entity_id));
        });
        return Ok(());
    }
    give_up(tx, timer.entity_id, "the provider was away for hours").await
}

async fn release_due((_, due): (App, Waiting), tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    if again(tx, &timer).await? {
        tx.after_commit(move || {
            let _ = due.try_send((RELEASE, timer.entity_id));
        });
        return Ok(());
    }
    give_up(
        tx,
        timer.entity_id,
        "it was not given back: the provider was away",
    )
    .await
}

/// Sets the next try; false when there were enough.
async fn again(tx: &mut ChangeTx<'_>, timer: &Timer) -> Result<bool> {
    let tried: u32 = timer.payload()?;
    if tried >= TRIES_MAX {
        return Ok(false);
    }
    let next = tx.now().plus(PAUSE * 2_u32.pow(tried));
    tx.schedule(&timer.kind, timer.entity_id, next, &(tried + 1))
        .await?;
    Ok(true)
}

async fn give_up(tx: &mut ChangeTx<'_>, id: Uuid, failure: &str) -> Result<()> {
    let Some(before) = tx.lock::<PhoneNumber>(id).await? else {
        return Ok(());
    };
    let mut after = before.clone();
    failure.clone_into(&mut after.failure);
    after.status = match before.status {
        NumberStatus::Purchasing => NumberStatus::Failed,
        NumberStatus::Releasing => NumberStatus::ReleaseFailed,
        other => other,
    };
    write(tx, before.tm_update, after).await
}

/// Writes a locked number in its new form, with its event.
pub(super) async fn write(
    tx: &mut ChangeTx<'_>,
    version: Timestamp,
    mut after: PhoneNumber,
) -> Result<()> {
    after.tm_update = tx.next_version(version);
    tx.update(&after).await?;
    let kind = format!("{}_updated", PhoneNumber::NAME);
    tx.emit(&kind, &after, after.customer_id).await
}

async fn purchase(app: &App, id: Uuid) -> Result<()> {
    let Some((row, provider)) = carried(app, id, NumberStatus::Purchasing).await? else {
        return Ok(());
    };
    let hooks = app.carriers.hooks()?;
    match app.carriers.buy(&provider, &row, &hooks).await {
        Ok(owned) => {
            ended(app, &row, PURCHASE, |after| {
                after.status = NumberStatus::Active;
                after.provider_number_id = owned.sid;
                after.failure.clear();
            })
            .await
        }
        Err(CarrierFault::Refused(refusal)) => {
            ended(app, &row, PURCHASE, |after| {
                after.status = NumberStatus::Failed;
                after.failure = reason(refusal);
            })
            .await
        }
        Err(CarrierFault::Away(error)) => Err(error),
    }
}

async fn release(app: &App, id: Uuid) -> Result<()> {
    let Some((row, provider)) = carried(app, id, NumberStatus::Releasing).await? else {
        return Ok(());
    };
    if !is_anew(app, &row, &provider).await? {
        match app.carriers.release(&provider, &row.number).await {
            Ok(()) => {}
            Err(CarrierFault::Refused(refusal)) => {
                let failure = reason(refusal);
                return ended(app, &row, RELEASE, |after| {
                    after.status = NumberStatus::ReleaseFailed;
                    after.failure = failure;
                })
                .await;
            }
            Err(CarrierFault::Away(error)) => return Err(error),
        }
    }
    ended(app, &row, RELEASE, |after| {
        after.status = NumberStatus::Released;
        after.failure.clear();
    })
    .await
}

/// Whether the account has the number for somebody again: then it is theirs to give back. That somebody names it who has
/// another account proves nothing, and holds nothing up.
async fn is_anew(app: &App, row: &PhoneNumber, provider: &Provider) -> Result<bool> {
    let found = phonenumbers::live(&app.store.db, &row.number, None).await?;
    let Some(live) = found else {
        return Ok(false);
    };
    let theirs = app.store.get::<Provider>(live.provider_id).await?;
    let account = |of: &Provider| (of.r#type, of.account_id.clone());
    Ok(theirs.is_some_and(|theirs| account(&theirs) == account(provider)))
}

/// A number that is still to be worked on, with its provider.
async fn carried(
    app: &App,
    id: Uuid,
    status: NumberStatus,
) -> Result<Option<(PhoneNumber, Provider)>> {
    let row = app.store.get::<PhoneNumber>(id).await?;
    let Some(row) = row.filter(|row| row.status == status) else {
        return Ok(None);
    };
    let provider = app.store.get::<Provider>(row.provider_id).await?;
    Ok(provider.map(|provider| (row, provider)))
}

/// Writes what came of it, unless the number was changed so that it is another matter now.
async fn ended(
    app: &App,
    seen: &PhoneNumber,
    kind: &str,
    change: impl FnOnce(&mut PhoneNumber),
) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    if let Some(before) = tx.lock::<PhoneNumber>(seen.id).await?
        && before.status == seen.status
        && tx.cancel(kind, seen.id).await?
    {
        let mut after = before.clone();
        change(&mut after);
        let (customer_id, status) = (after.customer_id, after.status);
        write(&mut tx, before.tm_update, after).await?;
        if status == NumberStatus::Released {
            orphaned::given_back(&mut tx, customer_id).await?;
        }
    }
    tx.commit(()).await
}
