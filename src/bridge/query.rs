//! Parameters that are the bridge's own: read, and taken out of what goes on to the manager.

use percent_encoding::percent_decode_str;

/// Takes every parameter `name` whose decoded value `is_ours` out of a query, and gives the first value. What
/// is left is as it was written.
pub(super) fn take(
    query: &mut String,
    name: &str,
    is_ours: impl Fn(&str) -> bool,
) -> Option<String> {
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
    if taken.is_some() {
        *query = left.join("&");
    }
    taken
}

/// Whether the parameter `name` has this value, in capitals or not; of several equal names the last counts.
pub(super) fn has(query: &str, name: &str, value: &str) -> bool {
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let last = pairs.rev().find(|(key, _)| decoded(key) == name);
    last.is_some_and(|(_, last)| decoded(last).trim().eq_ignore_ascii_case(value))
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
        let mut rest = query.to_owned();
        let value = take(&mut rest, "key", |_| true);
        assert_eq!((rest.as_str(), value.as_deref()), (left, taken));
    }

    #[test]
    fn a_value_that_is_not_ours_stays() {
        let mut rest = "format=csv&format=text".to_owned();
        let value = take(&mut rest, "format", |value| value == "text");
        assert_eq!(
            (rest.as_str(), value.as_deref()),
            ("format=csv", Some("text"))
        );
    }

    #[rstest]
    #[case("format=csv", true)]
    #[case("a=1&f%6frmat=%63sv", true)]
    #[case("format=csv&format=json", false)]
    #[case("format=json&format=csv", true)]
    #[case("format=CSV", true)]
    #[case("format=+csv", true)]
    #[case("formats=csv", false)]
    #[case("", false)]
    fn a_value_is_seen(#[case] query: &str, #[case] expected: bool) {
        assert_eq!(has(query, "format", "csv"), expected);
    }

    proptest! {
        #[test]
        fn nothing_of_the_parameter_is_left(query in "[a-y&=%+0-9]{0,40}", at in 0..40_usize) {
            let at = query.char_indices().map(|(at, _)| at).nth(at).unwrap_or(query.len());
            let mut rest = format!("{}&key=zzz&{}", &query[..at], &query[at..]);
            take(&mut rest, "key", |_| true);
            prop_assert!(!rest.contains("zzz"), "{}", rest);
            prop_assert_eq!(take(&mut rest, "key", |_| true), None);
        }
    }
}
