//! How many rows of each kind a customer may have.

use bin_common_handler::{
    config::{Config, Setting},
    databasehandler::ChangeTx,
    models::error::Result,
    quota::{self, Quota},
    resource::Resource,
};
use uuid::Uuid;

use crate::models::{
    accesskey::Accesskey, campaign::Campaign, did::Did, didpool::Didpool, phonenumber::PhoneNumber,
    provider::Provider, rotationrule::RotationRule, user::User,
};

pub(crate) const DIDS: Setting<u64> = quota::setting(
    "DIDS_PER_CUSTOMER",
    "200000",
    "Live numbers that one customer may have; 0 = no limit",
);
pub(crate) const OTHERS: Setting<u64> = quota::setting(
    "ENTITIES_PER_CUSTOMER",
    "10000",
    "Live pools, campaigns, rules, users, access keys, providers and phone numbers that one customer may have, of each; 0 = no limit",
);

/// The limits by kind of resource. Clones share what was counted.
#[derive(Clone)]
pub(crate) struct Rooms([(&'static str, Quota); 8]);

impl Rooms {
    pub(crate) fn new(config: &Config) -> Self {
        let other = |what, rows| Quota::new(what, &OTHERS, rows, config);
        Self([
            (
                Did::NAME,
                Quota::new(
                    "DIDS",
                    &DIDS,
                    "did_dids WHERE customer_id = ? AND tm_delete IS NULL",
                    config,
                ),
            ),
            (
                Didpool::NAME,
                other(
                    "DIDPOOLS",
                    "did_didpools WHERE customer_id = ? AND tm_delete IS NULL",
                ),
            ),
            (
                Campaign::NAME,
                other(
                    "CAMPAIGNS",
                    "did_campaigns WHERE customer_id = ? AND tm_delete IS NULL",
                ),
            ),
            (
                RotationRule::NAME,
                other(
                    "ROTATION_RULES",
                    "did_rotation_rules WHERE customer_id = ? AND tm_delete IS NULL",
                ),
            ),
            (
                User::NAME,
                other(
                    "USERS",
                    "did_users WHERE customer_id = ? AND tm_delete IS NULL",
                ),
            ),
            (
                Accesskey::NAME,
                other(
                    "ACCESSKEYS",
                    "did_accesskeys WHERE customer_id = ? AND tm_delete IS NULL",
                ),
            ),
            (
                Provider::NAME,
                other(
                    "PROVIDERS",
                    "did_providers WHERE customer_id = ? AND tm_delete IS NULL",
                ),
            ),
            (
                PhoneNumber::NAME,
                other(
                    "PHONE_NUMBERS",
                    "did_phone_numbers WHERE customer_id = ? AND tm_delete IS NULL",
                ),
            ),
        ])
    }

    /// Takes room for new rows. Customers themselves are made by trusted callers only, and not limited.
    pub(crate) async fn take<R: Resource>(
        &self,
        tx: &mut ChangeTx<'_>,
        customer_id: Uuid,
        rows: usize,
    ) -> Result<()> {
        match self.0.iter().find(|(name, _)| *name == R::NAME) {
            Some((_, quota)) => quota.take(tx, customer_id, rows).await,
            None => Ok(()),
        }
    }
}
