//! Secrets of Standard Webhooks: `whsec_` and base64, and the signature that they make.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bin_common_handler::redact::Secret;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Random bytes: between the 24 and 64 of the standard.
const BYTES: usize = 32;

/// A fresh secret.
pub(crate) fn generate() -> Secret {
    let mut bytes = [0; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(format!("{PREFIX}{}", BASE64.encode(bytes)))
}

/// `v1,` and base64 of HMAC-SHA256 over id, time and body; none where the secret has another form.
pub(crate) fn sign(secret: &Secret, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = BASE64.decode(secret.expose().strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector of the standard's own reference libraries.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = sign(&secret, id, 1_614_265_330, r#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.as_deref(), Some(expected));
    }

    #[test]
    fn a_fresh_secret_signs_and_is_no_other_ones() {
        let (one, other) = (generate(), generate());
        assert_ne!(one.expose(), other.expose());
        assert!(sign(&one, "msg_1", 1, "{}").is_some());
        assert_eq!(sign(&Secret::new("whsec_?"), "msg_1", 1, "{}"), None);
    }
}
