//! Who sends a push message: a signed token (RFC 8292), by a key that the first replica makes and all of them share.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bin_common_handler::{
    models::error::{Error, Result},
    redact::Secret,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::json;

use crate::{app::App, dbhandler::keys};

/// The key, and where it belongs.
const KEY: &str = "push";
const PLACE: &str = "chat_keys/push";
/// How long a token is good for, in seconds; a day at most.
const GOOD_FOR: i64 = 12 * 3_600;

/// The public half, as browsers want it for a subscription.
///
/// # Errors
/// 503.
pub(super) async fn public_key(app: &App) -> Result<String> {
    let pair = pair(app).await?;
    Ok(BASE64.encode(pair.public_key().as_ref()))
}

/// The value of `authorization` for a push service: `origin` is its scheme and host.
///
/// # Errors
/// 503.
pub(super) async fn authorization(app: &App, origin: &str) -> Result<String> {
    let pair = pair(app).await?;
    let seconds = app.store.clock.now().millis() / 1_000;
    let mut claims = json!({ "aud": origin, "exp": seconds + GOOD_FOR });
    if let (Some(contact), Some(claims)) = (contact(app), claims.as_object_mut()) {
        claims.insert("sub".to_owned(), contact.into());
    }
    let header = json!({ "typ": "JWT", "alg": "ES256" });
    let signed = format!(
        "{}.{}",
        BASE64.encode(header.to_string()),
        BASE64.encode(claims.to_string())
    );
    let signature = pair
        .sign(&SystemRandom::new(), signed.as_bytes())
        .map_err(|_| Error::internal("a push token could not be signed"))?;
    let (token, key) = (BASE64.encode(signature.as_ref()), pair.public_key());
    Ok(format!(
        "vapid t={signed}.{token}, k={}",
        BASE64.encode(key.as_ref())
    ))
}

/// Whom a push service may turn to.
fn contact(app: &App) -> Option<String> {
    match app.mailer.from() {
        Some(from) => Some(format!("mailto:{}", from)),
        None => Some(app.settings.public_url.clone()).filter(|url| url.starts_with("https://")),
    }
}

async fn pair(app: &App) -> Result<EcdsaKeyPair> {
    let key = app.push_key.get_or_try_init(|| read_key(app)).await?;
    let bytes = BASE64.decode(key.expose()).map_err(Error::internal)?;
    EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &bytes,
        &SystemRandom::new(),
    )
    .map_err(|_| Error::internal("the key of push messages is none"))
}

/// The first replica makes the key; all of them read what was kept.
async fn read_key(app: &App) -> Result<Secret> {
    let db = &app.store.db;
    if let Some(sealed) = keys::find(db, KEY).await? {
        return Ok(app.sealer.open(&sealed, PLACE)?);
    }
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| Error::internal("a key could not be made"))?;
    let made = Secret::new(BASE64.encode(made.as_ref()));
    keys::keep(db, KEY, &app.sealer.seal(&made, PLACE)?).await?;
    let kept = keys::find(db, KEY).await?;
    let kept = kept.ok_or_else(|| Error::unavailable("database", "a key that was kept is gone"))?;
    Ok(app.sealer.open(&kept, PLACE)?)
}
