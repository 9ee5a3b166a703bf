//! When a person may be solicited: data rows of the federation and the states, and a customer's own, stricter ones.

use std::{borrow::Cow, sync::LazyLock};

use bin_common_handler::models::check::minutes;
use chrono::{Datelike, NaiveDate, Weekday};

use super::holidays::is_holiday;
use crate::choice::place::Code;

const TABLE: &str = include_str!("data/rules.tsv");
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_SECONDS: u32 = 86_400;

/// What rows are of that hold in every state.
pub const WHOLE_COUNTRY: &str = "US";

/// The state that a row is of: none for the whole country. Nothing when it is neither.
pub fn territory(text: &str) -> Option<Option<Code>> {
    if text == WHOLE_COUNTRY {
        return Some(None);
    }
    Code::region(text).map(Some)
}

static BUILT_IN: LazyLock<Vec<Layer>> =
    LazyLock::new(|| layers(TABLE.lines().filter_map(Row::read)));

/// What a rule says of one day of the week, in seconds of the local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Nothing.
    Free,
    /// Calls from the first until before the second; the same twice = none.
    Window(u32, u32),
}

/// The rows of one state and one time: all that is in force must allow a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where it holds; none = everywhere.
    pub state: Option<Code>,
    /// First day on which it holds.
    pub from: Option<NaiveDate>,
    /// Last day on which it holds.
    pub to: Option<NaiveDate>,
    /// By day of the week, Monday first.
    pub days: [Day; 7],
    /// Calls to one person in any 24 hours.
    pub max_per_24h: Option<u32>,
    /// Closed on legal holidays.
    pub holidays: bool,
    /// A business relationship lifts the state's do-not-call list.
    pub relationship: bool,
    /// The law.
    pub citation: Cow<'static, str>,
    /// Where the row was taken from, and when.
    pub source: Cow<'static, str>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it holds; none = everywhere.
    pub state: Option<Code>,
    /// Days of the week, Monday first.
    pub days: [bool; 7],
    /// Seconds of the local day from which calls are allowed.
    pub open: u32,
    /// Seconds of the local day from which they are not.
    pub close: u32,
    /// What else its layer says.
    pub rest: Layer,
}

/// `mon`, or `mon-fri`, as a week of flags.
pub fn days(text: &str) -> Option<[bool; 7]> {
    let at = |name: &str| WEEKDAYS.iter().position(|day| *day == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (at(first)?, at(last)?);
    let mut week = [false; 7];
    week.get_mut(first..=last)?.fill(true);
    Some(week)
}

/// `HH:MM` as seconds of the day; `24:00` is its end.
pub fn seconds(text: &str) -> Option<u32> {
    if text == "24:00" {
        return Some(DAY_SECONDS);
    }
    minutes(text).map(|minutes| u32::from(minutes) * 60)
}

impl Row {
    fn read(line: &'static str) -> Option<Self> {
        let fields: Vec<&'static str> = line.split('\t').collect();
        let field = |at: usize| fields.get(at).copied();
        let text = |at: usize| field(at).map(Cow::Borrowed);
        let date = |at: usize| Some(field(at)?.parse().ok());
        let state = territory(field(0).filter(|state| !state.starts_with('#'))?)?;
        Some(Self {
            state,
            days: days(field(1)?)?,
            open: seconds(field(2)?)?,
            close: seconds(field(3)?)?,
            rest: Layer {
                state,
                from: date(6)?,
                to: date(7)?,
                // A day that no row of the state names is closed.
                days: [Day::Window(0, 0); 7],
                max_per_24h: field(4)?.parse().ok(),
                holidays: field(5)? == "yes",
                relationship: field(8)? == "yes",
                citation: text(9)?,
                source: text(10)?,
            },
        })
    }
}

/// Rows of the same state and time become one layer.
fn layers(rows: impl Iterator<Item = Row>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for row in rows {
        let is_same = |layer: &&mut Layer| {
            (layer.state, layer.from, layer.to) == (row.state, row.rest.from, row.rest.to)
        };
        match layers.iter_mut().find(is_same) {
            Some(layer) => row.set(layer),
            None => {
                let mut layer = row.rest.clone();
                row.set(&mut layer);
                layers.push(layer);
            }
        }
    }
    layers
}

impl Row {
    fn set(&self, layer: &mut Layer) {
        for (day, is_named) in layer.days.iter_mut().zip(self.days) {
            if is_named {
                *day = Day::Window(self.open, self.close);
            }
        }
    }

    /// A layer of this row alone, which says nothing of days that it does not name.
    pub fn alone(self) -> Layer {
        let mut layer = self.rest.clone();
        layer.days = [Day::Free; 7];
        self.set(&mut layer);
        layer
    }
}

impl Layer {
    fn holds(&self, state: Option<Code>, date: NaiveDate) -> bool {
        (self.state.is_none() || self.state == state)
            && self.from.is_none_or(|from| from <= date)
            && self.to.is_none_or(|to| date <= to)
    }

    /// What it says of a date.
    pub fn day(&self, date: NaiveDate, state: Option<Code>) -> Day {
        if self.holidays && is_holiday(date, state) {
            return Day::Window(0, 0);
        }
        let at = date.weekday().num_days_from_monday() as usize;
        self.days.get(at).copied().unwrap_or(Day::Free)
    }
}

impl Day {
    /// Whether calls are allowed at this second of the day.
    pub const fn allows(self, second: u32) -> bool {
        match self {
            Self::Free => true,
            Self::Window(open, close) => open <= second && second < close,
        }
    }
}

/// Every rule that holds in a state on a date: ours, federal ones first, then the customer's.
pub fn in_force(
    own: &[Layer],
    state: Option<Code>,
    date: NaiveDate,
) -> impl Iterator<Item = &Layer> {
    BUILT_IN
        .iter()
        .chain(own)
        .filter(move |layer| layer.holds(state, date))
}

/// The rules that ship with the program.
pub fn built_in() -> &'static [Layer] {
    &BUILT_IN
}

/// `mon` … `sun` of a day of the week, Monday first.
pub const fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "mon",
        Weekday::Tue => "tue",
        Weekday::Wed => "wed",
        Weekday::Thu => "thu",
        Weekday::Fri => "fri",
        Weekday::Sat => "sat",
        Weekday::Sun => "sun",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_and_says_where_it_comes_from() {
        let lines: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        for line in &lines {
            let row = Row::read(line).unwrap_or_else(|| panic!("{line}"));
            assert!(row.open < row.close, "{line}");
            assert!(
                !row.rest.citation.is_empty() && row.rest.source.contains("2026"),
                "{line}"
            );
        }
        assert_eq!(built_in().len(), 21);
        assert_eq!(built_in().first().map(|layer| layer.state), Some(None));
    }
}
