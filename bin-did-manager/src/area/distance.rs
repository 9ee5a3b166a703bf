//! How far two places are from each other.

/// Mean radius of the earth.
const EARTH_KM: f64 = 6371.0088;

/// The distance in kilometres over the ground between two places, each given as latitude and longitude in degrees.
/// The earth is taken for a sphere, which is wrong by half a percent at most. Not a number when a coordinate is not.
pub fn distance_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (a_lat, b_lat) = (a.0.to_radians(), b.0.to_radians());
    let half_lat = (b_lat - a_lat) / 2.0;
    let half_lon = (b.1 - a.1).to_radians() / 2.0;
    let chord = half_lat.sin().powi(2) + a_lat.cos() * b_lat.cos() * half_lon.sin().powi(2);
    // Rounding may bring opposite points of the globe just above 1, which has no arcsine.
    2.0 * EARTH_KM * chord.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const HALF_WAY_ROUND_KM: f64 = EARTH_KM * std::f64::consts::PI;

    #[rstest]
    #[case::same_place((40.0, -75.0), (40.0, -75.0), 0.0)]
    #[case::one_degree_north((0.0, 0.0), (1.0, 0.0), 111.2)]
    #[case::one_degree_east_up_north((60.0, 10.0), (60.0, 11.0), 55.6)]
    #[case::new_york_to_los_angeles((40.7128, -74.0060), (34.0522, -118.2437), 3935.8)]
    #[case::over_the_date_line((0.0, 179.5), (0.0, -179.5), 111.2)]
    #[case::opposite((0.0, 0.0), (0.0, 180.0), 20015.1)]
    fn known_distances_come_out(#[case] a: (f64, f64), #[case] b: (f64, f64), #[case] km: f64) {
        assert!(
            (distance_km(a, b) - km).abs() < 0.2,
            "{}",
            distance_km(a, b)
        );
    }

    #[test]
    fn what_is_no_number_has_no_distance() {
        assert!(distance_km((f64::NAN, 0.0), (0.0, 0.0)).is_nan());
        assert!(distance_km((0.0, f64::INFINITY), (0.0, 0.0)).is_nan());
    }

    proptest! {
        #[test]
        fn distance_is_mutual_and_on_this_globe(
            a in (-90.0..=90.0, -180.0..=180.0),
            b in (-90.0..=90.0, -180.0..=180.0),
        ) {
            let km = distance_km(a, b);
            prop_assert!((0.0..=HALF_WAY_ROUND_KM + 0.001).contains(&km));
            prop_assert!((km - distance_km(b, a)).abs() < 0.001);
        }
    }
}
