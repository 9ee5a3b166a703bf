//! Parameters that are the bridge's own: read, and taken out of what goes on to the manager.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Takes every parameter `name` whose decoded value `is_ours` out of a query: what is left, as it was
/// written, and the first of the values.
pub(super) fn take<'q>(
    query: &'q str,
    name: &str,
    is_ours: impl Fn(&str) -> bool,
) -> (Cow<'q, str>, Option<String>) {
    let mut taken = None;
    let mut left = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = (decoded(key) == name).then(|| decoded(value));
        match value {
            Some(value) if is_ours(&value) => taken = taken.or(Some(value)),
            _ => left.push(pair),
        }
    }
    match taken {
        None => (Cow::Borrowed(query), None),
        taken => (Cow::Owned(left.join("&")), taken),
    }
}

/// As the manager's router reads it.
fn decoded(part: &str) -> String {
    percent_decode_str(&part.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "", None)]
    #[case("a=1&b", "a=1&b", None)]
    #[case("key=x", "", Some("x"))]
    #[case("a=1&key=x&b=%2B1", "a=1&b=%2B1", Some("x"))]
    #[case("key=x&a=1&key=y", "a=1", Some("x"))]
    #[case("k%65y=%78&a=1", "a=1", Some("x"))]
    #[case("key&a=1", "a=1", Some(""))]
    #[case("keys=1&monkey=2&Key=3", "keys=1&monkey=2&Key=3", None)]
    fn the_parameter_is_taken_and_the_rest_is_as_it_was(
        #[case] query: &str,
        #[case] left: &str,
        #[case] taken: Option<&str>,
    ) {
        let (rest, value) = take(query, "key", |_| true);
        assert_eq!((rest.as_ref(), value.as_deref()), (left, taken));
    }

    #[test]
    fn a_value_that_is_not_ours_stays() {
        let (rest, value) = take("format=csv&format=text", "format", |value| value == "text");
        assert_eq!(
            (rest.as_ref(), value.as_deref()),
            ("format=csv", Some("text"))
        );
    }

    proptest! {
        #[test]
        fn nothing_of_the_parameter_is_left(query in "[a-y&=%+0-9]{0,40}", at in 0..40_usize) {
            let at = query.char_indices().map(|(at, _)| at).nth(at).unwrap_or(query.len());
            let query = format!("{}&key=zzz&{}", &query[..at], &query[at..]);
            let (rest, _) = take(&query, "key", |_| true);
            prop_assert!(!rest.contains("zzz"), "{}", rest);
            prop_assert_eq!(take(&rest, "key", |_| true).1, None);
        }
    }
}
