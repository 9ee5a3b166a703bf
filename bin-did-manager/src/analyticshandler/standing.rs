//! How a tenant's numbers stand now: by status, and what they can still take today.

use std::collections::BTreeMap;

use bin_common_handler::{
    databasehandler::Db,
    models::{error::Result, time::Timestamp},
};
use serde::Serialize;

use crate::{
    choice::{number::daily_cap, view::defaults},
    dbhandler::dids::{self, Standing},
    models::{
        customer::Customer,
        didstatus::{DidStatus, StatusPeriod},
    },
};

/// The numbers of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
pub(crate) struct Numbers {
    /// How many there are of each status.
    pub numbers: BTreeMap<&'static str, u32>,
    /// Calls that those in use can still take today; null when one of them has no cap.
    pub capacity_left: Option<i64>,
    /// Those in use that have had their calls of today.
    pub exhausted: u32,
}

/// Reads all of a tenant's numbers, a few columns of each.
pub(super) async fn of(db: &Db, customer: &Customer, now: Timestamp) -> Result<Numbers> {
    let rows = dids::standings(db, customer.id).await?;
    Ok(count(&rows, customer, now))
}

fn count(rows: &[Standing], customer: &Customer, now: Timestamp) -> Numbers {
    let defaults = defaults(customer);
    let today = customer.calendar().windows(now.micros()).day;
    let mut numbers = Numbers {
        numbers: DidStatus::ALL
            .iter()
            .map(|status| (status.as_str(), 0))
            .collect(),
        capacity_left: Some(0),
        exhausted: 0,
    };
    for row in rows {
        let status_period = StatusPeriod {
            status: row.status,
            until: row.until,
        };
        let status = status_period.at(now).status;
        *numbers.numbers.entry(status.as_str()).or_default() += 1;
        if !status.is_usable() {
            continue;
        }
        let since = row.tm_status.micros();
        let cap = daily_cap(row.daily_cap, status_period, since, &defaults, now.micros());
        let left = cap.map(|cap| i64::from(cap) - i64::from(used(row, today)));
        numbers.exhausted += u32::from(left.is_some_and(|left| left <= 0));
        numbers.capacity_left = numbers
            .capacity_left
            .zip(left)
            .map(|(sum, left)| sum + left.max(0));
    }
    numbers
}

/// Calls of the day that began at `today`.
fn used(row: &Standing, today: i64) -> i32 {
    let is_today = row.day_start.is_some_and(|start| start >= today);
    row.day_count.filter(|_| is_today).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_168_800_000_000);

    fn number(status: DidStatus, cap: Option<i32>, used: i32) -> Standing {
        Standing {
            status,
            until: None,
            tm_status: NOW,
            daily_cap: cap,
            day_start: Some(Customer::default().calendar().windows(NOW.micros()).day),
            day_count: Some(used),
        }
    }

    fn seen(rows: &[Standing]) -> Numbers {
        count(rows, &Customer::default(), NOW)
    }

    #[test]
    fn capacity_is_what_the_numbers_in_use_have_left() {
        let yesterday = Standing {
            day_start: Some(0),
            ..number(DidStatus::Active, Some(10), 9)
        };
        let numbers = seen(&[
            number(DidStatus::Active, Some(10), 4),
            number(DidStatus::Active, Some(10), 12),
            number(DidStatus::Active, None, 0),
            number(DidStatus::Warming, Some(100), 3),
            number(DidStatus::Inactive, Some(10), 0),
            yesterday,
        ]);
        assert_eq!(numbers.capacity_left, Some(6 + 75 + 7 + 10));
        assert_eq!(numbers.exhausted, 1);
        assert_eq!(numbers.numbers["active"], 4);
        assert_eq!(numbers.numbers["flagged"], 0);
    }

    #[test]
    fn one_number_without_a_cap_has_no_bound() {
        let numbers = seen(&[
            number(DidStatus::Active, Some(0), 400),
            number(DidStatus::Active, Some(10), 10),
        ]);
        assert_eq!((numbers.capacity_left, numbers.exhausted), (None, 1));
    }

    #[test]
    fn a_status_that_has_ended_is_the_one_that_followed() {
        let rested = Standing {
            until: Some(NOW.minus(Duration::from_secs(1))),
            ..number(DidStatus::Resting, None, 0)
        };
        let numbers = seen(&[rested]);
        assert_eq!(numbers.numbers["probation"], 1);
        assert_eq!(numbers.capacity_left, Some(30));
    }
}
