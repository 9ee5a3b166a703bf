//! Texts and what they are: the same table that is run through every way in.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::{PhoneFault as F, *};
use crate::testing::phones::{REFUSED, TAKEN};

#[test]
fn every_text_of_the_table_is_read() {
    assert!(TAKEN.len() + REFUSED.len() >= 60);
    let taken = TAKEN.iter().map(|(text, number)| (*text, Ok(*number)));
    let refused = REFUSED.iter().map(|(text, fault)| (*text, Err(*fault)));
    let wrong: Vec<_> = taken
        .chain(refused)
        .map(|(text, expected)| (text, parse(text), expected))
        .filter(|(_, read, expected)| read.as_ref().map(E164::as_str) != expected.as_ref().copied())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[rstest]
#[case(json!(4_155_550_123_u64), Ok("+14155550123"))]
#[case(json!(14_155_550_123_u64), Ok("+14155550123"))]
#[case(json!(4_155_550_123.0), Ok("+14155550123"))]
#[case(json!("4155550123.0"), Ok("+14155550123"))]
#[case(json!(1.41556e10), Err(F::Rounded))]
#[case(json!(4_155_550_123.5), Err(F::NotANumber))]
#[case(json!(-4_155_550_123_i64), Err(F::NotANumber))]
#[case(json!(1e300), Err(F::NotANumber))]
#[case(json!(442_079_460_958_u64), Err(F::NoCountry))]
#[case(json!(null), Err(F::Empty))]
#[case(json!(true), Err(F::NotANumber))]
#[case(json!(["4155550123"]), Err(F::NotANumber))]
fn values_of_json_are_read(#[case] value: Json, #[case] expected: Result<&str, F>) {
    assert_eq!(
        parse_json(&value).as_ref().map(E164::as_str),
        expected.as_ref().copied()
    );
}

#[rstest]
#[case(" 14155550123", Ok("+14155550123"))]
#[case(" 442079460958", Ok("+442079460958"))]
#[case("+442079460958", Ok("+442079460958"))]
#[case("4155550123", Ok("+14155550123"))]
#[case("442079460958", Err(F::NoCountry))]
#[case(" x", Err(F::NotANumber))]
fn a_query_has_a_space_for_a_plus(#[case] text: &str, #[case] expected: Result<&str, F>) {
    assert_eq!(
        parse_query(text).as_ref().map(E164::as_str),
        expected.as_ref().copied()
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm_and_twice_alike(text in "\\PC{0,40}|[+]?[0-9 ().-]{6,22}") {
        if let Ok(number) = parse(&text) {
            prop_assert_eq!(parse(number.as_str()), Ok(number));
        }
    }
}
