//! Time zones of North American numbers, by area code and exchange.
//!
//! `data/zones.tsv` is made by `scripts/zone-data`. It is read once, at the first look-up; a look-up allocates nothing.

use std::sync::LazyLock;

use chrono_tz::Tz;

use crate::choice::place::Code;

/// One line per area code: code, state, zones, exchanges that are known.
const TABLE: &str = include_str!("data/zones.tsv");
/// Area codes begin with 2 to 9.
const NPA_MIN: u16 = 200;
const NPA_COUNT: usize = 800;
const EXCHANGES: usize = 1_000;

static AREAS: LazyLock<Box<[Option<Area>]>> = LazyLock::new(read);

/// What is known of an area code.
struct Area {
    state: Option<Code>,
    zones: Box<[Tz]>,
    /// Sets of zones that exchanges have.
    sets: Vec<Box<[Tz]>>,
    /// For each exchange which of the sets it has, from 1; 0 = it is not known. Empty where none is known.
    exchanges: Vec<u8>,
}

/// Where a number is, as far as its digits say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The state of its area code; none where it has none.
    pub state: Option<Code>,
    /// Those of its exchange; where that is not known, all of its area code.
    pub zones: &'static [Tz],
}

/// Where an E.164 number is; nothing for toll-free, premium and unassigned area codes, and for numbers outside of
/// North America.
pub fn of(e164: &str) -> Option<Found> {
    let national = e164.strip_prefix("+1")?;
    let digits = |range: std::ops::Range<usize>| national.get(range)?.parse::<u16>().ok();
    let (npa, exchange) = (digits(0..3)?, digits(3..6)?);
    let slot = usize::from(npa.checked_sub(NPA_MIN)?);
    let area = AREAS.get(slot)?.as_ref()?;
    let set = area.exchanges.get(usize::from(exchange)).copied();
    let known = usize::from(set.unwrap_or_default())
        .checked_sub(1)
        .and_then(|set| area.sets.get(set));
    Some(Found {
        state: area.state,
        zones: known.unwrap_or(&area.zones),
    })
}

fn read() -> Box<[Option<Area>]> {
    let mut areas: Box<[Option<Area>]> = (0..NPA_COUNT).map(|_| None).collect();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let (npa, state, zones, exchanges) = (next(), next(), next(), next());
        let slot = npa
            .parse()
            .ok()
            .and_then(|npa: u16| npa.checked_sub(NPA_MIN));
        if let Some(area) = slot.and_then(|slot| areas.get_mut(usize::from(slot))) {
            *area = Some(Area::new(state, zones, exchanges));
        }
    }
    areas
}

/// Names of zones with commas between them.
pub(super) fn names(text: &str) -> Box<[Tz]> {
    text.split(',')
        .filter_map(|name| name.parse().ok())
        .collect()
}

impl Area {
    fn new(state: &str, zones: &str, exchanges: &str) -> Self {
        let mut sets = Vec::new();
        let mut prefixes: Vec<(&str, u8)> = Vec::new();
        for entry in exchanges.split_whitespace() {
            let Some((zones, digits)) = entry.split_once('=') else {
                continue;
            };
            sets.push(names(zones));
            let set = u8::try_from(sets.len()).unwrap_or_default();
            prefixes.extend(digits.split(',').map(|prefix| (prefix, set)));
        }
        // What is longer speaks for itself.
        prefixes.sort_by_key(|(prefix, _)| prefix.len());
        let mut known = if prefixes.is_empty() {
            Vec::new()
        } else {
            vec![0; EXCHANGES]
        };
        for (prefix, set) in prefixes {
            let Ok(number) = prefix.parse::<usize>() else {
                continue;
            };
            let of_each = if prefix.len() == 3 { 1 } else { 10 };
            let range = number * of_each..(number + 1) * of_each;
            if let Some(known) = known.get_mut(range) {
                known.fill(set);
            }
        }
        Self {
            state: Code::region(state),
            zones: names(zones),
            sets,
            exchanges: known,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SAMPLE: &str = include_str!("data/zones-sample.tsv");

    #[rstest]
    // The area code's row says Chicago; the exchange is Chattanooga.
    #[case("+14232650123", "TN", "America/New_York")]
    #[case("+18504320123", "FL", "America/Chicago")]
    #[case("+18502160123", "FL", "America/Chicago,America/New_York")]
    // 208 has no row of its own.
    #[case(
        "+12082000123",
        "ID",
        "America/Boise,America/Denver,America/Los_Angeles"
    )]
    #[case("+14155550123", "CA", "America/Los_Angeles")]
    #[case("+17875550123", "PR", "America/Puerto_Rico")]
    fn an_exchange_has_its_own_zone_or_all_of_its_area(
        #[case] number: &str,
        #[case] state: &str,
        #[case] zones: &str,
    ) {
        let found = of(number).unwrap();
        assert_eq!(found.state, Code::region(state));
        assert_eq!(found.zones, &*names(zones), "{number}");
    }

    #[rstest]
    #[case("+18005550123")]
    #[case("+18885550123")]
    #[case("+19005550123")]
    #[case("+15005550123")]
    #[case("+17105550123")]
    #[case("+4930123456")]
    #[case("+1")]
    #[case("")]
    fn what_is_nowhere_has_no_zone(#[case] number: &str) {
        assert_eq!(of(number), None);
    }

    /// Every row of the sample, by the first and the last number below it that no longer row is about.
    #[test]
    fn the_table_says_what_its_source_says() {
        let rows: Vec<(&str, Box<[Tz]>)> = SAMPLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once('\t').unwrap())
            .map(|(digits, zones)| (digits, names(zones)))
            .collect();
        assert!(rows.len() > 350, "{}", rows.len());
        for (digits, zones) in &rows {
            let number = format!("+1{digits:0<10}");
            let found = of(&number).unwrap_or_else(|| panic!("{number}"));
            match digits.len() {
                6 => assert_eq!(*found.zones, **zones, "{number}"),
                3 => assert!(
                    zones.iter().all(|zone| area(digits).contains(zone)),
                    "{digits}"
                ),
                _ => assert!(
                    zones.iter().any(|zone| area(digits).contains(zone)),
                    "{digits}"
                ),
            }
        }
    }

    fn area(digits: &str) -> &'static [Tz] {
        let npa: usize = digits[..3].parse().unwrap();
        &AREAS[npa - 200].as_ref().unwrap().zones
    }
}
