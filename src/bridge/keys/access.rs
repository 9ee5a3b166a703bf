//! Who asks: the key that a request shows, and what it opens.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::{
    grant::Grant,
    ttl_cache::Digest,
    verdicts::KeyVerifier,
    visitors::{VisitorVerifier, is_visitors},
};
use bin_common_handler::{
    clock::Clock,
    models::error::{Error, Result},
    redact::Secret,
};

/// The header that carries the key; `Authorization: Bearer …` does as well.
pub(in crate::bridge) const HEADER: &str = "x-api-key";
/// What follows the prefix of a tenant's key.
const HEX_DIGITS: usize = 64;
/// As many of these its manager keeps in clear, to find it by.
const HEX_SHOWN: usize = 8;

/// The key that opens everything, kept as its digest.
#[derive(Debug, Clone)]
pub struct AccessKey(Digest);

impl AccessKey {
    /// Callers may show `key`.
    pub fn new(key: &Secret) -> Self {
        Self(digest(key.expose().as_bytes()))
    }

    /// Digests have one length, so the time tells neither where a guess is wrong nor how long the key is.
    fn opens(&self, shown: &Digest) -> bool {
        self.0.ct_eq(shown).into()
    }
}

/// Every key that opens something.
pub(in crate::bridge) struct Keys {
    operator: AccessKey,
    /// None where no manager knows access keys.
    verdicts: Option<Arc<KeyVerifier>>,
    /// None where no manager knows visitors.
    visitors: Option<VisitorVerifier>,
    clock: Clock,
}

impl Keys {
    pub(in crate::bridge) fn new(
        operator: AccessKey,
        verdicts: Option<Arc<KeyVerifier>>,
        clock: Clock,
    ) -> Self {
        Self {
            operator,
            verdicts,
            visitors: None,
            clock,
        }
    }

    /// As they are, with the tokens of visitors.
    pub(in crate::bridge) fn with_visitors(self, visitors: Option<VisitorVerifier>) -> Self {
        Self { visitors, ..self }
    }

    /// What a key or a visitor's token opens on a socket, shown by a page of this origin.
    ///
    /// # Errors
    /// As [`Self::check`]; 403 for a page that may not show the token.
    pub(in crate::bridge) async fn check_socket(
        &self,
        shown: &str,
        origin: Option<&str>,
        deadline: Instant,
    ) -> Result<Grant> {
        match &self.visitors {
            Some(visitors) if is_visitors(shown) => {
                visitors.of(shown, origin).await.map(Grant::Visitor)
            }
            _ => self.check(Some(shown.as_bytes()), deadline).await,
        }
    }

    pub(in crate::bridge) fn verdicts(&self) -> Option<Arc<KeyVerifier>> {
        self.verdicts.clone()
    }

    /// What a key opens.
    ///
    /// # Errors
    /// 401 `API_KEY_REQUIRED` without a key, 401 `INVALID_API_KEY` with a wrong or expired one, 503 when
    /// that cannot be found out before `deadline`.
    pub(in crate::bridge) async fn check(
        &self,
        shown: Option<&[u8]>,
        deadline: Instant,
    ) -> Result<Grant> {
        let shown = shown
            .filter(|key| !key.is_empty())
            .ok_or_else(|| Error::unauthenticated("API_KEY_REQUIRED", "API key required"))?;
        let digest = digest(shown);
        if self.operator.opens(&digest) {
            return Ok(Grant::Operator);
        }
        let invalid = || Error::unauthenticated("INVALID_API_KEY", "Invalid API key");
        let verdicts = self.verdicts.as_ref().ok_or_else(invalid)?;
        let prefix = prefix(shown, verdicts.key_prefix()).ok_or_else(invalid)?;
        verdicts
            .of(prefix, digest, deadline)
            .await?
            .filter(|key| key.tm_expire.is_none_or(|end| self.clock.now() < end))
            .map(Grant::Key)
            .ok_or_else(invalid)
    }
}

fn digest(text: &[u8]) -> Digest {
    Sha256::digest(text).into()
}

/// What a well-formed key of a tenant starts with; nobody is asked about any other.
fn prefix<'s>(shown: &'s [u8], key_prefix: &str) -> Option<&'s str> {
    let text = std::str::from_utf8(shown).ok()?;
    let digits = text.strip_prefix(key_prefix)?;
    let is_whole = digits.len() == HEX_DIGITS && digits.bytes().all(|it| it.is_ascii_hexdigit());
    is_whole
        .then(|| text.get(..key_prefix.len() + HEX_SHOWN))
        .flatten()
}

/// The key in the headers; an empty one is none.
pub(in crate::bridge) fn shown(headers: &HeaderMap) -> Option<&[u8]> {
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

    async fn check(headers: &HeaderMap) -> Result<Grant> {
        let keys = Keys::new(AccessKey::new(&Secret::new(KEY)), None, Clock::default());
        keys.check(shown(headers), Instant::now()).await
    }

    fn header(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[rstest]
    #[case("x-api-key", KEY)]
    #[case("authorization", "Bearer tandem_0123456789abcdef")]
    #[case("authorization", "bearer  tandem_0123456789abcdef")]
    #[tokio::test]
    async fn the_key_opens(#[case] name: &'static str, #[case] value: &str) {
        assert_eq!(check(&header(name, value)).await.unwrap(), Grant::Operator);
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
    #[tokio::test]
    async fn nothing_else_does(
        #[case] name: &'static str,
        #[case] value: &str,
        #[case] reason: &str,
    ) {
        let refused = check(&header(name, value)).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
    }

    #[tokio::test]
    async fn a_wrong_own_header_is_not_mended_by_a_right_bearer() {
        let mut headers = header(HEADER, "wrong");
        headers.insert("authorization", format!("Bearer {KEY}").parse().unwrap());
        assert_eq!(
            check(&headers).await.unwrap_err().reason(),
            "INVALID_API_KEY"
        );
    }

    #[rstest]
    #[case(format!("did_{}", "0a".repeat(32)), Some("did_0a0a0a0a"))]
    #[case(format!("did_{}", "0A".repeat(32)), Some("did_0A0A0A0A"))]
    #[case(format!("did_{}", "0a".repeat(31)), None)]
    #[case(format!("did_{}", "0a".repeat(33)), None)]
    #[case(format!("did_{}", "0g".repeat(32)), None)]
    #[case(format!("did_{}", "é".repeat(32)), None)]
    #[case(format!("DID_{}", "0a".repeat(32)), None)]
    #[case(format!("di_{}", "0a".repeat(32)), None)]
    #[case(String::new(), None)]
    fn only_a_well_formed_key_is_asked_about(#[case] key: String, #[case] shown: Option<&str>) {
        assert_eq!(prefix(key.as_bytes(), "did_"), shown);
    }

    #[test]
    fn the_key_itself_is_not_kept() {
        let shown = format!("{:?}", AccessKey::new(&Secret::new(KEY)));
        assert!(!shown.contains("tandem_"), "{shown}");
    }
}
