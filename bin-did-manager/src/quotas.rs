//! How many rows of each kind a customer may have.

use bin_common_handler::{
    config::{Config, Kind, Setting},
    databasehandler::Entity,
    quota::{Limit, Quota},
};

use crate::models::{
    accesskey::Accesskey, campaign::Campaign, did::Did, didpool::Didpool,
    rotationrule::RotationRule, user::User,
};

const DIDS_PER_CUSTOMER: &str = "DIDS_PER_CUSTOMER";
const ROWS_PER_CUSTOMER: &str = "ROWS_PER_CUSTOMER";

/// The settings of these limits.
pub(crate) const SETTINGS: [Setting; 2] = [
    Setting {
        name: DIDS_PER_CUSTOMER,
        default: "200000",
        kind: Kind::Number {
            min: 0,
            max: 100_000_000,
        },
        help: "Numbers that one customer may have; 0 = no limit",
        example: "200000",
    },
    Setting {
        name: ROWS_PER_CUSTOMER,
        default: "10000",
        kind: Kind::Number {
            min: 0,
            max: 100_000_000,
        },
        help: "Pools, campaigns, rules, users and access keys that one customer may have, of each kind; 0 = no limit",
        example: "10000",
    },
];

const LIMITS: [Limit; 6] = [
    limit::<Did>(DIDS_PER_CUSTOMER, "dids"),
    limit::<Didpool>(ROWS_PER_CUSTOMER, "didpools"),
    limit::<Campaign>(ROWS_PER_CUSTOMER, "campaigns"),
    limit::<RotationRule>(ROWS_PER_CUSTOMER, "rotation rules"),
    limit::<User>(ROWS_PER_CUSTOMER, "users"),
    limit::<Accesskey>(ROWS_PER_CUSTOMER, "accesskeys"),
];

const fn limit<E: Entity>(setting: &'static str, what: &'static str) -> Limit {
    Limit {
        setting,
        table: E::TABLE,
        owner: "customer_id",
        what,
    }
}

/// A quota for each kind of rows. Clones share the counts.
#[derive(Debug, Clone)]
pub(crate) struct Quotas(Vec<(&'static str, Quota)>);

impl Quotas {
    pub(crate) fn new(config: &Config) -> Self {
        let quotas = LIMITS.map(|limit| (limit.table, Quota::new(limit, config)));
        Self(quotas.into())
    }

    /// That of `E`; customers have none.
    pub(crate) fn of<E: Entity>(&self) -> Option<&Quota> {
        self.0
            .iter()
            .find_map(|(table, quota)| (*table == E::TABLE).then_some(quota))
    }
}
