//! Web push: a stand-in of a push service checks who sends, and a stand-in of a browser decrypts what it took.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand::SystemRandom,
    signature::{self, ECDSA_P256_SHA256_FIXED},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    receiver::{Manner, Receiver, Sent},
    world::{World, id, text},
};

const USER: Uuid = Uuid::from_u128(0x55);
const AUTH: [u8; 16] = [7; 16];

/// A browser that reads one message.
struct Browser {
    key: EphemeralPrivateKey,
    point: Vec<u8>,
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn derived<const N: usize>(salt: &[u8], material: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(material);
    let info = [info];
    extracted
        .expand(&info, Bytes(N))
        .unwrap()
        .fill(&mut out)
        .unwrap();
    out
}

impl Browser {
    fn new() -> Self {
        let key = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let point = key.compute_public_key().unwrap().as_ref().to_vec();
        Self { key, point }
    }

    async fn subscribe(&self, world: &World, endpoint: String) -> Json {
        let body = json!({
            "user_id": USER, "endpoint": endpoint, "p256dh": BASE64.encode(&self.point),
            "auth": BASE64.encode(AUTH),
        });
        world
            .client
            .ok(Post, "/v1/push_subscriptions", Some(body))
            .await
    }

    /// RFC 8291 from the other side.
    fn read(self, body: &[u8]) -> Json {
        let (salt, rest) = body.split_at(16);
        assert_eq!(rest[..4], 4_096_u32.to_be_bytes());
        let (sender, record) = rest[5..].split_at(usize::from(rest[4]));
        let mut info = b"WebPush: info\0".to_vec();
        info.extend(&self.point);
        info.extend(sender);
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let material: [u8; 32] =
            agree_ephemeral(self.key, &peer, |secret| derived(&AUTH, secret, &info)).unwrap();
        let key: [u8; 16] = derived(salt, &material, b"Content-Encoding: aes128gcm\0");
        let nonce: [u8; 12] = derived(salt, &material, b"Content-Encoding: nonce\0");
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut record = record.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
        let (end, text) = opened.split_last().unwrap();
        assert_eq!(*end, 2);
        serde_json::from_slice(text).unwrap()
    }
}

/// RFC 8292 as a push service checks it; the claims.
fn claims(sent: &Sent, public_key: &str) -> Json {
    let value = sent.header("authorization");
    let (token, key) = value
        .strip_prefix("vapid t=")
        .and_then(|rest| rest.split_once(", k="))
        .unwrap();
    assert_eq!(key, public_key);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = BASE64.decode(key).unwrap();
    signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
        .verify(signed.as_bytes(), &BASE64.decode(signature).unwrap())
        .unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    serde_json::from_slice(&BASE64.decode(claims).unwrap()).unwrap()
}

fn message(key: &str) -> Json {
    json!({
        "channel": "push", "to": USER, "key": key,
        "data": {"subject": "Somebody called", "text": "Please call back."},
    })
}

async fn status(world: &World, body: Json, wanted: &str) -> Json {
    let made = world.client.ok(Post, "/v1/notifications", Some(body)).await;
    let uri = format!("/v1/notifications/{}", id(&made));
    until(&format!("it is {wanted}"), async || {
        let now = world.client.ok(Get, &uri, None).await;
        (text(&now, "status") == wanted).then_some(now)
    })
    .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_browser_of_a_user_reads_what_only_it_can(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let service = Receiver::start().await;
    let key = world
        .client
        .ok(Get, "/v1/push_subscriptions/key", None)
        .await;
    let public_key = text(&key, "public_key");
    let (one, other) = (Browser::new(), Browser::new());
    let shown = one.subscribe(&world, service.url("/one")).await;
    assert_eq!(shown.get("auth"), None);
    other.subscribe(&world, service.url("/other")).await;
    let sent = status(&world, message("1"), "sent").await;
    let mut browsers = vec![("/one", one), ("/other", other)];
    let requests = service.until(2).await;
    for request in &requests {
        assert_eq!(request.header("content-encoding"), "aes128gcm");
        assert_eq!(request.header("ttl"), "86400");
        let claims = claims(request, public_key);
        assert_eq!(text(&claims, "aud"), service.url(""));
        let left = claims["exp"].as_i64().unwrap() - world.clock.now().millis() / 1_000;
        assert!((1..=86_400).contains(&left), "{left}");
        let at = browsers.iter().position(|(path, _)| *path == request.path);
        let (_, browser) = browsers.remove(at.unwrap());
        let read = browser.read(&request.body);
        assert_eq!(text(&read, "title"), "Somebody called");
        assert_eq!(text(&read, "body"), "Please call back.");
        assert_eq!(id(&read), id(&sent));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_gone_is_forgotten_and_a_busy_service_is_asked_again() {
    let world = World::new(Kind::Embedded).await;
    let service = Receiver::start().await;
    let none = status(&world, message("0"), "failed").await;
    assert_eq!(text(&none, "error_code"), "NO_PUSH_SUBSCRIPTION");
    let browser = Browser::new();
    browser.subscribe(&world, service.url("/one")).await;
    service.next(&[Manner::Status(429)]);
    let made = world
        .client
        .ok(Post, "/v1/notifications", Some(message("1")))
        .await;
    service.until(1).await;
    let uri = format!("/v1/notifications/{}", id(&made));
    until("its first try", async || {
        let now = world.client.ok(Get, &uri, None).await;
        (now["tries"] == json!(1)).then_some(())
    })
    .await;
    world.pass(60);
    let sent = service.until(2).await;
    assert_eq!(
        text(&browser.read(&sent[1].body), "title"),
        "Somebody called"
    );

    service.next(&[Manner::Status(410)]);
    let gone = status(&world, message("2"), "failed").await;
    assert_eq!(text(&gone, "error_code"), "NO_PUSH_SUBSCRIPTION");
    let listed = world.client.ok(Get, "/v1/push_subscriptions", None).await;
    assert_ne!(listed[0]["tm_delete"], Json::Null);
    world.end().await;
}

#[rstest]
#[case(json!({"p256dh": "AAAA"}), "p256dh")]
#[case(json!({"auth": "AAAA"}), "auth")]
#[case(json!({"user_id": ""}), "user_id")]
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_has_keys(#[case] change: Json, #[case] field: &str) {
    let world = World::new(Kind::Embedded).await;
    let mut body = json!({
        "user_id": USER, "endpoint": "https://push.example.com/x",
        "p256dh": BASE64.encode(Browser::new().point), "auth": BASE64.encode(AUTH),
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    let refused = world
        .client
        .call(Post, "/v1/push_subscriptions", Some(body))
        .await;
    assert_eq!(refused.0, 400);
    assert!(
        text(&refused.1, "message").starts_with(field),
        "{}",
        refused.1
    );
    world.end().await;
}
