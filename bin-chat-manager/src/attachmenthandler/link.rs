//! Links to attachments: whoever has one may have the file, until it ends. Signed with a key of
//! their own, which all replicas share.

use std::time::Duration;

use bin_common_handler::{
    models::{
        error::{Error, Result},
        text::hex,
        time::Timestamp,
    },
    redact::Secret,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// How long a link is good.
const LINK_MAX: Duration = Duration::from_secs(15 * 60);

fn signature(key: &Secret, id: Uuid, expires: i64) -> Result<String> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(Error::internal)?;
    mac.update(format!("attachment\0{id}\0{expires}").as_bytes());
    Ok(hex(&mac.finalize().into_bytes()))
}

const fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// A link that is good for a quarter of an hour. Without PUBLIC_URL it begins at the bridge's root.
///
/// # Errors
/// 500.
pub(super) fn sign(key: &Secret, public_url: &str, id: Uuid, now: Timestamp) -> Result<String> {
    let expires = seconds(now.plus(LINK_MAX));
    let signature = signature(key, id, expires)?;
    let base = public_url.trim_end_matches('/');
    Ok(format!(
        "{base}/v1/attachments/{id}/content?expires={expires}&signature={signature}"
    ))
}

/// Whether a link is right, and good now.
///
/// # Errors
/// 500.
pub(super) fn is_good(
    key: &Secret,
    id: Uuid,
    expires: i64,
    shown: &str,
    now: Timestamp,
) -> Result<bool> {
    let own = signature(key, id, expires)?;
    let is_right: bool = own.as_bytes().ct_eq(shown.as_bytes()).into();
    Ok(is_right && seconds(now) < expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_file_and_its_time_and_nothing_else() {
        let (key, now) = (Secret::new("key"), Timestamp::from_micros(0));
        let id = Uuid::from_u128(1);
        let link = sign(&key, "https://x.example/", id, now).unwrap();
        let (_, query) = link.split_once("content?expires=").unwrap();
        let (expires, shown) = query.split_once("&signature=").unwrap();
        let expires: i64 = expires.parse().unwrap();
        let good = |key: &str, id: u128, expires: i64, shown: &str, at: u64| {
            let now = now.plus(Duration::from_secs(at));
            is_good(&Secret::new(key), Uuid::from_u128(id), expires, shown, now).unwrap()
        };
        assert!(good("key", 1, expires, shown, 899));
        assert!(!good("key", 1, expires, shown, 900), "over");
        assert!(!good("key", 1, expires + 60, shown, 900), "prolonged");
        assert!(!good("key", 2, expires, shown, 0), "another file");
        assert!(!good("other", 1, expires, shown, 0), "another key");
        assert!(!good("key", 1, expires, "", 0));
    }
}
