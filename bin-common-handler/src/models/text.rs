//! Free text fields: strings, empty by default, with a limit.

use serde::{Deserialize, Deserializer};

use super::error::{Error, Result};

/// Longest `name`, in characters: a VARCHAR(255).
pub const NAME_MAX: usize = 255;
/// Longest `detail` and `data`, in bytes: a TEXT column.
pub const TEXT_MAX: usize = 65_535;

/// For `#[serde(default, deserialize_with = "null_is_default")]`: null as if it were missing.
///
/// # Errors
/// When the value is of another type.
pub fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Checks that a name fits its column.
///
/// # Errors
/// 400 naming `field`.
pub fn check_name(field: &str, text: &str) -> Result<()> {
    check(text.chars().count() <= NAME_MAX, field, "255 characters")
}

/// Checks that a text fits its column.
///
/// # Errors
/// 400 naming `field`.
pub fn check_text(field: &str, text: &str) -> Result<()> {
    check(text.len() <= TEXT_MAX, field, "65535 bytes")
}

fn check(fits: bool, field: &str, limit: &str) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(Error::invalid_argument(
        "TEXT_TOO_LONG",
        format!("{field} has at most {limit}."),
    ))
}
