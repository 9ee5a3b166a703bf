//! Where ZIP codes are: the Census Bureau's areas of them, each as one point within it.
//!
//! `data/zips.tsv` is made by `scripts/zip-data`. It is read once, at the first look-up; a look-up allocates nothing.

use std::sync::LazyLock;

use super::place::{Code, Point};

const TABLE: &str = include_str!("data/zips.tsv");

/// A ZIP code and its point, in hundredths of a degree.
type Row = (u32, i16, i16);

/// In the order of their codes.
static PLACES: LazyLock<Box<[Row]>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let mut places: Vec<Row> = lines.flat_map(of_line).collect();
    places.sort_unstable();
    places.into()
});

/// The places of a line, each behind the first three digits of all.
fn of_line(line: &'static str) -> impl Iterator<Item = Row> {
    let (first, places) = line.split_once('\t').unwrap_or_default();
    let first: Option<u32> = first.parse().ok();
    places.split(';').filter_map(move |place| {
        let mut fields = place.split(' ');
        let last: u32 = fields.next()?.parse().ok()?;
        let (north, east) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some((first? * 100 + last, north, east))
    })
}

/// Where a ZIP code is; nothing for those that are no area, such as post-office boxes, and for other countries' codes.
pub fn point(zip: Code) -> Option<Point> {
    let code = zip.five_digits()?;
    let places = &**PLACES;
    let at = places.binary_search_by_key(&code, |row| row.0).ok()?;
    let &(_, north, east) = places.get(at)?;
    Point::new(f64::from(north) / 100.0, f64::from(east) / 100.0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::new_york("10001", (40.75, -74.0))]
    #[case::new_york_plus_four("10001-1234", (40.75, -74.0))]
    #[case::chicago("60601", (41.89, -87.62))]
    #[case::puerto_rico("00601", (18.18, -66.75))]
    #[case::alaska("99929", (56.22, -131.92))]
    fn a_zip_is_where_the_census_has_it(#[case] zip: &str, #[case] place: (f64, f64)) {
        let point = point(Code::zip(zip).unwrap()).unwrap();
        let there = Point::new(place.0, place.1).unwrap();
        assert!(point.miles_to(&there) < 6.0, "{point:?}");
    }

    #[rstest]
    #[case::no_area("00000")]
    #[case::canadian("K1A0B1")]
    #[case::short("941")]
    #[case::long("12345678")]
    fn what_is_no_area_is_nowhere(#[case] zip: &str) {
        assert_eq!(point(Code::zip(zip).unwrap()), None);
    }

    #[test]
    fn all_are_read_each_once() {
        assert_eq!(PLACES.len(), 33_791);
        assert!(PLACES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
