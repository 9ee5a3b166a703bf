//! How many rows of each kind a customer may have.

use bin_common_handler::{
    config::{Config, Setting},
    quota::{self, Quota},
};

/// The setting that limits accounts, campaigns, profiles and fraud entries.
pub(crate) const ENTITIES: Setting<u64> = quota::setting(
    "EXCHANGE_ENTITIES_PER_CUSTOMER",
    "100000",
    "Live accounts, call campaigns, bid profiles, fraud entries, business relationships and do-not-call entries that one customer may have, of each; 0 = no limit",
);

/// The limits by kind of row. Clones share what was counted.
#[derive(Clone)]
pub(crate) struct Rooms {
    pub accounts: Quota,
    pub campaigns: Quota,
    pub profiles: Quota,
    pub relationships: Quota,
    pub entries: Quota,
    pub fraud_entries: Quota,
}

impl Rooms {
    pub(crate) fn new(config: &Config) -> Self {
        let quota = |what, rows| Quota::new(what, &ENTITIES, rows, config);
        Self {
            accounts: quota(
                "ACCOUNTS",
                "exchange_accounts WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            campaigns: quota(
                "CALL_CAMPAIGNS",
                "exchange_call_campaigns WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            fraud_entries: quota(
                "FRAUD_ENTRIES",
                "exchange_fraud_entries WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            profiles: quota(
                "BID_PROFILES",
                "exchange_bid_profiles WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            relationships: quota(
                "BUSINESS_RELATIONSHIPS",
                "exchange_business_relationships WHERE customer_id = ? AND tm_delete IS NULL",
            ),
            entries: quota(
                "DNC_ENTRIES",
                "exchange_dnc_entries WHERE customer_id = ? AND tm_delete IS NULL",
            ),
        }
    }
}
