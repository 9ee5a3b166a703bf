//! Money: whole minor units of one currency, never a fraction in binary.
//!
//! 5.25 USD is `{"amount": 525, "currency": "USD"}`. How many minor units make one major unit is ISO 4217's
//! matter; arithmetic never needs to know it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};

/// Reason of a 400: two amounts of different currencies meet.
pub const CURRENCY_MISMATCH: &str = "CURRENCY_MISMATCH";

/// Parts of one in a [`Money::share`]: millionths.
pub const SHARE_WHOLE: u32 = 1_000_000;

/// An active ISO 4217 code, of a currency or a fund.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Z]{3}$"))]
pub struct Currency([u8; 3]);

/// Currencies whose minor unit is not a hundredth (ISO 4217, list one).
const EXPONENTS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Active codes (ISO 4217, list one, as of January 2026), in order: currencies and funds. Without metals, units of bonds
/// and of account but XDR, and the codes for tests and for no currency, in which nobody pays.
const CODES: &[&[u8; 3]] = &[
    b"AED", b"AFN", b"ALL", b"AMD", b"AOA", b"ARS", b"AUD", b"AWG", b"AZN", b"BAM", b"BBD", b"BDT",
    b"BHD", b"BIF", b"BMD", b"BND", b"BOB", b"BOV", b"BRL", b"BSD", b"BTN", b"BWP", b"BYN", b"BZD",
    b"CAD", b"CDF", b"CHE", b"CHF", b"CHW", b"CLF", b"CLP", b"CNY", b"COP", b"COU", b"CRC", b"CUP",
    b"CVE", b"CZK", b"DJF", b"DKK", b"DOP", b"DZD", b"EGP", b"ERN", b"ETB", b"EUR", b"FJD", b"FKP",
    b"GBP", b"GEL", b"GHS", b"GIP", b"GMD", b"GNF", b"GTQ", b"GYD", b"HKD", b"HNL", b"HTG", b"HUF",
    b"IDR", b"ILS", b"INR", b"IQD", b"IRR", b"ISK", b"JMD", b"JOD", b"JPY", b"KES", b"KGS", b"KHR",
    b"KMF", b"KPW", b"KRW", b"KWD", b"KYD", b"KZT", b"LAK", b"LBP", b"LKR", b"LRD", b"LSL", b"LYD",
    b"MAD", b"MDL", b"MGA", b"MKD", b"MMK", b"MNT", b"MOP", b"MRU", b"MUR", b"MVR", b"MWK", b"MXN",
    b"MXV", b"MYR", b"MZN", b"NAD", b"NGN", b"NIO", b"NOK", b"NPR", b"NZD", b"OMR", b"PAB", b"PEN",
    b"PGK", b"PHP", b"PKR", b"PLN", b"PYG", b"QAR", b"RON", b"RSD", b"RUB", b"RWF", b"SAR", b"SBD",
    b"SCR", b"SDG", b"SEK", b"SGD", b"SHP", b"SLE", b"SOS", b"SRD", b"SSP", b"STN", b"SVC", b"SYP",
    b"SZL", b"THB", b"TJS", b"TMT", b"TND", b"TOP", b"TRY", b"TTD", b"TWD", b"TZS", b"UAH", b"UGX",
    b"USD", b"USN", b"UYI", b"UYU", b"UYW", b"UZS", b"VED", b"VES", b"VND", b"VUV", b"WST", b"XAF",
    b"XCD", b"XCG", b"XDR", b"XOF", b"XPF", b"YER", b"ZAR", b"ZMW", b"ZWG",
];

impl Currency {
    /// US dollar.
    pub const USD: Self = Self(*b"USD");

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Decimal places of the minor unit: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        EXPONENTS
            .iter()
            .find_map(|(code, exponent)| (*code == self.as_str()).then_some(*exponent))
            .unwrap_or(2)
    }
}

impl FromStr for Currency {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self> {
        <[u8; 3]>::try_from(code.as_bytes())
            .ok()
            .filter(|bytes| CODES.binary_search(&bytes).is_ok())
            .map(Self)
            .ok_or_else(|| {
                Error::invalid_argument(
                    "BAD_CURRENCY",
                    "currency must be an active ISO 4217 code, such as USD.",
                )
            })
    }
}

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(code: String) -> std::result::Result<Self, String> {
        code.parse()
            .map_err(|fault: Error| fault.message().to_owned())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units, with its currency. Negative amounts are debits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// What they are units of.
    pub currency: Currency,
}

impl Money {
    /// `amount` minor units.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// The sum.
    ///
    /// # Errors
    /// 400 `CURRENCY_MISMATCH`; 400 `AMOUNT_TOO_LARGE` beyond 64 bits.
    pub fn plus(self, other: Self) -> Result<Self> {
        self.same_currency(other)?;
        self.with(self.amount.checked_add(other.amount))
    }

    /// The difference.
    ///
    /// # Errors
    /// As [`Self::plus`].
    pub fn minus(self, other: Self) -> Result<Self> {
        self.same_currency(other)?;
        self.with(self.amount.checked_sub(other.amount))
    }

    /// The same amount the other way round.
    ///
    /// # Errors
    /// 400 `AMOUNT_TOO_LARGE` for the one value that has no opposite.
    pub fn negated(self) -> Result<Self> {
        self.with(self.amount.checked_neg())
    }

    /// The amount times `share_millionths` / 1,000,000, rounded half to even.
    ///
    /// # Errors
    /// 400 `AMOUNT_TOO_LARGE` beyond 64 bits.
    pub fn share(self, share_millionths: u32) -> Result<Self> {
        let whole = i128::from(SHARE_WHOLE);
        let product = i128::from(self.amount) * i128::from(share_millionths);
        let (quotient, remainder) = (product.div_euclid(whole), product.rem_euclid(whole));
        let rounds_up = remainder * 2 > whole || (remainder * 2 == whole && quotient % 2 != 0);
        self.with(i64::try_from(quotient + i128::from(rounds_up)).ok())
    }

    /// Splits into `parts` that differ by one minor unit at most and add up exactly; the first ones are larger.
    /// No parts, no money.
    pub fn split(self, parts: u16) -> Vec<Self> {
        let count = i64::from(parts);
        if count == 0 {
            return Vec::new();
        }
        let (each, left) = (self.amount.div_euclid(count), self.amount.rem_euclid(count));
        (0..count)
            .map(|part| Self::new(each + i64::from(part < left), self.currency))
            .collect()
    }

    fn same_currency(self, other: Self) -> Result<()> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(Error::invalid_argument(
            CURRENCY_MISMATCH,
            format!(
                "The amounts are in {} and {}.",
                self.currency, other.currency
            ),
        ))
    }

    fn with(self, amount: Option<i64>) -> Result<Self> {
        amount
            .map(|amount| Self::new(amount, self.currency))
            .ok_or_else(|| {
                Error::invalid_argument("AMOUNT_TOO_LARGE", "The amount does not fit into 64 bits.")
            })
    }
}

/// In major units for people: `5.25 USD`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount < 0 { "-" } else { "" };
        let digits = self.amount.unsigned_abs();
        let unit = 10_u64.pow(self.currency.exponent());
        write!(f, "{sign}{}", digits / unit)?;
        if unit > 1 {
            let places = self.currency.exponent() as usize;
            write!(f, ".{:0places$}", digits % unit)?;
        }
        write!(f, " {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn usd(amount: i64) -> Money {
        Money::new(amount, Currency::USD)
    }

    #[rstest]
    #[case(525, "USD", "5.25 USD")]
    #[case(-5, "USD", "-0.05 USD")]
    #[case(525, "JPY", "525 JPY")]
    #[case(5_250, "KWD", "5.250 KWD")]
    #[case(i64::MIN, "USD", "-92233720368547758.08 USD")]
    fn people_read_major_units(#[case] amount: i64, #[case] code: &str, #[case] shown: &str) {
        assert_eq!(Money::new(amount, code.parse().unwrap()).to_string(), shown);
    }

    #[rstest]
    #[case("usd")]
    #[case("US")]
    #[case("USDT")]
    #[case("U$D")]
    #[case("")]
    #[case("€")]
    #[case("BTC")]
    #[case("ZZZ")]
    #[case("QQQ")]
    #[case("DEM")]
    #[case("XXX")]
    #[case("XTS")]
    fn a_code_is_one_that_somebody_pays_in(#[case] code: &str) {
        assert_eq!(
            code.parse::<Currency>().unwrap_err().reason(),
            "BAD_CURRENCY"
        );
    }

    #[test]
    fn codes_are_in_order_and_hold_every_other_minor_unit() {
        assert!(CODES.is_sorted_by(|one, next| one < next));
        let all: Vec<&str> = EXPONENTS.iter().map(|(code, _)| *code).collect();
        let known = all.iter().filter(|code| code.parse::<Currency>().is_ok());
        assert_eq!(known.count(), all.len());
    }

    #[test]
    fn the_wire_form_is_whole_units_and_a_code() {
        let money: Money = serde_json::from_str(r#"{"amount":525,"currency":"USD"}"#).unwrap();
        assert_eq!(money, usd(525));
        assert_eq!(
            serde_json::to_string(&money).unwrap(),
            r#"{"amount":525,"currency":"USD"}"#
        );
        for wrong in [
            r#"{"amount":5.25,"currency":"USD"}"#,
            r#"{"amount":"525","currency":"USD"}"#,
            r#"{"amount":9223372036854775808,"currency":"USD"}"#,
            r#"{"amount":525}"#,
            r#"{"amount":525,"currency":"usd"}"#,
        ] {
            assert!(serde_json::from_str::<Money>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn currencies_never_mix_and_nothing_overflows() {
        let yen = Money::new(1, "JPY".parse().unwrap());
        assert_eq!(usd(1).plus(yen).unwrap_err().reason(), CURRENCY_MISMATCH);
        assert_eq!(usd(1).minus(yen).unwrap_err().reason(), CURRENCY_MISMATCH);
        assert!(usd(i64::MAX).plus(usd(1)).is_err());
        assert!(usd(i64::MIN).minus(usd(1)).is_err());
        assert!(usd(i64::MIN).negated().is_err());
        assert!(usd(i64::MAX).share(2 * SHARE_WHOLE).is_err());
    }

    #[rstest]
    #[case(5, 500_000, 2)]
    #[case(7, 500_000, 4)]
    #[case(-5, 500_000, -2)]
    #[case(100, 333_333, 33)]
    #[case(i64::MAX, SHARE_WHOLE, i64::MAX)]
    #[case(i64::MIN, SHARE_WHOLE, i64::MIN)]
    fn a_share_is_rounded_half_to_even(#[case] amount: i64, #[case] share: u32, #[case] is: i64) {
        assert_eq!(usd(amount).share(share).unwrap(), usd(is));
    }

    proptest! {
        #[test]
        fn parts_add_up_exactly(amount: i64, parts in 1_u16..500) {
            let split = usd(amount).split(parts);
            prop_assert_eq!(split.len(), parts as usize);
            let sum: i128 = split.iter().map(|part| i128::from(part.amount)).sum();
            prop_assert_eq!(sum, i128::from(amount));
            let (first, last) = (split.first().unwrap().amount, split.last().unwrap().amount);
            prop_assert!(first - last <= 1);
        }

        #[test]
        fn what_was_added_can_be_taken_away(a in -1_000_000_000_000_i64..1_000_000_000_000, b in -1_000_000_000_000_i64..1_000_000_000_000) {
            prop_assert_eq!(usd(a).plus(usd(b)).unwrap().minus(usd(b)).unwrap(), usd(a));
        }
    }
}
