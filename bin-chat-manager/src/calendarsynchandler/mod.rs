//! Calendars elsewhere are kept in step: appointments are carried to them, and the times of their own events come back.
//!
//! **Lifecycle.** Each such calendar has one durable timer. It fires every period, and at once when the calendar or an
//! appointment of its business changes. It sets its next time and hands the work to a job, which asks the server outside of
//! any transaction. An appointment stands whether or not the calendar can be reached; what could not be carried is carried
//! next time, as the table of carried events says what differs.
//!
//! **Concurrency.** One replica at a time is at a calendar, by a lease, so that an older state never overtakes a newer one.
//! Carrying an event again changes nothing: its name at the server comes from the appointment.

mod caldav;
mod google;
mod graph;
mod remote;

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{error::Result, identity::Scope, time::Timestamp},
    resource,
    timerhandler::Timer,
};
use serde::Serialize;
use uuid::Uuid;

use self::remote::{Fault, Pulled, Remote};
use crate::{
    alertrulehandler::observe,
    app::{App, Job},
    booking::interval::Interval,
    calendarhandler::event,
    dbhandler::{
        calendars::{self, Sync},
        watches::Key,
    },
    figures::alarm::Metric,
    models::{
        appointment::{Appointment, AppointmentStatus},
        calendar::Calendar,
        timers::CALENDAR_SYNC,
    },
};

/// One run is over after that.
const RUN_MAX: Duration = Duration::from_secs(50);
/// A replica that ended in a run is waited for so long.
const LEASE: Duration = Duration::from_secs(60);
/// When there is no room for the job, or somebody else is at it.
const SOON: Duration = Duration::from_secs(2);
/// Appointments that one run carries.
const EVENTS_MAX: u32 = 100;
/// Appointments that are over are left as they are, unless an erasure took their words.
const BACK: Duration = Duration::from_secs(86_400);
/// So far ahead a calendar's own events are known.
const AHEAD: Duration = Duration::from_secs(90 * 86_400);
/// Even what says that nothing changed is read anew after that, since the window moves on.
const FULL_EVERY: Duration = Duration::from_secs(43_200);
/// Times of one calendar.
const BUSY_MAX: usize = 5_000;

/// How a calendar elsewhere stands.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct SyncView {
    /// The calendar.
    calendar_id: Uuid,
    /// When it was last in step; null = not yet.
    tm_sync: Option<Timestamp>,
    /// Failures since then.
    failures: i64,
    /// What failed last; empty = nothing.
    error: String,
}

/// Brings a business's calendars in step soon. Said in the transaction of the change.
pub(crate) async fn wake(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<()> {
    let now = tx.now();
    for id in calendars::linked(tx, customer_id).await? {
        tx.schedule(CALENDAR_SYNC, id, now, &()).await?;
    }
    Ok(())
}

/// How a calendar stands.
///
/// # Errors
/// 404; 409 for a feed, which others follow by themselves.
pub(crate) async fn view(app: &App, ctx: &RequestContext, id: Uuid) -> Result<SyncView> {
    let calendar = linked(resource::get(app, ctx, id).await?)?;
    let sync = calendars::sync(&app.store.db, calendar.id).await?;
    Ok(view_of(&calendar, sync))
}

/// Brings a calendar in step now, without waiting for it.
///
/// # Errors
/// As [`view`].
pub(crate) async fn start(app: &App, ctx: &RequestContext, id: Uuid) -> Result<SyncView> {
    let mut tx = app.store.begin(ctx).await?;
    let calendar = linked(resource::lock_live(&mut tx, ctx, id).await?)?;
    let now = tx.now();
    tx.schedule(CALENDAR_SYNC, id, now, &()).await?;
    let sync = calendars::lock(&mut tx, id).await?;
    tx.commit(view_of(&calendar, sync)).await
}

fn linked(calendar: Calendar) -> Result<Calendar> {
    if calendar.is_linked() {
        return Ok(calendar);
    }
    Err(
        bin_common_handler::models::error::Error::failed_precondition(
            "CALENDAR_IS_FEED",
            "The calendar is a feed: others follow it by its address.",
        ),
    )
}

fn view_of(calendar: &Calendar, sync: Sync) -> SyncView {
    SyncView {
        calendar_id: calendar.id,
        tm_sync: sync.tm_sync,
        failures: sync.failures,
        error: sync.error,
    }
}

/// The timer of a calendar: its next time is set, and a job takes this one.
pub(crate) async fn due(app: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let id = timer.entity_id;
    let found = tx.get::<Calendar>(id).await?;
    let Some(calendar) = found.filter(|calendar| calendar.tm_delete.is_none()) else {
        return Ok(());
    };
    let has_room = app.jobs.capacity() > 0;
    let pause = if has_room { app.calendar_period } else { SOON };
    let next = tx.now().plus(pause);
    tx.schedule(CALENDAR_SYNC, id, next, &()).await?;
    tx.after_commit(move || app.offer(Job::Calendar(calendar.id)));
    Ok(())
}

/// One run.
///
/// # Errors
/// 503 of the database; what the server elsewhere says is kept, and tried again.
pub(crate) async fn run(app: &App, id: Uuid) -> Result<()> {
    let found = app.store.get::<Calendar>(id).await?;
    let Some(calendar) = found.filter(|calendar| calendar.tm_delete.is_none()) else {
        return Ok(());
    };
    let Some(sync) = take(app, &calendar).await? else {
        return Ok(());
    };
    let began = sync.tm_lease;
    let ran = tokio::time::timeout(RUN_MAX, carry_and_read(app, &calendar, &sync)).await;
    finish(app, &calendar, began, ran.unwrap_or(Err(Fault::Late))).await
}

/// Takes the lease; none where somebody else has it, and then the timer comes again when that one must be done.
async fn take(app: &App, calendar: &Calendar) -> Result<Option<Sync>> {
    let ctx = context(calendar);
    let mut tx = app.store.begin(&ctx).await?;
    let mut sync = calendars::lock(&mut tx, calendar.id).await?;
    let now = tx.now();
    if sync.tm_lease.is_some_and(|until| until > now) {
        tx.schedule(CALENDAR_SYNC, calendar.id, now.plus(SOON), &())
            .await?;
        return tx.commit(()).await.map(|()| None);
    }
    sync.tm_lease = Some(now.plus(LEASE));
    calendars::save(&mut tx, calendar.id, &sync).await?;
    tx.commit(()).await?;
    Ok(Some(sync))
}

fn context(calendar: &Calendar) -> RequestContext {
    RequestContext {
        scope: Scope::tenant(calendar.customer_id),
        ..RequestContext::internal()
    }
}

/// What a run led to.
struct Ran {
    pulled: Pulled,
    /// More is to be carried than one run does.
    has_more: bool,
    /// What went wrong with single events.
    fault: Option<Fault>,
}

async fn carry_and_read(
    app: &App,
    calendar: &Calendar,
    sync: &Sync,
) -> std::result::Result<Ran, Fault> {
    let remote = Remote::open(app, calendar).await?;
    let mut known = calendars::events(&app.store.db, calendar.id).await?;
    let since = app.store.clock.now().minus(BACK);
    let differing = calendars::differing(&app.store.db, calendar, since, EVENTS_MAX).await?;
    let mut fault = None;
    for appointment in &differing {
        // One event that is refused holds no other up; a server that is away holds all.
        match carry(app, &remote, calendar, appointment, &mut known).await {
            Err(Fault::Refused) => fault = Some(Fault::Refused),
            carried => carried?,
        }
    }
    let window = Interval::new(since, app.store.clock.now().plus(AHEAD));
    let is_fresh = sync
        .tm_full
        .is_some_and(|at| app.store.clock.now() < at.plus(FULL_EVERY));
    let state = if is_fresh { sync.state.as_str() } else { "" };
    let own = known.into_values().collect();
    let pulled = remote.busy(state, window, &own).await?;
    let has_more = differing.len() >= EVENTS_MAX as usize;
    Ok(Ran {
        pulled,
        has_more,
        fault,
    })
}

/// Carries one appointment: it is written, or taken away where it does not stand or is somebody else's now.
async fn carry(
    app: &App,
    remote: &Remote,
    calendar: &Calendar,
    appointment: &Appointment,
    known: &mut std::collections::HashMap<Uuid, String>,
) -> std::result::Result<(), Fault> {
    let db = &app.store.db;
    let id = appointment.id;
    let is_theirs =
        calendar.resource_id.is_nil() || calendar.resource_id == appointment.resource_id;
    let stands = AppointmentStatus::BUSY.contains(&appointment.status)
        || appointment.status == AppointmentStatus::Completed;
    if is_theirs && stands {
        let known_as = known.get(&id).map(String::as_str);
        let remote_id = remote
            .put(appointment, &event(appointment), known_as)
            .await?;
        calendars::keep(db, calendar.id, appointment, &remote_id).await?;
        known.insert(id, remote_id);
    } else if let Some(remote_id) = known.get(&id) {
        remote.remove(remote_id).await?;
        calendars::forget(db, calendar.id, id).await?;
        known.remove(&id);
    }
    Ok(())
}

/// Keeps what a run led to, and gives the lease back.
async fn finish(
    app: &App,
    calendar: &Calendar,
    lease: Option<Timestamp>,
    ran: std::result::Result<Ran, Fault>,
) -> Result<()> {
    let ctx = context(calendar);
    let mut tx = app.store.begin(&ctx).await?;
    // The calendar's row first, so that one which is deleted meanwhile leaves no times behind.
    let found = tx.lock::<Calendar>(calendar.id).await?;
    let is_live = found.is_some_and(|calendar| calendar.tm_delete.is_none());
    let mut sync = calendars::lock(&mut tx, calendar.id).await?;
    if !is_live || sync.tm_lease != lease {
        return tx.commit(()).await;
    }
    sync.tm_lease = None;
    let now = tx.now();
    let fault = match ran {
        Err(fault) => Some(fault),
        Ok(ran) => {
            if ran.has_more {
                tx.schedule(CALENDAR_SYNC, calendar.id, now, &()).await?;
            }
            let mut fault = ran.fault;
            if let Pulled::All {
                mut busy,
                state,
                is_whole,
            } = ran.pulled
            {
                if !is_whole || busy.len() > BUSY_MAX {
                    fault = fault.or(Some(Fault::Partial));
                }
                busy.truncate(BUSY_MAX);
                calendars::replace_busy(&mut tx, calendar, &busy).await?;
                (sync.state, sync.tm_full) = (state, Some(now));
            }
            fault
        }
    };
    match fault {
        None => {
            (sync.failures, sync.error, sync.tm_sync) = (0, String::new(), Some(now));
        }
        Some(fault) => {
            sync.failures = sync.failures.saturating_add(1);
            sync.error = fault.to_string();
        }
    }
    calendars::save(&mut tx, calendar.id, &sync).await?;
    let key = Key {
        customer_id: calendar.customer_id,
        metric: Metric::CalendarErrors,
        entity_id: calendar.id,
    };
    let failures = u32::try_from(sync.failures).unwrap_or(u32::MAX);
    observe(&mut tx, key, f64::from(failures)).await?;
    tx.commit(()).await
}
