//! Where a call or a message goes: a type and a target that fits it.

use serde::{Deserialize, Serialize};

use super::{
    error::{Error, Result},
    identity::parse_uuid,
};
use crate::phone;

/// Longest target, in bytes.
const TARGET_MAX: usize = 255;

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressType {
    /// Not said.
    #[default]
    #[serde(rename = "")]
    None,
    /// An agent, by UUID.
    Agent,
    /// An AI, by UUID.
    Ai,
    /// A team of AIs, by UUID.
    AiTeam,
    /// A conference, by UUID.
    Conference,
    /// An e-mail address.
    Email,
    /// An extension, by UUID.
    Extension,
    /// A LINE user.
    Line,
    /// A SIP URI, `user@domain`.
    Sip,
    /// A phone number, E.164.
    Tel,
    /// A web chat, by UUID.
    Webchat,
    /// A web session, by UUID.
    WebSession,
    /// A WhatsApp number, E.164.
    Whatsapp,
}

/// An address; on the wire each field is left out when empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// What the target is.
    #[serde(rename = "type", skip_serializing_if = "is_none")]
    pub kind: AddressType,
    /// The number, URI or id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The target's own name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target_name: String,
    /// A name for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// More for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_none(kind: &AddressType) -> bool {
    *kind == AddressType::None
}

impl Address {
    /// The address with its target normalised.
    ///
    /// # Errors
    /// 400 naming `field` when the target does not fit its type.
    pub fn validated(mut self, field: &str) -> Result<Self> {
        let refuse = |what: &str| {
            Err(Error::invalid_argument(
                "INVALID_ADDRESS",
                format!("{field}.target must be {what}."),
            ))
        };
        if self.target.len() > TARGET_MAX {
            return refuse("at most 255 bytes");
        }
        match self.kind {
            AddressType::None => {
                return Err(Error::invalid_argument(
                    "INVALID_ADDRESS",
                    format!("{field}.type must be given."),
                ));
            }
            AddressType::Tel | AddressType::Whatsapp => {
                let number = phone::parse(&self.target).map_err(|fault| {
                    Error::invalid_argument("INVALID_ADDRESS", format!("{field}.target {fault}."))
                })?;
                number.as_str().clone_into(&mut self.target);
            }
            AddressType::Sip => {
                let uri = self.target.strip_prefix("sip:").unwrap_or(&self.target);
                if !is_user_at_domain(uri) {
                    return refuse("user@domain");
                }
                self.target = uri.to_owned();
            }
            AddressType::Email => {
                if !is_user_at_domain(&self.target) {
                    return refuse("an e-mail address");
                }
            }
            AddressType::Line => {
                if self.target.is_empty() {
                    return refuse("a LINE user");
                }
            }
            AddressType::Agent
            | AddressType::Ai
            | AddressType::AiTeam
            | AddressType::Conference
            | AddressType::Extension
            | AddressType::Webchat
            | AddressType::WebSession => match parse_uuid(&self.target) {
                Some(id) => self.target = id.to_string(),
                None => return refuse("a UUID"),
            },
        }
        Ok(self)
    }
}

fn is_user_at_domain(text: &str) -> bool {
    let Some((user, domain)) = text.split_once('@') else {
        return false;
    };
    let domain_ok = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    !user.is_empty()
        && !domain.is_empty()
        && domain.chars().all(domain_ok)
        && user.chars().all(|c| c.is_ascii_graphic() && c != '@')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::testing::phones::{REFUSED, TAKEN};

    #[rstest]
    #[case(AddressType::Sip, "alice@example.com", true)]
    #[case(AddressType::Sip, "alice", false)]
    #[case(AddressType::Sip, "a b@example.com", false)]
    #[case(AddressType::Email, "a@b.example", true)]
    #[case(AddressType::Email, "a@", false)]
    #[case(AddressType::Agent, "5B1A0000-0000-0000-0000-00000000000A", true)]
    #[case(AddressType::Extension, "1001", false)]
    #[case(AddressType::None, "x", false)]
    #[case(AddressType::Whatsapp, "+4915112345678", true)]
    fn a_target_must_fit_its_type(
        #[case] kind: AddressType,
        #[case] target: &str,
        #[case] fits: bool,
    ) {
        let address = Address {
            kind,
            target: target.to_owned(),
            ..Address::default()
        };
        let result = address.validated("destination_2");
        assert_eq!(result.is_ok(), fits);
        if let Err(error) = result {
            assert!(
                error.message().starts_with("destination_2."),
                "{}",
                error.message()
            );
        }
    }

    #[test]
    fn phone_numbers_are_read_as_everywhere() {
        let read = |text: &str| {
            let address = Address {
                kind: AddressType::Tel,
                target: text.to_owned(),
                ..Address::default()
            };
            address.validated("destination_0")
        };
        for (text, number) in TAKEN {
            assert_eq!(read(text).unwrap().target, *number, "{text:?}");
        }
        for (text, fault) in REFUSED {
            let message = read(text).unwrap_err().message().to_owned();
            assert_eq!(
                message,
                format!("destination_0.target {fault}."),
                "{text:?}"
            );
        }
    }

    #[test]
    fn empty_fields_are_left_out() {
        let address = Address {
            kind: AddressType::Tel,
            target: "+14155550123".into(),
            ..Address::default()
        };
        assert_eq!(
            serde_json::to_string(&address).unwrap(),
            r#"{"type":"tel","target":"+14155550123"}"#
        );
        assert_eq!(serde_json::to_string(&Address::default()).unwrap(), "{}");
        assert_eq!(
            serde_json::from_str::<Address>("{}").unwrap(),
            Address::default()
        );
    }
}
