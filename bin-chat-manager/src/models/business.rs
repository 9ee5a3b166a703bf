//! What did-manager tells of a business and its number.

use serde::Deserialize;
use uuid::Uuid;

/// Who answers an opt-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptOutReplies {
    /// The carrier, by itself.
    #[default]
    Provider,
    /// We do.
    Tandem,
}

/// Whether texts may leave from a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStatus {
    /// No registration is needed.
    #[default]
    None,
    /// The registry has not decided.
    Pending,
    /// It may send.
    Approved,
    /// It may not.
    Rejected,
}

impl CampaignStatus {
    /// Whether texts may leave.
    pub const fn may_send(self) -> bool {
        matches!(self, Self::None | Self::Approved)
    }
}

/// The business behind a number, as far as conversations need it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Business {
    /// The tenant.
    pub customer_id: Uuid,
    /// Its number, E.164.
    pub number: String,
    /// The provider that carries it; nil for none.
    pub provider_id: Uuid,
    /// The messaging service that texts leave by; empty for the number itself.
    pub messaging_service_id: String,
    /// Whether texts may leave.
    pub campaign_status: CampaignStatus,
    /// Its name.
    pub name: String,
    /// Its trade, e.g. `plumbing`.
    pub trade: String,
    /// IANA time zone; empty = UTC.
    pub timezone: String,
    /// How long people have to answer before the assistant does, in seconds.
    pub ai_takeover_delay_seconds: u32,
    /// Who answers an opt-out.
    pub opt_out_replies: OptOutReplies,
}
