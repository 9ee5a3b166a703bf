//! The geocoder: a service elsewhere that knows where addresses are.

use std::time::Duration;

use bin_common_handler::{
    config::{Config, Setting},
    httphandler::{HttpClient, HttpRequest, Method},
    models::{
        error::{Error, Result},
        point::Point,
    },
    redact::Secret,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

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
    ///
    /// # Errors
    /// 503 while it is away.
    pub(crate) async fn find(&self, address: &str) -> Result<Option<Found>> {
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

/// An address that was found.
#[derive(Deserialize)]
pub(crate) struct Found {
    /// As it is written in full.
    #[serde(default)]
    pub formatted_address: String,
    geometry: Geometry,
}

impl Found {
    /// Where it is.
    pub(crate) fn point(&self) -> Option<Point> {
        let at = &self.geometry.location;
        Point::new(at.lat, at.lng)
    }
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
