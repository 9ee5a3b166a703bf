//! Figures: what rollups say, with the calls that they do not count yet.
//!
//! Their cost follows the number of things counted, not of calls: months have rows of their own.

pub(crate) mod export;
mod files;
mod labels;
pub(crate) mod metrics;
pub(crate) mod report;
mod standing;

use std::collections::HashMap;

use bin_common_handler::databasehandler::database_now;
use bin_common_handler::models::{
    error::{Error, Result},
    time::Timestamp,
};
use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    app::App,
    dbhandler::{
        rollups::{self, Wanted},
        usages,
    },
    models::{
        customer::Customer,
        rollup::{Counts, Dimension, Span, day_key},
    },
    rolluphandler::{instants, place_of},
};

/// Calls not in rollups yet that one question adds: far more than 15 s have.
const TAIL_MAX: u32 = 50_000;

/// What calls are told apart by: a dimension, or the days themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupBy {
    Day,
    By(Dimension),
}

impl GroupBy {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "day" {
            return Some(Self::Day);
        }
        Dimension::parse(text)
            .filter(|dimension| *dimension != Dimension::Total)
            .map(Self::By)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::By(dimension) => dimension.as_str(),
        }
    }

    const fn dimension(self) -> Dimension {
        match self {
            Self::Day => Dimension::Total,
            Self::By(dimension) => dimension,
        }
    }
}

/// What is asked for: a tenant's days, both ends included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub group_by: GroupBy,
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// Items at most; more are an error.
    pub items_max: usize,
}

/// Counts by item.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub by_item: HashMap<String, Counts>,
    /// Calls are counted up to here.
    pub as_of: Timestamp,
}

/// Counts with what follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct Rates {
    #[serde(flatten)]
    pub counts: Counts,
    /// Answer-seizure ratio: the share of calls that were answered, 0 to 1; null without calls.
    pub asr: Option<f64>,
    /// Average length of the answered calls, in seconds; null without any.
    pub average_duration_seconds: Option<f64>,
}

impl From<Counts> for Rates {
    fn from(counts: Counts) -> Self {
        Self {
            asr: ratio(counts.answered, counts.calls),
            average_duration_seconds: ratio(counts.duration_seconds, counts.answered),
            counts,
        }
    }
}

/// A quotient with four decimals.
fn ratio(part: i64, whole: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more digits")]
    let ratio = (part as f64 / whole as f64 * 1e4).round() / 1e4;
    (whole > 0).then_some(ratio)
}

/// Counts what is asked for.
pub(crate) async fn figures(app: &App, customer: &Customer, asked: &Asked) -> Result<Figures> {
    let db = &app.store.db;
    let by_day = asked.group_by == GroupBy::Day;
    let span = if by_day {
        Span::of_days(asked.from, asked.to)
    } else {
        Span::of(asked.from, asked.to)
    };
    let limit = u32::try_from(asked.items_max.saturating_add(1)).unwrap_or(u32::MAX);
    let wanted = Wanted {
        customer_id: customer.id,
        dimension: asked.group_by.dimension(),
        span: &span,
        by_day,
        limit,
    };
    let now = database_now(db).await?;
    let rolled = rollups::read(db, &wanted).await?;
    let rolled = rolled.ok_or_else(|| Error::internal("the watermark of usages is gone"))?;
    let calendar = customer.calendar();
    let within = instants(&calendar, asked.from, asked.to);
    let tail = usages::tail(db, customer.id, rolled.watermark, within, TAIL_MAX).await?;
    let mut figures = Figures {
        by_item: rolled.by_item,
        as_of: as_of(now, &tail),
    };
    for usage in &tail {
        let place = place_of(usage, &calendar);
        let item = match asked.group_by {
            GroupBy::Day => day_key(place.date).to_string(),
            GroupBy::By(dimension) => place.item(dimension).to_string(),
        };
        figures.by_item.entry(item).or_default().calls += 1;
    }
    ensure_fits(&figures, asked)?;
    Ok(figures)
}

/// The present, unless the job that counts is so far behind that not all that follows was added.
fn as_of(now: Timestamp, tail: &[usages::Origin]) -> Timestamp {
    let is_cut = tail.len() >= TAIL_MAX as usize;
    let last = tail.last().map(|usage| usage.tm_create);
    last.filter(|_| is_cut).unwrap_or(now)
}

fn ensure_fits(figures: &Figures, asked: &Asked) -> Result<()> {
    if figures.by_item.len() <= asked.items_max {
        return Ok(());
    }
    Err(Error::invalid_argument(
        "TOO_MANY_ROWS",
        format!(
            "There are more than {} rows; ask for fewer days or another group_by, or export to a file.",
            asked.items_max
        ),
    ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("day", Some(GroupBy::Day))]
    #[case("hour", Some(GroupBy::By(Dimension::Hour)))]
    #[case("area_code", Some(GroupBy::By(Dimension::AreaCode)))]
    #[case("total", None)]
    #[case("", None)]
    fn what_figures_are_grouped_by(#[case] text: &str, #[case] expected: Option<GroupBy>) {
        assert_eq!(GroupBy::parse(text), expected);
        assert!(expected.is_none_or(|group_by| group_by.as_str() == text));
    }

    #[test]
    fn rates_of_nothing_are_null_and_others_are_rounded() {
        let rates = Rates::from(Counts::default());
        assert_eq!((rates.asr, rates.average_duration_seconds), (None, None));
        let rates = Rates::from(Counts {
            calls: 3,
            answered: 1,
            human: 1,
            duration_seconds: 37,
        });
        assert_eq!(
            (rates.asr, rates.average_duration_seconds),
            (Some(0.3333), Some(37.0))
        );
    }
}
