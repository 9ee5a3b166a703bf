//! A phone number in the form of E.164.

use std::{borrow::Cow, fmt};

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{PhoneFault, parse, parse_float};
use crate::text_enum;

/// How many digits a number has with its country code.
const DIGITS: std::ops::RangeInclusive<usize> = DIGITS_MIN..=15;
const DIGITS_MIN: usize = 7;
/// Digits of a North American number without its country.
const NATIONAL: usize = 10;
/// The same behind a 1.
const NATIONAL_AND_ONE: usize = 11;
/// What callers in North America, and in most other countries, dial before a foreign number.
const ABROAD: [&str; 2] = ["011", "00"];

/// A phone number: `+` and 7 to 15 digits. One that begins with `+1` is valid in the North American Numbering Plan; any
/// other has a country and a length that this country uses.
///
/// `Debug` shows only its ends, so that it may come into a log by accident; there is no `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(String);

text_enum!(
    /// How a dialer wants North American numbers written. Others are written in the first form always, because
    /// the shorter ones cannot be told apart.
    pub enum NumberFormat {
        /// `+14155550123`
        E164 = "e164",
        /// `14155550123`
        Eleven = "11",
        /// `4155550123`
        Ten = "10",
    }
);

impl E164 {
    /// As [`parse`], where nobody asks why not.
    pub fn parse(text: &str) -> Option<Self> {
        parse(text).ok()
    }

    /// Reads digits as somebody in North America dials them: ten, `1` and ten, or `011` or `00` and a number abroad.
    ///
    /// # Errors
    /// When they are none of these.
    pub fn local(digits: &str) -> Result<Self, PhoneFault> {
        if let Some(abroad) = ABROAD.iter().find_map(|it| digits.strip_prefix(it)) {
            return Self::international(abroad);
        }
        let starts_with = |digit: char| digits.starts_with(digit);
        match digits.len() {
            NATIONAL if !starts_with('0') => Self::national(digits),
            NATIONAL_AND_ONE if starts_with('1') => {
                Self::national(digits.get(1..).unwrap_or_default())
            }
            count if count > *DIGITS.end() || (count > NATIONAL && starts_with('1')) => {
                Err(PhoneFault::TooLong)
            }
            count if count < DIGITS_MIN || (count < NATIONAL && !starts_with('0')) => {
                Err(PhoneFault::TooShort)
            }
            _ => Err(PhoneFault::NoCountry),
        }
    }

    /// Reads all digits of a number, its country code first.
    ///
    /// # Errors
    /// When there is no such country, or it has no numbers of this length.
    pub fn international(digits: &str) -> Result<Self, PhoneFault> {
        if let Some(ten) = digits.strip_prefix('1') {
            return Self::national(ten);
        }
        if digits.len() < *DIGITS.start() {
            return Err(PhoneFault::TooShort);
        }
        if digits.len() > *DIGITS.end() {
            return Err(PhoneFault::TooLong);
        }
        let number = abroad(&format!("+{digits}"))?;
        // A zero for calls inside the country is dropped once; a number that changes again is none.
        if number.len() <= digits.len() && abroad(&number)? != number {
            return Err(PhoneFault::NotANumber);
        }
        Ok(Self(number))
    }

    /// Reads the ten digits of a North American number.
    ///
    /// # Errors
    /// When the numbering plan has no such number.
    pub fn national(ten: &str) -> Result<Self, PhoneFault> {
        match ten.len() {
            NATIONAL => check_plan(ten).map(|()| Self(format!("+1{ten}"))),
            ..NATIONAL => Err(PhoneFault::TooShort),
            _ => Err(PhoneFault::TooLong),
        }
    }

    /// The number as `+` and all digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The area code, 200 to 989; `None` outside the North American Numbering Plan.
    pub fn npa(&self) -> Option<u16> {
        self.ten()?.get(..3)?.parse().ok()
    }

    /// The exchange (central office code), 200 to 999; `None` outside the North American Numbering Plan.
    pub fn nxx(&self) -> Option<u16> {
        self.ten()?.get(3..6)?.parse().ok()
    }

    /// The last four digits, which people know a number by.
    pub fn last4(&self) -> &str {
        self.0
            .get(self.0.len().saturating_sub(4)..)
            .unwrap_or_default()
    }

    /// The number as a dialer wants it.
    pub fn display(&self, format: NumberFormat) -> &str {
        let shorter = match format {
            NumberFormat::E164 | NumberFormat::Other(_) => None,
            NumberFormat::Eleven => self.ten().and(self.0.strip_prefix('+')),
            NumberFormat::Ten => self.ten(),
        };
        shorter.unwrap_or(&self.0)
    }

    fn ten(&self) -> Option<&str> {
        self.0.strip_prefix("+1")
    }
}

/// A number abroad as the library writes it, when its length is one that its country uses. Which ranges are in use is
/// not asked: a table of the world's ranges is old before it is shipped, and a number wrongly refused is not called.
fn abroad(number: &str) -> Result<String, PhoneFault> {
    let parsed = PHONE_NUMBER_UTIL.parse(number, None)?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed)? {
        NumberLengthType::IsPossible => {}
        NumberLengthType::IsPossibleLocalOnly => return Err(PhoneFault::TooShort),
    }
    let written = PHONE_NUMBER_UTIL.format(&parsed, PhoneNumberFormat::E164);
    let digits = written.len().saturating_sub(1);
    if DIGITS.contains(&digits) {
        Ok(written.into_owned())
    } else {
        Err(PhoneFault::Length)
    }
}

/// Checks ten digits by the North American Numbering Plan: area code and exchange begin with 2 to 9 and do not end in
/// 11, and no area code has a 9 in the middle (those are kept for longer numbers one day). The exchange 555 of films and
/// examples passes.
fn check_plan(ten: &str) -> Result<(), PhoneFault> {
    let [a, b, c, d, e, f, ..] = ten.as_bytes() else {
        return Err(PhoneFault::TooShort);
    };
    let is_code = |first: u8, rest: [u8; 2]| (b'2'..=b'9').contains(&first) && rest != *b"11";
    if !is_code(*a, [*b, *c]) || *b == b'9' {
        Err(PhoneFault::AreaCode)
    } else if is_code(*d, [*e, *f]) {
        Ok(())
    } else {
        Err(PhoneFault::Exchange)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of a short number too little would stay hidden.
        let head = self.ten().and(self.0.get(..5)).unwrap_or_default();
        write!(f, "{head}***{}", self.last4())
    }
}

impl Serialize for E164 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for E164 {
    fn schema_name() -> Cow<'static, str> {
        "E164".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        if generator.contract().is_serialize() {
            json_schema!({ "type": "string", "pattern": r"^\+[0-9]{7,15}$" })
        } else {
            json_schema!({ "type": ["string", "integer"], "examples": ["+14155550123"] })
        }
    }
}

impl<'de> Deserialize<'de> for E164 {
    /// Takes what [`parse`] takes, and JSON numbers, which spreadsheets make of ten digits. An error does not repeat the
    /// text: it may be somebody's number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

fn refusal<E: de::Error>(fault: PhoneFault) -> E {
    E::custom(format_args!(
        "the phone number {fault}: expected one such as +14155550123"
    ))
}

struct Reader;

impl de::Visitor<'_> for Reader {
    type Value = E164;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a phone number, such as +14155550123")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<E164, E> {
        parse(text).map_err(refusal)
    }

    fn visit_u64<E: de::Error>(self, digits: u64) -> Result<E164, E> {
        self.visit_str(&digits.to_string())
    }

    // The two below would by themselves be refused with a message that has the number in it.
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<E164, E> {
        Err(refusal(PhoneFault::NotANumber))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<E164, E> {
        parse_float(number).map_err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn number(text: &str) -> E164 {
        E164::parse(text).unwrap()
    }

    #[rstest]
    #[case::ten("4155551234")]
    #[case::eleven("14155551234")]
    #[case::e164("+14155551234")]
    #[case::people("(415) 555-1234")]
    #[case::people_with_country("+1 (415) 555-1234")]
    #[case::dots("1.415.555.1234")]
    #[case::from_abroad("011 1 415 555 1234")]
    #[case::spaces_around(" 4155551234 ")]
    fn one_number_in_all_its_forms(#[case] text: &str) {
        assert_eq!(number(text).as_str(), "+14155551234");
    }

    #[rstest]
    #[case::abroad("+44 20 7946 0958", Some("+442079460958"))]
    #[case::dialled_abroad("011442079460958", Some("+442079460958"))]
    #[case::india("+91 98765 43210", Some("+919876543210"))]
    #[case::shortest("+6834002", Some("+6834002"))]
    #[case::too_short("+683400", None)]
    #[case::longest("+498912345678901", Some("+498912345678901"))]
    #[case::too_long("+4912345678901234", None)]
    #[case::no_such_country("+999123456789", None)]
    #[case::no_country_begins_with_0("+0442079460958", None)]
    #[case::abroad_without_a_sign("442079460958", None)]
    #[case::india_without_a_sign("919876543210", None)]
    #[case::seven_digits("5551234", None)]
    #[case::nine_digits("415555123", None)]
    #[case::twelve_digits("141555512345", None)]
    #[case::plus_one_short("+1415555123", None)]
    #[case::plus_one_long("+141555512345", None)]
    #[case::empty("", None)]
    #[case::word("ANSWER", None)]
    fn other_numbers_need_their_country(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(E164::parse(text).as_ref().map(E164::as_str), expected);
    }

    #[rstest]
    #[case::lowest("2002000000", true)]
    #[case::highest("9899999999", true)]
    #[case::fiction("4155550123", true)]
    #[case::toll_free("8005551234", true)]
    #[case::area_begins_with_0("0155551234", false)]
    #[case::area_begins_with_1("1155551234", false)]
    #[case::area_kept_for_later("2905551234", false)]
    #[case::area_n11("4115551234", false)]
    #[case::area_x11_in_the_exchange("4152115555", false)]
    #[case::exchange_begins_with_0("4150551234", false)]
    #[case::exchange_begins_with_1("4151551234", false)]
    #[case::exchange_n11("4159115555", false)]
    #[case::exchange_may_have_9("4152925555", true)]
    #[case::line_may_be_anything("4152020011", true)]
    #[case::nine("415555123", false)]
    #[case::eleven("41555512345", false)]
    #[case::none("", false)]
    fn the_plan_says_which_ten_digits_are_a_number(#[case] ten: &str, #[case] valid: bool) {
        assert_eq!(E164::national(ten).is_ok(), valid);
        assert_eq!(E164::parse(ten).is_some(), valid);
    }

    #[test]
    fn a_north_american_number_has_parts() {
        let number = number("2125550123");
        assert_eq!(
            (number.npa(), number.nxx(), number.last4()),
            (Some(212), Some(555), "0123")
        );
    }

    #[test]
    fn a_number_abroad_has_none() {
        let number = number("+442079460958");
        assert_eq!(
            (number.npa(), number.nxx(), number.last4()),
            (None, None, "0958")
        );
    }

    #[rstest]
    #[case::e164("+14155550123", NumberFormat::E164, "+14155550123")]
    #[case::eleven("+14155550123", NumberFormat::Eleven, "14155550123")]
    #[case::ten("+14155550123", NumberFormat::Ten, "4155550123")]
    #[case::abroad_eleven("+442079460958", NumberFormat::Eleven, "+442079460958")]
    #[case::abroad_ten("+442079460958", NumberFormat::Ten, "+442079460958")]
    fn a_number_is_written_as_the_dialer_wants_it(
        #[case] text: &str,
        #[case] format: NumberFormat,
        #[case] expected: &str,
    ) {
        assert_eq!(number(text).display(format), expected);
    }

    #[rstest]
    #[case(NumberFormat::E164, r#""e164""#)]
    #[case(NumberFormat::Eleven, r#""11""#)]
    #[case(NumberFormat::Ten, r#""10""#)]
    fn formats_have_their_names(#[case] format: NumberFormat, #[case] json: &str) {
        assert_eq!(serde_json::to_string(&format).unwrap(), json);
        assert_eq!(serde_json::from_str::<NumberFormat>(json).unwrap(), format);
    }

    #[test]
    fn json_has_the_whole_number_and_takes_other_forms() {
        assert_eq!(
            serde_json::to_string(&number("4155550123")).unwrap(),
            r#""+14155550123""#
        );
        for json in [
            r#""(415) 555-0123""#,
            "4155550123",
            "14155550123",
            "4155550123.0",
        ] {
            assert_eq!(
                serde_json::from_str::<E164>(json).unwrap().as_str(),
                "+14155550123"
            );
        }
    }

    #[rstest]
    #[case::text(r#""303555012""#)]
    #[case::number("303555012")]
    #[case::negative("-3035550123")]
    #[case::fraction("3035550123.5")]
    fn a_wrong_number_is_refused_without_repeating_it(#[case] json: &str) {
        let error = serde_json::from_str::<E164>(json).unwrap_err().to_string();
        assert!(
            error.contains("phone number") && !error.contains("303"),
            "{error}"
        );
    }

    #[rstest]
    #[case("+14155550123", "+1415***0123")]
    #[case("+442079460958", "***0958")]
    #[case("+6834002", "***4002")]
    fn debug_hides_the_middle(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(format!("{:?}", number(text)), shown);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[0-9+%() .-]{0,40}") {
            if let Some(number) = E164::parse(&text) {
                let digits = number.as_str().strip_prefix('+').unwrap();
                prop_assert!(DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
                prop_assert_eq!(E164::parse(number.as_str()), Some(number));
            }
        }

        #[test]
        fn what_is_displayed_is_read_again(text in "[2-9][0-8][02-9][2-9][02-9][0-9]{5}|\\+4479[0-9]{8}|\\+919[0-9]{9}") {
            let number = number(&text);
            for format in [NumberFormat::E164, NumberFormat::Eleven, NumberFormat::Ten] {
                prop_assert_eq!(E164::parse(number.display(format)), Some(number.clone()));
            }
        }
    }
}
