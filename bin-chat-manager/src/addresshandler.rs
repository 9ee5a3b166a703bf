//! Addresses: where one is, and whether the business works there.

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::{ensure, max_bytes, wrong},
        error::Result,
        point::Point,
        text::check_shown,
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{app::App, customerhandler::Business};

/// Longest address, in bytes.
const ADDRESS_MAX: usize = 500;
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
    check_shown("address", &request.address)?;
    let is_said = !request.address.trim().is_empty() || request.location.is_some();
    ensure(is_said, "address", "must not be empty")?;
    let given = request.location.map(|at| {
        Point::new(at.lat, at.lon).ok_or_else(|| wrong("location", "must be degrees lat and lon"))
    });
    let given = given.transpose()?;
    let customer_id = ctx.scope.required_owner(request.customer_id)?;
    let business = app.businesses.get(ctx, customer_id).await?;
    let found = match given {
        Some(_) => None,
        None => app.geocoder.find(&request.address).await?,
    };
    let point = given.or_else(|| found.as_ref()?.point());
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
