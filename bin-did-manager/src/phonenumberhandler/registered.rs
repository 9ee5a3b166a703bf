//! Campaigns of numbers: filed at the carrier, and asked for until the registry has decided. Durable, as purchases are: a
//! timer's handler sets its own next look, and hands the number to the job. What a try that was broken off has filed is found
//! by the next one, and not filed twice.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
    resource,
    timerhandler::Timer,
};
use sqlx::types::Json;
use uuid::Uuid;

use super::carried::{Waiting, write};
use crate::{
    app::App,
    carriers::{Campaign, CarrierFault, Standing, reason},
    models::{
        phonenumber::{CampaignStatus, NumberStatus, PhoneNumber},
        provider::Provider,
        registration::Registration,
    },
};

/// The timer of a campaign that the registry has not decided about.
pub(super) const REGISTER: &str = "phone_number_register";
/// The pause after the first look; it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Looks, the first included: about six weeks.
const LOOKS_MAX: u32 = 170;

/// Files a campaign for a number's texts. What is filed or approved stays as it is.
///
/// # Errors
/// 400 naming the field; 404; 409 `NUMBER_NOT_ACTIVE`, `NO_REGISTRY`.
pub(crate) async fn register(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    wanted: Registration,
) -> Result<PhoneNumber> {
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<PhoneNumber>(&mut tx, ctx, id).await?;
    wanted.check()?;
    ensure_registered(&before)?;
    let is_filed =
        before.campaign_status == CampaignStatus::Pending && before.registration.0.is_some();
    if is_filed || before.campaign_status == CampaignStatus::Approved {
        return tx.commit(before).await;
    }
    let after = PhoneNumber {
        campaign_status: CampaignStatus::Pending,
        campaign_id: String::new(),
        campaign_failure: String::new(),
        registration: Json(Some(wanted)),
        ..before.clone()
    };
    let now = tx.now();
    tx.schedule(REGISTER, id, now, &0_u32).await?;
    let row = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    tx.commit(row).await
}

/// The registry is North America's, and the carrier has to have the number.
fn ensure_registered(number: &PhoneNumber) -> Result<()> {
    if !number.number.starts_with("+1") {
        return Err(Error::failed_precondition(
            "NO_REGISTRY",
            "Only numbers of country code 1 have a registry of campaigns.",
        ));
    }
    if number.status != NumberStatus::Active {
        return Err(Error::failed_precondition(
            "NUMBER_NOT_ACTIVE",
            "The number is not at its provider yet.",
        ));
    }
    Ok(())
}

/// Sets the next look, and hands the number to the job.
pub(super) async fn due(
    (_, due): (App, Waiting),
    tx: &mut ChangeTx<'_>,
    timer: Timer,
) -> Result<()> {
    let looks: u32 = timer.payload()?;
    if looks >= LOOKS_MAX {
        return give_up(tx, timer.entity_id).await;
    }
    let next = tx.now().plus(pause(looks));
    tx.schedule(REGISTER, timer.entity_id, next, &(looks + 1))
        .await?;
    // Full: the next look is set already.
    tx.after_commit(move || {
        let _ = due.try_send((REGISTER, timer.entity_id));
    });
    Ok(())
}

fn pause(looks: u32) -> Duration {
    let doubled = 2_u32.checked_pow(looks).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(doubled).min(PAUSE_MAX)
}

async fn give_up(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
    let Some(before) = tx.lock::<PhoneNumber>(id).await? else {
        return Ok(());
    };
    let mut after = before.clone();
    "the registry did not decide for weeks; ask the carrier"
        .clone_into(&mut after.campaign_failure);
    write(tx, before.tm_update, after).await
}

/// Files a campaign, or looks what became of it.
///
/// # Errors
/// 503; its timer comes back to it.
pub(super) async fn look(app: &App, id: Uuid) -> Result<()> {
    let row = app.store.get::<PhoneNumber>(id).await?;
    let wanted = row.as_ref().and_then(|row| row.registration.0.clone());
    let (Some(row), Some(wanted)) = (row, wanted) else {
        return Ok(());
    };
    if row.campaign_status != CampaignStatus::Pending || row.tm_delete.is_some() {
        return settle(app, &row, true, |_| {}).await;
    }
    let Some(provider) = app.store.get::<Provider>(row.provider_id).await? else {
        return Ok(());
    };
    match filed(app, &row, &provider, &wanted).await {
        Ok(campaign) => follow(app, &row, &campaign).await,
        Err(CarrierFault::Refused(refusal)) => {
            settle(app, &row, true, |after| {
                after.campaign_status = CampaignStatus::Rejected;
                after.campaign_failure = reason(refusal);
            })
            .await
        }
        Err(CarrierFault::Away(error)) => Err(error),
    }
}

/// The campaign of a number as the registry has it, filed where it is not.
async fn filed(
    app: &App,
    row: &PhoneNumber,
    provider: &Provider,
    wanted: &Registration,
) -> std::result::Result<Campaign, CarrierFault> {
    let service = service(app, row, provider).await?;
    if let Some(known) = app.carriers.campaign(provider, &service).await? {
        let is_of_before = known.standing() == Standing::Rejected && known.sid != row.campaign_id;
        if !is_of_before {
            return Ok(known);
        }
        let carriers = &app.carriers;
        carriers.withdraw(provider, &service, &known.sid).await?;
    }
    app.carriers.file(provider, &service, wanted).await
}

/// The messaging service of a number, with the number in it.
async fn service(
    app: &App,
    row: &PhoneNumber,
    provider: &Provider,
) -> std::result::Result<String, CarrierFault> {
    let carriers = &app.carriers;
    let service = match row.messaging_service_id.as_str() {
        "" => carriers.service(provider, row.id).await?,
        known => known.to_owned(),
    };
    if row.campaign_id.is_empty() {
        let sid = match row.provider_number_id.as_str() {
            "" => carriers
                .owned(provider, &row.number)
                .await?
                .map(|it| it.sid),
            known => Some(known.to_owned()),
        };
        let missing =
            || CarrierFault::Away(Error::unavailable("provider", "it has no such number"));
        carriers
            .join(provider, &service, &sid.ok_or_else(missing)?)
            .await?;
    }
    if service != row.messaging_service_id {
        let kept = settle(app, row, false, |after| {
            after.messaging_service_id.clone_from(&service);
        });
        kept.await.map_err(CarrierFault::Away)?;
    }
    Ok(service)
}

async fn follow(app: &App, row: &PhoneNumber, campaign: &Campaign) -> Result<()> {
    let standing = campaign.standing();
    settle(app, row, standing != Standing::Pending, |after| {
        after.campaign_id.clone_from(&campaign.sid);
        match standing {
            Standing::Pending => {}
            Standing::Approved => after.campaign_status = CampaignStatus::Approved,
            Standing::Rejected => {
                after.campaign_status = CampaignStatus::Rejected;
                after.campaign_failure = campaign.failure();
            }
        }
    })
    .await
}

/// Writes what came of it, unless the number was changed so that it is another matter now.
async fn settle(
    app: &App,
    seen: &PhoneNumber,
    is_over: bool,
    change: impl FnOnce(&mut PhoneNumber),
) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(before) = tx.lock::<PhoneNumber>(seen.id).await? else {
        return Ok(());
    };
    let is_same = before.campaign_status == seen.campaign_status
        && before.registration == seen.registration
        && before.tm_delete.is_none();
    if is_over && (is_same || before.campaign_status != CampaignStatus::Pending) {
        tx.cancel(REGISTER, seen.id).await?;
    }
    let mut after = before.clone();
    if is_same {
        change(&mut after);
    }
    if after != before {
        write(&mut tx, before.tm_update, after).await?;
    }
    tx.commit(()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_rarer_and_end_after_weeks() {
        let pauses: Vec<_> = (0..LOOKS_MAX).map(pause).collect();
        assert_eq!(pauses[..3], [1, 2, 4].map(|it| PAUSE * it));
        assert!(pauses.iter().all(|pause| *pause <= PAUSE_MAX));
        let days = pauses.iter().sum::<Duration>().as_secs() / 86_400;
        assert!((35..50).contains(&days), "{days}");
    }
}
