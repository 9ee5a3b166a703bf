//! Places: short codes of countries, states and postal areas, and distances.

use std::fmt;

use bin_common_handler::models::point::EARTH_RADIUS_MILES;
pub use bin_common_handler::models::point::Point;
use serde::{Deserialize, Serialize, Serializer};

/// A degree of latitude is a little longer than this: circles in the index are drawn too large, never too small.
const DEGREE_MILES_MIN: f64 = 69.0;
/// Cells that a circle may cover in the index; what covers more is looked at for every call.
const CELLS_MAX: i32 = 64;
/// Nearer to a pole, a circle may hold all longitudes.
const LATITUDE_MAX: f64 = 85.0;

/// A short code in upper case: up to eight letters and digits in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(u64);

impl Code {
    /// The code of a country or state: two or three letters or digits, in any case.
    pub fn region(text: &str) -> Option<Self> {
        (2..=3)
            .contains(&text.len())
            .then(|| Self::pack(text))
            .flatten()
    }

    /// A postal code without spaces and hyphens; of a ZIP+4 the first five digits.
    pub fn zip(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let digits = plain.bytes().all(|byte| byte.is_ascii_digit());
        let kept = match plain.get(..5) {
            Some(five) if digits && plain.len() == 9 => five,
            _ => &plain,
        };
        (3..=8)
            .contains(&kept.len())
            .then(|| Self::pack(kept))
            .flatten()
    }

    /// As a number, where it is a ZIP code.
    pub(super) fn five_digits(self) -> Option<u32> {
        let bytes = self.0.to_be_bytes();
        let text = std::str::from_utf8(&bytes).ok()?.trim_start_matches('\0');
        let is_zip = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_zip.then(|| text.parse().ok()).flatten()
    }

    fn pack(text: &str) -> Option<Self> {
        let alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        alphanumeric.then(|| {
            Self(text.bytes().fold(0, |word, byte| {
                (word << 8) | u64::from(byte.to_ascii_uppercase())
            }))
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        f.write_str(text.trim_start_matches('\0'))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A circle on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Radius {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
    /// Above 0, at most half way round the earth.
    pub miles: f64,
}

/// A circle, ready for calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    centre: Point,
    miles: f64,
    /// What the haversine of two points may be at most: spares the root and the arc for each call.
    haversine_max: f64,
}

impl Circle {
    /// Longest radius: half the earth's circumference.
    pub const MILES_MAX: f64 = 12_437.0;

    /// Nothing when a coordinate or the radius is out of range.
    pub fn new(radius: Radius) -> Option<Self> {
        let centre = Point::new(radius.lat, radius.lon)?;
        let valid = radius.miles > 0.0 && radius.miles <= Self::MILES_MAX;
        valid.then(|| Self {
            centre,
            miles: radius.miles,
            haversine_max: (radius.miles / EARTH_RADIUS_MILES / 2.0).sin().powi(2),
        })
    }

    /// Whether the point lies in it, its edge included.
    pub fn holds(&self, point: &Point) -> bool {
        self.centre.haversine(point) <= self.haversine_max
    }

    /// Miles from the centre.
    pub fn miles_to(&self, point: &Point) -> f64 {
        self.centre.miles_to(point)
    }

    /// The radius.
    pub const fn miles(&self) -> f64 {
        self.miles
    }

    /// All cells that it may touch; nothing when they are too many, or near a pole.
    pub(super) fn cells(&self) -> Option<Vec<Cell>> {
        let up = self.miles / DEGREE_MILES_MIN;
        let (south, north) = (self.centre.latitude() - up, self.centre.latitude() + up);
        if south < -LATITUDE_MAX || north > LATITUDE_MAX {
            return None;
        }
        // Degrees of longitude are shortest at the end that is nearer to a pole.
        let shortest = south.abs().max(north.abs()).to_radians().cos();
        let aside = up / shortest;
        let (west, east) = (
            floor(self.centre.longitude() - aside),
            floor(self.centre.longitude() + aside),
        );
        let (south, north) = (floor(south), floor(north));
        // The widest row of cells must not meet itself behind the earth.
        if (north - south + 1) * (east - west + 1) > CELLS_MAX {
            return None;
        }
        Some(
            (south..=north)
                .flat_map(|lat| (west..=east).map(move |lon| Cell::at(lat, lon)))
                .collect(),
        )
    }
}

/// A square degree: its south-west corner, longitude 0 to 359.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Cell(i16, i16);

impl Cell {
    /// The cell that a point lies in.
    pub(super) fn of(point: &Point) -> Self {
        Self::at(floor(point.latitude()), floor(point.longitude()))
    }

    fn at(latitude: i32, longitude: i32) -> Self {
        let small = |degrees: i32| i16::try_from(degrees).unwrap_or_default();
        Self(small(latitude), small(longitude.rem_euclid(360)))
    }
}

/// Whole degrees; callers stay within a few hundred.
fn floor(degrees: f64) -> i32 {
    let whole = degrees.floor().clamp(-1_000.0, 1_000.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped above; there is no checked conversion from f64"
    )]
    let whole = whole as i32;
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("us", Some("US"))]
    #[case("NSW", Some("NSW"))]
    #[case("USA ", None)]
    #[case("é", None)]
    #[case("", None)]
    fn a_region_is_two_or_three_letters(#[case] text: &str, #[case] code: Option<&str>) {
        let read = Code::region(text).map(|code| code.to_string());
        assert_eq!(read.as_deref(), code);
    }

    #[rstest]
    #[case("90210", Some("90210"))]
    #[case("90210-1234", Some("90210"))]
    #[case("902101234", Some("90210"))]
    #[case("k1a 0b1", Some("K1A0B1"))]
    #[case("00501", Some("00501"))]
    #[case("1", None)]
    #[case("90210é", None)]
    fn a_zip_has_one_form(#[case] text: &str, #[case] code: Option<&str>) {
        let read = Code::zip(text).map(|code| code.to_string());
        assert_eq!(read.as_deref(), code);
    }

    #[rstest]
    // New York to Los Angeles; a degree on the equator; over the date line; antipodes.
    #[case((40.712_8, -74.006), (34.052_2, -118.243_7), 2_445.7)]
    #[case((0.0, 0.0), (0.0, 1.0), 69.09)]
    #[case((0.0, 179.5), (0.0, -179.5), 69.09)]
    #[case((0.0, 0.0), (0.0, 180.0), 12_436.8)]
    fn distances_are_those_of_the_map(
        #[case] a: (f64, f64),
        #[case] b: (f64, f64),
        #[case] miles: f64,
    ) {
        let (a, b) = (Point::new(a.0, a.1).unwrap(), Point::new(b.0, b.1).unwrap());
        assert!((a.miles_to(&b) - miles).abs() < miles / 1_000.0);
    }

    #[rstest]
    #[case(91.0, 0.0, 1.0)]
    #[case(0.0, -180.1, 1.0)]
    #[case(0.0, 0.0, 0.0)]
    #[case(0.0, 0.0, f64::NAN)]
    #[case(f64::INFINITY, 0.0, 1.0)]
    fn what_is_no_circle_is_refused(#[case] lat: f64, #[case] lon: f64, #[case] miles: f64) {
        assert_eq!(Circle::new(Radius { lat, lon, miles }), None);
    }

    proptest! {
        /// A call in the circle is in one of its cells, whatever the place: the index leaves nobody out.
        #[test]
        fn the_cells_cover_the_circle(
            lat in -89.0_f64..89.0, lon in -180.0_f64..180.0, miles in 1.0_f64..600.0,
            up in -9.0_f64..9.0, aside in -30.0_f64..30.0,
        ) {
            let circle = Circle::new(Radius { lat, lon, miles }).unwrap();
            let east = (lon + aside + 540.0).rem_euclid(360.0) - 180.0;
            let point = Point::new((lat + up).clamp(-90.0, 90.0), east).unwrap();
            prop_assert_eq!(circle.holds(&point), circle.miles_to(&point) <= miles);
            if let Some(cells) = circle.cells().filter(|_| circle.holds(&point)) {
                prop_assert!(cells.contains(&Cell::of(&point)));
            }
        }
    }
}
