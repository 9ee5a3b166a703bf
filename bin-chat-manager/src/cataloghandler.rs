//! The rules of the catalog and of who does the work: which service a text means, and what it costs when.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{
        check::{max_bytes, not_blank},
        error::{Error, Result},
        money::Money,
        text::TEXT_MAX,
        time::Timestamp,
    },
    resource::{self, ResourceHooks},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    booking::{
        interval::Interval,
        matching,
        quote::{Factors, PLAIN_MILLIONTHS, Tariff, factors, quote},
    },
    dbhandler::bookings::{self, Question},
    models::{
        appointment::Appointment, bookable::Bookable, catalogitem::CatalogItem, holiday::Holiday,
        rate::Rate,
    },
};

/// Items and rates of one question.
const ROWS_MAX: u32 = 10_000;
/// Matches of one answer.
const MATCHES_MAX: usize = 5;

/// Entities that people keep by hand, each with a limit of its own.
macro_rules! kept {
    ($($entity:ident: $room:ident),+) => {$(
        impl ResourceHooks<$entity> for App {
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
                before: Option<&$entity>,
                after: &mut $entity,
            ) -> Result<()> {
                if before.is_none() {
                    self.rooms.$room.take(tx, after.customer_id, 1).await?;
                }
                Ok(())
            }
        }
    )+};
}

kept!(CatalogItem: catalog_items, Rate: rates, Holiday: holidays);

impl ResourceHooks<Bookable> for App {
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
        before: Option<&Bookable>,
        after: &mut Bookable,
    ) -> Result<()> {
        if before.is_none() {
            return self.rooms.resources.take(tx, after.customer_id, 1).await;
        }
        if after.tm_delete.is_none() {
            return Ok(());
        }
        let now = tx.now();
        let question = Question {
            customer_id: after.customer_id,
            resource_id: Some(after.id),
            range: Interval::new(now, Timestamp::from_micros(i64::MAX).in_range()),
            now,
            except: Uuid::nil(),
        };
        if bookings::is_taken(tx, &question).await? {
            return Err(Error::failed_precondition(
                "RESOURCE_IN_USE",
                "The resource has appointments; move or cancel them first.",
            ));
        }
        Ok(())
    }
}

/// Body of a question for a service.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct MatchRequest {
    /// What a person wrote.
    text: String,
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(default)]
    customer_id: Option<Uuid>,
}

impl MatchRequest {
    /// The question of a caller that belongs to a tenant.
    pub(crate) fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            customer_id: None,
        }
    }
}

/// A service that a text may mean.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Match {
    /// The service.
    catalog_item: CatalogItem,
    /// How well it fits: 0.5 to 1.
    score: f64,
}

impl Match {
    /// The service.
    pub(crate) fn item(self) -> CatalogItem {
        self.catalog_item
    }
}

/// The services that a text may mean, the best first.
pub(crate) async fn find(
    app: &App,
    ctx: &RequestContext,
    request: &MatchRequest,
) -> Result<Vec<Match>> {
    not_blank("text", &request.text)?;
    max_bytes("text", &request.text, TEXT_MAX)?;
    let customer_id = ctx.scope.required_owner(request.customer_id)?;
    let tail = "WHERE customer_id = ? AND active = ? AND tm_delete IS NULL ORDER BY id LIMIT ?";
    let values = vec![customer_id.into(), true.into(), ROWS_MAX.into()];
    let items: Vec<CatalogItem> = app.store.db.select(tail, values).await?;
    let scored = items.into_iter().map(|catalog_item| Match {
        score: matching::score(&request.text, catalog_item.names()),
        catalog_item,
    });
    let mut found: Vec<_> = scored
        .filter(|found| found.score >= matching::SCORE_MIN)
        .collect();
    found.sort_by(|one, other| {
        let of = |found: &Match| found.score;
        matching::order(
            (of(one), &one.catalog_item.name),
            (of(other), &other.catalog_item.name),
        )
    });
    found.truncate(MATCHES_MAX);
    Ok(found)
}

/// Body of a question for a price.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct QuoteRequest {
    /// The service.
    catalog_item_id: Uuid,
    /// When the work begins; missing = the price outside any rate.
    #[serde(default)]
    tm_start: Option<Timestamp>,
}

/// What a service costs.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct QuoteReply {
    /// The service.
    catalog_item_id: Uuid,
    /// What it costs at that time, in minor units of `currency`.
    price_cents: i64,
    /// What it costs outside any rate.
    base_price_cents: i64,
    /// ISO 4217.
    currency: String,
    /// The rate that applies; null for none.
    rate: Option<String>,
    /// By how much it multiplies.
    factor: f64,
}

/// What a service costs at a time.
pub(crate) async fn quoted(
    app: &App,
    ctx: &RequestContext,
    request: &QuoteRequest,
) -> Result<QuoteReply> {
    let item: CatalogItem = resource::get(app, ctx, request.catalog_item_id).await?;
    let at = request.tm_start.filter(|at| !at.is_unset());
    let priced = match at {
        Some(at) => price(app, ctx, &item, at).await?,
        None => Priced::plain(&item)?,
    };
    Ok(QuoteReply {
        catalog_item_id: item.id,
        price_cents: priced.price.amount,
        base_price_cents: item.price_cents,
        currency: priced.price.currency.to_string(),
        rate: priced.rate,
        factor: f64::from(priced.factor_millionths) / f64::from(PLAIN_MILLIONTHS),
    })
}

/// A price, and the name of the rate that made it.
pub(crate) struct Priced {
    pub price: Money,
    pub rate: Option<String>,
    pub factor_millionths: u32,
}

impl Priced {
    fn plain(item: &CatalogItem) -> Result<Self> {
        Ok(Self {
            price: Money::new(item.price_cents, item.currency.parse()?),
            rate: None,
            factor_millionths: PLAIN_MILLIONTHS,
        })
    }
}

/// A tenant's rates, read once: what a service costs at any time.
pub(crate) struct Rates {
    rates: Vec<Rate>,
    zone: Tz,
}

impl Rates {
    /// The business's zone is asked for only where it has rates.
    ///
    /// # Errors
    /// 503 when there are rates, and the business's zone is not known now.
    async fn of(app: &App, ctx: &RequestContext, customer_id: Uuid) -> Result<Self> {
        let mut rates = Self::in_zone(app, customer_id, Tz::UTC).await?;
        if !rates.rates.is_empty() {
            rates.zone = app.businesses.get(ctx, customer_id).await?.zone();
        }
        Ok(rates)
    }

    /// Those of a business in this zone.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn in_zone(app: &App, customer_id: Uuid, zone: Tz) -> Result<Self> {
        let tail = "WHERE customer_id = ? AND tm_delete IS NULL ORDER BY id LIMIT ?";
        let values = vec![customer_id.into(), ROWS_MAX.into()];
        let rates: Vec<Rate> = app.store.db.select(tail, values).await?;
        Ok(Self { rates, zone })
    }

    /// What an item costs when the work begins at `at`.
    ///
    /// # Errors
    /// 500 where a rate or a price of before cannot be read.
    pub(crate) fn price(&self, item: &CatalogItem, at: Timestamp) -> Result<Priced> {
        if self.rates.is_empty() {
            return Priced::plain(item);
        }
        let (tariffs, currency) = (self.tariffs()?, item.currency.parse()?);
        let quoted = quote(item.price_cents, currency, &tariffs, self.zone, at)?;
        Ok(Priced {
            price: quoted.price,
            rate: quoted.rate.map(str::to_owned),
            factor_millionths: quoted.factor_millionths,
        })
    }

    /// By how much prices are multiplied when the work begins at one of these times.
    ///
    /// # Errors
    /// 500 where a rate of before cannot be read.
    pub(crate) fn factors(&self, times: impl Iterator<Item = Timestamp>) -> Result<Factors> {
        Ok(factors(&self.tariffs()?, self.zone, times))
    }

    fn tariffs(&self) -> Result<Vec<Tariff<'_>>> {
        let tariffs = self.rates.iter().map(|rate| {
            Ok(Tariff {
                name: &rate.name,
                hours: rate.hours()?,
                factor_millionths: rate.factor_millionths(),
            })
        });
        tariffs.collect()
    }
}

/// What a service costs when the work begins at `at`.
///
/// # Errors
/// 503 when there are rates, and the business's zone is not known now.
pub(crate) async fn price(
    app: &App,
    ctx: &RequestContext,
    item: &CatalogItem,
    at: Timestamp,
) -> Result<Priced> {
    let rates = Rates::of(app, ctx, item.customer_id).await?;
    rates.price(item, at)
}

/// The work of an appointment while the catalog has it, which says what it costs at another time.
///
/// # Errors
/// 503.
pub(crate) async fn work_of(app: &App, appointment: &Appointment) -> Result<Option<CatalogItem>> {
    if appointment.catalog_item_id.is_nil() {
        return Ok(None);
    }
    let found = app
        .store
        .get::<CatalogItem>(appointment.catalog_item_id)
        .await?;
    let customer_id = appointment.customer_id;
    Ok(found.filter(|item| item.customer_id == customer_id && item.tm_delete.is_none()))
}
