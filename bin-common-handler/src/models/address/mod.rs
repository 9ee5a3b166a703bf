//! Where a call or a message goes: a type and a target that fits it.

mod stored;
mod target;
mod wire;

use serde::Serialize;

pub(crate) use self::target::is_email;

use crate::{
    phone::{self, Dialled},
    text_enum,
};

text_enum!(
    /// What a target is.
    pub enum AddressType {
        /// Not said.
        None = "",
        /// An agent: its UUID or its name.
        Agent = "agent",
        /// An AI, by UUID.
        Ai = "ai",
        /// A team of AIs, by UUID.
        AiTeam = "ai_team",
        /// A conference, by UUID.
        Conference = "conference",
        /// An e-mail address.
        Email = "email",
        /// An extension: its UUID, or what is dialled.
        Extension = "extension",
        /// A LINE user.
        Line = "line",
        /// A SIP URI.
        Sip = "sip",
        /// A phone number, E.164.
        Tel = "tel",
        /// A web chat, by UUID.
        Webchat = "webchat",
        /// A web session, by UUID.
        WebSession = "web_session",
        /// A WhatsApp number, E.164.
        Whatsapp = "whatsapp",
    }
);

/// An address; on the wire each field is left out when empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
#[schemars(default)]
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

impl Address {
    /// What is dialled by whoever calls it.
    pub fn dialled(&self) -> Dialled {
        match self.kind {
            AddressType::Tel | AddressType::Whatsapp => match phone::dialled(&self.target) {
                // It is no telephone, though it says so.
                Dialled::Name => Dialled::Unclear,
                dialled => dialled,
            },
            AddressType::Sip => phone::dialled_by_sip(&self.target),
            // Whoever left the type out may mean a telephone.
            AddressType::None => phone::parse(&self.target).map_or(Dialled::Name, Dialled::Number),
            _ => Dialled::Name,
        }
    }
}

fn is_none(kind: &AddressType) -> bool {
    *kind == AddressType::None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(AddressType::Tel, "+14155550123", "+14155550123")]
    #[case(AddressType::Tel, "415 555 0123", "+14155550123")]
    #[case(AddressType::Tel, "sip:sales@pbx.example", "unclear")]
    #[case(AddressType::Tel, "nobody", "unclear")]
    #[case(AddressType::Whatsapp, "+14155550123", "+14155550123")]
    #[case(AddressType::Sip, "+14155550123@10.0.0.1", "+14155550123")]
    #[case(AddressType::Sip, "sip:+18005550100;user=phone@x", "+18005550100")]
    #[case(AddressType::Sip, "sip:ann@example.com", "name")]
    #[case(AddressType::None, "+14155550123", "+14155550123")]
    #[case(AddressType::None, "nobody", "name")]
    #[case(AddressType::Extension, "4155550123", "name")]
    #[case(AddressType::Email, "4155550123@example.com", "name")]
    fn an_address_is_read_as_it_is_dialled(
        #[case] kind: AddressType,
        #[case] target: &str,
        #[case] expected: &str,
    ) {
        let address = Address {
            kind,
            target: target.to_owned(),
            ..Address::default()
        };
        let read = match address.dialled() {
            Dialled::Number(number) => number.as_str().to_owned(),
            Dialled::Name => "name".to_owned(),
            Dialled::Unclear => "unclear".to_owned(),
        };
        assert_eq!(read, expected);
    }
}
