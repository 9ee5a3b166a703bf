//! Numbers that were given: rows as the chooser writes them.

use bin_common_handler::{databasehandler::Value, ids, models::time::Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use crate::world::World;

const KEY: [u8; 32] = *b"a key that has thirty-two bytes.";

/// One number given for one call.
#[derive(Debug, Clone)]
pub struct Given {
    pub customer_id: Uuid,
    pub did_id: Uuid,
    pub number: String,
    pub didpool_id: Uuid,
    pub campaign_id: Uuid,
    pub campaign: String,
    pub phone: String,
    pub uniqueid: String,
    pub at: Timestamp,
}

impl Given {
    /// To +1 415 555 0123, now, without any id of the call.
    pub fn new(customer_id: Uuid, did_id: Uuid) -> Self {
        Self {
            customer_id,
            did_id,
            number: "+12125550100".to_owned(),
            didpool_id: Uuid::nil(),
            campaign_id: Uuid::nil(),
            campaign: "SALES".to_owned(),
            phone: "+14155550123".to_owned(),
            uniqueid: String::new(),
            at: now(),
        }
    }
}

/// The time of day.
pub fn now() -> Timestamp {
    bin_common_handler::clock::Clock::default().now()
}

fn hash(customer_id: Uuid, kind: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(customer_id.as_bytes());
    mac.update(kind.as_bytes());
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

impl World {
    /// Hashes are made with the tests' own key from here on.
    pub async fn fix_key(&self) {
        let sql = "INSERT INTO did_secrets (name, secret) VALUES ('phone_hash', ?)";
        self.sql(sql, vec![KEY.to_vec().into()]).await;
    }

    /// Writes the row of a number that was given.
    pub async fn give(&self, given: &Given) -> Uuid {
        let id = ids::next();
        let reason = json!({
            "tier": "any", "algorithm": "lru", "sticky": false, "fallback": false, "candidates": 1,
            "daily_left": null, "hourly_left": null, "excluded": [],
        });
        let call_ref = (!given.uniqueid.is_empty()).then(|| {
            let hash = hash(given.customer_id, "call", &given.uniqueid);
            i64::from_be_bytes(hash[..8].try_into().unwrap())
        });
        let phone_hash = hash(given.customer_id, "phone", &given.phone)[..16].to_vec();
        let sql = "INSERT INTO did_usages (id, customer_id, did_id, number, campaign_id, \
                   vicidial_campaign_id, didpool_id, phone_hash, phone_last4, phone_npa, uniqueid, lead_id, \
                   reason, outcome, disposition, duration_seconds, tm_create, tm_update, call_ref) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, '', '', 0, ?, ?, ?)";
        let values: Vec<Value> = vec![
            id.into(),
            given.customer_id.into(),
            given.did_id.into(),
            given.number.as_str().into(),
            given.campaign_id.into(),
            given.campaign.as_str().into(),
            given.didpool_id.into(),
            phone_hash.into(),
            given.phone[given.phone.len() - 4..].into(),
            given.phone[2..5].parse::<i32>().unwrap().into(),
            given.uniqueid.as_str().into(),
            reason.to_string().into(),
            given.at.into(),
            given.at.into(),
            call_ref.into(),
        ];
        self.sql(sql, values).await;
        id
    }
}
