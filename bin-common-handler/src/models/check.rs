//! Checks that several entities share. Each failure names its field.

use super::error::{Error, Result};
use chrono_tz::Tz;

/// Longest list of short texts, such as tags or dial prefixes.
const LIST_MAX: usize = 100;
/// Longest short text, in bytes.
const SHORT_MAX: usize = 64;

/// 400 `INVALID_FIELD`.
pub fn wrong(field: &str, rule: &str) -> Error {
    Error::invalid_argument("INVALID_FIELD", format!("{field} {rule}."))
}

/// Refuses what `holds` denies.
///
/// # Errors
/// 400 naming `field` and its `rule`.
pub fn ensure(holds: bool, field: &str, rule: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(wrong(field, rule))
    }
}

/// A number within bounds.
///
/// # Errors
/// 400 naming `field` and the bounds.
pub fn in_range<T: PartialOrd + std::fmt::Display>(
    field: &str,
    value: T,
    min: T,
    max: T,
) -> Result<()> {
    let holds = value >= min && value <= max;
    ensure(holds, field, &format!("must be from {min} to {max}"))
}

/// As [`in_range`], where there is a number.
///
/// # Errors
/// 400 naming `field` and the bounds.
pub fn maybe_in_range<T: PartialOrd + std::fmt::Display>(
    field: &str,
    value: Option<T>,
    min: T,
    max: T,
) -> Result<()> {
    value.map_or(Ok(()), |value| in_range(field, value, min, max))
}

/// A short text without control characters.
///
/// # Errors
/// 400 naming `field`.
pub fn short(field: &str, text: &str) -> Result<()> {
    let holds = text.len() <= SHORT_MAX && !text.chars().any(char::is_control);
    ensure(
        holds,
        field,
        "has at most 64 bytes, none of them control characters",
    )
}

/// A short list of short texts.
///
/// # Errors
/// 400 naming `field`.
pub fn short_list(field: &str, texts: &[String]) -> Result<()> {
    ensure(texts.len() <= LIST_MAX, field, "has at most 100 entries")?;
    texts.iter().try_for_each(|text| short(field, text))
}

/// A name of the time zone database.
///
/// # Errors
/// 400 naming `field`.
pub fn timezone(field: &str, name: &str) -> Result<Tz> {
    name.parse()
        .map_err(|_| wrong(field, "must be a time zone such as America/New_York"))
}

/// `HH:MM` as minutes after midnight.
pub fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let is_two = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_two(hours) || !is_two(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("00:00", Some(0))]
    #[case("23:59", Some(1_439))]
    #[case("24:00", None)]
    #[case("9:00", None)]
    #[case("09:60", None)]
    #[case("+9:00", None)]
    #[case("", None)]
    fn a_time_of_day(#[case] text: &str, #[case] expected: Option<u16>) {
        assert_eq!(minutes(text), expected);
    }
}
