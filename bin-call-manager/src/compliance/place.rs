//! Where a person may be: by the number, and by an address beside it.

use std::{collections::BTreeMap, sync::LazyLock};

use chrono_tz::Tz;

use super::zones::{self, names};
use crate::choice::place::Code;

/// Zones of each state and province.
const STATES: &str = include_str!("data/states.tsv");
/// State of each three-digit ZIP prefix, and of whole ZIP codes that lie elsewhere.
const ZIPS: &str = include_str!("data/zips.tsv");
const PREFIXES: usize = 1_000;

static BY_STATE: LazyLock<BTreeMap<Code, Box<[Tz]>>> = LazyLock::new(|| {
    rows(STATES)
        .filter_map(|row| Some((Code::region(row.first()?)?, names(row.get(1)?))))
        .collect()
});

static BY_ZIP: LazyLock<Box<[Option<Zip>]>> = LazyLock::new(|| {
    let mut zips: Box<[Option<Zip>]> = (0..PREFIXES).map(|_| None).collect();
    for row in rows(ZIPS) {
        let Some((range, zip)) = Zip::read(&row) else {
            continue;
        };
        if let Some(some) = zips.get_mut(range) {
            some.fill(Some(zip));
        }
    }
    zips
});

static BY_WHOLE_ZIP: LazyLock<BTreeMap<usize, Zip>> = LazyLock::new(|| {
    let found = rows(ZIPS).filter_map(|row| Zip::read(&row));
    let whole = found.filter(|(range, _)| *range.start() >= PREFIXES);
    whole.map(|(range, zip)| (*range.start(), zip)).collect()
});

/// A place: its local time, and whose law holds there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its time zone.
    pub zone: Tz,
    /// Its state, where it is known.
    pub state: Option<Code>,
}

/// What somebody says of where a person lives. Empty = not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Address<'a> {
    /// ZIP, or ZIP+4.
    pub zip: &'a str,
    /// Postal code of the state.
    pub state: &'a str,
}

#[derive(Debug, Clone, Copy)]
struct Zip {
    state: Code,
    zones: &'static [Tz],
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect())
}

impl Zip {
    fn read(row: &[&'static str]) -> Option<(std::ops::RangeInclusive<usize>, Self)> {
        let range = row.first()?.parse().ok()?..=row.get(1)?.parse().ok()?;
        let state = Code::region(row.get(2)?)?;
        let zones = match row.get(3) {
            Some(own) => Box::leak(names(own)),
            None => of_state(state)?,
        };
        Some((range, Self { state, zones }))
    }
}

/// Every zone of a state or province.
fn of_state(state: Code) -> Option<&'static [Tz]> {
    BY_STATE.get(&state).map(|zones| &**zones)
}

fn of_zip(zip: &str) -> Option<Zip> {
    let is_zip = zip.len() >= 5 && zip.bytes().take(5).all(|byte| byte.is_ascii_digit());
    let whole: usize = zip.get(..5).filter(|_| is_zip)?.parse().ok()?;
    let elsewhere = BY_WHOLE_ZIP.get(&whole).copied();
    elsewhere.or(*BY_ZIP.get(whole / 100)?)
}

/// Whether a place of this name exists.
pub fn is_state(state: Code) -> bool {
    BY_STATE.contains_key(&state)
}

/// Where the person may be: every place must allow the call. Nothing when the number or the address is nowhere.
pub fn places(number: &str, address: Address<'_>) -> Option<Vec<Place>> {
    let found = zones::of(number)?;
    let mut places = Vec::with_capacity(4);
    add(&mut places, found.state, found.zones);
    if !address.zip.is_empty() {
        let zip = of_zip(address.zip)?;
        add(&mut places, Some(zip.state), zip.zones);
    }
    if !address.state.is_empty() {
        let state = Code::region(address.state)?;
        // A ZIP of that state knows better which of its zones.
        if !places
            .iter()
            .skip(found.zones.len())
            .any(|place| place.state == Some(state))
        {
            add(&mut places, Some(state), of_state(state)?);
        }
    }
    Some(places)
}

fn add(places: &mut Vec<Place>, state: Option<Code>, zones: &[Tz]) {
    for &zone in zones {
        let place = Place { zone, state };
        if !places.contains(&place) {
            places.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn told(number: &str, zip: &str, state: &str) -> String {
        let places = places(number, Address { zip, state }).unwrap_or_default();
        let text = |place: &Place| {
            let state = place.state.map(|state| state.to_string());
            format!("{} {}", state.unwrap_or_default(), place.zone)
        };
        places.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    #[rstest]
    #[case("+14155550123", "", "", "CA America/Los_Angeles")]
    #[case(
        "+14155550123",
        "10001",
        "",
        "CA America/Los_Angeles, NY America/New_York"
    )]
    #[case(
        "+14155550123",
        "10001-1234",
        "NY",
        "CA America/Los_Angeles, NY America/New_York"
    )]
    #[case(
        "+14155550123",
        "",
        "ny",
        "CA America/Los_Angeles, NY America/New_York"
    )]
    #[case("+14155550123", "94105", "CA", "CA America/Los_Angeles")]
    #[case(
        "+18085550123",
        "96799",
        "",
        "HI Pacific/Honolulu, AS Pacific/Pago_Pago"
    )]
    #[case(
        "+12085550123",
        "83414-0001",
        "",
        "ID America/Boise, ID America/Denver, ID America/Los_Angeles, WY America/Denver"
    )]
    #[case(
        "+12125550123",
        "32501",
        "",
        "NY America/New_York, FL America/New_York, FL America/Chicago"
    )]
    #[case(
        "+12125550123",
        "33101",
        "FL",
        "NY America/New_York, FL America/New_York"
    )]
    #[case(
        "+12125550123",
        "33101",
        "TX",
        "NY America/New_York, FL America/New_York, TX America/Chicago, TX America/Denver"
    )]
    #[case("+14165550123", "", "", "ON America/Toronto")]
    #[case("+18005550123", "10001", "NY", "")]
    #[case("+12125550123", "09012", "", "")]
    #[case("+12125550123", "K1A 0B1", "", "")]
    #[case("+12125550123", "", "XX", "")]
    #[case("+4930123456", "", "", "")]
    fn an_address_counts_beside_the_number(
        #[case] number: &str,
        #[case] zip: &str,
        #[case] state: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(told(number, zip, state), expected);
    }

    #[test]
    fn every_row_of_the_tables_is_read() {
        assert_eq!(BY_STATE.len(), rows(STATES).count());
        assert!(BY_STATE.values().all(|zones| !zones.is_empty()));
        for row in rows(ZIPS) {
            assert!(Zip::read(&row).is_some(), "{row:?}");
        }
    }
}
