//! How it goes today.

use bin_common_handler::databasehandler::database_now;
use bin_common_handler::models::{error::Result, time::Timestamp};
use serde::Serialize;

use super::{
    Asked, Figures, GroupBy, Rates, figures,
    report::{self, Row},
    standing::{self, Numbers},
};
use crate::{
    app::App,
    models::{check::wrong, customer::Customer, rollup::Dimension},
};

/// Items that are told.
const TOP: usize = 100;
/// Items of one day that are counted to find them.
const ITEMS_MAX: usize = 200_000;

/// The present day of a tenant.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DayMetrics")]
pub(crate) struct Metrics {
    /// The tenant's date.
    pub date: String,
    /// The zone of the date.
    pub timezone: String,
    /// Calls are counted up to here.
    pub as_of: Timestamp,
    #[serde(flatten)]
    pub total: Rates,
    #[serde(flatten)]
    pub numbers: Numbers,
    /// What `items` are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'static str>,
    /// Those with most calls, 100 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Row>>,
}

/// Today's figures; `by` names what they are told apart by as well.
pub(crate) async fn make(app: &App, customer: &Customer, by: Option<&str>) -> Result<Metrics> {
    let by = by.filter(|text| !text.is_empty()).map(parse).transpose()?;
    let now = database_now(&app.store.db).await?;
    let date = customer.calendar().windows(now.micros()).date;
    let of_today = |group_by| Asked {
        group_by,
        from: date,
        to: date,
        items_max: ITEMS_MAX,
    };
    let total = figures(app, customer, &of_today(GroupBy::Day)).await?;
    let items = match by {
        None => None,
        Some(group_by) => Some(top(app, customer, of_today(group_by)).await?),
    };
    Ok(Metrics {
        date: date.to_string(),
        timezone: customer.timezone.clone(),
        as_of: total.as_of,
        total: sum(&total).into(),
        numbers: standing::of(&app.store.db, customer, now).await?,
        by: by.map(GroupBy::as_str),
        items,
    })
}

async fn top(app: &App, customer: &Customer, asked: Asked) -> Result<Vec<Row>> {
    let figures = figures(app, customer, &asked).await?;
    let asked = Asked {
        items_max: TOP,
        ..asked
    };
    report::rows(app, customer, &asked, figures.by_item).await
}

fn sum(figures: &Figures) -> crate::models::rollup::Counts {
    let mut total = crate::models::rollup::Counts::default();
    figures.by_item.values().for_each(|counts| total += *counts);
    total
}

fn parse(text: &str) -> Result<GroupBy> {
    let dimension = Dimension::parse(text).filter(|dimension| *dimension != Dimension::Total);
    dimension
        .map(GroupBy::By)
        .ok_or_else(|| wrong("by", "must be did, pool, campaign, area_code or hour"))
}
