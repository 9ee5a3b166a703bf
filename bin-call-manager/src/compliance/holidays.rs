//! Legal holidays, as data rows.

use std::sync::LazyLock;

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::rules::territory;
use crate::choice::place::Code;

const TABLE: &str = include_str!("data/holidays.tsv");
const DAYS_OF_WEEK: u32 = 7;

static HOLIDAYS: LazyLock<Vec<(Option<Code>, When)>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).collect()
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Month and day.
    Date(u32, u32),
    /// The so many-th of a weekday in a month; none = the last.
    Weekday(Option<u32>, Weekday, u32),
    /// Days after Easter Sunday.
    Easter(i64),
}

fn read(line: &str) -> Option<(Option<Code>, When)> {
    let mut fields = line.split('\t');
    let (place, _, when) = (fields.next()?, fields.next()?, fields.next()?);
    let place = territory(place)?;
    if let Some(days) = when.strip_prefix("easter ") {
        return Some((place, When::Easter(days.parse().ok()?)));
    }
    if let Some((month, day)) = when.split_once('-') {
        return Some((place, When::Date(month.parse().ok()?, day.parse().ok()?)));
    }
    let mut words = when.split(' ');
    let nth = words.next()?.parse().ok();
    let (weekday, month) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((place, When::Weekday(nth, weekday, month)))
}

impl When {
    fn is(self, date: NaiveDate) -> bool {
        match self {
            Self::Date(month, day) => {
                let is = |date: NaiveDate| date.month() == month && date.day() == day;
                let beside = match date.weekday() {
                    Weekday::Fri => date.checked_add_days(Days::new(1)),
                    Weekday::Mon => date.checked_sub_days(Days::new(1)),
                    _ => None,
                };
                is(date) || beside.is_some_and(is)
            }
            Self::Weekday(nth, weekday, month) => {
                if date.month() != month || date.weekday() != weekday {
                    return false;
                }
                match nth {
                    Some(nth) => (date.day() - 1) / DAYS_OF_WEEK + 1 == nth,
                    None => date
                        .checked_add_days(Days::new(DAYS_OF_WEEK.into()))
                        .is_some_and(|next| next.month() != month),
                }
            }
            Self::Easter(days) => {
                easter(date.year()).is_some_and(|easter| (date - easter).num_days() == days)
            }
        }
    }
}

/// Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher).
fn easter(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 19 * l) / 433;
    let month = (h + l - 7 * m + 90) / 25;
    let day = (h + l - 7 * m + 33 * month + 19) % 32;
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

/// Whether a date is a legal holiday in a state.
pub(super) fn is_holiday(date: NaiveDate, state: Option<Code>) -> bool {
    let holds = |place: &Option<Code>| place.is_none() || *place == state;
    HOLIDAYS
        .iter()
        .any(|(place, when)| holds(place) && when.is(date))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-01-01", "AL", true)]
    #[case("2026-01-19", "AL", true)]
    #[case("2026-01-12", "AL", false)]
    #[case("2026-05-25", "AL", true)]
    #[case("2026-05-18", "AL", false)]
    #[case("2026-11-26", "AL", true)]
    // Independence Day of 2026 is a Saturday.
    #[case("2026-07-03", "AL", true)]
    #[case("2026-07-04", "AL", true)]
    #[case("2026-07-06", "AL", false)]
    // Juneteenth of 2022 was a Sunday.
    #[case("2022-06-20", "AL", true)]
    #[case("2026-02-17", "LA", true)]
    #[case("2026-04-03", "LA", true)]
    #[case("2026-04-03", "AL", false)]
    #[case("2026-07-24", "UT", true)]
    #[case("2026-07-24", "AL", false)]
    #[case("2026-08-10", "RI", true)]
    fn holidays(#[case] date: &str, #[case] state: &str, #[case] expected: bool) {
        assert_eq!(
            is_holiday(date.parse().unwrap(), Code::region(state)),
            expected
        );
    }

    #[rstest]
    #[case("2024-03-31")]
    #[case("2025-04-20")]
    #[case("2026-04-05")]
    #[case("2027-03-28")]
    #[case("2038-04-25")]
    fn easter_is_where_the_calendar_has_it(#[case] date: NaiveDate) {
        assert_eq!(easter(date.year()), Some(date));
    }

    #[test]
    fn every_row_is_read() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(HOLIDAYS.len(), lines.count());
    }
}
