//! A person is reminded of an appointment: no answer to anything, so it obeys quiet hours, lists and opt-outs.

use bin_common_handler::{
    context::RequestContext,
    models::{error::Result, identity::Scope, time::Timestamp},
};
use chrono::{DateTime, TimeDelta, Timelike};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;

use super::{read, take};
use crate::{
    app::{App, Job},
    businesshandler, contacthandler,
    conversationhandler::{
        change,
        open::{self, Party},
        say::{self, Said},
    },
    models::{
        appointment::Appointment,
        business::Business,
        conversation::Conversation,
        message::{MessageStatus, Sender},
        timers::WORK,
        webhook::{Reminder, Webhook},
    },
    templatehandler::{self, Filling},
};

/// Who knows the law.
const LAW: &str = "call-manager";
/// When somebody may be written to where the law is not to be had: an hour less on both sides than 47 CFR 64.1200(c)(1)
/// allows, as the person may live in the next zone.
const FROM_HOUR: u32 = 9;
const TO_HOUR: u32 = 20;

/// When somebody may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    Now,
    At(Timestamp),
    Never,
}

/// What the law says, as far as it is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verdict {
    allowed: bool,
    next_allowed: Option<Timestamp>,
}

impl Verdict {
    fn may(&self, now: Timestamp) -> May {
        match self.next_allowed {
            _ if self.allowed => May::Now,
            Some(at) if at > now => May::At(at),
            _ => May::Never,
        }
    }
}

/// Works on a reminder.
///
/// # Errors
/// 503.
pub(super) async fn remind(app: &App, row: &Webhook) -> Result<()> {
    let reminder: Reminder = read(row)?;
    let now = app.store.clock.now();
    let found = app
        .store
        .get::<Appointment>(reminder.appointment_id)
        .await?;
    let appointment = found
        .filter(|it| it.status.may_move() && it.tm_start == reminder.tm_start && it.tm_start > now);
    let conversation = match &appointment {
        Some(appointment) => {
            let id = appointment.conversation_id;
            let found = app.store.get::<Conversation>(id).await?;
            found.filter(|found| found.customer_id == appointment.customer_id)
        }
        None => None,
    };
    let business = match &conversation {
        Some(of) => businesshandler::of_tenant(app, &of.number, of.customer_id).await?,
        None => None,
    };
    let (Some(appointment), Some(conversation), Some(business)) =
        (appointment, conversation, business)
    else {
        return leave(app, row).await;
    };
    match may(app, &business, &conversation, now).await {
        May::Now => say(app, row, &appointment, &conversation, &business).await,
        // What would come after the appointment is no reminder.
        May::At(at) if at < appointment.tm_start => later(app, row, at).await,
        May::At(_) | May::Never => leave(app, row).await,
    }
}

async fn leave(app: &App, row: &Webhook) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    take(&mut tx, row.id).await?;
    tx.commit(()).await
}

async fn later(app: &App, row: &Webhook, at: Timestamp) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    tx.schedule(WORK, row.id, at, &0_u32).await?;
    tx.commit(()).await
}

/// What the law says of a text to this person; by the business's clock where nobody can be asked.
async fn may(app: &App, business: &Business, of: &Conversation, now: Timestamp) -> May {
    let mut ctx = RequestContext::internal();
    ctx.scope = Scope::tenant(business.customer_id);
    let question = json!({
        "customer_id": business.customer_id, "phone": of.person, "at": now,
        "purpose": "service", "address": { "zip": of.findings.0.zip },
    });
    let uri = "/v1/compliance/checks";
    let asked = app.rpc.post::<Verdict>(LAW, uri, &question, &ctx).await;
    match asked {
        Ok(verdict) => verdict.may(now),
        Err(_) => by_clock(&business.timezone, now),
    }
}

fn by_clock(zone: &str, now: Timestamp) -> May {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let Some(local) = DateTime::from_timestamp_micros(now.micros()) else {
        return May::Never;
    };
    let local = local.with_timezone(&zone);
    if (FROM_HOUR..TO_HOUR).contains(&local.hour()) {
        return May::Now;
    }
    let day = if local.hour() < FROM_HOUR { 0 } else { 1 };
    let morning = (local.date_naive() + TimeDelta::days(day))
        .and_hms_opt(FROM_HOUR, 0, 0)
        .and_then(|at| at.and_local_timezone(zone).earliest());
    morning.map_or(May::Never, |at| {
        May::At(Timestamp::from_micros(at.timestamp_micros()))
    })
}

async fn say(
    app: &App,
    row: &Webhook,
    appointment: &Appointment,
    of: &Conversation,
    business: &Business,
) -> Result<()> {
    let hash = contacthandler::hash(app, &of.person).await?;
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    if !take(&mut tx, row.id).await? {
        return tx.commit(()).await;
    }
    let party = Party {
        customer_id: of.customer_id,
        channel: of.channel,
        person: &of.person,
        number: &of.number,
    };
    let mut conversation = open::lock_or_open(&mut tx, &party).await?;
    let contact = contacthandler::lock(&mut tx, of.customer_id, &hash, &of.person).await?;
    open::settle_blocks(&mut conversation, &contact, business);
    let mut said = None;
    if !conversation.is_blocked() && !contact.paused {
        let filling = Filling {
            business_name: &business.name,
            customer_name: &conversation.person_name,
            slot: &business.time_text(appointment.tm_start).unwrap_or_default(),
        };
        let customer_id = of.customer_id;
        let body = templatehandler::text(&mut tx, customer_id, "reminder", filling).await?;
        let reminder = Said {
            sender: Sender::System,
            sender_id: None,
            body: &body,
            status: MessageStatus::Queued,
            cause_key: row.event_key.clone(),
        };
        said = say::say(&mut tx, &mut conversation, reminder).await?;
    }
    change::save(&mut tx, &mut conversation).await?;
    tx.commit(()).await?;
    if let Some(said) = said {
        app.offer(Job::Send(said.id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-11-27T13:59:59Z", May::At("2026-11-27T14:00:00Z".parse().unwrap()))]
    #[case("2026-11-27T14:00:00Z", May::Now)]
    #[case("2026-11-28T00:59:59Z", May::Now)]
    #[case("2026-11-28T01:00:00Z", May::At("2026-11-28T14:00:00Z".parse().unwrap()))]
    fn nobody_is_reminded_at_night(#[case] now: &str, #[case] expected: May) {
        assert_eq!(by_clock("America/New_York", now.parse().unwrap()), expected);
    }

    #[rstest]
    #[case(true, None, May::Now)]
    #[case(false, Some("2026-11-28T13:00:00Z"), May::At("2026-11-28T13:00:00Z".parse().unwrap()))]
    #[case(false, Some("2026-11-20T13:00:00Z"), May::Never)]
    #[case(false, None, May::Never)]
    fn the_law_is_obeyed(#[case] allowed: bool, #[case] next: Option<&str>, #[case] expected: May) {
        let verdict = Verdict {
            allowed,
            next_allowed: next.map(|at| at.parse().unwrap()),
        };
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        assert_eq!(verdict.may(now), expected);
    }
}
