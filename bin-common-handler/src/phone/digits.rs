//! The digits of a written phone number.

/// A longer text is no phone number; nothing of it is read.
const TEXT_BYTES_MAX: usize = 64;
/// A dial prefix, `011`, and the 15 digits that a number has at most.
const DIGITS_MAX: usize = 32;

/// What stood before the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Nothing.
    None,
    /// A `+`.
    Plus,
    /// A space, which a `+` turns into in a URL where nobody escaped it.
    Space,
}

/// The digits of a phone number without what people and URLs put between them.
pub struct Digits {
    /// What stood before them.
    pub sign: Sign,
    buffer: [u8; DIGITS_MAX],
    len: usize,
}

impl Digits {
    /// Reads a text that has nothing but digits, one `+` before them, and separators; `None` for any other text.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut digits = Self {
            sign: Sign::None,
            buffer: [0; DIGITS_MAX],
            len: 0,
        };
        let mut rest = text;
        while let Some((c, after)) = first_char(rest) {
            match c {
                '0'..='9' => digits.push(c)?,
                '+' if digits.len == 0 && digits.sign != Sign::Plus => digits.sign = Sign::Plus,
                ' ' if rest.len() == text.len() => digits.sign = Sign::Space,
                _ if is_separator(c) => {}
                _ => return None,
            }
            rest = after;
        }
        Some(digits)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        let digits = self.buffer.get(..self.len).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }

    fn push(&mut self, digit: char) -> Option<()> {
        *self.buffer.get_mut(self.len)? = u8::try_from(digit).ok()?;
        self.len += 1;
        Some(())
    }
}

/// The first character and what follows it; `%2B` and the like, left by a caller who escaped twice, count as one.
fn first_char(text: &str) -> Option<(char, &str)> {
    if let Some(escape) = text.strip_prefix('%')
        && let Some((hex, after)) = escape.split_at_checked(2)
        && let Ok(byte) = u8::from_str_radix(hex, 16)
    {
        return Some((char::from(byte), after));
    }
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

fn is_separator(c: char) -> bool {
    // Typographic hyphens, dashes and the minus sign, which word processors put in place of "-".
    c.is_whitespace()
        || matches!(
            c,
            '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bare("4155551234", Sign::None, "4155551234")]
    #[case::plus("+14155551234", Sign::Plus, "14155551234")]
    #[case::plus_as_space(" 14155551234", Sign::Space, "14155551234")]
    #[case::plus_after_a_space(" +14155551234", Sign::Plus, "14155551234")]
    #[case::plus_in_parentheses("(+1) 415 555 1234", Sign::Plus, "14155551234")]
    #[case::space_behind("4155551234 ", Sign::None, "4155551234")]
    #[case::parentheses("(415) 555-1234", Sign::None, "4155551234")]
    #[case::dots("415.555.1234", Sign::None, "4155551234")]
    #[case::slash("415/555-1234", Sign::None, "4155551234")]
    #[case::dashes_of_a_word_processor("415–555‑1234", Sign::None, "4155551234")]
    #[case::hard_space("415\u{a0}555 1234\r\n", Sign::None, "4155551234")]
    #[case::escaped("%2B1%20415%2d555%2D1234", Sign::Plus, "14155551234")]
    #[case::escaped_space("%2014155551234", Sign::Space, "14155551234")]
    #[case::nothing("", Sign::None, "")]
    #[case::only_separators("() - .", Sign::None, "")]
    fn what_stands_between_digits_is_dropped(
        #[case] text: &str,
        #[case] sign: Sign,
        #[case] expected: &str,
    ) {
        let digits = Digits::read(text).unwrap();
        assert_eq!((digits.sign, digits.as_str()), (sign, expected));
    }

    #[rstest]
    #[case::letters("415-555-CALL")]
    #[case::extension("4155551234x5")]
    #[case::exponent("4.15555E+09")]
    #[case::two_numbers("4155551234,4155551235")]
    #[case::plus_behind("4155551234+")]
    #[case::plus_twice("++14155551234")]
    #[case::broken_escape("%2")]
    #[case::escape_without_hex("%zz4155551234")]
    #[case::escape_before_a_wide_character("%2é")]
    #[case::escaped_twice("%252B14155551234")]
    #[case::foreign_digits("٤١٥٥٥٥١٢٣٤")]
    #[case::more_digits_than_any_number("123456789012345678901234567890123")]
    fn anything_else_is_no_phone_number(#[case] text: &str) {
        assert!(Digits::read(text).is_none());
    }

    #[test]
    fn a_long_text_is_not_read() {
        assert!(Digits::read(&format!("{}4155551234", " ".repeat(TEXT_BYTES_MAX))).is_none());
    }

    proptest! {
        #[test]
        fn only_ascii_digits_come_out_of_any_text(text in "\\PC{0,40}|[0-9+%() .-]{0,40}") {
            if let Some(digits) = Digits::read(&text) {
                prop_assert!(digits.as_str().bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }
}
