//! How the people called are kept: as keyed hashes, so that nobody reads numbers out of the database.
//!
//! The key is a setting, or made once and kept in the database, where every replica finds the same one.

use std::sync::Arc;

use bin_common_handler::{
    config::{Config, Setting},
    databasehandler::Db,
    models::error::{Error, Result},
    redact::Secret,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{dbhandler::secrets, phone::E164};

/// The key of the hashes; empty for the one kept in the database.
pub(crate) const HASH_KEY: Setting<Secret> = Setting::hash_key(
    "DID_HASH_KEY",
    "",
    "Key of the hashes that people called are kept as; without it one is made and kept in the database",
    "at least 32 characters, such as $(openssl rand -hex 32)",
);
/// The key's name among the database's secrets.
const KEPT: &str = "phone_hash";
const KEY_BYTES: usize = 32;
/// What HMAC-SHA-256 pads its key to.
const BLOCK_BYTES: usize = 64;

/// Hashes phone numbers and ids of calls within their tenant. Clones share nothing and are cheap.
#[derive(Clone)]
pub(crate) struct PhoneHasher(Hmac<Sha256>);

impl PhoneHasher {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut block = [0; BLOCK_BYTES];
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        Self(Hmac::new(&block.into()))
    }

    /// A person called.
    pub(crate) fn phone(&self, customer_id: Uuid, number: &E164) -> [u8; 16] {
        self.first_bytes(customer_id, b"phone", number.as_str())
    }

    /// A call, by the id that the dialer gave it.
    pub(crate) fn call(&self, customer_id: Uuid, uniqueid: &str) -> i64 {
        i64::from_be_bytes(self.first_bytes(customer_id, b"call", uniqueid))
    }

    /// What makes a repeated request known: its parts, in order.
    pub(crate) fn request(&self, customer_id: Uuid, parts: &[&str]) -> [u8; 16] {
        // No part can hold the separator: it is taken out of what callers send.
        self.first_bytes(customer_id, b"request", &parts.join("\u{1f}"))
    }

    fn first_bytes<const N: usize>(&self, customer_id: Uuid, kind: &[u8], text: &str) -> [u8; N] {
        let mut mac = self.0.clone();
        mac.update(customer_id.as_bytes());
        mac.update(kind);
        mac.update(text.as_bytes());
        let whole = mac.finalize().into_bytes();
        let mut first = [0; N];
        first
            .iter_mut()
            .zip(whole)
            .for_each(|(to, from)| *to = from);
        first
    }
}

/// The installation's hasher, made at first use. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Privacy {
    given: Secret,
    hasher: Arc<OnceCell<PhoneHasher>>,
}

impl Privacy {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            given: config.get(&HASH_KEY),
            ..Self::default()
        }
    }

    /// The hasher; asks the database at most once.
    pub(crate) async fn hasher(&self, db: &Db) -> Result<&PhoneHasher> {
        self.hasher
            .get_or_try_init(async || {
                if self.given.is_empty() {
                    return Ok(PhoneHasher::new(&kept_key(db).await?));
                }
                let key = Sha256::digest(self.given.expose());
                Ok(PhoneHasher::new(&key.into()))
            })
            .await
    }
}

/// The key that the database keeps; the first who needs it makes it.
async fn kept_key(db: &Db) -> Result<[u8; KEY_BYTES]> {
    if let Some(key) = read_key(db).await? {
        return Ok(key);
    }
    let made: [u8; KEY_BYTES] = rand::random();
    let written = secrets::insert(db, KEPT, made.to_vec()).await;
    // Another replica may have been faster: what stands there counts.
    match (read_key(db).await?, written) {
        (Some(key), _) => Ok(key),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(_)) => Err(Error::internal("the database keeps no secret")),
    }
}

async fn read_key(db: &Db) -> Result<Option<[u8; KEY_BYTES]>> {
    let Some(secret) = secrets::get(db, KEPT).await? else {
        return Ok(None);
    };
    let key: [u8; KEY_BYTES] = secret
        .try_into()
        .map_err(|_| Error::internal("a secret of the database has a wrong length"))?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use bin_common_handler::databasehandler::Dsn;

    use super::*;

    const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

    fn number() -> E164 {
        E164::parse("+14155550123").unwrap()
    }

    /// RFC 4231 has no case with a key of 32 bytes: this is the plain construction.
    #[test]
    fn it_is_hmac_sha_256_over_tenant_kind_and_text() {
        let tenant = Uuid::from_u128(5);
        let hash = |pad: u8, rest: &[u8]| {
            let mut block = [pad; BLOCK_BYTES];
            block.iter_mut().zip(KEY).for_each(|(to, key)| *to ^= key);
            Sha256::digest([block.as_slice(), rest].concat())
        };
        let text = [tenant.as_bytes().as_slice(), b"phone", b"+14155550123"].concat();
        let whole = hash(0x5c, &hash(0x36, &text));
        let phone = PhoneHasher::new(&KEY).phone(tenant, &number());
        assert_eq!(phone.as_slice(), &whole[..16]);
    }

    #[test]
    fn tenants_kinds_and_keys_have_hashes_of_their_own() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let hasher = PhoneHasher::new(&KEY);
        assert_eq!(hasher.phone(one, &number()), hasher.phone(one, &number()));
        assert_ne!(hasher.phone(one, &number()), hasher.phone(two, &number()));
        let other = PhoneHasher::new(&[8; KEY_BYTES]);
        assert_ne!(hasher.phone(one, &number()), other.phone(one, &number()));
        let call = hasher.call(one, "+14155550123").to_be_bytes();
        assert_ne!(call.as_slice(), &hasher.phone(one, &number())[..8]);
    }

    async fn database() -> (Db, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::new(&Dsn::Sqlite(dir.path().join("t.db")), 1).unwrap();
        crate::MANAGER.migrations.up(&db).await.unwrap();
        (db, dir)
    }

    #[tokio::test]
    async fn all_who_start_at_once_have_the_same_key() {
        let (db, _dir) = database().await;
        let replicas: Vec<_> = (0..8).map(|_| Privacy::default()).collect();
        let ask = |privacy: Privacy| {
            let db = db.clone();
            async move { privacy.hasher(&db).await.unwrap().call(Uuid::nil(), "1.2") }
        };
        let calls = futures_util::future::join_all(replicas.into_iter().map(ask)).await;
        assert!(calls.iter().all(|call| *call == calls[0]), "{calls:?}");
    }

    #[tokio::test]
    async fn a_given_key_needs_no_database_and_a_kept_one_differs_from_it() {
        let (db, _dir) = database().await;
        let given = Privacy {
            given: Secret::new("x".repeat(32)),
            ..Privacy::default()
        };
        let given = given.hasher(&db).await.unwrap().call(Uuid::nil(), "1.2");
        assert!(read_key(&db).await.unwrap().is_none());
        let kept = Privacy::default();
        let kept = kept.hasher(&db).await.unwrap().call(Uuid::nil(), "1.2");
        assert_ne!(given, kept);
    }
}
