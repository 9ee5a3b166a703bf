//! A user: a person who works for a customer.

use bin_common_handler::{
    Resource,
    models::{
        check::ensure,
        error::Result,
        page::{FilterKind, Reader},
        text::NAME_MAX,
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const EMAIL_MAX: usize = 254;

text_enum!(
    /// What a user may do.
    pub enum Role {
        /// Look.
        Viewer = "viewer",
        /// Take calls.
        Agent = "agent",
        /// Change campaigns and numbers.
        Supervisor = "supervisor",
        /// Everything within the customer.
        Admin = "admin",
    }
);

/// A person who works for a customer.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "user", table = "did_users", check = check)]
pub struct User {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// Where mail reaches them; unique among the customer's live users, in lower case.
    #[resource(set, filter = FilterKind::Read(&EMAIL))]
    pub email: String,
    /// Their name.
    #[resource(set, max_chars = NAME_MAX)]
    pub name: String,
    /// What they may do.
    #[resource(set, filter)]
    pub role: Role,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

static EMAIL: Reader = Reader {
    wanted: "an address of mail",
    read: |text| {
        let text = text.trim().to_lowercase();
        text.contains('@').then_some(text)
    },
};

fn check(user: &mut User, _: Option<&User>, _: Timestamp) -> Result<()> {
    user.email = user.email.trim().to_lowercase();
    let parts = user.email.rsplit_once('@');
    let holds = user.email.len() <= EMAIL_MAX
        && !user
            .email
            .contains(|c: char| c.is_whitespace() || c.is_control())
        && parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    ensure(holds, "email", "must be an address such as ana@example.com")
}
