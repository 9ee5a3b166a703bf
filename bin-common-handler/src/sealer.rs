//! Secrets at rest: authenticated encryption under keys of the settings, with rotation.
//!
//! A stored text is `v1.<key id>.<base64url of nonce and ciphertext>`. The cipher is XChaCha20-Poly1305 (RFC 8439
//! with the extended nonce), so random nonces never repeat in practice. The place a secret belongs to (tenant,
//! table, column, row) is authenticated with it: a ciphertext that is copied into another row does not open.
//!
//! The first key seals; all of them open. To rotate, put a new key in front, reseal what [`Sealer::is_stale`]
//! names, then take the old key away.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::Rng;
use sha2::{Digest, Sha256};

use crate::{
    models::{
        error::{Error, Status},
        text::hex,
    },
    redact::Secret,
};

const VERSION: &str = "v1";
/// Of XChaCha20-Poly1305, in bytes.
const NONCE_BYTES: usize = 24;
/// Hex digits of a key's id.
const KEY_ID_DIGITS: usize = 8;
/// Shortest key, in characters.
const KEY_CHARS_MIN: usize = 32;
/// Keys at most: one that seals, and those before it.
const KEYS_MAX: usize = 8;

/// Why a secret cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// No key is set, and none may be made: several processes would each make their own.
    #[error("no key is set; set SECRETS_KEY, the same for every replica")]
    NoKey,
    /// The setting holds no usable key.
    #[error(
        "give one to 8 keys of at least 32 characters each, separated by commas, the newest first"
    )]
    BadKeys,
    /// Not a sealed text.
    #[error("the stored value is not sealed by this program")]
    NotSealed,
    /// Sealed under a key that is not among the settings.
    #[error("the stored value is sealed under a key that is not set; add that key again")]
    UnknownKey,
    /// Changed since it was sealed, or copied from another place.
    #[error("the stored value was changed, or belongs to another row")]
    Tampered,
}

struct SealKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// The caller is told that it is the operator's to mend; the log says what.
impl From<SealFault> for Error {
    fn from(fault: SealFault) -> Self {
        match fault {
            SealFault::NoKey => Self::new(
                Status::Unavailable,
                "SECRETS_KEY_MISSING",
                "Secrets cannot be kept here yet: the operator has to set SECRETS_KEY.",
            ),
            fault => Self::internal(fault),
        }
    }
}

/// Seals and opens secrets. Without keys ([`Sealer::default`]) it does neither.
#[derive(Default)]
pub struct Sealer {
    keys: Vec<SealKey>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

impl Sealer {
    /// From a setting: keys separated by commas, the newest first.
    ///
    /// # Errors
    /// [`SealFault::BadKeys`].
    pub fn new(keys: &Secret) -> Result<Self, SealFault> {
        let keys: Vec<SealKey> = keys
            .expose()
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(SealKey::new)
            .collect::<Option<_>>()
            .ok_or(SealFault::BadKeys)?;
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(SealFault::BadKeys);
        }
        Ok(Self { keys })
    }

    /// False where every [`Self::seal`] and [`Self::open`] is [`SealFault::NoKey`].
    pub const fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Encrypts `secret` for `place`, e.g. `<customer id>/call_bid_profiles/headers/<id>`.
    ///
    /// # Errors
    /// [`SealFault::BadKeys`] where the secret is larger than the cipher takes (256 GiB).
    pub fn seal(&self, secret: &Secret, place: &str) -> Result<String, SealFault> {
        let key = self.keys.first().ok_or(SealFault::NoKey)?;
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: place.as_bytes(),
        };
        let ciphertext = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealFault::BadKeys)?;
        let body = BASE64.encode([nonce.as_slice(), &ciphertext].concat());
        Ok(format!("{VERSION}.{}.{body}", key.id))
    }

    /// Decrypts what was sealed for `place`.
    ///
    /// # Errors
    /// [`SealFault`]; none of them tells the secret.
    pub fn open(&self, stored: &str, place: &str) -> Result<Secret, SealFault> {
        if self.keys.is_empty() {
            return Err(SealFault::NoKey);
        }
        let (id, body) = parts(stored)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.id == id)
            .ok_or(SealFault::UnknownKey)?;
        let bytes = BASE64.decode(body).map_err(|_| SealFault::NotSealed)?;
        let (nonce, ciphertext) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealFault::NotSealed)?;
        let payload = Payload {
            msg: ciphertext,
            aad: place.as_bytes(),
        };
        let plain = key
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| SealFault::Tampered)?;
        String::from_utf8(plain)
            .map(Secret::new)
            .map_err(|_| SealFault::Tampered)
    }

    /// True when `stored` is sealed under another key than the newest: open and seal it again.
    pub fn is_stale(&self, stored: &str) -> bool {
        let newest = self.keys.first().map(|key| key.id.as_str());
        parts(stored).map(|(id, _)| id).ok() != newest
    }
}

impl SealKey {
    /// The cipher's key is the SHA-256 of the setting, which holds enough randomness of its own.
    fn new(text: &str) -> Option<Self> {
        if text.chars().count() < KEY_CHARS_MIN {
            return None;
        }
        let key: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        // A digest of the key, not of the setting: the id may be read in the database.
        let id = hex(&Sha256::digest(key));
        Some(Self {
            id: id.chars().take(KEY_ID_DIGITS).collect(),
            cipher: XChaCha20Poly1305::new(&Key::from(key)),
        })
    }
}

fn parts(stored: &str) -> Result<(&str, &str), SealFault> {
    let mut parts = stored.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(VERSION), Some(id), Some(body), None) => Ok((id, body)),
        _ => Err(SealFault::NotSealed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    const PLACE: &str = "tenant/table/column/row";

    fn sealer(keys: &str) -> Sealer {
        Sealer::new(&Secret::new(keys)).unwrap()
    }

    #[rstest]
    #[case("")]
    #[case(" , ,")]
    #[case("short")]
    #[case("0123456789abcdef0123456789abcdef,short")]
    fn a_key_that_is_missing_or_short_is_refused(#[case] keys: &str) {
        assert_eq!(
            Sealer::new(&Secret::new(keys)).unwrap_err(),
            SealFault::BadKeys
        );
        let many = [OLD; KEYS_MAX + 1].join(",");
        assert_eq!(
            Sealer::new(&Secret::new(many)).unwrap_err(),
            SealFault::BadKeys
        );
    }

    #[test]
    fn keys_rotate() {
        let stored = sealer(OLD).seal(&Secret::new("hunter2"), PLACE).unwrap();
        let both = sealer(&format!("{NEW}, {OLD}"));
        assert!(both.is_stale(&stored));
        let secret = both.open(&stored, PLACE).unwrap();
        let resealed = both.seal(&secret, PLACE).unwrap();
        assert!(!both.is_stale(&resealed));
        assert_eq!(
            sealer(NEW).open(&resealed, PLACE).unwrap().expose(),
            "hunter2"
        );
        assert_eq!(
            sealer(NEW).open(&stored, PLACE).unwrap_err(),
            SealFault::UnknownKey
        );
    }

    #[test]
    fn a_secret_opens_in_its_own_place_only_and_tells_nothing() {
        let sealer = sealer(OLD);
        let stored = sealer.seal(&Secret::new("hunter2"), PLACE).unwrap();
        assert_eq!(
            sealer.open(&stored, "other").unwrap_err(),
            SealFault::Tampered
        );
        assert!(!stored.contains("hunter2"));
        assert!(!format!("{sealer:?}").contains(OLD));
        assert_ne!(
            stored,
            sealer.seal(&Secret::new("hunter2"), PLACE).unwrap(),
            "a fresh nonce"
        );
    }

    #[rstest]
    #[case("")]
    #[case("hunter2")]
    #[case("v1.0.0")]
    #[case("v2.00000000.AAAA")]
    #[case("v1.00000000.AAAA.x")]
    fn what_is_not_sealed_is_said(#[case] stored: &str) {
        assert!(matches!(
            sealer(OLD).open(stored, PLACE).unwrap_err(),
            SealFault::NotSealed | SealFault::UnknownKey
        ));
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_and_no_changed_byte_does(text: String, at: prop::sample::Index) {
            let sealer = sealer(OLD);
            let stored = sealer.seal(&Secret::new(text.clone()), PLACE).unwrap();
            let opened = sealer.open(&stored, PLACE).unwrap();
            prop_assert_eq!(opened.expose(), text.as_str());
            let mut changed = stored.into_bytes();
            let at = at.index(changed.len());
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            prop_assert!(sealer.open(&String::from_utf8(changed).unwrap(), PLACE).is_err());
        }
    }
}
