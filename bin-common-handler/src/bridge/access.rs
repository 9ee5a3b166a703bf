//! Who asks. Today one key opens everything; a verdict is what a key of one tenant would give.

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    models::{
        error::{Error, Result},
        identity::Scope,
    },
    redact::Secret,
};

/// The header that carries the key; `Authorization: Bearer …` does as well.
pub(super) const HEADER: &str = "x-api-key";

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What the requests of this caller are confined to.
    pub scope: Scope,
}

/// The key that opens everything, kept as its digest.
#[derive(Debug, Clone)]
pub struct AccessKey([u8; 32]);

impl AccessKey {
    /// Callers must show `key`.
    pub fn new(key: &Secret) -> Self {
        Self(digest(key.expose().as_bytes()))
    }

    /// Decides by the headers of a request.
    ///
    /// # Errors
    /// 401 `API_KEY_REQUIRED` without a key, 401 `INVALID_API_KEY` with a wrong one.
    pub fn check(&self, headers: &HeaderMap) -> Result<Verdict> {
        let shown = shown(headers)
            .ok_or_else(|| Error::unauthenticated("API_KEY_REQUIRED", "API key required"))?;
        // Digests have one length, so the time tells neither where a guess is wrong nor how long the key is.
        if bool::from(digest(shown).ct_eq(&self.0)) {
            Ok(Verdict {
                scope: Scope::TRUSTED,
            })
        } else {
            Err(Error::unauthenticated("INVALID_API_KEY", "Invalid API key"))
        }
    }
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The key in the headers; an empty one is none.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let own = headers.get(HEADER).map(|value| value.as_bytes());
    let bearer = || {
        let value = headers.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, key) = value.split_at_checked(7)?;
        scheme
            .eq_ignore_ascii_case(b"bearer ")
            .then(|| key.trim_ascii())
    };
    own.or_else(bearer).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use rstest::rstest;

    use super::*;

    const KEY: &str = "tandem_0123456789abcdef";

    fn check(name: &'static str, value: &str) -> Result<Verdict> {
        let name = HeaderName::from_static(name);
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        AccessKey::new(&Secret::new(KEY)).check(&headers)
    }

    #[rstest]
    #[case("x-api-key", KEY)]
    #[case("authorization", "Bearer tandem_0123456789abcdef")]
    #[case("authorization", "bearer  tandem_0123456789abcdef")]
    fn the_key_opens(#[case] name: &'static str, #[case] value: &str) {
        let verdict = check(name, value).unwrap();
        assert_eq!(verdict.scope, Scope::TRUSTED);
    }

    #[rstest]
    #[case("x-api-key", "tandem_0123456789abcdeF", "INVALID_API_KEY")]
    #[case("x-api-key", "tandem_0123456789abcde", "INVALID_API_KEY")]
    #[case("x-api-key", "tandem_0123456789abcdef0", "INVALID_API_KEY")]
    #[case("x-api-key", "", "API_KEY_REQUIRED")]
    #[case("authorization", "Basic dGFuZGVt", "API_KEY_REQUIRED")]
    #[case("authorization", "Bearer ", "API_KEY_REQUIRED")]
    #[case("authorization", "Bear", "API_KEY_REQUIRED")]
    #[case("cookie", KEY, "API_KEY_REQUIRED")]
    fn nothing_else_does(#[case] name: &'static str, #[case] value: &str, #[case] reason: &str) {
        assert_eq!(check(name, value).unwrap_err().reason(), reason);
    }

    #[test]
    fn a_wrong_own_header_is_not_mended_by_a_right_bearer() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, "wrong".parse().unwrap());
        headers.insert("authorization", format!("Bearer {KEY}").parse().unwrap());
        let key = AccessKey::new(&Secret::new(KEY));
        assert_eq!(key.check(&headers).unwrap_err().reason(), "INVALID_API_KEY");
    }

    #[test]
    fn the_key_itself_is_not_kept() {
        let shown = format!("{:?}", AccessKey::new(&Secret::new(KEY)));
        assert!(!shown.contains("tandem_"), "{shown}");
    }
}
