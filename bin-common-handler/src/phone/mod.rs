//! Phone numbers: what people, spreadsheets and programs write, and the one form that is kept.
//!
//! [`parse`] is the one reader of numbers that somebody wrote on purpose: in a body, a query, or a file. North American
//! numbers are judged by the digit rules of their plan, all others by country and length. What a dialer sends as the
//! number that it calls is read more leniently, by did-manager, from the same pieces.

mod clean;
mod dialled;
mod digits;
mod e164;
mod fault;
mod plan;
#[cfg(test)]
mod table;

pub use clean::visible;
pub use dialled::{Dialled, called_number, dialled, dialled_by_sip};
pub use digits::{Digits, Sign};
pub use e164::{E164, NumberFormat};
pub use fault::PhoneFault;
use serde_json::Value as Json;

/// A float that is a multiple of this was probably rounded: spreadsheets keep six digits.
const ROUNDED_TO: f64 = 10_000.0;
/// No phone number has more than 15 digits.
const FLOAT_MAX: f64 = 1e15;

/// Reads a number in any form that people write it in: `+`, `00` or `011` and all digits; North American ones also as
/// ten digits, or `1` and ten. Invisible characters, a spreadsheet's quotes and its `.0`, `tel:`, and a `(0)` after the
/// country are passed over.
///
/// # Errors
/// Says why it is none.
pub fn parse(text: &str) -> Result<E164, PhoneFault> {
    let text = clean::clean(text)?;
    if text.is_empty() {
        return Err(PhoneFault::Empty);
    }
    let Some(digits) = Digits::read(&text) else {
        return Err(clean::fault_of(&text));
    };
    match digits.sign {
        _ if digits.as_str().is_empty() => Err(PhoneFault::NotANumber),
        Sign::Plus => E164::international(digits.as_str()),
        Sign::None | Sign::Space => E164::local(digits.as_str()),
    }
}

/// As [`parse`], for a text out of a URL's query, where a `+` that nobody escaped has become a space.
///
/// # Errors
/// Says why it is none.
pub fn parse_query(text: &str) -> Result<E164, PhoneFault> {
    let international = || {
        let digits = text.strip_prefix(' ')?;
        let starts = digits.starts_with(|c: char| c.is_ascii_digit());
        starts.then(|| parse(&format!("+{digits}")).ok()).flatten()
    };
    parse(text).or_else(|fault| international().ok_or(fault))
}

/// As [`parse`], for a value of JSON: a text, or digits as a number.
///
/// # Errors
/// Says why it is none.
pub fn parse_json(value: &Json) -> Result<E164, PhoneFault> {
    match value {
        Json::String(text) => parse(text),
        Json::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(digits), _) => parse(&digits.to_string()),
            (None, Some(float)) => parse_float(float),
            (None, None) => Err(PhoneFault::NotANumber),
        },
        Json::Null => Err(PhoneFault::Empty),
        _ => Err(PhoneFault::NotANumber),
    }
}

/// A program that knows only floats writes 4155550123.0; of one that was rounded digits are lost.
fn parse_float(number: f64) -> Result<E164, PhoneFault> {
    let is_whole = number.fract() == 0.0 && number > 0.0;
    if !is_whole || number >= FLOAT_MAX {
        return Err(PhoneFault::NotANumber);
    }
    if number % ROUNDED_TO == 0.0 {
        return Err(PhoneFault::Rounded);
    }
    parse(&format!("{number:.0}"))
}
