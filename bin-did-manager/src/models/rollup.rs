//! A rollup: how many calls there were on one day, of one kind of thing; what every figure is made of.
//!
//! Each increment goes into the row of its day and into the row of its month, so that a year costs little more
//! than a day.

use std::{fmt, ops::AddAssign};

use bin_common_handler::text_enum;
use chrono::{Datelike, Days, NaiveDate};
use serde::Serialize;
use uuid::Uuid;

text_enum!(
    /// What calls are counted by. In this order rows are locked: those that every call counts in come last.
    pub enum Dimension {
        /// Our number.
        Did = "did",
        /// The area code of the person called.
        AreaCode = "area_code",
        /// The pool that the number came from.
        Pool = "pool",
        /// The campaign.
        Campaign = "campaign",
        /// The hour of the day, 00 to 23.
        Hour = "hour",
        /// Nothing: all of them.
        Total = "total",
    }
);

/// Calls and what became of them.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    bin_common_handler::FromRow,
    schemars::JsonSchema,
)]
#[schemars(rename = "CallCounts")]
pub struct Counts {
    /// Numbers given.
    pub calls: i64,
    /// Calls that a person or a machine answered.
    pub answered: i64,
    /// Calls that a person answered.
    pub human: i64,
    /// Length of the answered calls, in seconds.
    pub duration_seconds: i64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.human += other.human;
        self.duration_seconds += other.duration_seconds;
    }
}

/// One row: the calls of `item` on one day, or in one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    /// The tenant.
    pub customer_id: Uuid,
    /// What `item` is.
    pub dimension: Dimension,
    /// A day as 20261120, a month as 20261100.
    pub day: i32,
    /// Which of them.
    pub item: Item,
}

impl Cell {
    /// The month of a day's cell.
    pub fn of_month(self) -> Self {
        Self {
            day: self.day / 100 * 100,
            ..self
        }
    }
}

/// One of those that calls are counted by; as a text what rows and reports have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// None, or all: empty.
    Empty,
    /// An id, without dashes.
    Id(Uuid),
    /// An area code.
    AreaCode(i32),
    /// An hour in two digits.
    Hour(u32),
}

impl From<Uuid> for Item {
    /// Nil is none.
    fn from(id: Uuid) -> Self {
        if id.is_nil() {
            Self::Empty
        } else {
            Self::Id(id)
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Id(id) => id.simple().fmt(text),
            Self::AreaCode(npa) => npa.fmt(text),
            Self::Hour(hour) => write!(text, "{hour:02}"),
        }
    }
}

/// What of a usage calls are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The tenant.
    pub customer_id: Uuid,
    /// Our number.
    pub did_id: Uuid,
    /// Its pool; nil = none.
    pub didpool_id: Uuid,
    /// The campaign; nil = none.
    pub campaign_id: Uuid,
    /// The area code of the person called.
    pub npa: Option<i32>,
    /// The tenant's date.
    pub date: NaiveDate,
    /// The hour on the tenant's clocks.
    pub hour: u32,
}

impl Place {
    /// What `dimension` counts it as.
    pub fn item(&self, dimension: Dimension) -> Item {
        match dimension {
            Dimension::Total | Dimension::Other(_) => Item::Empty,
            Dimension::Did => self.did_id.into(),
            Dimension::Pool => self.didpool_id.into(),
            Dimension::Campaign => self.campaign_id.into(),
            Dimension::AreaCode => self.npa.map_or(Item::Empty, Item::AreaCode),
            Dimension::Hour => Item::Hour(self.hour),
        }
    }

    /// Every row of a day that it counts in; it counts in those of the month as well.
    pub fn day_cells(&self) -> impl Iterator<Item = Cell> + '_ {
        let day = day_key(self.date);
        Dimension::ALL.iter().map(move |dimension| Cell {
            customer_id: self.customer_id,
            dimension: *dimension,
            day,
            item: self.item(*dimension),
        })
    }
}

/// A day as a number, e.g. 20261120.
pub fn day_key(date: NaiveDate) -> i32 {
    month_key(date) + i32::try_from(date.day()).unwrap_or_default()
}

/// A month as a number, e.g. 20261100.
pub fn month_key(date: NaiveDate) -> i32 {
    date.year() * 10_000 + i32::try_from(date.month()).unwrap_or_default() * 100
}

/// Which rows make up a span of days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// Days that are not part of a whole month, as pairs of first and last.
    pub days: Vec<(i32, i32)>,
    /// Whole months.
    pub months: Vec<i32>,
}

impl Span {
    /// The rows from one day to another, both included; the fewest there are.
    pub fn of(from: NaiveDate, to: NaiveDate) -> Self {
        let mut span = Self::default();
        let mut day = from;
        while day <= to {
            let end = end_of_month(day);
            if day.day() == 1 && end <= to {
                span.months.push(month_key(day));
            } else {
                span.days.push((day_key(day), day_key(end.min(to))));
            }
            match end.checked_add_days(Days::new(1)) {
                Some(next) => day = next,
                None => break,
            }
        }
        span
    }

    /// The same, every day by itself.
    pub fn of_days(from: NaiveDate, to: NaiveDate) -> Self {
        // A month's row has day 0, so it may not stand between two days.
        let mut span = Self::of(from, to);
        let whole = std::mem::take(&mut span.months);
        span.days
            .extend(whole.into_iter().map(|month| (month + 1, month + 31)));
        span.days.sort_unstable();
        span
    }
}

fn end_of_month(date: NaiveDate) -> NaiveDate {
    let (year, month) = match date.month() {
        12 => (date.year() + 1, 1),
        month => (date.year(), month + 1),
    };
    NaiveDate::from_ymd_opt(year, month, 1)
        .and_then(|first| first.pred_opt())
        .unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("2026-11-20", "2026-11-20", vec![(20_261_120, 20_261_120)], vec![])]
    #[case("2026-11-01", "2026-11-30", vec![], vec![20_261_100])]
    #[case("2026-01-31", "2026-03-01", vec![(20_260_131, 20_260_131), (20_260_301, 20_260_301)], vec![20_260_200])]
    #[case("2026-11-20", "2027-01-02", vec![(20_261_120, 20_261_130), (20_270_101, 20_270_102)], vec![20_261_200])]
    #[case("2026-11-20", "2026-11-19", vec![], vec![])]
    fn a_span_uses_whole_months(
        #[case] from: &str,
        #[case] to: &str,
        #[case] days: Vec<(i32, i32)>,
        #[case] months: Vec<i32>,
    ) {
        assert_eq!(Span::of(date(from), date(to)), Span { days, months });
    }

    proptest! {
        #[test]
        fn a_span_holds_each_of_its_days_once_and_no_other(
            start in 0_u64..3_000,
            length in 0_u64..800,
            look in 0_u64..4_000,
        ) {
            let first = date("2020-01-01");
            let at = |days| first.checked_add_days(Days::new(days)).unwrap();
            let (from, to, day) = (at(start), at(start + length), at(look));
            for span in [Span::of(from, to), Span::of_days(from, to)] {
                let days = span.days.iter().filter(|(a, b)| (*a..=*b).contains(&day_key(day)));
                let months = span.months.iter().filter(|month| **month == month_key(day));
                prop_assert_eq!(days.count() + months.count(), usize::from(day >= from && day <= to));
                let stray = span.days.iter().any(|(a, b)| (*a..=*b).contains(&month_key(day)));
                prop_assert!(!stray, "a month's row stands among days");
            }
        }
    }

    #[test]
    fn a_call_counts_in_a_day_and_its_month_of_each_dimension() {
        let place = Place {
            customer_id: Uuid::from_u128(1),
            did_id: Uuid::from_u128(2),
            didpool_id: Uuid::nil(),
            campaign_id: Uuid::from_u128(3),
            npa: Some(415),
            date: date("2026-11-20"),
            hour: 9,
        };
        let cells: Vec<_> = place.day_cells().collect();
        assert!(cells.iter().all(|cell| cell.day == 20_261_120));
        assert!(
            cells
                .iter()
                .all(|cell| cell.of_month().day == month_key(place.date))
        );
        let items: Vec<_> = cells.iter().map(|cell| cell.item.to_string()).collect();
        let expected = [
            "00000000000000000000000000000002",
            "415",
            "",
            "00000000000000000000000000000003",
            "09",
            "",
        ];
        assert_eq!(items, expected);
    }
}
