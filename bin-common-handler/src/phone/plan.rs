//! What the world's numbering plans say of a number: its country, what a call to it costs, and whether anybody can have
//! it.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberType};

use super::E164;

impl E164 {
    /// ISO 3166-1 alpha-2 of its country; none for ranges that are in no use, and for satellites and the like.
    pub fn region(&self) -> Option<String> {
        let region = PHONE_NUMBER_UTIL.get_region_for_number(&self.parsed()?)?;
        let code = region.to_string();
        // "001" stands for what belongs to no country.
        code.bytes()
            .all(|byte| byte.is_ascii_uppercase())
            .then_some(code)
    }

    /// Whether a call to it costs more than a call: premium rates, shared costs, and personal numbers, which are
    /// charged like them.
    pub fn is_premium(&self) -> bool {
        let is_900 = self.npa() == Some(900) || self.nxx() == Some(976);
        is_900
            || self.parsed().is_some_and(|number| {
                matches!(
                    PHONE_NUMBER_UTIL.get_number_type(&number),
                    PhoneNumberType::PremiumRate
                        | PhoneNumberType::SharedCost
                        | PhoneNumberType::PersonalNumber
                )
            })
    }

    /// Whether it lies in a range that its country's plan has given out.
    pub fn is_assigned(&self) -> bool {
        self.parsed()
            .is_some_and(|number| PHONE_NUMBER_UTIL.is_valid_number(&number))
    }

    fn parsed(&self) -> Option<PhoneNumber> {
        PHONE_NUMBER_UTIL.parse(self.as_str(), None).ok()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::us("+14155550123", Some("US"), false, true)]
    #[case::canada("+14165550123", Some("CA"), false, true)]
    #[case::jamaica("+18765550123", Some("JM"), false, true)]
    #[case::premium("+19002345678", Some("US"), true, true)]
    #[case::exchange_976("+14159765678", Some("US"), true, true)]
    #[case::germany("+493012345678", Some("DE"), false, true)]
    #[case::german_premium("+499001234567", Some("DE"), true, true)]
    #[case::british_personal("+447012345678", Some("GB"), true, true)]
    #[case::no_such_area("+13005550123", None, false, false)]
    fn the_plan_is_known(
        #[case] number: &str,
        #[case] region: Option<&str>,
        #[case] premium: bool,
        #[case] assigned: bool,
    ) {
        let number = E164::parse(number).unwrap();
        assert_eq!(number.region().as_deref(), region);
        assert_eq!(
            (number.is_premium(), number.is_assigned()),
            (premium, assigned)
        );
    }
}
