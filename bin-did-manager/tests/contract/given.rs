//! Numbers that were given: rows as the chooser writes them.

use bin_common_handler::{databasehandler::Value, ids, models::time::Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::world::World;

/// What every installation of these tests hashes with.
pub const HASH_KEY: (&str, &str) = ("DID_HASH_KEY", "a key that has thirty-two bytes.");

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

impl Given {
    fn values(&self, id: Uuid) -> Vec<Value> {
        let reason = json!({
            "tier": "any", "algorithm": "lru", "sticky": false, "fallback": false, "candidates": 1,
            "daily_left": null, "hourly_left": null, "excluded": [],
        });
        let call_ref = (!self.uniqueid.is_empty()).then(|| {
            let hash = hash(self.customer_id, "call", &self.uniqueid);
            i64::from_be_bytes(hash[..8].try_into().unwrap())
        });
        let phone_hash = hash(self.customer_id, "phone", &self.phone)[..16].to_vec();
        vec![
            id.into(),
            self.customer_id.into(),
            self.did_id.into(),
            self.number.as_str().into(),
            self.campaign_id.into(),
            self.campaign.as_str().into(),
            self.didpool_id.into(),
            phone_hash.into(),
            self.phone[self.phone.len() - 4..].into(),
            self.phone[2..5].parse::<i32>().unwrap().into(),
            self.uniqueid.as_str().into(),
            reason.to_string().into(),
            self.at.into(),
            self.at.into(),
            call_ref.into(),
        ]
    }
}

/// The time of day.
pub fn now() -> Timestamp {
    bin_common_handler::clock::Clock::default().now()
}

fn hash(customer_id: Uuid, kind: &str, text: &str) -> Vec<u8> {
    let key = Sha256::digest(HASH_KEY.1);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(customer_id.as_bytes());
    mac.update(kind.as_bytes());
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

impl World {
    /// Writes the row of a number that was given.
    pub async fn give(&self, given: &Given) -> Uuid {
        let ids = self.give_all(std::slice::from_ref(given)).await;
        ids[0]
    }

    /// Writes many such rows at once, in the order of their times.
    pub async fn give_all(&self, given: &[Given]) -> Vec<Uuid> {
        let marks =
            vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, '', '', 0, ?, ?, ?)"; given.len()];
        let sql = format!(
            "INSERT INTO did_usages (id, customer_id, did_id, number, campaign_id, \
             vicidial_campaign_id, didpool_id, phone_hash, phone_last4, phone_npa, uniqueid, lead_id, \
             reason, outcome, disposition, duration_seconds, tm_create, tm_update, call_ref) VALUES {}",
            marks.join(", ")
        );
        let ids: Vec<_> = given.iter().map(|_| ids::next()).collect();
        let rows = given.iter().zip(&ids);
        let values = rows.flat_map(|(given, id)| given.values(*id)).collect();
        self.sql(&sql, values).await;
        ids
    }
}
