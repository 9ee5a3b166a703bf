//! A business's world: one customer, and a carrier that stands in.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Client, Kind, until},
};
use provider_stand_in::Provider;
use serde_json::{Value as Json, json};

use super::world::{World, id_of, text};

pub const PUBLIC: &str = "https://voice.example.com";
const SEAL_KEY: &str = "0123456789abcdef0123456789abcdef";
pub const OWN: &str = "+14155550100";

/// A manager with a carrier, whose account each provider is of.
pub struct Town {
    pub world: World,
    pub carrier: Provider,
}

impl Town {
    pub async fn new(kind: Kind) -> Self {
        let carrier = Provider::start().await.unwrap();
        let settings = [
            ("TWILIO_BASE_URL", &*carrier.url()),
            ("ALLOW_PRIVATE_ENDPOINTS", "true"),
            ("PUBLIC_URL", PUBLIC),
            ("SECRETS_KEY", SEAL_KEY),
        ];
        let world = World::set(kind, &settings).await;
        Self { world, carrier }
    }

    pub fn client(&self) -> &Client {
        &self.world.client
    }

    pub fn account(&self) -> Json {
        let account = self.carrier.account();
        json!({"type": "twilio", "account_id": account.sid, "secret": account.token})
    }

    pub async fn provider(&self) -> Json {
        let body = Some(self.account());
        self.client().ok(Post, "/v1/providers", body).await
    }

    pub async fn number(&self, number: &str, provider: &Json, purchase: bool) -> Json {
        let body = json!({
            "number": number, "forward_target": "+14155550123",
            "provider_id": provider["id"], "purchase": purchase,
        });
        self.client()
            .ok(Post, "/v1/phone_numbers", Some(body))
            .await
    }

    pub async fn wait_for(&self, number: &Json, status: &str) -> Json {
        let uri = format!("/v1/phone_numbers/{}", id_of(number));
        until(status, async || {
            let row = self.client().ok(Get, &uri, None).await;
            (text(&row, "status") == status).then_some(row)
        })
        .await
    }

    /// The secret of the first provider, as its column has it.
    pub async fn sealed(&self) -> String {
        #[derive(bin_common_handler::FromRow)]
        struct Stored {
            secret: String,
        }
        let sql = "SELECT secret FROM did_providers ORDER BY id LIMIT 1";
        let db = self.world.installation.db();
        let stored: Option<Stored> = db.fetch_optional(sql, vec![]).await.unwrap();
        stored.unwrap().secret
    }

    pub async fn end(self) {
        self.world.end().await;
        self.carrier.stop().await;
    }
}
