//! A mail address that a visitor named, and whether they proved that its mail reaches them.

use bin_common_handler::{
    Entity,
    models::{
        check::{ensure, max_chars},
        error::Result,
        time::Timestamp,
    },
};
use serde::Serialize;
use uuid::Uuid;

/// Longest mail address, in characters (RFC 5321, 4.5.3.1.3).
pub const EMAIL_MAX: usize = 254;
/// Codes that may be wrong before another one must be sent.
const TRIES_MAX: i32 = 5;

/// A mail address that a visitor named. Nothing but its code goes there before it is confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Entity)]
#[entity(table = "chat_visitor_emails")]
pub struct VisitorEmail {
    /// UUIDv7. The newest row of a session counts.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The session.
    pub session_id: Uuid,
    /// The session's conversation.
    pub conversation_id: Uuid,
    /// The address, in lower case.
    pub email: String,
    /// The keyed hash of the code that was sent last.
    #[serde(skip)]
    pub code_hash: Vec<u8>,
    /// Wrong codes since then.
    pub tries: i32,
    /// Mails that went to it: codes and transcripts.
    pub mails: i32,
    /// Until when the code is good.
    pub tm_expire: Timestamp,
    /// When the code was shown; null until then.
    pub tm_confirmed: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}

impl VisitorEmail {
    /// Whether its code may be shown now.
    pub fn takes_code(&self, now: Timestamp) -> bool {
        self.tries < TRIES_MAX && now < self.tm_expire
    }
}

/// An address in its one form: no name, nothing that could begin another header, lower case.
///
/// # Errors
/// 400 naming the field.
pub fn normalized(field: &str, email: &str) -> Result<String> {
    max_chars(field, email, EMAIL_MAX)?;
    let is_plain = email.bytes().all(|byte| byte.is_ascii_graphic());
    let is_address = is_plain && email.parse::<lettre::Address>().is_ok();
    ensure(is_address, field, "must be a mail address")?;
    Ok(email.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Ann@Example.com", Some("ann@example.com"))]
    #[case("ann+x@example.com", Some("ann+x@example.com"))]
    #[case("", None)]
    #[case("ann", None)]
    #[case("Ann <ann@example.com>", None)]
    #[case("ann@example.com\r\nBcc: eve@example.com", None)]
    #[case("änn@example.com", None)]
    fn an_address_has_one_form(#[case] email: &str, #[case] expected: Option<&str>) {
        assert_eq!(normalized("email", email).ok().as_deref(), expected);
    }

    #[rstest]
    #[case::at_once(0, 0, true)]
    #[case::the_last_try(4, 59, true)]
    #[case::too_many_tries(5, 0, false)]
    #[case::too_late(0, 60, false)]
    fn a_code_is_good_for_a_while_and_a_few_tries(
        #[case] tries: i32,
        #[case] seconds: u64,
        #[case] expected: bool,
    ) {
        let start = Timestamp::from_micros(0);
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        let row = VisitorEmail {
            tries,
            tm_expire: at(60),
            ..VisitorEmail::default()
        };
        assert_eq!(row.takes_code(at(seconds)), expected);
    }
}
