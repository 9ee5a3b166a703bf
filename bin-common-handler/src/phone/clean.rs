//! What programs and spreadsheets put around a phone number, taken off; and what is wrong with the rest.

use super::PhoneFault;
use crate::models::text::is_invisible;

/// A longer text is no phone number, whatever invisible characters it has.
const TEXT_BYTES_MAX: usize = 256;
/// With so many digits a part of a text may be a number of its own.
const NUMBER_DIGITS_MIN: usize = 7;
/// What stands before an extension; longer words before those that they begin with.
const EXTENSION_MARKS: [&str; 8] = ["extension", "extn", "ext", "xtn", "x", "#", "*", ","];
/// The country where the zero in parentheses is dialled from abroad, too.
const KEEPS_ITS_ZERO: &str = "39";

/// A text without what is invisible, quotes and formulas of spreadsheets, `tel:`, and a fraction of zero.
///
/// # Errors
/// When it is too long to be a number.
pub(super) fn clean(text: &str) -> Result<String, PhoneFault> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(PhoneFault::TooLong);
    }
    let visible: String = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(narrow)
        .collect();
    let bare = without_scheme(without_quotes(&visible));
    Ok(without_trunk_zero(without_fraction(bare)))
}

/// A text without the characters that nobody sees, as names of columns and short words are compared.
pub fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

/// Full-width forms, which East Asian keyboards write, as ASCII.
fn narrow(c: char) -> char {
    let narrowed = match c {
        '\u{ff01}'..='\u{ff5e}' => u32::from(c) - 0xfee0,
        _ => return c,
    };
    char::from_u32(narrowed).unwrap_or(c)
}

/// A cell that was kept from being calculated: `'4155550123`, `="4155550123"`, `"=""4155550123"""`.
fn without_quotes(text: &str) -> &str {
    let mut bare = text.trim();
    loop {
        let inner = bare
            .trim_start_matches(['\'', '\u{2018}', '\u{2019}', '`', '=', '"', '\u{201c}'])
            .trim_end_matches(['\'', '\u{2019}', '"', '\u{201d}'])
            .trim();
        if inner.len() == bare.len() {
            return bare;
        }
        bare = inner;
    }
}

fn without_scheme(text: &str) -> &str {
    match text.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest.trim(),
        _ => text,
    }
}

/// `4155550100.0`: a number that was a float in some program. Of a text with other dots they are separators.
fn without_fraction(text: &str) -> &str {
    let Some((whole, fraction)) = text.rsplit_once(['.', ',']) else {
        return text;
    };
    let is_zero = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    let is_short = fraction.len() <= 2;
    if is_zero
        && is_short
        && !whole.contains(['.', ','])
        && whole.ends_with(|c: char| c.is_ascii_digit())
    {
        whole
    } else {
        text
    }
}

/// `+44 (0)20 7946 0958`: the zero is dialled inside the country only.
fn without_trunk_zero(text: &str) -> String {
    let Some((before, after)) = text.split_once("(0)") else {
        return text.to_owned();
    };
    let digits: String = before.chars().filter(char::is_ascii_digit).collect();
    let code = if before.contains('+') {
        Some(digits.as_str())
    } else {
        digits
            .strip_prefix("011")
            .or_else(|| digits.strip_prefix("00"))
    };
    match code {
        Some(code) if (1..=3).contains(&code.len()) && code != KEEPS_ITS_ZERO => {
            format!("{before}{after}")
        }
        _ => text.to_owned(),
    }
}

/// Why a cleaned text has not only digits and separators.
pub(super) fn fault_of(text: &str) -> PhoneFault {
    if is_rounded(text) {
        return PhoneFault::Rounded;
    }
    if has_extension(text) {
        return PhoneFault::Extension;
    }
    if text.contains(';') && text.contains('=') {
        return PhoneFault::Parameters;
    }
    if parts_with_a_number(text) > 1 {
        return PhoneFault::Several;
    }
    let has_digits = text.contains(|c: char| c.is_ascii_digit());
    if has_digits && text.contains(char::is_alphabetic) {
        return PhoneFault::Letters;
    }
    if has_digits && count_digits(text) > 2 * NUMBER_DIGITS_MIN + 1 {
        return PhoneFault::TooLong;
    }
    PhoneFault::NotANumber
}

/// `1.41556E+10`.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let whole_and_fraction = mantissa.split_once(['.', ',']);
    let is_number = whole_and_fraction.map_or_else(
        || is_digits(mantissa),
        |(whole, fraction)| is_digits(whole) && is_digits(fraction),
    );
    is_number && is_digits(exponent.trim_start_matches(['+', '-']))
}

/// A few digits after a mark behind a whole number.
fn has_extension(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    EXTENSION_MARKS.iter().any(|mark| {
        text.split_once(mark).is_some_and(|(number, extension)| {
            let digits = count_digits(extension);
            count_digits(number) >= NUMBER_DIGITS_MIN
                && !number.contains(char::is_alphabetic)
                && (1..NUMBER_DIGITS_MIN).contains(&digits)
        })
    })
}

fn parts_with_a_number(text: &str) -> usize {
    text.split([',', ';', '|', '/', '&', '\n'])
        .flat_map(|part| part.split(" or "))
        .filter(|part| count_digits(part) >= NUMBER_DIGITS_MIN)
        .count()
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}
