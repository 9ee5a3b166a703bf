//! Who may ask, the numbers, their calls, and the lists that are dialled.

use bin_common_handler::{
    ids,
    models::sock::{
        Method::{Get, Post, Put},
        Request,
    },
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tandem::managers::SCOPES;

use super::{KEY, Tenant, id, urlencoded};

impl Tenant {
    pub(super) async fn make(&mut self, name: &'static str, uri: &str, body: Json) -> Json {
        let made = self.dids.ok(Post, uri, Some(body)).await;
        self.values.insert(name, id(&made));
        made
    }

    pub(super) async fn people(&mut self) {
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

    pub(super) async fn numbers(&mut self) {
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
    pub(super) async fn calls(&mut self) {
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

    pub(super) async fn lists(&mut self) {
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
}
