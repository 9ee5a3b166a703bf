//! A business with a number, its carrier, and everything between them.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Client, Kind, Sink, Whole, until},
};
use provider_stand_in::{Answer, Call, Hook, Hooks, Provider};
use serde_json::{Value as Json, json};
use tandem::managers;

pub const PUBLIC: &str = "https://voice.example.com";
pub const NUMBER: &str = "+14155550100";
pub const TARGET: &str = "+14155550199";
pub const CALLER: &str = "+14155550123";

/// Everything, one business with a number, and its carrier.
pub struct Town {
    pub whole: Whole,
    pub carrier: Provider,
    pub dids: Client,
    pub calls: Client,
    pub events: Sink,
    pub number: String,
    pub provider: String,
}

impl Town {
    pub async fn new(kind: Kind, settings: &[(&'static str, &'static str)]) -> Self {
        let carrier = Provider::start().await.unwrap();
        let settings = [
            settings,
            &[
                ("PUBLIC_URL", PUBLIC),
                ("ALLOW_PRIVATE_ENDPOINTS", "true"),
                ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
                ("RATE_LIMIT_PER_SECOND", "0"),
            ],
        ]
        .concat();
        let bridge = tandem::bridge::sidecar;
        let mut whole = Whole::start(kind, managers::ALL, bridge, &settings).await;
        if kind == Kind::Full {
            whole.join().await;
        }
        let named = |name: &str| {
            let mut managers = whole.managers.iter();
            let manager = managers.find(|manager| manager.name.starts_with(name));
            whole.client(manager.unwrap())
        };
        let (dids, calls) = (named("did-manager"), named("call-manager"));
        let business = json!({"name": "Acme & Sons"});
        let business = dids.ok(Post, "/v1/customers", Some(business)).await;
        let id = business["id"].as_str().unwrap().parse().unwrap();
        let (dids, calls) = (dids.within(id), calls.within(id));
        let account = carrier.account();
        let provider = json!({"account_id": account.sid, "secret": account.token});
        let provider = dids.ok(Post, "/v1/providers", Some(provider)).await;
        let number = json!({
            "number": NUMBER, "forward_target": TARGET, "provider_id": provider["id"],
        });
        let number = dids.ok(Post, "/v1/phone_numbers", Some(number)).await;
        carrier.reach(PUBLIC, whole.bridge);
        carrier.own(NUMBER, &hooks());
        Self {
            events: calls.events().await,
            number: number["id"].as_str().unwrap().to_owned(),
            provider: provider["id"].as_str().unwrap().to_owned(),
            whole,
            carrier,
            dids,
            calls,
        }
    }

    pub fn chat(&self) -> Client {
        let mut managers = self.whole.managers.iter();
        let chat = managers.find(|manager| manager.name.starts_with("chat-manager"));
        let mut chat = self.whole.client(chat.unwrap());
        chat.customer_id = self.dids.customer_id;
        chat
    }

    /// Texts may leave from the number.
    pub async fn register(&self) {
        let uri = format!("/v1/phone_numbers/{}", self.number);
        let body = Some(json!({"campaign_status": "approved"}));
        self.dids.ok(Put, &uri, body).await;
    }

    pub async fn call(&self) -> Call {
        let call = self.carrier.call(CALLER, NUMBER).await.unwrap();
        assert_eq!(call.answer.status, 200, "{}", call.answer.body);
        call
    }

    /// The one call that there is.
    pub async fn row(&self) -> Json {
        let rows = self.calls.ok(Get, "/v1/inbound_calls", None).await;
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
        rows[0].clone()
    }

    pub async fn wait_for(&self, status: &str) -> Json {
        until(status, async || {
            let row = self.row().await;
            (row["status"] == status).then_some(row)
        })
        .await
    }

    /// What was told of missed calls, when the next event of another kind had time to come.
    pub async fn missed(&self, count: usize) -> Vec<Json> {
        self.events.wait_for(count).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let heard = self.events.heard();
        let missed = heard
            .iter()
            .filter(|event| event.event.kind == "call_missed");
        let data = missed.map(|event| {
            let data = event.event.data.as_ref().unwrap();
            serde_json::from_str(data.get()).unwrap()
        });
        data.collect()
    }

    /// Sends a webhook five times at once.
    pub async fn five_times(&self, hook: &Hook) -> Vec<Answer> {
        let sent = (0..5).map(|_| self.carrier.send(hook));
        let answers = futures_util::future::join_all(sent).await;
        answers.into_iter().map(|answer| answer.unwrap()).collect()
    }

    pub async fn end(self) {
        drop(self.events);
        self.whole.end().await;
        self.carrier.stop().await;
    }
}

pub fn hooks() -> Hooks {
    let at = |what: &str| format!("{PUBLIC}/v1/webhooks/twilio/{what}");
    Hooks {
        voice_url: at("voice"),
        status_callback: at("status"),
        sms_url: at("sms"),
    }
}
