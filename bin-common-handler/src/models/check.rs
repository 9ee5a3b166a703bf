//! Checks of fields, as `#[resource(…)]` names them. Each refusal is a 400 that names its field.

use std::fmt::Display;

use chrono_tz::Tz;

use super::{
    error::{Error, Result},
    text::is_obeyed,
};

/// Longest list of short texts, such as tags or dial prefixes.
const LIST_MAX: usize = 100;
/// Longest short text, in bytes.
const SHORT_MAX: usize = 64;

/// 400 `INVALID_FIELD`: `field` and the `rule` that it breaks, in one sentence.
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

/// A text of so many characters at most.
///
/// # Errors
/// 400 `TEXT_TOO_LONG` naming `field`.
pub fn max_chars(field: &str, text: &str, most: usize) -> Result<()> {
    fits(text.chars().count() <= most, field, most, "characters")
}

/// A text of so many bytes at most.
///
/// # Errors
/// 400 `TEXT_TOO_LONG` naming `field`.
pub fn max_bytes(field: &str, text: &str, most: usize) -> Result<()> {
    fits(text.len() <= most, field, most, "bytes")
}

fn fits(fits: bool, field: &str, most: usize, unit: &str) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(Error::invalid_argument(
        "TEXT_TOO_LONG",
        format!("{field} has at most {most} {unit}."),
    ))
}

/// A text with more than white space.
///
/// # Errors
/// 400 naming `field`.
pub fn not_blank(field: &str, text: &str) -> Result<()> {
    ensure(!text.trim().is_empty(), field, "must not be empty")
}

/// A number within bounds, both included.
///
/// # Errors
/// 400 naming `field` and the bounds.
pub fn in_range<T: PartialOrd + Display>(field: &str, value: T, min: T, max: T) -> Result<()> {
    let holds = value >= min && value <= max;
    ensure(holds, field, &format!("must be from {min} to {max}"))
}

/// As [`in_range`], of a field that may be no number.
///
/// # Errors
/// 400 naming `field` and the bounds.
pub fn within<N: MaybeNumber>(
    field: &str,
    value: &N,
    min: N::Number,
    max: N::Number,
) -> Result<()> {
    value
        .number()
        .map_or(Ok(()), |number| in_range(field, number, min, max))
}

/// A number, or a field that may be none.
pub trait MaybeNumber {
    /// Its kind.
    type Number: PartialOrd + Display;

    /// The number, where there is one.
    fn number(&self) -> Option<Self::Number>;
}

macro_rules! numbers {
    ($($kind:ty)+) => {$(
        impl MaybeNumber for $kind {
            type Number = Self;

            fn number(&self) -> Option<Self> {
                Some(*self)
            }
        }
    )+};
}

numbers!(i32 i64 u32 f64);

impl<N: MaybeNumber> MaybeNumber for Option<N> {
    type Number = N::Number;

    fn number(&self) -> Option<N::Number> {
        self.as_ref()?.number()
    }
}

/// A short text without control characters, those that turn the order of letters included.
///
/// # Errors
/// 400 naming `field`.
pub fn short(field: &str, text: &str) -> Result<()> {
    let holds = text.len() <= SHORT_MAX && is_plain(text);
    ensure(
        holds,
        field,
        "has at most 64 bytes, none of them control characters",
    )
}

/// A text of one line for people: nothing that a terminal, a mail's header or the order of letters obeys.
///
/// # Errors
/// 400 naming `field`.
pub fn plain(field: &str, text: &str) -> Result<()> {
    ensure(
        is_plain(text),
        field,
        "must have no control characters, nor any that turn the order of letters",
    )
}

fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || is_obeyed(c))
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

    fn told(checked: Result<()>) -> String {
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[rstest]
    #[case::fits(max_chars("name", "ééé", 3), "")]
    #[case::characters(
        max_chars("name", "éééé", 3),
        "TEXT_TOO_LONG name has at most 3 characters."
    )]
    #[case::bytes(max_bytes("name", "éé", 3), "TEXT_TOO_LONG name has at most 3 bytes.")]
    #[case::blank(not_blank("name", " \t"), "INVALID_FIELD name must not be empty.")]
    #[case::low(within("cap", &-1, 0, 9), "INVALID_FIELD cap must be from 0 to 9.")]
    #[case::high(within("cap", &Some(10), 0, 9), "INVALID_FIELD cap must be from 0 to 9.")]
    #[case::edge(within("cap", &Some(9), 0, 9), "")]
    #[case::none(within("cap", &None::<i32>, 0, 9), "")]
    #[case::fraction(
        within("latitude", &Some(90.5), -90.0, 90.0),
        "INVALID_FIELD latitude must be from -90 to 90."
    )]
    #[case::plain(plain("name", "José, 日本"), "")]
    #[case::line(
        plain("name", "a\nb"),
        "INVALID_FIELD name must have no control characters, nor any that turn the order of letters."
    )]
    #[case::turned(
        plain("name", "\u{202e}a"),
        "INVALID_FIELD name must have no control characters, nor any that turn the order of letters."
    )]
    #[case::short(short("tag", "José, 日本"), "")]
    #[case::short_and_turned(
        short("tag", "\u{202e}a"),
        "INVALID_FIELD tag has at most 64 bytes, none of them control characters."
    )]
    #[case::no_number(
        within("latitude", &Some(f64::NAN), -90.0, 90.0),
        "INVALID_FIELD latitude must be from -90 to 90."
    )]
    fn a_refusal_names_its_field(#[case] checked: Result<()>, #[case] expected: &str) {
        assert_eq!(told(checked), expected);
    }

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
