//! Addresses: where one is, and whether the business works there.

use std::time::Duration;

use bin_common_handler::{
    config::{Config, Setting},
    context::RequestContext,
    httphandler::{HttpClient, HttpRequest, Method},
    models::{
        check::{ensure, max_bytes, wrong},
        error::{Error, Result},
        point::Point,
    },
    redact::Secret,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    businesshandler::{Business, tenant},
};

/// Longest address, in bytes.
const ADDRESS_MAX: usize = 500;
/// How long the geocoder may take.
const WITHIN: Duration = Duration::from_secs(3);
/// Of its answer that much is read.
const ANSWER_MAX: usize = 256 * 1024;

pub(crate) const GEOCODER_URL: Setting<String> = Setting::web_address(
    "GEOCODER_URL",
    "",
    "Where addresses are looked up, as Google's Geocoding API does it: /maps/api/geocode/json is appended; empty = nowhere",
    "https://maps.googleapis.com",
);
pub(crate) const GEOCODER_KEY: Setting<Secret> = Setting::secret(
    "GEOCODER_KEY",
    "",
    "The key for GEOCODER_URL",
    "a-key-of-the-geocoder",
);

/// Looks addresses up.
#[derive(Clone)]
pub(crate) struct Geocoder {
    http: HttpClient,
    url: String,
    key: Secret,
}

impl Geocoder {
    pub(crate) fn new(http: HttpClient, config: &Config) -> Self {
        Self {
            http,
            url: config.get(&GEOCODER_URL),
            key: config.get(&GEOCODER_KEY),
        }
    }

    /// Where an address is; nothing where nobody is asked, or nothing was found.
    async fn find(&self, address: &str) -> Result<Option<Found>> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let url = format!(
            "{}/maps/api/geocode/json?address={}&key={}",
            self.url.trim_end_matches('/'),
            encoded(address),
            encoded(self.key.expose()),
        );
        let request = HttpRequest::new(Method::GET, url)
            .within(WITHIN)
            .at_most(ANSWER_MAX);
        let answer = self.http.send(&request).await?;
        if !answer.status.is_success() {
            return Err(Error::unavailable("geocoder", answer.status.to_string()));
        }
        let answer: Geocoded = answer.json()?;
        match answer.status.as_str() {
            "OK" | "ZERO_RESULTS" => Ok(answer.results.into_iter().next()),
            _ => Err(Error::unavailable("geocoder", "it refused the request")),
        }
    }
}

#[derive(Deserialize)]
struct Geocoded {
    status: String,
    #[serde(default)]
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    formatted_address: String,
    geometry: Geometry,
}

#[derive(Deserialize)]
struct Geometry {
    location: FoundLocation,
}

#[derive(Deserialize)]
struct FoundLocation {
    lat: f64,
    lng: f64,
}

/// A place in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Location {
    /// North, -90 to 90.
    lat: f64,
    /// East, -180 to 180.
    lon: f64,
}

/// Body of a question for an address.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct AddressRequest {
    /// What a person wrote, at most 500 bytes.
    #[serde(default)]
    address: String,
    /// Where it is, where that is known.
    #[serde(default)]
    location: Option<Location>,
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(default)]
    customer_id: Option<Uuid>,
}

/// What is known of an address.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct AddressReply {
    /// As the geocoder writes it, else as it was sent.
    address: String,
    /// The ZIP code in it; null for none.
    zip: Option<String>,
    /// Where it is; null = not known.
    location: Option<Location>,
    /// As the crow flies from the business; null where one of the two places is not known.
    distance_miles: Option<f64>,
    /// Whether the business works there; null where that cannot be known.
    in_area: Option<bool>,
}

/// Where an address is, and whether the business works there.
///
/// # Errors
/// 400 naming the field; 503 while the geocoder is away.
pub(crate) async fn validate(
    app: &App,
    ctx: &RequestContext,
    request: AddressRequest,
) -> Result<AddressReply> {
    max_bytes("address", &request.address, ADDRESS_MAX)?;
    let is_said = !request.address.trim().is_empty() || request.location.is_some();
    ensure(is_said, "address", "must not be empty")?;
    let given = request.location.map(|at| {
        Point::new(at.lat, at.lon).ok_or_else(|| wrong("location", "must be degrees lat and lon"))
    });
    let given = given.transpose()?;
    let customer_id = tenant(ctx, request.customer_id)?;
    let business = app.businesses.get(ctx, customer_id).await?;
    let found = match given {
        Some(_) => None,
        None => app.geocoder.find(&request.address).await?,
    };
    let point = given.or_else(|| {
        let at = &found.as_ref()?.geometry.location;
        Point::new(at.lat, at.lng)
    });
    let written = found.map(|found| found.formatted_address);
    let address = written
        .filter(|text| !text.is_empty())
        .unwrap_or(request.address);
    let distance_miles = distance(&business, point);
    Ok(AddressReply {
        zip: zip(&address).map(str::to_owned),
        address,
        location: point.map(|point| Location {
            lat: point.latitude(),
            lon: point.longitude(),
        }),
        distance_miles,
        in_area: is_in_area(&business, distance_miles),
    })
}

fn distance(business: &Business, point: Option<Point>) -> Option<f64> {
    Some(business.point()?.miles_to(&point?))
}

/// Without a radius the business works everywhere.
fn is_in_area(business: &Business, distance_miles: Option<f64>) -> Option<bool> {
    match business.service_radius_miles {
        Some(radius) => distance_miles.map(|miles| miles <= radius),
        None => Some(true),
    }
}

/// The last five digits that stand by themselves: house numbers stand before the ZIP code.
fn zip(address: &str) -> Option<&str> {
    address
        .split(|c: char| !c.is_ascii_alphanumeric())
        .rfind(|word| word.len() == 5 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("12345 Main St, Springfield, IL 62704", Some("62704"))]
    #[case("1 Main St, 62704-1234", Some("62704"))]
    #[case("1 Main St", None)]
    #[case("flat 123456", None)]
    #[case("", None)]
    fn the_zip_code_stands_last(#[case] address: &str, #[case] expected: Option<&str>) {
        assert_eq!(zip(address), expected);
    }

    #[rstest]
    #[case::near(json!({"location": {"lat": 40.7128, "lon": -74.006}, "service_radius_miles": 100}), Some(true))]
    #[case::far(json!({"location": {"lat": 40.7128, "lon": -74.006}, "service_radius_miles": 50}), Some(false))]
    #[case::anywhere(json!({}), Some(true))]
    #[case::nobody_knows(json!({"service_radius_miles": 50}), None)]
    fn the_area_is_a_circle_around_the_business(
        #[case] business: serde_json::Value,
        #[case] expected: Option<bool>,
    ) {
        let business: Business = serde_json::from_value(business).unwrap();
        // New York to Philadelphia is about 80 miles.
        let miles = distance(&business, Point::new(39.9526, -75.1652));
        if let Some(miles) = miles {
            assert!((miles - 80.6).abs() < 0.5, "{miles}");
        }
        assert_eq!(is_in_area(&business, miles), expected);
    }
}
