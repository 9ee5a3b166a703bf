//! What may be shown of a secret or a phone number.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// A secret: readable by code that asks for it, never by `Debug` or `Display`.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "(none)" } else { "***" })
    }
}

/// A phone number as logs may show it: `+1555***0123`.
pub fn phone(number: &str) -> String {
    let chars: Vec<char> = number.chars().collect();
    if chars.len() < 9 {
        return "***".to_owned();
    }
    let head: String = chars.iter().take(5).collect();
    let tail: String = chars.iter().skip(chars.len().saturating_sub(4)).collect();
    format!("{head}***{tail}")
}

/// What is wrong with some JSON, without the value that is: it may be somebody's phone number. See
/// [`bad_json`](crate::models::bad_json), which also names the field.
pub fn json_fault(fault: &serde_json::Error) -> String {
    crate::models::bad_json::sentence(fault, "")
}

/// A URL or DSN with its password masked; what does not parse as one is masked whole.
pub fn dsn(text: &str) -> String {
    let is_scheme = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (scheme, rest) = text
        .split_once("://")
        .filter(|(scheme, _)| is_scheme(scheme))
        .unwrap_or(("", text));
    let shown = match rest.rsplit_once('@') {
        None => rest.to_owned(),
        Some((user_and_password, place)) => {
            let user = user_and_password.split(':').next().unwrap_or_default();
            format!("{user}:***@{place}")
        }
    };
    let shown = shown.split('?').next().unwrap_or_default();
    if scheme.is_empty() {
        shown.to_owned()
    } else {
        format!("{scheme}://{shown}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+15551230123", "+1555***0123")]
    #[case("12345", "***")]
    #[case("", "***")]
    fn a_phone_number_keeps_its_ends_only(#[case] number: &str, #[case] shown: &str) {
        assert_eq!(phone(number), shown);
    }

    #[rstest]
    #[case("amqp://guest:pa:ss@host:5672/vh", "amqp://guest:***@host:5672/vh")]
    #[case("user:p@ss@tcp(db:3306)/x?parseTime=true", "user:***@tcp(db:3306)/x")]
    #[case("sqlite://data/tandem.db", "sqlite://data/tandem.db")]
    #[case("mysql://u@h/d?password=x", "mysql://u:***@h/d")]
    #[case("u:secret@mysql://v:other@h/d", "u:***@h/d")]
    fn a_dsn_never_shows_its_password(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(dsn(text), shown);
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
