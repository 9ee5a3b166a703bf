//! Places on the earth, and distances between them.

/// Mean radius of the earth in miles (6,371.0088 km).
pub const EARTH_RADIUS_MILES: f64 = 3_958.761_3;

/// A place on the earth, ready for distances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    latitude: f64,
    longitude: f64,
    cos_latitude: f64,
}

impl Point {
    /// Degrees north (−90 to 90) and east (−180 to 180); nothing beyond.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let valid = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        valid.then(|| Self {
            latitude,
            longitude,
            cos_latitude: latitude.to_radians().cos(),
        })
    }

    /// Degrees north.
    pub const fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Degrees east.
    pub const fn longitude(&self) -> f64 {
        self.longitude
    }

    /// Miles along the surface, by the haversine formula.
    pub fn miles_to(&self, other: &Self) -> f64 {
        2.0 * EARTH_RADIUS_MILES * self.haversine(other).clamp(0.0, 1.0).sqrt().asin()
    }

    /// The square of half the chord on a sphere of radius 1: grows with the distance, and costs no root and no arc.
    pub fn haversine(&self, other: &Self) -> f64 {
        let half_sine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        half_sine(other.latitude - self.latitude)
            + self.cos_latitude * other.cos_latitude * half_sine(other.longitude - self.longitude)
    }
}
