//! What a dialer sends as the number that it calls.

use bin_common_handler::phone::{Digits, Sign};

use super::{DialStatus, E164};

/// Prefixes that many dialplans put before a North American number, longest first; the tenant need not name them.
const COMMON_PREFIXES: [&str; 2] = ["91", "9"];
/// `9` for a line, and then abroad.
const LINE_AND_ABROAD: &str = "9011";
/// With fewer digits a leading space is only a space: a number abroad would be longer.
const DIGITS_AFTER_SPACE_MIN: usize = 10;

/// What a dialer meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialled {
    /// The number that is called.
    Number(E164),
    /// Not a number, but how the call ended: a hang-up script asked in the place of a report.
    Result(DialStatus),
    /// Something that is no whole number: too many digits were stripped, or it is garbage. Not an error: the call is
    /// served without knowing where it goes.
    Noise,
    /// Nothing.
    Empty,
}

/// Reads what a dialer sends as the called number. `prefixes` are the digits that the tenant's dialplan puts before a
/// number, in any order; the longest that leaves a whole number is taken off.
///
/// A `+` stands for all digits of a number, country first. So does a leading space, since that is what a `+` becomes in
/// a URL when nobody escapes it, unless the digits are a whole North American number anyway.
pub fn read_dialled(text: &str, prefixes: &[String]) -> Dialled {
    if text.trim().is_empty() {
        return Dialled::Empty;
    }
    if let Some(status) = DialStatus::parse(text) {
        return Dialled::Result(status);
    }
    let number = Digits::read(text).and_then(|digits| number(&digits, prefixes));
    number.map_or(Dialled::Noise, Dialled::Number)
}

fn number(digits: &Digits, prefixes: &[String]) -> Option<E164> {
    let all = digits.as_str();
    match digits.sign {
        Sign::Plus => E164::international(all).ok(),
        Sign::Space if all.len() >= DIGITS_AFTER_SPACE_MIN => E164::local(all)
            .or_else(|_| E164::international(all))
            .ok()
            .or_else(|| prefixed(all, prefixes)),
        Sign::Space | Sign::None => prefixed(all, prefixes),
    }
}

/// A number as it is dialled in North America, with or without a prefix.
fn prefixed(all: &str, prefixes: &[String]) -> Option<E164> {
    without_tenant_prefix(all, prefixes)
        .or_else(|| E164::local(all).ok())
        .or_else(|| without_common_prefix(all))
}

/// Behind a prefix a North American number is likelier than one abroad, which `00` within a number may look like; so a
/// whole North American number stays whole.
fn without_tenant_prefix(all: &str, prefixes: &[String]) -> Option<E164> {
    let read = |prefix: &String| {
        let number = E164::local(all.strip_prefix(prefix.as_str())?).ok()?;
        Some(((number.npa().is_some(), prefix.len()), number))
    };
    let ((national, _), number) = prefixes
        .iter()
        .filter_map(read)
        .max_by_key(|(rank, _)| *rank)?;
    let whole = || E164::local(all).is_ok_and(|it| it.npa().is_some());
    (national || !whole()).then_some(number)
}

/// Twelve digits that begin with 91 are India only after a `+` or 011: here the 91 is a prefix.
fn without_common_prefix(all: &str) -> Option<E164> {
    let national = COMMON_PREFIXES
        .iter()
        .find_map(|prefix| E164::national(all.strip_prefix(prefix)?).ok());
    national.or_else(|| E164::international(all.strip_prefix(LINE_AND_ABROAD)?).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::NumberFormat;
    use super::*;

    const NUMBER: &str = "+14155551234";

    fn read(text: &str, prefixes: &[&str]) -> Dialled {
        let prefixes: Vec<String> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        read_dialled(text, &prefixes)
    }

    fn is(number: &str) -> Dialled {
        Dialled::Number(E164::parse(number).unwrap())
    }

    #[rstest]
    #[case::ten("4155551234")]
    #[case::eleven("14155551234")]
    #[case::e164("+14155551234")]
    #[case::plus_as_space(" 14155551234")]
    #[case::plus_escaped_twice("%2B14155551234")]
    #[case::stray_space(" 4155551234")]
    #[case::not_escaped("(415) 555-1234")]
    #[case::with_country("+1 (415) 555-1234")]
    #[case::dots("415.555.1234")]
    #[case::nine_for_a_line("94155551234")]
    #[case::nine_and_one("914155551234")]
    #[case::nine_and_one_spaced("9 1 415-555-1234")]
    #[case::as_from_abroad("01114155551234")]
    #[case::line_and_abroad("901114155551234")]
    fn a_number_is_known_in_every_form_without_naming_prefixes(#[case] text: &str) {
        assert_eq!(read(text, &[]), is(NUMBER));
    }

    #[rstest]
    #[case::one("814155551234", &["8"])]
    #[case::before_ten("84155551234", &["8"])]
    #[case::the_longest_that_fits("88814155551234", &["8", "888", "88"])]
    #[case::a_longer_one_that_leaves_too_little("914155551234", &["9", "91415"])]
    #[case::carrier_prefix("77014155551234", &["770"])]
    #[case::no_prefix_there("4155551234", &["9", "8"])]
    #[case::a_prefix_that_is_part_of_the_number("4155551234", &["4", "415"])]
    #[case::country_as_a_prefix("14155551234", &["1"])]
    #[case::empty_prefix("14155551234", &[""])]
    #[case::prefix_that_is_no_digits("14155551234", &["#", "+1"])]
    fn the_tenants_prefixes_are_taken_off(#[case] text: &str, #[case] prefixes: &[&str]) {
        assert_eq!(read(text, prefixes), is(NUMBER));
    }

    #[rstest]
    #[case::ten("3002420000", &["3"], "+13002420000")]
    #[case::ten_and_prefix("33002420000", &["3"], "+13002420000")]
    #[case::eleven("15002420000", &["15"], "+15002420000")]
    #[case::longer_prefix_that_leaves_zeros("915002420000", &["9", "915"], "+15002420000")]
    #[case::abroad_after_prefix("8011442079460958", &["8"], "+442079460958")]
    fn a_prefix_is_not_cut_from_a_whole_number(
        #[case] text: &str,
        #[case] prefixes: &[&str],
        #[case] expected: &str,
    ) {
        assert_eq!(read(text, prefixes), is(expected));
    }

    #[rstest]
    #[case::plus("+84155551234")]
    #[case::plus_as_space(" 84155551234")]
    fn a_plus_leaves_no_room_for_a_prefix(#[case] text: &str) {
        assert_eq!(read(text, &["8"]), is("+84155551234"));
    }

    #[rstest]
    #[case::abroad("011442079460958", "+442079460958")]
    #[case::line_and_abroad("9011442079460958", "+442079460958")]
    #[case::plus("+442079460958", "+442079460958")]
    #[case::plus_as_space(" 442079460958", "+442079460958")]
    #[case::short_country("+6834002", "+6834002")]
    #[case::india_plus("+919876543210", "+919876543210")]
    #[case::india_plus_that_looks_north_american("+914155551234", "+914155551234")]
    #[case::india_plus_as_space(" 919876543210", "+919876543210")]
    #[case::india_plus_as_space_that_looks_north_american(" 914155551234", "+914155551234")]
    #[case::india_abroad("011919876543210", "+919876543210")]
    #[case::not_india("919876543210", "+19876543210")]
    #[case::toll_free("8005551234", "+18005551234")]
    fn numbers_abroad_come_with_plus_or_011(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(read(text, &[]), is(expected));
    }

    #[rstest]
    #[case::seven("5551234")]
    #[case::seven_after_a_space(" 5551234")]
    #[case::eight("55551234")]
    #[case::nine("155551234")]
    #[case::nine_after_a_space(" 155551234")]
    #[case::wrong_area("1415")]
    #[case::area_n11("9115551234")]
    #[case::plus_and_too_few("+1415555123")]
    #[case::prefix_and_too_few("914155512")]
    #[case::india_without_a_sign_and_not_north_american("911123456789")]
    #[case::eleven_without_sense("44155551234")]
    #[case::unknown_prefix("55514155551234")]
    #[case::abroad_too_short("011442079")]
    #[case::zeros("0000000000")]
    #[case::only_separators("()-")]
    #[case::plus_alone("+")]
    #[case::placeholder("--A--phone_number--B--")]
    #[case::word("anonymous")]
    #[case::null("null")]
    #[case::extension("4155551234 ext 5")]
    #[case::two("4155551234,4155551235")]
    #[case::markup("<script>4155551234</script>")]
    fn the_rest_is_noise(#[case] text: &str) {
        assert_eq!(read(text, &["9", "8"]), Dialled::Noise);
    }

    #[rstest]
    #[case::capitals("ANSWER", DialStatus::Answer)]
    #[case::not_capitals("busy", DialStatus::Busy)]
    #[case::spaces(" CHANUNAVAIL ", DialStatus::ChanUnavail)]
    fn a_dial_status_is_a_result(#[case] text: &str, #[case] status: DialStatus) {
        assert_eq!(read(text, &[]), Dialled::Result(status));
    }

    #[rstest]
    #[case("")]
    #[case(" ")]
    #[case("\t\r\n")]
    fn nothing_is_empty(#[case] text: &str) {
        assert_eq!(read(text, &["9"]), Dialled::Empty);
    }

    fn north_american() -> impl Strategy<Value = E164> {
        "[2-9][0-8][02-9][2-9][02-9][0-9]{5}".prop_map(|ten| E164::parse(&ten).unwrap())
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_something_that_reads_as_itself(
            text in "\\PC{0,80}|[0-9+%() .-]{0,40}",
            prefixes in prop::collection::vec("[0-9]{0,4}|\\PC{0,3}", 0..4),
        ) {
            if let Dialled::Number(number) = read_dialled(&text, &prefixes) {
                prop_assert_eq!(read_dialled(number.as_str(), &prefixes), Dialled::Number(number.clone()));
                prop_assert_eq!(E164::parse(number.as_str()), Some(number));
            }
        }

        #[test]
        fn a_prefix_comes_off_once_and_a_second_reading_changes_nothing(
            number in north_american(),
            prefixes in prop::collection::vec("[0-9]{1,6}", 1..5),
        ) {
            let read = |text: &str| read_dialled(text, &prefixes);
            for format in [NumberFormat::E164, NumberFormat::Eleven, NumberFormat::Ten] {
                prop_assert_eq!(read(number.display(format)), Dialled::Number(number.clone()));
            }
            for prefix in &prefixes {
                let dialled = format!("{prefix}{}", number.display(NumberFormat::Eleven));
                prop_assert_eq!(read(&dialled), Dialled::Number(number.clone()));
            }
        }

        #[test]
        fn the_order_of_prefixes_does_not_matter(
            text in "[0-9]{10,16}",
            prefixes in prop::collection::vec("[0-9]{1,3}", 0..5),
        ) {
            let reversed: Vec<_> = prefixes.iter().rev().cloned().collect();
            prop_assert_eq!(read_dialled(&text, &prefixes), read_dialled(&text, &reversed));
        }
    }
}
