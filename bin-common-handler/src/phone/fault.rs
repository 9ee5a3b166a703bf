//! Why a text is no phone number.

use rlibphonenumber::{ParseError, ValidationError};

/// Why a text is no phone number, as the end of a sentence that begins with the name of its field. It never holds the
/// text: that may be somebody's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PhoneFault {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// A spreadsheet has put an exponent in the place of digits.
    #[error(
        "was rounded by a spreadsheet, and its last digits are lost; format the column as text and export it again"
    )]
    Rounded,
    /// An extension, or digits to dial later, stand behind the number.
    #[error("has an extension; write the number alone")]
    Extension,
    /// A URI has parameters behind the number.
    #[error("has parameters behind it; write the number alone")]
    Parameters,
    /// Two numbers in one text.
    #[error("holds more than one number; write one")]
    Several,
    /// Some digits are written as letters, or words stand beside them.
    #[error("has letters; write every digit, and nothing else")]
    Letters,
    /// Anything else that is no number.
    #[error("is not a phone number")]
    NotANumber,
    /// Digits are missing.
    #[error("is too short for a phone number")]
    TooShort,
    /// There are too many digits.
    #[error("is too long for a phone number")]
    TooLong,
    /// Its country has no numbers of so many digits.
    #[error("has a length that no number of its country has")]
    Length,
    /// The first three of ten digits are no area code.
    #[error("has an area code that North America does not have")]
    AreaCode,
    /// The fourth to sixth of ten digits are no exchange.
    #[error("has three digits after its area code that no North American number has there")]
    Exchange,
    /// Digits without a country that are not North American.
    #[error("is not North American; write it in E.164, with + and the country code")]
    NoCountry,
    /// After the `+` comes no country.
    #[error("has a country code that does not exist")]
    Country,
}

impl From<ParseError> for PhoneFault {
    fn from(fault: ParseError) -> Self {
        match fault {
            ParseError::InvalidCountryCode => Self::Country,
            ParseError::NotANumber(_) => Self::NotANumber,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Self::TooShort,
            ParseError::TooLongNsn => Self::TooLong,
        }
    }
}

impl From<ValidationError> for PhoneFault {
    fn from(fault: ValidationError) -> Self {
        match fault {
            ValidationError::InvalidCountryCode => Self::Country,
            ValidationError::TooShort => Self::TooShort,
            ValidationError::InvalidLength => Self::Length,
            ValidationError::TooLong => Self::TooLong,
        }
    }
}
