//! A tenant with one of everything, and the ids and texts under which others might ask for it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bin_common_handler::{
    clock::Clock,
    ids,
    models::{
        raw::RawRequest,
        sock::{
            Method::{Get, Post, Put},
            Request,
        },
        time::Timestamp,
    },
    redact::Secret,
    testing::{Client, until},
    webhooks::twilio::{SIGNATURE, Signed},
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tandem::managers::SCOPES;
use uuid::Uuid;

/// What an id or a text stands for: a placeholder of a template (`did-id`), or what samples ask for.
pub type Values = BTreeMap<&'static str, String>;

/// The tenant itself.
pub const CUSTOMER: &str = "customer-id";
/// First 12 characters and digest of an access key, with a colon between.
pub const KEY: &str = "key";

/// Someone with one of everything.
pub struct Tenant {
    pub customer_id: Uuid,
    /// did-manager, outdial-manager, call-manager and chat-manager, within this tenant.
    pub dids: Client,
    pub outdials: Client,
    pub exchange: Client,
    pub chat: Client,
    /// Of an access key that may do everything.
    pub token: String,
    pub values: Values,
    /// Stands in every name that this tenant gave.
    pub mark: &'static str,
}

impl Tenant {
    /// Makes one whose names hold `mark` and whose numbers are in the area `npa`.
    pub async fn new(clients: &[Client; 4], mark: &'static str, npa: u16) -> Self {
        let [dids, outdials, exchange, chat] = clients;
        let fields = json!({
            "name": mark, "did_daily_cap": 0, "did_hourly_cap": 0, "did_cooldown_seconds": 0,
            "timezone": "America/New_York", "trade": format!("{mark} trade"),
        });
        let customer = dids.ok(Post, "/v1/customers", Some(fields)).await;
        let customer_id = id(&customer).parse().unwrap();
        let mut tenant = Self {
            customer_id,
            dids: dids.within(customer_id),
            outdials: outdials.within(customer_id),
            exchange: exchange.within(customer_id),
            chat: chat.within(customer_id),
            token: String::new(),
            values: Values::from([
                (CUSTOMER, id(&customer)),
                ("number", format!("+1{npa}2000001")),
                ("phone", format!("+1{npa}2001111")),
                ("uniqueid", format!("1763.{npa}")),
                ("call_id", format!("V1201122450000000{npa}")),
                ("campaign", mark.to_uppercase()),
                ("lead", format!("lead{npa}")),
                ("email", format!("{mark}@example.com")),
            ]),
            mark,
        };
        tenant.people().await;
        tenant.numbers().await;
        let pool = json!({"didpool_id": tenant.value("didpool-id")});
        let uri = format!("/v1/customers/{customer_id}");
        dids.ok(Put, &uri, Some(pool)).await;
        tenant.calls().await;
        tenant.lists().await;
        tenant.exchange().await;
        tenant.law().await;
        tenant.business().await;
        tenant.offers().await;
        tenant.conversations().await;
        tenant.bookings().await;
        tenant.contact_center().await;
        tenant.notifications().await;
        tenant
    }

    /// A caller of the manager at that place in the list.
    pub fn client(&self, manager: usize) -> &Client {
        match manager {
            0 => &self.dids,
            1 => &self.outdials,
            2 => &self.exchange,
            3 => &self.chat,
            at => panic!("nobody in {} calls the manager at place {at}", file!()),
        }
    }

    /// What nobody has, in the shapes of the area `npa`.
    pub fn nobody(like: &Self, npa: u16) -> Values {
        let fresh = |(name, value): (&&'static str, &String)| {
            let value = match *name {
                "number" => format!("+1{npa}2000009"),
                "phone" => format!("+1{npa}2001119"),
                "uniqueid" => "1763.999".to_owned(),
                "call_id" => "V1201122450000000999".to_owned(),
                "campaign" => "NOBODY".to_owned(),
                "lead" => "lead999".to_owned(),
                "reference" => "nobody's reference".to_owned(),
                "email" => "nobody@example.com".to_owned(),
                "token" => "A".repeat(43),
                "widget" => format!("wgt_{}", "0".repeat(32)),
                "visitor-token" | "ended-token" => "a.b.c".to_owned(),
                "expires" | "signature" => "0".to_owned(),
                KEY => format!("did_00000000:{}", "0".repeat(64)),
                _ => value
                    .parse::<Uuid>()
                    .map(|_| ids::next())
                    .unwrap()
                    .to_string(),
            };
            (*name, value)
        };
        like.values.iter().map(fresh).collect()
    }

    pub fn value(&self, name: &str) -> &str {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("no tenant has {name}"))
    }

    async fn make(&mut self, name: &'static str, uri: &str, body: Json) -> Json {
        let made = self.dids.ok(Post, uri, Some(body)).await;
        self.values.insert(name, id(&made));
        made
    }

    async fn people(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let user = json!({"email": self.value("email"), "name": named("person")});
        let key = json!({"name": named("key"), "scopes": SCOPES.known()});
        self.make("user-id", "/v1/users", user).await;
        let made = self.make("accesskey-id", "/v1/accesskeys", key).await;
        self.token = made["token"].as_str().unwrap().to_owned();
        let digest: String = Sha256::digest(&self.token)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let prefix = made["prefix"].as_str().unwrap();
        self.values.insert(KEY, format!("{prefix}:{digest}"));
        // As the bridge asks for someone who shows the key: the audit log names it.
        let uri = format!("/v1/users/{}", self.value("user-id"));
        let request = Request::new(Put, uri, "test");
        let request = Request {
            customer_id: Some(self.customer_id),
            access_key_id: Some(self.value("accesskey-id").parse().unwrap()),
            ..request.json(&json!({"role": "agent"})).unwrap()
        };
        assert_eq!(self.dids.send(&request).await.unwrap().status_code, 200);
    }

    async fn numbers(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let did = json!({
            "number": self.value("number"), "carrier": named("carrier"), "provider": named("provider"),
        });
        let (pool, rule) = (
            named("pool"),
            json!({"name": named("rule"), "sticky": true}),
        );
        let campaign = named("campaign");
        self.make("did-id", "/v1/dids", did).await;
        let pool = json!({"name": pool, "did_ids": [self.value("did-id")]});
        self.make("didpool-id", "/v1/didpools", pool).await;
        self.make("rule-id", "/v1/rotation_rules", rule).await;
        let campaign = json!({
            "name": campaign, "vicidial_campaign_id": self.value("campaign"),
            "didpool_id": self.value("didpool-id"), "rule_id": self.value("rule-id"),
        });
        self.make("campaign-id", "/v1/campaigns", campaign).await;
    }

    /// A number given, how that call ended, and how one ended that nobody knows.
    async fn calls(&mut self) {
        let value = |name| urlencoded(self.value(name));
        let (campaign, phone) = (value("campaign"), value("phone"));
        let (uniqueid, lead) = (value("uniqueid"), value("lead"));
        let call_id = value("call_id");
        let uri = format!(
            "/v1/dids/next?campaign_id={campaign}&customer_phone={phone}&uniqueid={uniqueid}\
             &call_id={call_id}&lead_id={lead}"
        );
        self.dids.ok(Get, &uri, None).await;
        let export = json!({"group_by": "did"});
        self.make("export-id", "/v1/analytics/export", export).await;
        let usages = self.dids.ok(Get, "/v1/usages", None).await;
        self.values.insert("usage-id", id(&usages[0]));
        let report = json!({
            "campaign_id": self.value("campaign"), "uniqueid": self.value("uniqueid"), "lead_id": lead,
            "call_result": "ANSWER", "disposition": "SALE", "call_duration": "30",
        });
        self.dids.ok(Post, "/v1/calls/report", Some(report)).await;
        // Of nobody who was called.
        let lost = json!({
            "campaignId": self.value("campaign"), "uniqueid": format!("{uniqueid}.lost"), "leadId": lead,
            "phoneNumber": self.value("number"), "customerPhone": self.value("number"),
            "dialStatus": "ANSWER", "disposition": "SALE", "duration": "30",
        });
        self.dids.ok(Post, "/v1/call-results", Some(lost)).await;
    }

    /// A number of a business, and a call at it.
    async fn business(&mut self) {
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
    fn webhook(&self, name: &str, form: &str) -> Json {
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

    async fn lists(&mut self) {
        let outdial = json!({
            "name": format!("{} list", self.mark), "campaign_id": ids::next(),
            "detail": format!("{} detail", self.mark), "data": format!("{} data", self.mark),
        });
        let outdial = self.outdials.ok(Post, "/v1/outdials", Some(outdial)).await;
        self.values.insert("outdial-id", id(&outdial));
        let uri = format!("/v1/outdials/{}/targets", id(&outdial));
        let body = json!({
            "name": format!("{} person", self.mark),
            "detail": format!("{} target", self.mark), "data": format!("{} more", self.mark),
            "destination_0": {"type": "tel", "target": self.value("phone")},
        });
        let target = self.outdials.ok(Post, &uri, Some(body)).await;
        let uri = format!("/v1/outdialtargets/{}", id(&target));
        self.values.insert("target-id", id(&target));
        let body = Some(json!({"destination_index": 0}));
        self.outdials
            .ok(Post, &format!("{uri}/progressing"), body)
            .await;
        let body = Some(json!({"status": "idle"}));
        self.outdials.ok(Put, &format!("{uri}/status"), body).await;
    }

    async fn trade(&mut self, name: &'static str, uri: &str, body: Json) -> Json {
        let made = self.exchange.ok(Post, uri, Some(body)).await;
        self.values.insert(name, id(&made));
        made
    }

    /// A call that was sold and paid, and one that was auctioned.
    async fn exchange(&mut self) {
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
    async fn law(&mut self) {
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
}

/// What people write, and what of it is kept.
impl Tenant {
    pub async fn keep(&mut self, name: &'static str, uri: &str, body: Json) -> Json {
        let made = self.chat.ok(Post, uri, Some(body)).await;
        self.values.insert(name, id(&made));
        made
    }

    /// Somebody writes, and there is a conversation.
    async fn text(&self, nth: u8) -> String {
        let (from, to) = (self.value("phone"), self.value("number"));
        let form = format!(
            "AccountSid=AC{}&MessageSid=SM{}{nth}&From={}&To={}&Body={}+sink",
            self.mark,
            self.mark,
            urlencoded(from),
            urlencoded(to),
            self.mark
        );
        let uri = "/v1/webhooks/twilio/sms";
        let webhook = self.webhook("sms", &form);
        self.chat.ok(Post, uri, Some(webhook)).await;
        until("the text is heard", async || {
            let heard = self.chat.ok(Get, "/v1/conversations", None).await;
            let is_open = |it: &&Json| it["status"] == "open";
            heard.as_array()?.iter().find(is_open).map(id)
        })
        .await
    }

    /// A conversation that is closed, beside one with the same person that somebody has: nothing moves by itself.
    async fn conversations(&mut self) {
        let closed = self.text(1).await;
        let uri = format!("/v1/conversations/{closed}/close");
        self.chat.ok(Post, &uri, None).await;
        let open = self.text(2).await;
        let uri = format!("/v1/conversations/{open}/takeover");
        self.chat.ok(Post, &uri, None).await;
        let uri = format!("/v1/conversations/{closed}/messages?after_seq=0");
        let said = self.chat.ok(Get, &uri, None).await;
        self.values.insert("message-id", id(&said[0]));
        self.values.insert("conversation-id", closed);
        let told = json!({"number": self.value("number")});
        self.chat.ok(Post, "/v1/optouts", Some(told)).await;
    }

    /// What can be booked, of whom, and when not.
    async fn offers(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let item = json!({"name": named("work"), "aliases": [named("job")], "price_cents": 9_900});
        let rate = json!({"name": named("night"), "from": "22:00", "to": "06:00", "factor": 2});
        let resource = json!({"name": named("van")});
        let holiday =
            json!({"date": format!("20{:02}-12-25", self.mark.len()), "name": named("day")});
        let template = json!({"name": format!("{}_hello", self.mark), "body": named("says hello")});
        self.keep("catalog-item-id", "/v1/catalog_items", item)
            .await;
        self.keep("rate-id", "/v1/rates", rate).await;
        self.keep("resource-id", "/v1/resources", resource).await;
        self.keep("holiday-id", "/v1/holidays", holiday).await;
        self.keep("template-id", "/v1/templates", template).await;
    }

    /// A lead with an appointment, the feed that has it, and an alert.
    async fn bookings(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let (title, address, feed) = (named("leak"), named("street"), named("feed"));
        let rule = named("rule");
        // The conversation has a lead of its own.
        let lead = json!({
            "person": self.value("phone"), "name": named("caller"),
            "catalog_item_id": self.value("catalog-item-id"),
        });
        self.keep("lead-id", "/v1/leads", lead).await;
        let [tm_start, tm_end] = booked_hour();
        let hold = json!({
            "resource_id": self.value("resource-id"), "tm_start": tm_start, "tm_end": tm_end,
        });
        self.keep("reservation-id", "/v1/reservations", hold).await;
        let appointment = json!({
            "reservation_id": self.value("reservation-id"), "lead_id": self.value("lead-id"),
            "conversation_id": self.value("conversation-id"), "catalog_item_id": self.value("catalog-item-id"),
            "title": title, "address": address,
        });
        self.keep("appointment-id", "/v1/appointments", appointment)
            .await;
        let calendar = json!({"name": feed, "resource_id": self.value("resource-id")});
        let made = self.keep("calendar-id", "/v1/calendars", calendar).await;
        let token = made["feed_token"].as_str().unwrap().to_owned();
        self.values.insert("token", token);
        let rule = json!({"name": rule, "metric": "unanswered_conversation", "threshold": 10});
        self.keep("alert-rule-id", "/v1/alert_rules", rule).await;
        let told = json!({
            "metric": "unanswered_conversation", "value": 11, "entity_id": self.value("conversation-id"),
        });
        let told = self.chat.ok(Post, "/v1/alerts", Some(told)).await;
        self.values.insert("alert-id", id(&told["alert"]));
    }
}

/// An hour from tomorrow on that nobody has asked for.
pub fn booked_hour() -> [Timestamp; 2] {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    const HOUR: Duration = Duration::from_secs(3_600);
    let nth = u32::try_from(ASKED.fetch_add(1, Ordering::Relaxed)).unwrap();
    let start = Clock::default().now().plus(HOUR * (24 + nth));
    [start, start.plus(HOUR)]
}

pub fn id(row: &Json) -> String {
    row["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {row}"))
        .to_owned()
}

/// A value as a query has it: of what the values here hold only the plus needs it.
pub fn urlencoded(text: &str) -> String {
    text.replace('+', "%2B")
        .replace('@', "%40")
        .replace(' ', "%20")
}
