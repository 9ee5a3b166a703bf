//! A ledger entry: one side of one movement of money. Written once, never changed.

use bin_common_handler::{
    Entity,
    models::{
        page::{Filter, FilterKind},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announced when it was written.
pub const POSTED: &str = "ledger_posted";

text_enum!(
    /// What moved.
    pub enum EntryKind {
        /// Money came in; negative: it was taken out.
        Deposit = "deposit",
        /// Money was set aside for a call.
        Hold = "hold",
        /// What was set aside is free again.
        Release = "release",
        /// What was set aside was paid.
        Capture = "capture",
        /// The seller's part.
        Payout = "payout",
        /// Paid money went back.
        Refund = "refund",
        /// A payout was reversed.
        Adjustment = "adjustment",
    }
);

impl EntryKind {
    /// Whether it counts towards `balance`.
    pub const fn is_of_balance(self) -> bool {
        matches!(
            self,
            Self::Deposit | Self::Capture | Self::Payout | Self::Refund | Self::Adjustment
        )
    }

    /// Whether it counts towards `held`.
    pub const fn is_of_held(self) -> bool {
        matches!(self, Self::Hold | Self::Release | Self::Capture)
    }
}

text_enum!(
    /// What an entry refers to.
    pub enum ReferenceType {
        /// A bid that won.
        Bid = "bid",
        /// A deposit or a withdrawal: the operation's key.
        Operation = "operation",
        /// A refund.
        Refund = "refund",
    }
);

/// One side of one movement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, Entity)]
#[entity(table = "exchange_ledger_entries")]
pub struct LedgerEntry {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The account; the customer's own has the customer's id.
    pub account_id: Uuid,
    /// What moved.
    pub kind: EntryKind,
    /// How much, in minor units; negative: away.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// What it refers to.
    pub reference_type: ReferenceType,
    /// Which one.
    pub reference_id: Uuid,
    /// When.
    pub tm_create: Timestamp,
    /// The same: entries do not change.
    #[serde(skip)]
    pub tm_update: Timestamp,
}

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("account_id", FilterKind::Uuid),
    ("kind", FilterKind::OneOf(EntryKind::WORDS)),
    ("currency", FilterKind::Text),
    ("reference_id", FilterKind::Uuid),
];
