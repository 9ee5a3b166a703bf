//! Whose missed calls become texts: a business with a number, and a carrier on this machine that counts what it takes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bin_common_handler::{
    models::{
        raw::RawRequest,
        sock::{Method::Post, Request},
    },
    redact::Secret,
    testing::lab::Callers,
    webhooks::twilio::SIGNATURE,
};
use provider_stand_in::{Hook, Hooks, Provider};
use serde_json::json;
use uuid::Uuid;

use crate::{
    tenant::{Tenant, id_of},
    world::World,
};

/// What every daemon is told of the carrier. Nobody listens at the public URL: the carrier's reports are lost, so that a
/// text whose answer was lost must be found in the carrier's list.
pub const PUBLIC_URL: &str = "http://127.0.0.1:9";
const FORM: &str = "application/x-www-form-urlencoded";

/// A number for each round: one that is live is nobody else's.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// A business whose calls are missed.
#[derive(Clone)]
pub struct Texts {
    /// Whose it is.
    pub customer_id: Uuid,
    /// Its number.
    pub number: String,
    /// How call-manager is asked.
    pub calls: Arc<Callers>,
    /// How chat-manager is asked.
    pub chat: Arc<Callers>,
    /// The carrier.
    pub carrier: Arc<Provider>,
}

impl Texts {
    /// Makes it through daemons that serve.
    pub async fn new(world: &World, tenant: &Tenant) -> Self {
        let carrier = Arc::clone(&world.carrier);
        let round = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let number = format!("+1646200{round:04}");
        let account = carrier.account();
        let provider = json!({"account_id": account.sid, "secret": account.token});
        let provider = tenant.ok(Post, "/v1/providers", provider).await;
        let line = json!({
            "number": number, "forward_target": "+14155550199", "provider_id": id_of(&provider),
            "campaign_status": "approved",
        });
        tenant.ok(Post, "/v1/phone_numbers", line).await;
        let at = |what: &str| format!("{PUBLIC_URL}/v1/webhooks/twilio/{what}");
        let hooks = Hooks {
            voice_url: at("voice"),
            status_callback: at("status"),
            sms_url: at("sms"),
        };
        carrier.own(&number, &hooks);
        Self {
            customer_id: tenant.id,
            number,
            calls: Arc::new(Callers::new(&world.call().site)),
            chat: Arc::new(Callers::new(&world.chat().site)),
            carrier,
        }
    }

    /// A webhook as the bridge passes it on: with the exact URL, and the carrier's signature.
    pub fn request(&self, hook: &Hook) -> Request {
        let (_, path) = hook
            .url
            .split_once(PUBLIC_URL)
            .expect("a webhook below the public URL");
        let body = hook.body();
        let signature = hook.signature(&Secret::new(self.carrier.account().token));
        let headers = BTreeMap::from([
            ("content-type".to_owned(), vec![FORM.to_owned()]),
            (SIGNATURE.to_owned(), vec![signature]),
        ]);
        let raw = RawRequest::new(Post, hook.url.clone(), headers, body.as_bytes());
        Request::new(Post, path, "http-bridge")
            .json(&raw)
            .expect("JSON")
    }
}
