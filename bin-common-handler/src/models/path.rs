//! The one form of a path, whichever way it came.

use std::borrow::Cow;

/// A path without empty segments, and with letters and digits as they are instead of escaped; none where it is so.
pub fn tidy_path(path: &str) -> Option<String> {
    let is_tidy =
        !path.contains("//") && !path.contains('%') && (path.len() <= 1 || !path.ends_with('/'));
    if is_tidy || !path.starts_with('/') {
        return None;
    }
    let folded = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .flat_map(|segment| [Cow::Borrowed("/"), unescaped(segment)])
        .collect::<String>();
    let tidy = if folded.is_empty() { "/" } else { &folded };
    (tidy != path).then(|| tidy.to_owned())
}

/// A segment whose escapes stand only where they change the meaning.
fn unescaped(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut rest = segment.split('%');
    let mut whole = rest.next().unwrap_or_default().to_owned();
    for part in rest {
        let code = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let plain = code
            .map(char::from)
            .filter(|it| it.is_ascii_alphanumeric() || "-._~".contains(*it));
        match (plain, part.get(2..)) {
            (Some(plain), Some(after)) => {
                whole.push(plain);
                whole.push_str(after);
            }
            _ => {
                whole.push('%');
                whole.push_str(part);
            }
        }
    }
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/v1/dids", None)]
    #[case("/", None)]
    #[case("*", None)]
    #[case("//", Some("/"))]
    #[case("/v1/dids/", Some("/v1/dids"))]
    #[case("//v1///dids", Some("/v1/dids"))]
    #[case("/v1//dids//", Some("/v1/dids"))]
    #[case("/v1/%64ids", Some("/v1/dids"))]
    #[case("/v1/a%2Db%2d%7E", Some("/v1/a-b-~"))]
    #[case("/v1/a%2Fb", None)]
    #[case("/v1/%2564", None)]
    #[case("/v1/%", None)]
    #[case("/v1/%6", None)]
    #[case("/v1/%zz%+6", None)]
    fn a_path_is_passed_on_as_routes_have_it(#[case] path: &str, #[case] tidy: Option<&str>) {
        assert_eq!(tidy_path(path).as_deref(), tidy);
    }
}
