//! Which times are free: hours, holidays, appointments and holds of every resource, made into slots.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::{ensure, wrong},
        error::Result,
        time::Timestamp,
    },
    resource,
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    booking::{
        days,
        interval::Interval,
        slots::{self, RANGE_MAX, Rules},
    },
    customerhandler::Business,
    dbhandler::bookings::{self, Busy, Question},
    models::{bookable::Bookable, catalogitem::CatalogItem, holiday::Holiday, slot::Slot},
};

/// How long work takes that is none of the catalog.
const DURATION_DEFAULT: Duration = Duration::from_secs(3_600);
/// The range that is looked at when nothing is said.
const RANGE_DEFAULT: Duration = Duration::from_secs(7 * 86_400);
/// Slots of one answer; the first ones.
const SLOTS_MAX: usize = 5_000;
/// Resources of one question.
const RESOURCES_MAX: u32 = 200;
/// Holidays of one question.
const HOLIDAYS_MAX: u32 = 1_000;
/// Other slots that are offered where one is taken.
const OFFERS_MAX: usize = 3;

/// What a caller asks.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub(crate) struct AvailabilityQuery {
    /// The tenant; a key that belongs to one leaves it out.
    pub customer_id: Option<Uuid>,
    /// The catalog item whose duration counts; without one an hour.
    pub service_id: Option<Uuid>,
    /// A time, or a date of the business's calendar; missing = now.
    pub from: Option<String>,
    /// A time, or a date that is included; at most 14 days after `from`; missing = seven days.
    pub to: Option<String>,
    /// One resource; missing = all.
    pub resource_id: Option<Uuid>,
}

/// The free slots, the earliest first.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    query: &AvailabilityQuery,
) -> Result<Vec<Slot>> {
    let customer_id = ctx.scope.required_owner(query.customer_id)?;
    let mut ctx = ctx.clone();
    ctx.scope = bin_common_handler::models::identity::Scope::tenant(customer_id);
    let business = app.businesses.get(&ctx, customer_id).await?;
    let now = app.store.clock.now();
    let range = range(query, business.zone(), now)?;
    let duration = match query.service_id {
        None => DURATION_DEFAULT,
        Some(id) => duration(&resource::get::<CatalogItem, _>(app, &ctx, id).await?),
    };
    let asked = Asked {
        customer_id,
        resource_id: query.resource_id,
        range,
        duration,
        now,
    };
    find(app, &ctx, &business, &asked).await
}

/// How long work takes.
pub(crate) fn duration(item: &CatalogItem) -> Duration {
    Duration::from_secs(u64::from(item.duration_minutes.max(0).unsigned_abs()) * 60)
}

fn range(query: &AvailabilityQuery, zone: Tz, now: Timestamp) -> Result<Interval> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let from = text(&query.from).map_or(Ok(now), |text| {
        instant("from", &text, |day| days::start_of(zone, day))
    })?;
    let to = text(&query.to).map_or_else(
        || Ok(from.plus(RANGE_DEFAULT)),
        |text| instant("to", &text, |day| days::end_of(zone, day)),
    )?;
    ensure(from < to, "to", "must be after from")?;
    // Fourteen days may have an hour more.
    let longest = from.plus(RANGE_MAX + Duration::from_secs(3_600));
    ensure(to <= longest, "to", "must be within 14 days of from")?;
    Ok(Interval::new(from.max(now), to))
}

fn instant(
    field: &str,
    text: &str,
    of_day: impl FnOnce(NaiveDate) -> Timestamp,
) -> Result<Timestamp> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(of_day(date));
    }
    text.parse()
        .map_err(|_| wrong(field, "must be a time, or a date such as 2026-11-20"))
}

/// A question, understood.
struct Asked {
    customer_id: Uuid,
    resource_id: Option<Uuid>,
    range: Interval,
    duration: Duration,
    now: Timestamp,
}

async fn find(
    app: &App,
    ctx: &RequestContext,
    business: &Business,
    asked: &Asked,
) -> Result<Vec<Slot>> {
    let resources = resources(app, ctx, asked).await?;
    let holidays = holidays(app, asked.customer_id).await?;
    let question = Question {
        customer_id: asked.customer_id,
        resource_id: asked.resource_id,
        range: widest(asked.range, &resources),
        now: asked.now,
        except: Uuid::nil(),
    };
    let busy = bookings::busy(&app.store.db, &question).await?;
    let hours = business.hours();
    let mut found = Vec::new();
    for resource in &resources {
        let taken = times_of(&busy, resource.id);
        let rules = Rules {
            zone: business.zone(),
            hours: &[&hours, &resource.hours],
            holidays: &holidays,
            busy: &taken,
            duration: asked.duration,
            buffer: resource.buffer(),
        };
        let free = slots::free(&rules, asked.range);
        found.extend(free.into_iter().map(|slot| Slot {
            resource_id: resource.id,
            tm_start: slot.start,
            tm_end: slot.end,
        }));
    }
    found.sort_unstable_by_key(|slot| (slot.tm_start, slot.resource_id));
    found.truncate(SLOTS_MAX);
    Ok(found)
}

/// What is taken shortly before or after counts with its rest.
fn widest(range: Interval, resources: &[Bookable]) -> Interval {
    let buffers = resources.iter().map(Bookable::buffer);
    range.widened(buffers.max().unwrap_or_default())
}

fn times_of(busy: &[Busy], resource_id: Uuid) -> Vec<Interval> {
    let of_it = busy
        .iter()
        .filter(|busy| busy.resource_id == resource_id || busy.resource_id.is_nil());
    of_it.map(Busy::time).collect()
}

async fn resources(app: &App, ctx: &RequestContext, asked: &Asked) -> Result<Vec<Bookable>> {
    if let Some(id) = asked.resource_id {
        let one = resource::get::<Bookable, _>(app, ctx, id).await?;
        if one.tm_delete.is_some() {
            return Err(resource::not_found::<Bookable>());
        }
        return Ok(vec![one]);
    }
    let tail = "WHERE customer_id = ? AND tm_delete IS NULL ORDER BY id LIMIT ?";
    let values = vec![asked.customer_id.into(), RESOURCES_MAX.into()];
    Ok(app.store.db.select(tail, values).await?)
}

async fn holidays(app: &App, customer_id: Uuid) -> Result<Vec<NaiveDate>> {
    let tail = "WHERE customer_id = ? AND tm_delete IS NULL ORDER BY date DESC LIMIT ?";
    let values = vec![customer_id.into(), HOLIDAYS_MAX.into()];
    let found: Vec<Holiday> = app.store.db.select(tail, values).await?;
    Ok(found
        .iter()
        .filter_map(|day| day.date.parse().ok())
        .collect())
}

/// Other slots of that length: the nearest of the same resource, then of others. None where the business is not known now,
/// as a refusal needs no offers.
pub(crate) async fn offers(
    app: &App,
    ctx: &RequestContext,
    customer_id: Uuid,
    taken: Slot,
) -> Vec<Slot> {
    let Some(business) = app.businesses.find(ctx, customer_id).await else {
        return Vec::new();
    };
    let now = app.store.clock.now();
    let start = taken.tm_start.minus(Duration::from_secs(86_400)).max(now);
    let length = taken
        .tm_end
        .micros()
        .saturating_sub(taken.tm_start.micros());
    let asked = Asked {
        customer_id,
        resource_id: None,
        range: Interval::new(start, start.plus(RANGE_DEFAULT)),
        duration: Duration::from_micros(u64::try_from(length).unwrap_or_default()),
        now,
    };
    let mut found = find(app, ctx, &business, &asked).await.unwrap_or_default();
    found.sort_by_key(|slot| {
        let away = slot.tm_start.micros().abs_diff(taken.tm_start.micros());
        (
            slot.resource_id != taken.resource_id,
            away,
            slot.tm_start,
            slot.resource_id,
        )
    });
    found.truncate(OFFERS_MAX);
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, None, ("2026-11-20T12:00:00Z", "2026-11-27T12:00:00Z"))]
    #[case(Some("2026-11-23"), Some("2026-11-23"), ("2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"))]
    #[case(Some("2026-11-23T10:00:00-05:00"), None, ("2026-11-23T15:00:00Z", "2026-11-30T15:00:00Z"))]
    // What is over is not looked at.
    #[case(Some("2026-11-19"), Some("2026-11-20"), ("2026-11-20T12:00:00Z", "2026-11-21T05:00:00Z"))]
    fn a_range_is_read_in_the_businesss_zone(
        #[case] from: Option<&str>,
        #[case] to: Option<&str>,
        #[case] expected: (&str, &str),
    ) {
        let range = ranged(from, to).unwrap();
        let told = (range.start.to_string(), range.end.to_string());
        assert_eq!((&*told.0, &*told.1), expected);
    }

    #[rstest]
    #[case(Some("soon"), None, "from")]
    #[case(None, Some("2026-11-31"), "to")]
    #[case(Some("2026-11-23"), Some("2026-11-22"), "to")]
    #[case(Some("2026-11-23"), Some("2026-12-07"), "to")]
    fn a_bad_range_is_refused_by_its_field(
        #[case] from: Option<&str>,
        #[case] to: Option<&str>,
        #[case] field: &str,
    ) {
        let refused = ranged(from, to).unwrap_err();
        assert!(refused.message().starts_with(field), "{refused}");
    }

    fn ranged(from: Option<&str>, to: Option<&str>) -> Result<Interval> {
        let query = AvailabilityQuery {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            ..AvailabilityQuery::default()
        };
        range(
            &query,
            chrono_tz::America::New_York,
            "2026-11-20T12:00:00Z".parse().unwrap(),
        )
    }
}
