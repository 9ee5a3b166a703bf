//! A session: a visitor's way to one conversation.

use bin_common_handler::{
    Entity,
    models::{
        check::{ensure, max_chars, short},
        error::Result,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Announced when it began.
pub const CREATED: &str = "chatsession_created";
/// Announced when it ended.
pub const ENDED: &str = "chatsession_ended";
/// Longest mail address, in characters.
const EMAIL_MAX: usize = 254;

/// What visitors say of themselves. Nothing of it is verified, and nothing earlier is shown for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Visitor {
    /// A name, at most 64 bytes.
    pub name: String,
    /// A mail address, at most 254 characters.
    pub email: String,
}

impl Visitor {
    /// Checks what was said.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<()> {
        short("visitor.name", &self.name)?;
        let email = &self.email;
        max_chars("visitor.email", email, EMAIL_MAX)?;
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        let is_address = email.bytes().all(is_plain) && email.parse::<lettre::Address>().is_ok();
        ensure(
            email.is_empty() || is_address,
            "visitor.email",
            "must be a mail address",
        )
    }
}

/// A visitor's way to one conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "chat_sessions")]
pub struct ChatSession {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The widget.
    pub widget_id: Uuid,
    /// The conversation.
    pub conversation_id: Uuid,
    /// What the visitor says of themselves; not told to anybody by an event.
    #[serde(skip)]
    pub visitor: Json<Visitor>,
    /// No token is good beyond this.
    pub expires_at: Timestamp,
    /// When it was ended; null until then.
    pub tm_end: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

impl ChatSession {
    /// Whether it goes on.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.tm_end.is_none() && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", true)]
    #[case("ann@example.com", true)]
    #[case("not an address <script>", false)]
    #[case("ann@example.com\r\nBcc: eve@example.com", false)]
    #[case("ann", false)]
    fn a_visitors_address_is_one_or_none(#[case] email: &str, #[case] expected: bool) {
        let visitor = Visitor {
            email: email.to_owned(),
            ..Visitor::default()
        };
        let checked = visitor.check();
        assert_eq!(checked.is_ok(), expected);
        if let Err(refused) = checked {
            assert!(refused.message().starts_with("visitor.email"), "{refused}");
        }
    }
}
