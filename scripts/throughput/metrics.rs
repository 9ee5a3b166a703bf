//! What a process says about itself.

use bin_common_handler::models::sock::Method;
use hyper::body::Bytes;

use crate::{
    Result,
    http::{Connections, Http},
};

/// Where a process tells its metrics.
#[derive(Clone)]
pub(crate) struct Metrics(Http);

impl Metrics {
    pub(crate) fn new(address: &str) -> Result<Self> {
        // Nobody asks for a key here.
        Ok(Self(Http::new(address, "none", Connections::Kept)?))
    }

    /// The values of these series now; 0 for one that is not there yet.
    pub(crate) async fn read<const N: usize>(&self, series: [&str; N]) -> Result<[f64; N]> {
        let asked = self
            .0
            .transfer(Method::Get, "/metrics", "text/plain", Bytes::new());
        let (_, text) = asked.await?;
        let text = String::from_utf8_lossy(&text);
        Ok(series.map(|series| {
            text.lines()
                .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
                .unwrap_or(0.0)
        }))
    }
}
