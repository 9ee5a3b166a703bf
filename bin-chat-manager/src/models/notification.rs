//! A notification: something that one person, device or server is told once, by one way.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, wrong},
        error::Result,
        hours::{Hours, Window},
        identity::parse_uuid,
        time::Timestamp,
    },
    phone, text_enum,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// Longest mail address, in bytes (RFC 5321, 4.5.3.1.3).
pub const ADDRESS_MAX: usize = 254;

text_enum!(
    /// By which way somebody is told.
    pub enum NotificationChannel {
        /// Mail.
        Email = "email",
        /// A text of the telephone network.
        Sms = "sms",
        /// A webhook endpoint of the tenant.
        Webhook = "webhook",
        /// The browsers of a user.
        Push = "push",
        /// The sockets of a user.
        Socket = "socket",
    }
);

text_enum!(
    /// Where a notification stands.
    pub enum NotificationStatus {
        /// It is tried, or tried again.
        Pending = "pending",
        /// The next one on the way has it.
        Sent = "sent",
        /// It is not tried again.
        Failed = "failed",
    }
);

/// Something that somebody is told once.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "notification", table = "chat_notifications")]
pub struct Notification {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What it is because of: there is one for each.
    #[serde(rename = "key")]
    pub cause_key: String,
    /// By which way.
    #[resource(filter)]
    pub channel: NotificationChannel,
    /// Whom: a mail address, a phone number (E.164), an endpoint's id or a user's id.
    pub to: String,
    /// The template that it is made of; empty for none.
    #[resource(filter)]
    pub template: String,
    /// A mail's subject, a push message's title.
    pub subject: String,
    /// The words.
    pub body: String,
    /// What else it says, for programs.
    #[schemars(with = "Value")]
    pub data: Json<Value>,
    /// When nobody is bothered; empty = never.
    #[schemars(with = "Vec<Window>")]
    pub quiet_hours: Json<Hours>,
    /// The time zone of `quiet_hours`.
    pub timezone: String,
    /// Where it stands.
    #[resource(filter)]
    pub status: NotificationStatus,
    /// Tries so far.
    pub tries: i32,
    /// Why the last try failed; empty for nothing.
    pub error_code: String,
    /// When it is tried next; null for never.
    pub tm_next: Option<Timestamp>,
    /// When it left; null until then.
    pub tm_sent: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Always null.
    pub tm_delete: Option<Timestamp>,
}

impl Notification {
    /// The id that `to` is.
    pub fn target(&self) -> Uuid {
        parse_uuid(&self.to).unwrap_or_default()
    }
}

/// The recipient in its one form.
///
/// # Errors
/// 400 naming `to` or `channel`.
pub fn recipient(channel: NotificationChannel, to: &str) -> Result<String> {
    match channel {
        NotificationChannel::Email => address(to).map(|()| to.to_owned()),
        NotificationChannel::Sms => phone::parse_query(to)
            .map(|number| number.as_str().to_owned())
            .map_err(|_| wrong("to", "must be a phone number")),
        NotificationChannel::Webhook | NotificationChannel::Push | NotificationChannel::Socket => {
            parse_uuid(to)
                .map(|id| id.to_string())
                .ok_or_else(|| wrong("to", "must be a UUID"))
        }
        NotificationChannel::Other(_) => Err(wrong(
            "channel",
            "must be email, sms, webhook, push or socket",
        )),
    }
}

/// A plain mail address, or none.
///
/// # Errors
/// 400 naming the field.
pub fn mail_address(field: &str, text: &str) -> Result<()> {
    if text.is_empty() || address(text).is_ok() {
        return Ok(());
    }
    Err(wrong(field, "must be a mail address"))
}

/// A plain mail address, without a name and without anything that could be a second header.
fn address(text: &str) -> Result<()> {
    let is_one = text.len() <= ADDRESS_MAX
        && text.is_ascii()
        && text.parse::<lettre::Address>().is_ok()
        && !text
            .bytes()
            .any(|byte| byte.is_ascii_control() || byte == b' ');
    ensure(is_one, "to", "must be a mail address")
}

#[cfg(test)]
mod tests {
    use NotificationChannel as C;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(C::Email, "ann@example.com", Some("ann@example.com"))]
    #[case(C::Email, "ann@example.com\r\nBcc: eve@example.com", None)]
    #[case(C::Email, "Ann <ann@example.com>", None)]
    #[case(C::Email, "ann@example.com, eve@example.com", None)]
    #[case(C::Email, "", None)]
    #[case(C::Sms, "(415) 555-0123", Some("+14155550123"))]
    #[case(C::Sms, "ann@example.com", None)]
    #[case(
        C::Push,
        "00000000-0000-0000-0000-000000000001",
        Some("00000000-0000-0000-0000-000000000001")
    )]
    #[case(C::Webhook, "https://example.com", None)]
    fn whoever_is_told_has_one_form(
        #[case] channel: C,
        #[case] to: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(recipient(channel, to).ok().as_deref(), expected);
    }
}
