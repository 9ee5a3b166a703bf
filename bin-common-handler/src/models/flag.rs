//! Yes or no, as callers write it.

use super::error::{Error, Result};

/// Reads true, false, 1, 0, yes or no in any case, with spaces around it or not.
pub fn parse_flag(text: &str) -> Option<bool> {
    let text = text.trim();
    let is_one_of = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(["true", "1", "yes"]) {
        return Some(true);
    }
    is_one_of(["false", "0", "no"]).then_some(false)
}

/// The parameter `name`; false where it is missing.
///
/// # Errors
/// 400 naming it where it is there and says neither yes nor no.
pub fn flag(name: &str, given: Option<&str>) -> Result<bool> {
    given.map_or(Ok(false), |text| {
        parse_flag(text).ok_or_else(|| {
            Error::invalid_argument(
                "INVALID_PARAMETER",
                format!("{name} must be true or false (1 or 0, yes or no)."),
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("true TRUE True 1 yes YES Yes tRuE", Some(true))]
    #[case("false FALSE False 0 no NO No fAlSe", Some(false))]
    #[case("maybe 2 -1 01 t f y n on off truefalse wahr null 1.0 +1", None)]
    fn a_flag_is_yes_or_no(#[case] texts: &str, #[case] expected: Option<bool>) {
        for text in texts.split(' ') {
            assert_eq!(parse_flag(text), expected, "{text}");
            assert_eq!(flag("dry_run", Some(text)).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_flag_is_false_and_an_empty_one_is_refused_by_its_name() {
        assert_eq!(flag("dry_run", None).ok(), Some(false));
        assert_eq!(parse_flag(" yes "), Some(true));
        for text in ["", " ", "maybe"] {
            let error = flag("dry_run", Some(text)).unwrap_err();
            assert_eq!(error.reason(), "INVALID_PARAMETER");
            assert!(error.message().starts_with("dry_run "), "{error:?}");
        }
    }
}
