//! What a customer is as a business: where it is, and what its people must know in an emergency.

use bin_common_handler::models::{
    check::{ensure, in_range},
    error::Result,
};
use serde::{Deserialize, Serialize};

use super::check::short_list;

/// How long the humans of a business have before its assistant answers, in seconds.
pub const AI_TAKEOVER_DELAY_DEFAULT: i32 = 60;
/// How long an offered time is held, in seconds.
pub const HOLD_TTL_DEFAULT: i32 = 600;
/// How long a call rings before it is missed, in seconds.
pub const DIAL_TIMEOUT_DEFAULT: i32 = 20;
/// Longest message of an emergency, in bytes: three texts.
const EMERGENCY_MESSAGE_MAX: usize = 480;

/// A point on the earth (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

impl Location {
    pub(crate) fn check(&self) -> Result<()> {
        in_range("location.lat", self.lat, -90.0, 90.0)?;
        in_range("location.lon", self.lon, -180.0, 180.0)
    }
}

/// What counts as an emergency beside what its trade implies, and what is said then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Emergency {
    /// Words and phrases, such as `no heat`.
    pub words: Vec<String>,
    /// Said first, before anything else; empty = what suits the trade.
    pub message: String,
}

impl Emergency {
    pub(crate) fn check(&self) -> Result<()> {
        short_list("emergency.words", &self.words)?;
        let holds = self.message.len() <= EMERGENCY_MESSAGE_MAX
            && !self.message.chars().any(|c| c.is_control() && c != '\n');
        let rule = "has at most 480 bytes, none of them control characters";
        ensure(holds, "emergency.message", rule)
    }
}
