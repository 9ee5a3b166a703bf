//! Calls that are sold, what the law knows of people, and a business with a number.

use bin_common_handler::{
    models::{
        raw::RawRequest,
        sock::Method::{Get, Post},
    },
    redact::Secret,
    webhooks::twilio::{SIGNATURE, Signed},
};
use serde_json::{Value as Json, json};

use super::{Tenant, id, urlencoded};

impl Tenant {
    async fn trade(&mut self, name: &'static str, uri: &str, body: Json) -> Json {
        let made = self.exchange.ok(Post, uri, Some(body)).await;
        self.values.insert(name, id(&made));
        made
    }

    /// A call that was sold and paid, and one that was auctioned.
    pub(super) async fn exchange(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let (buyer, seller, leads) = (named("buyer"), named("seller"), named("leads"));
        let (reference, reason) = (named("reference"), named("entry"));
        let seller = json!({"type": "seller", "name": seller, "status": "active"});
        self.trade("seller-id", "/v1/accounts", seller).await;
        let buyer = json!({
            "type": "buyer", "name": buyer, "status": "active", "email": self.value("email"),
        });
        self.trade("account-id", "/v1/accounts", buyer).await;
        let uri = format!("/v1/accounts/{}/deposits", self.value("account-id"));
        let money = json!({"amount": 100_000, "currency": "USD"});
        self.exchange.ok(Post, &uri, Some(money)).await;
        let campaign = json!({
            "name": leads, "seller_id": self.value("seller-id"), "conversion": {"kind": "press1"},
        });
        self.trade("call-campaign-id", "/v1/call_campaigns", campaign)
            .await;
        let profile = json!({
            "buyer_id": self.value("account-id"), "amount": 500,
            "call_campaign_id": self.value("call-campaign-id"), "destination": self.value("number"),
        });
        self.trade("bid-profile-id", "/v1/bid_profiles", profile)
            .await;
        let mut call = json!({
            "call_campaign_id": self.value("call-campaign-id"), "from_number": self.value("phone"),
            "to_number": self.value("number"), "tags": {"name": format!("{} caller", self.mark)},
        });
        self.trade("auctioned", "/v1/calls", call.clone()).await;
        let auction = json!({"call_id": self.value("auctioned")});
        self.trade("auction-id", "/v1/auctions", auction).await;
        let uri = format!("/v1/auctions/{}/close", self.value("auction-id"));
        self.exchange.ok(Post, &uri, None).await;
        self.completed(self.value("auctioned")).await;
        let ping = json!({
            "call_campaign_id": self.value("call-campaign-id"),
            "tags": {"name": format!("{} caller", self.mark)},
        });
        self.trade("ping-id", "/v1/pings", ping).await;
        let entry = json!({
            "phone": self.value("phone"), "list": "allow", "reason": reason,
        });
        self.trade("fraud-entry-id", "/v1/fraud/entries", entry)
            .await;
        let entry = json!({"account_id": self.value("seller-id"), "list": "allow"});
        self.exchange
            .ok(Post, "/v1/fraud/entries", Some(entry))
            .await;
        call["reference"] = json!(reference);
        self.values.insert("reference", reference.clone());
        self.trade("call-id", "/v1/calls", call).await;
        let uri = format!("/v1/calls/{}/route", self.value("call-id"));
        self.exchange.ok(Post, &uri, None).await;
        self.completed(self.value("call-id")).await;
    }

    /// A call ends as its buyer wanted it, and nothing of it is open.
    async fn completed(&self, id: &str) {
        let uri = format!("/v1/calls/{id}");
        for status in ["ringing", "in_progress", "completed"] {
            let report = json!({"status": status, "duration_seconds": 60});
            self.exchange
                .ok(Post, &format!("{uri}/status"), Some(report))
                .await;
        }
        let told = json!({"kind": "press1", "converted": true});
        self.exchange
            .ok(Post, &format!("{uri}/conversion"), Some(told))
            .await;
    }

    /// What is known of a person, for the law.
    pub(super) async fn law(&mut self) {
        let phone = self.value("phone").to_owned();
        let reason = format!("{} reason", self.mark);
        let consent = json!({
            "phone": phone, "purpose": "service",
            "proofs": [{"kind": "written", "text": format!("{} proof", self.mark)}],
        });
        self.trade("consent-id", "/v1/consents", consent).await;
        let entry = json!({"phone": phone, "list": "internal", "reason": reason});
        self.trade("dnc-entry-id", "/v1/dnc_entries", entry).await;
        let entry = json!({"phone": phone, "list": "state", "state": "CA"});
        self.exchange.ok(Post, "/v1/dnc_entries", Some(entry)).await;
        let list = json!({"list": "state", "state": "CA"});
        self.trade("dnc-list-id", "/v1/dnc_lists", list).await;
        let rule = json!({"state": "CA", "open": "09:00", "close": "20:00", "citation": reason});
        self.trade("compliance-rule-id", "/v1/compliance/rules", rule)
            .await;
        let bought = json!({"phone": phone, "kind": "purchase"});
        self.trade(
            "business-relationship-id",
            "/v1/business_relationships",
            bought,
        )
        .await;
    }

    /// A number of a business, and a call at it.
    pub(super) async fn business(&mut self) {
        let secret = format!("{}-secret", self.mark);
        let account = format!("AC{}", self.mark);
        let provider = json!({"account_id": account, "secret": secret});
        self.make("provider-id", "/v1/providers", provider).await;
        let number = json!({
            "number": self.value("number"), "provider_id": self.value("provider-id"),
            "forward_target": self.value("phone"), "messaging_service_id": format!("MG{}", self.mark),
            "campaign_status": "approved",
        });
        self.make("phone-number-id", "/v1/phone_numbers", number)
            .await;
        let (from, to) = (self.value("phone"), self.value("number"));
        let form = format!(
            "AccountSid={account}&CallSid=CA{}&CallStatus=ringing&From={}&To={}",
            self.mark,
            urlencoded(from),
            urlencoded(to)
        );
        let webhook = self.webhook("voice", &form);
        self.exchange
            .ok(Post, "/v1/webhooks/twilio/voice", Some(webhook))
            .await;
        let calls = self.exchange.ok(Get, "/v1/inbound_calls", None).await;
        self.values.insert("inbound-call-id", id(&calls[0]));
    }

    /// A webhook of this tenant's carrier.
    pub(super) fn webhook(&self, name: &str, form: &str) -> Json {
        let url = format!("http://h/v1/webhooks/twilio/{name}");
        let content_type = "application/x-www-form-urlencoded";
        let signed = Signed {
            url: &url,
            content_type,
            body: form.as_bytes(),
        };
        let signature = signed.by(&Secret::new(format!("{}-secret", self.mark)));
        let headers = [
            (SIGNATURE, signature),
            ("content-type", content_type.to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), vec![value]));
        let raw = RawRequest::new(Post, url.clone(), headers.into(), form.as_bytes());
        serde_json::to_value(raw).unwrap()
    }
}
