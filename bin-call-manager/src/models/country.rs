//! The country of a number: by area code in North America, by country code for those abroad that calls are mostly
//! sold to. Others are not known.

/// Area codes of Canada.
const CANADA: &[u16] = &[
    204, 226, 236, 249, 250, 257, 263, 289, 306, 343, 354, 365, 367, 368, 382, 387, 403, 416, 418,
    428, 431, 437, 438, 450, 460, 468, 474, 506, 514, 519, 548, 579, 581, 584, 587, 604, 613, 639,
    647, 672, 683, 705, 709, 742, 753, 778, 780, 782, 807, 819, 825, 867, 873, 879, 902, 905, 942,
];
/// Area codes of other countries and territories of the plan.
const ISLANDS: &[(u16, &str)] = &[
    (242, "BS"),
    (246, "BB"),
    (264, "AI"),
    (268, "AG"),
    (284, "VG"),
    (340, "VI"),
    (345, "KY"),
    (441, "BM"),
    (473, "GD"),
    (649, "TC"),
    (658, "JM"),
    (664, "MS"),
    (670, "MP"),
    (671, "GU"),
    (684, "AS"),
    (721, "SX"),
    (758, "LC"),
    (767, "DM"),
    (784, "VC"),
    (787, "PR"),
    (809, "DO"),
    (829, "DO"),
    (849, "DO"),
    (868, "TT"),
    (869, "KN"),
    (876, "JM"),
    (939, "PR"),
];
/// Country codes that one country has for itself.
const CODES: &[(&str, &str)] = &[
    ("31", "NL"),
    ("32", "BE"),
    ("33", "FR"),
    ("34", "ES"),
    ("351", "PT"),
    ("353", "IE"),
    ("41", "CH"),
    ("43", "AT"),
    ("45", "DK"),
    ("46", "SE"),
    ("48", "PL"),
    ("49", "DE"),
    ("52", "MX"),
    ("55", "BR"),
    ("57", "CO"),
    ("63", "PH"),
    ("64", "NZ"),
    ("65", "SG"),
    ("81", "JP"),
    ("82", "KR"),
    ("90", "TR"),
    ("91", "IN"),
    ("972", "IL"),
];

/// ISO 3166-1 alpha-2 of an E.164 number's country, where it is known.
pub fn of(e164: &str) -> Option<&'static str> {
    let digits = e164.strip_prefix('+')?;
    if let Some(national) = digits.strip_prefix('1') {
        let npa = national.get(..3)?.parse().ok()?;
        if matches!(npa, 800 | 822 | 833 | 844 | 855 | 866 | 877 | 888) {
            return None;
        }
        if CANADA.binary_search(&npa).is_ok() {
            return Some("CA");
        }
        let island = ISLANDS.iter().find(|(code, _)| *code == npa);
        return Some(island.map_or("US", |(_, country)| country));
    }
    CODES
        .iter()
        .find(|(code, _)| digits.starts_with(code))
        .map(|(_, country)| *country)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+14155550123", Some("US"))]
    #[case("+14165550123", Some("CA"))]
    #[case("+18765550123", Some("JM"))]
    #[case("+18005550123", None)]
    #[case("+4930123456", Some("DE"))]
    #[case("+999123456", None)]
    fn a_country_by_its_number(#[case] number: &str, #[case] country: Option<&str>) {
        assert_eq!(of(number), country);
    }

    #[test]
    fn the_area_codes_are_in_order() {
        assert!(CANADA.is_sorted());
    }
}
