//! Figures of a business: kept from events, added up when somebody asks.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::ChangeTx,
    models::{
        check::{ensure, wrong},
        error::{Error, Result},
        time::Timestamp,
    },
    sockhandler::ReceivedEvent,
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    booking::{days, interval::Interval},
    dbhandler::facts::{self, FACTS_MAX},
    figures::{
        facts::{CallEvent, EntityEvent, FactKind},
        sums::{self, GroupBy, Kpis},
    },
};

/// Who tells of calls.
const CALL_MISSED: &str = "call-manager.call.*.missed";
const CALL_ANSWERED: &str = "call-manager.call.*.answered";
/// Longest range of one question.
const RANGE_MAX: Duration = Duration::from_secs(367 * 86_400);
/// The range when nothing is said.
const RANGE_DEFAULT: Duration = Duration::from_secs(30 * 86_400);
/// How long after a range something may happen to what began in it.
const AFTER: Duration = Duration::from_secs(30 * 86_400);

/// Subscribes to everything that counts.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    ctx.events.on_with(CALL_MISSED, app.clone(), missed);
    ctx.events.on_with(CALL_ANSWERED, app.clone(), answered);
    let events = &ctx.events;
    events.on_with("chat-manager.conversation.#", app.clone(), conversation);
    events.on_with("chat-manager.message.#", app.clone(), message);
    events.on_with("chat-manager.appointment.#", app.clone(), appointment);
    events.on_with("chat-manager.optout.#", app.clone(), optout);
}

async fn missed(_: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    call(tx, event, FactKind::Missed).await
}

async fn answered(_: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    call(tx, event, FactKind::Answered).await
}

async fn call(tx: &mut ChangeTx<'_>, event: &ReceivedEvent, kind: FactKind) -> Result<()> {
    let call: CallEvent = event.data()?;
    facts::keep(tx, &call.fact(kind, version(event))).await
}

fn version(event: &ReceivedEvent) -> i64 {
    event.version.unwrap_or_default()
}

async fn conversation(_: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let entity: EntityEvent = event.data()?;
    facts::keep(tx, &entity.conversation(version(event))).await
}

async fn message(_: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let entity: EntityEvent = event.data()?;
    for fact in entity.message(version(event)) {
        facts::keep(tx, &fact).await?;
    }
    Ok(())
}

async fn appointment(_: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let entity: EntityEvent = event.data()?;
    facts::keep(tx, &entity.appointment(version(event))).await
}

async fn optout(_: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let entity: EntityEvent = event.data()?;
    match entity.optout(version(event)) {
        Some(fact) => facts::keep(tx, &fact).await,
        None => Ok(()),
    }
}

/// What a caller asks.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub(crate) struct KpiQuery {
    /// The tenant; a key that belongs to one leaves it out.
    customer_id: Option<Uuid>,
    /// The first date, in the business's zone; missing = 30 days before `to`.
    from: Option<String>,
    /// The last date; missing = today. At most 366 days.
    to: Option<String>,
    /// `day` (when it is missing), `week`, `month` or `total`.
    group_by: Option<String>,
}

/// The figures by group, the earliest first; a group in which nothing happened is left out.
pub(crate) async fn list(app: &App, ctx: &RequestContext, query: &KpiQuery) -> Result<Vec<Kpis>> {
    let customer_id = ctx.scope.required_owner(query.customer_id)?;
    let group_by = match query.group_by.as_deref().unwrap_or_default() {
        "" => GroupBy::Day,
        word => GroupBy::parse(word)
            .ok_or_else(|| wrong("group_by", "must be day, week, month or total"))?,
    };
    let business = app.businesses.get(ctx, customer_id).await?;
    let zone = business.zone();
    let now = app.store.clock.now();
    let range = range(query, zone, now)?;
    let until = range.end.plus(AFTER);
    let found = facts::between(&app.store.db, customer_id, range.start, until).await?;
    if found.len() > FACTS_MAX {
        return Err(Error::invalid_argument(
            "RANGE_TOO_LARGE",
            "Too much happened between from and to; ask for less at once.",
        ));
    }
    Ok(sums::sums(&found, zone, group_by, range.end, now))
}

fn range(query: &KpiQuery, zone: Tz, now: Timestamp) -> Result<Interval> {
    let date = |field: &str, text: &Option<String>| -> Result<Option<NaiveDate>> {
        let text = text.as_deref().filter(|text| !text.is_empty());
        let read = text.map(|text| {
            text.parse()
                .map_err(|_| wrong(field, "must be a date such as 2026-11-20"))
        });
        read.transpose()
    };
    let last = date("to", &query.to)?.unwrap_or_else(|| days::date(zone, now));
    let end = days::end_of(zone, last);
    let start = date("from", &query.from)?.map_or_else(
        || end.minus(RANGE_DEFAULT),
        |first| days::start_of(zone, first),
    );
    ensure(start < end, "to", "must not be before from")?;
    ensure(
        end <= start.plus(RANGE_MAX),
        "to",
        "must be within 366 days of from",
    )?;
    Ok(Interval::new(start, end))
}
