//! The secret of an access key: what a caller shows. Only its digest outlives the request that makes it.

use std::fmt::Write as _;

use bin_common_handler::redact::Secret;
use sha2::{Digest as _, Sha256};

/// Tells our keys from other secrets, e.g. for scanners of source code.
pub(crate) const PREFIX: &str = "did_";
/// As much of a token as is kept in clear, in characters: enough to tell keys apart, and 224 bits short of one.
pub(super) const SHOWN: usize = 12;

/// SHA-256 of a token. Tokens are random enough that it needs neither salt nor slowness.
pub(super) type TokenHash = [u8; 32];

/// A new secret: 256 random bits.
pub(super) struct Token(Secret);

impl Token {
    /// Draws one.
    pub(super) fn draw() -> Self {
        Self::of(rand::random())
    }

    fn of(bits: [u8; 32]) -> Self {
        Self(Secret::new(format!("{PREFIX}{}", hex(&bits))))
    }

    /// The whole of it, for the one reply that shows it.
    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What may be shown for ever.
    pub(super) fn prefix(&self) -> String {
        self.expose().chars().take(SHOWN).collect()
    }

    /// What is stored.
    pub(super) fn hash(&self) -> TokenHash {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A digest from its 64 hex digits.
pub(super) fn read_hash(text: &str) -> Option<TokenHash> {
    let mut hash = TokenHash::default();
    if text.len() != 2 * hash.len() {
        return None;
    }
    let digits = text.as_bytes().chunks(2);
    for (byte, digits) in hash.iter_mut().zip(digits) {
        let &[high, low] = digits else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(hash)
}

fn digit(text: u8) -> Option<u8> {
    char::from(text)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_token_is_64_hex_digits_after_its_mark() {
        let token = Token::of([0xA0; 32]);
        assert_eq!(token.expose(), format!("did_{}", "a0".repeat(32)));
        assert_eq!(token.prefix(), "did_a0a0a0a0");
        assert_eq!(
            hex(&Token::of([0; 32]).hash()), // as sha256sum has it
            "19f5896eb95d897529589da147c6791ae190c336442ab8188e72acfab7d336b4"
        );
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let (one, other) = (Token::draw(), Token::draw());
        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.prefix(), other.prefix());
    }

    #[rstest]
    #[case("")]
    #[case("ab")]
    #[case(&"ab".repeat(31))]
    #[case(&"ab".repeat(33))]
    #[case(&"g0".repeat(32))]
    #[case(&"+1".repeat(32))]
    #[case(&"é".repeat(32))]
    fn anything_but_64_hex_digits_is_no_digest(#[case] text: &str) {
        assert_eq!(read_hash(text), None);
    }

    proptest! {
        #[test]
        fn a_digest_survives_its_written_form(hash: TokenHash) {
            prop_assert_eq!(read_hash(&hex(&hash)), Some(hash));
            prop_assert_eq!(read_hash(&hex(&hash).to_uppercase()), Some(hash));
        }
    }
}
