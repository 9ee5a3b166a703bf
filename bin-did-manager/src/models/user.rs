//! A user: a person who works for a customer.

use bin_common_handler::{
    models::{
        error::Result,
        page::{Filter, FilterKind, Reader},
        text::check_name,
        time::Timestamp,
    },
    resource, text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::check::ensure;

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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct User {
    /// Its identifier.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// Where mail reaches them; unique among the customer's live users, in lower case.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When it was made.
    pub tm_create: Timestamp,
    /// Its version.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

resource!(
    User, "user", "did_users",
    [id, customer_id, email, name, role, tm_create, tm_update, tm_delete],
    fields: [email, name, role],
    filters: FILTERS,
    check: check,
);

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("email", FilterKind::Read(&EMAIL)),
    ("role", FilterKind::OneOf(Role::WORDS)),
    ("deleted", FilterKind::Deleted),
];

static EMAIL: Reader = Reader {
    wanted: "an address of mail",
    read: |text| {
        let text = text.trim().to_lowercase();
        text.contains('@').then_some(text)
    },
};

fn check(user: &mut User, _: Option<&User>, _: Timestamp) -> Result<()> {
    user.email = user.email.trim().to_lowercase();
    check_name("name", &user.name)?;
    let parts = user.email.rsplit_once('@');
    let holds = user.email.len() <= EMAIL_MAX
        && !user
            .email
            .contains(|c: char| c.is_whitespace() || c.is_control())
        && parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    ensure(holds, "email", "must be an address such as ana@example.com")
}
