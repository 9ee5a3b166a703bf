//! Where a call or a message goes: a type and a target that fits it.

mod stored;
mod target;
mod wire;

use serde::Serialize;

pub(crate) use self::target::is_email;

use crate::text_enum;

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

fn is_none(kind: &AddressType) -> bool {
    *kind == AddressType::None
}
