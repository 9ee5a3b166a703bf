//! Area codes of the North American Numbering Plan.

use std::sync::LazyLock;

/// One line per area code: code, country, state, city, time zones, overlays, neighbours.
const TABLE: &str = include_str!("npa.tsv");
/// Area codes begin with 2 to 9.
const NPA_MIN: u16 = 200;
const NPA_COUNT: usize = 800;

static ROWS: LazyLock<Box<[Option<Row>]>> = LazyLock::new(|| index(TABLE.lines().filter_map(read)));

/// What is known of an area code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The area code (NPA), 200 to 999.
    pub npa: u16,
    /// ISO 3166 country code, such as `US`, `CA`, `JM`. Territories that dial as part of the United States,
    /// such as Puerto Rico, are `US`.
    pub country: &'static str,
    /// Postal code of the state, territory or province; empty outside the United States and Canada. Of the
    /// provinces that share a code it is the one with more numbers.
    pub state: &'static str,
    /// The principal city; empty where none is known. Overlays have the same city.
    pub city: &'static str,
    /// IANA time zone of most of the area, such as `America/Chicago`.
    pub timezone: &'static str,
}

struct Row {
    area: Area,
    /// Overlays, then neighbours.
    related: Box<[u16]>,
}

/// Where an area code is; `None` for toll-free, premium and other codes without a place, and for unassigned ones.
pub fn of_npa(npa: u16) -> Option<&'static Area> {
    Some(&row(npa)?.area)
}

/// Where a number is that is written `+1NPANXXXXXX`; `None` for every other text, and where [`of_npa`] has none.
pub fn of_number(e164: &str) -> Option<&'static Area> {
    let national = e164.strip_prefix("+1")?;
    if national.len() != 10 || !national.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    of_npa(national.get(..3)?.parse().ok()?)
}

/// The area codes that look as local: those that overlay this one, then those beside it, of the same state first.
/// Empty for a code that is not known.
pub fn related(npa: u16) -> &'static [u16] {
    row(npa).map_or(&[], |row| &row.related)
}

fn row(npa: u16) -> Option<&'static Row> {
    ROWS.get(slot(npa)?)?.as_ref()
}

fn slot(npa: u16) -> Option<usize> {
    npa.checked_sub(NPA_MIN).map(usize::from)
}

fn index(rows: impl Iterator<Item = Row>) -> Box<[Option<Row>]> {
    let mut index: Box<[_]> = std::iter::repeat_with(|| None).take(NPA_COUNT).collect();
    for row in rows {
        if let Some(place) = slot(row.area.npa).and_then(|slot| index.get_mut(slot)) {
            *place = Some(row);
        }
    }
    index
}

/// One line of the table; `None` for a comment, and for a line that is no row.
fn read(line: &'static str) -> Option<Row> {
    let mut fields = line.split('\t');
    let area = Area {
        npa: fields.next()?.parse().ok()?,
        country: fields.next()?,
        state: fields.next()?,
        city: fields.next()?,
        timezone: fields.next()?.split(',').next()?,
    };
    let codes = fields.next()?.split(' ').chain(fields.next()?.split(' '));
    let related = codes.filter(|code| !code.is_empty());
    Some(Row {
        area,
        related: related
            .map(|code| code.parse().ok())
            .collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::super::{bordering, state_code};
    use super::*;

    fn all() -> impl Iterator<Item = &'static Row> {
        ROWS.iter().flatten()
    }

    #[test]
    fn every_line_of_the_table_is_a_row_of_its_own_code() {
        let lines: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        for line in &lines {
            assert!(read(line).is_some(), "{line}");
        }
        assert!(lines.len() > 380, "{} codes", lines.len());
        assert_eq!(all().count(), lines.len());
    }

    #[test]
    fn every_row_has_a_country_and_a_known_time_zone_and_a_known_state_where_states_are() {
        for Area {
            npa,
            country,
            state,
            timezone,
            ..
        } in all().map(|row| &row.area)
        {
            assert_eq!(country.len(), 2, "{npa}");
            assert!(
                timezone.parse::<chrono_tz::Tz>().is_ok(),
                "{npa}: {timezone}"
            );
            match *country {
                "US" | "CA" => assert_eq!(state_code(state), Some(*state), "{npa}"),
                _ => assert_eq!(*state, "", "{npa}"),
            }
        }
    }

    #[test]
    fn every_state_and_territory_has_an_area_code() {
        let states: BTreeSet<_> = all()
            .filter(|row| row.area.country == "US")
            .map(|row| row.area.state)
            .collect();
        assert_eq!(states.len(), 50 + 1 + 5, "{states:?}");
        assert!(states.contains("DC"));
    }

    #[rstest]
    #[case::manhattan(212, "US", "NY", "New York", "America/New_York")]
    #[case::san_francisco(415, "US", "CA", "San Francisco", "America/Los_Angeles")]
    #[case::toronto(416, "CA", "ON", "Toronto", "America/Toronto")]
    #[case::washington(202, "US", "DC", "Washington", "America/New_York")]
    #[case::puerto_rico(787, "US", "PR", "", "America/Puerto_Rico")]
    #[case::jamaica(876, "JM", "", "", "America/Jamaica")]
    #[case::the_majority_names_the_clock(605, "US", "SD", "Sioux Falls", "America/Chicago")]
    #[case::not_the_alphabet(423, "US", "TN", "Chattanooga", "America/New_York")]
    #[case::nor_labrador(709, "CA", "NL", "St. John's", "America/St_Johns")]
    #[case::an_overlay_has_its_elders_city_and_clock(
        689,
        "US",
        "FL",
        "Orlando",
        "America/New_York"
    )]
    #[case::newer_than_the_metadata(465, "US", "NY", "Brooklyn", "America/New_York")]
    #[case::of_two_provinces_the_larger(902, "CA", "NS", "Halifax", "America/Halifax")]
    fn known_area_codes_are_where_they_are(
        #[case] npa: u16,
        #[case] country: &'static str,
        #[case] state: &'static str,
        #[case] city: &'static str,
        #[case] timezone: &'static str,
    ) {
        assert_eq!(
            of_npa(npa),
            Some(&Area {
                npa,
                country,
                state,
                city,
                timezone
            })
        );
    }

    #[rstest]
    #[case::below(0)]
    #[case::too_low(199)]
    #[case::unassigned(211)]
    #[case::personal(500)]
    #[case::toll_free(800)]
    #[case::newest_toll_free(833)]
    #[case::premium(900)]
    #[case::too_high(1000)]
    #[case::highest(u16::MAX)]
    fn codes_without_a_place_have_no_area_and_no_relations(#[case] npa: u16) {
        assert_eq!(of_npa(npa), None);
        assert_eq!(related(npa), [0; 0]);
    }

    #[rstest]
    #[case::whole("+14155551234", Some(415))]
    #[case::bare("4155551234", None)]
    #[case::short("+1415555123", None)]
    #[case::long("+141555512345", None)]
    #[case::letters("+1415555123x", None)]
    #[case::elsewhere("+442079460958", None)]
    #[case::toll_free("+18005551234", None)]
    #[case::wide_characters("+1４１５5", None)]
    #[case::empty("", None)]
    fn only_a_north_american_number_has_an_area(#[case] number: &str, #[case] npa: Option<u16>) {
        assert_eq!(of_number(number).map(|area| area.npa), npa);
    }

    #[rstest]
    #[case::overlay_then_neighbours(415, &[628, 341, 369, 510, 650, 707])]
    #[case::overlay_of_two_areas(872, &[312, 773, 224, 331, 464, 630, 708, 847])]
    #[case::same_state_before_the_other(702, &[725, 775, 928])]
    #[case::alone(307, &[])]
    fn relations_are_overlays_then_neighbours(#[case] npa: u16, #[case] expected: &[u16]) {
        assert_eq!(related(npa), expected);
    }

    #[test]
    fn relations_are_mutual_known_not_twice_and_of_the_same_or_a_bordering_state() {
        for Row {
            area,
            related: others,
        } in all()
        {
            assert_eq!(
                others.iter().collect::<BTreeSet<_>>().len(),
                others.len(),
                "{}",
                area.npa
            );
            for other in others {
                let beside = of_npa(*other).unwrap();
                assert!(
                    *other != area.npa && related(*other).contains(&area.npa),
                    "{} {other}",
                    area.npa
                );
                assert_eq!(beside.country, area.country);
                assert!(
                    beside.state == area.state || bordering(area.state).contains(&beside.state),
                    "{other}"
                );
            }
        }
    }
}
