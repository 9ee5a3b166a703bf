//! What work costs at a time: the item's price, times the factor of the dearest rate that applies.

use bin_common_handler::models::{
    error::Result,
    hours::{Hours, minute_of_week},
    money::{Currency, Money},
    time::Timestamp,
};
use chrono_tz::Tz;

/// A rate: when it applies, and by how much the price is multiplied.
#[derive(Debug, Clone)]
pub struct Tariff<'r> {
    /// Its name, for people.
    pub name: &'r str,
    /// When the work begins, local time.
    pub hours: Hours,
    /// In millionths: 1,500,000 is half as much again.
    pub factor_millionths: u32,
}

/// A price, and the rate that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'r> {
    /// What is paid.
    pub price: Money,
    /// The rate that applied; none for the plain price.
    pub rate: Option<&'r str>,
    /// Its factor, in millionths.
    pub factor_millionths: u32,
}

/// The factor of a price that no rate changes.
pub const PLAIN_MILLIONTHS: u32 = 1_000_000;

/// The lowest and the highest factor of some times, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// The lowest.
    pub low_millionths: u32,
    /// The highest.
    pub high_millionths: u32,
}

impl Default for Factors {
    /// No rate changes a price.
    fn default() -> Self {
        Self::of(PLAIN_MILLIONTHS)
    }
}

impl Factors {
    const fn of(factor_millionths: u32) -> Self {
        Self {
            low_millionths: factor_millionths,
            high_millionths: factor_millionths,
        }
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            low_millionths: self.low_millionths.min(other.low_millionths),
            high_millionths: self.high_millionths.max(other.high_millionths),
        }
    }
}

/// The factors of work that begins at one of these times; of no times, that of the plain price.
pub fn factors(
    tariffs: &[Tariff<'_>],
    zone: Tz,
    times: impl Iterator<Item = Timestamp>,
) -> Factors {
    let each = times.map(|at| {
        let dearest = dearest(tariffs, zone, at);
        Factors::of(dearest.map_or(PLAIN_MILLIONTHS, |tariff| tariff.factor_millionths))
    });
    each.reduce(Factors::and).unwrap_or_default()
}

/// Of several rates that apply the one with the highest factor, and of equal ones the first by name.
fn dearest<'t, 'r>(tariffs: &'t [Tariff<'r>], zone: Tz, at: Timestamp) -> Option<&'t Tariff<'r>> {
    let minute = minute_of_week(zone, at);
    let applies = tariffs.iter().filter(|tariff| tariff.hours.is_open(minute));
    applies.max_by(|one, other| {
        let by_factor = one.factor_millionths.cmp(&other.factor_millionths);
        by_factor.then_with(|| other.name.cmp(one.name))
    })
}

/// What work that begins at `at` costs. Of several rates that apply the one with the highest factor counts, and of equal
/// ones the first by name; they are never multiplied with each other.
///
/// # Errors
/// 400 when the price is beyond 64 bits.
pub fn quote<'r>(
    price_cents: i64,
    currency: Currency,
    tariffs: &[Tariff<'r>],
    zone: Tz,
    at: Timestamp,
) -> Result<Quote<'r>> {
    let dearest = dearest(tariffs, zone, at);
    let factor = dearest.map_or(PLAIN_MILLIONTHS, |tariff| tariff.factor_millionths);
    Ok(Quote {
        price: Money::new(price_cents, currency).share(factor)?,
        rate: dearest.map(|tariff| tariff.name),
        factor_millionths: factor,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn tariff(name: &'static str, hours: &str, factor_millionths: u32) -> Tariff<'static> {
        Tariff {
            name,
            hours: serde_json::from_str(hours).unwrap(),
            factor_millionths,
        }
    }

    #[rstest]
    #[case::plain("2026-11-20T15:00:00Z", 12_500, None)]
    #[case::evening("2026-11-20T23:30:00Z", 18_750, Some("evening"))]
    // Saturday evening: the weekend is dearer, and not on top.
    #[case::weekend("2026-11-21T23:30:00Z", 25_000, Some("weekend"))]
    #[case::night("2026-11-20T08:00:00Z", 25_000, Some("night"))]
    fn the_dearest_rate_of_the_local_time_counts(
        #[case] at: &str,
        #[case] price: i64,
        #[case] rate: Option<&str>,
    ) {
        let tariffs = [
            tariff("evening", r#""18:00-22:00""#, 1_500_000),
            tariff("night", r#""22:00-06:00""#, 2_000_000),
            tariff(
                "weekend",
                r#"{"days":["sat","sun"],"from":"00:00","to":"24:00"}"#,
                2_000_000,
            ),
        ];
        let zone = chrono_tz::America::New_York;
        let quoted = quote(12_500, Currency::USD, &tariffs, zone, at.parse().unwrap()).unwrap();
        assert_eq!((quoted.price.amount, quoted.rate), (price, rate));
    }

    #[rstest]
    #[case::of_no_time(&[], 1_000_000, 1_000_000)]
    #[case::evening(&["2026-11-20T23:30:00Z"], 1_500_000, 1_500_000)]
    #[case::both(&["2026-11-20T15:00:00Z", "2026-11-20T23:30:00Z"], 1_000_000, 1_500_000)]
    fn some_times_have_a_lowest_and_a_highest_factor(
        #[case] times: &[&str],
        #[case] low_millionths: u32,
        #[case] high_millionths: u32,
    ) {
        let tariffs = [tariff("evening", r#""18:00-22:00""#, 1_500_000)];
        let times = times.iter().map(|at| at.parse().unwrap());
        let expected = Factors {
            low_millionths,
            high_millionths,
        };
        let zone = chrono_tz::America::New_York;
        assert_eq!(factors(&tariffs, zone, times), expected);
    }

    #[rstest]
    #[case(101, 1_500_000, 152)]
    #[case(99, 1_500_000, 148)]
    #[case(0, 9_000_000, 0)]
    #[case(333, 333_333, 111)]
    fn half_a_cent_goes_to_the_even_one(
        #[case] price: i64,
        #[case] factor: u32,
        #[case] paid: i64,
    ) {
        let tariffs = [tariff("always", "null", factor)];
        let at = Timestamp::from_micros(0);
        let quoted = quote(price, Currency::USD, &tariffs, Tz::UTC, at).unwrap();
        assert_eq!(quoted.price.amount, paid);
    }
}
