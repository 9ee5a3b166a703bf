//! Calendars: a business's appointments as iCalendar at a secret address, or in a calendar elsewhere.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{
        check::wrong,
        error::{Error, Result},
        identity::Scope,
    },
    redact::Secret,
    resource::{self, ResourceHooks},
};
use chrono_tz::Tz;
use rand::Rng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    app::App,
    booking::ical::{self, Event, Invitation, Method, Status},
    dbhandler::calendars,
    models::{
        appointment::{Appointment, AppointmentStatus},
        bookable::Bookable,
        calendar::Calendar,
        notification::Notification,
        timers::CALENDAR_SYNC,
    },
};

/// What the cause of a notification that is an invitation begins with.
pub(crate) const INVITATION: &str = "invite:";
/// Random bytes of a secret: 256 bits.
const TOKEN_BYTES: usize = 32;
/// How far back a feed goes.
const BACK: Duration = Duration::from_secs(90 * 86_400);
/// Events of one feed; the latest ones.
const EVENTS_MAX: u32 = 2_000;

impl ResourceHooks<Calendar> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&Calendar>,
        after: &mut Calendar,
    ) -> Result<()> {
        if before.is_none() {
            after.feed_token = token();
            self.rooms.calendars.take(tx, after.customer_id, 1).await?;
        }
        if before.is_none_or(|before| before.resource_id != after.resource_id) {
            resource::ensure_owned::<Bookable>(tx, after.customer_id, after.resource_id).await?;
        }
        link(self, tx, before, after).await
    }
}

/// What goes with a calendar elsewhere: its secret is sealed, its address one that may be asked, and it is brought in step.
/// The times of one that is deleted are free again.
async fn link(
    app: &App,
    tx: &mut ChangeTx<'_>,
    before: Option<&Calendar>,
    after: &mut Calendar,
) -> Result<()> {
    if !after.is_linked() {
        return Ok(());
    }
    if after.tm_delete.is_some() {
        tx.cancel(CALENDAR_SYNC, after.id).await?;
        return calendars::replace_busy(tx, after, &[]).await;
    }
    if !after.url.is_empty() {
        let allowed = app.http.ensure_allowed(&after.url);
        allowed.map_err(|fault| wrong("url", &format!("cannot be used: {fault}")))?;
    }
    if before.is_none_or(|before| before.secret != after.secret) {
        let secret = Secret::new(std::mem::take(&mut after.secret));
        after.secret = app.sealer.seal(&secret, &after.secret_place())?;
    }
    let now = tx.now();
    tx.schedule(CALENDAR_SYNC, after.id, now, &()).await
}

fn token() -> String {
    let mut bytes = [0; TOKEN_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A calendar with a new address; the old one is none any more.
pub(crate) async fn rotate(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Calendar> {
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<Calendar>(&mut tx, ctx, id).await?;
    let after = Calendar {
        feed_token: token(),
        ..before.clone()
    };
    let after = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    tx.commit(after).await
}

/// A feed, as the bridge hands it out.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Feed {
    /// iCalendar, RFC 5545.
    pub ics: String,
}

/// The feed at a secret address. An unknown calendar and a wrong secret get the same answer.
///
/// # Errors
/// 404.
pub(crate) async fn feed(app: &App, ctx: &RequestContext, id: Uuid, token: &str) -> Result<Feed> {
    let found: Option<Calendar> = app.store.get(id).await?;
    let calendar = found
        .filter(|calendar| calendar.tm_delete.is_none())
        .filter(|calendar| bool::from(calendar.feed_token.as_bytes().ct_eq(token.as_bytes())))
        .ok_or_else(|| Error::not_found("CALENDAR_NOT_FOUND", "The calendar was not found."))?;
    let business = app.businesses.find(ctx, calendar.customer_id).await;
    // In UTC the times are right as well, only not as the business's clocks show them.
    let zone = business.map_or(Tz::UTC, |business| business.zone());
    let appointments = appointments(app, &calendar).await?;
    let events: Vec<_> = appointments.iter().map(event).collect();
    Ok(Feed {
        ics: ical::calendar(&calendar.name, zone, &events),
    })
}

async fn appointments(app: &App, calendar: &Calendar) -> Result<Vec<Appointment>> {
    let since = app.store.clock.now().minus(BACK);
    let mut values = vec![calendar.customer_id.into(), since.into()];
    let whose = if calendar.resource_id.is_nil() {
        ""
    } else {
        values.push(calendar.resource_id.into());
        "AND resource_id = ? "
    };
    let tail = format!(
        "WHERE customer_id = ? AND tm_start >= ? {whose}ORDER BY tm_start DESC, id LIMIT {EVENTS_MAX}"
    );
    Ok(app.store.db.select(&tail, values).await?)
}

/// An appointment as calendars show it.
pub(crate) fn event(appointment: &Appointment) -> Event<'_> {
    Event {
        id: appointment.id,
        sequence: appointment.sequence,
        time: appointment.time(),
        summary: &appointment.title,
        location: &appointment.address,
        status: match appointment.status {
            AppointmentStatus::Pending | AppointmentStatus::Other(_) => Status::Tentative,
            AppointmentStatus::Canceled | AppointmentStatus::NoShow => Status::Cancelled,
            AppointmentStatus::Confirmed
            | AppointmentStatus::InProgress
            | AppointmentStatus::Completed => Status::Confirmed,
        },
        created: appointment.tm_create,
        modified: appointment.tm_update,
        invitation: None,
    }
}

/// What a notification that is an invitation says for programs.
#[derive(Debug, Deserialize)]
struct Invited {
    appointment_id: Uuid,
    method: Method,
}

/// The iCalendar object of a notification that is an invitation, and what it is for; none of another. It shows the
/// appointment as it is now: a mail that was late says nothing that is over.
///
/// # Errors
/// 503.
pub(crate) async fn invitation(app: &App, row: &Notification) -> Result<Option<(Method, String)>> {
    if !row.cause_key.starts_with(INVITATION) {
        return Ok(None);
    }
    let said: Option<Invited> = serde_json::from_value(row.data.0.clone()).ok();
    let (Some(said), Some(from)) = (said, app.mailer.from()) else {
        return Ok(None);
    };
    let found = app.store.get::<Appointment>(said.appointment_id).await?;
    let Some(appointment) = found.filter(|it| it.customer_id == row.customer_id) else {
        return Ok(None);
    };
    let mut ctx = RequestContext::internal();
    ctx.scope = Scope::tenant(row.customer_id);
    let business = app.businesses.find(&ctx, row.customer_id).await;
    let zone = business.map_or(Tz::UTC, |business| business.zone());
    let whom = Invitation {
        method: said.method,
        organizer: from.as_ref(),
        attendee: &row.to,
    };
    let object = ical::invitation(zone, &event(&appointment), &whom);
    Ok(Some((said.method, object)))
}
