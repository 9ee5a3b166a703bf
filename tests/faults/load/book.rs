//! What callers were told.

use std::collections::BTreeMap;

use tokio::time::Instant;
use uuid::Uuid;

/// What a clerk keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Dial lists, of outdial-manager.
    Outdial,
    /// Pools of numbers, of did-manager.
    Pool,
    /// What a business does, of chat-manager.
    CatalogItem,
}

impl Subject {
    /// Where they are asked for.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Outdial => "/v1/outdials",
            Self::Pool => "/v1/didpools",
            Self::CatalogItem => "/v1/catalog_items",
        }
    }

    /// Where they are kept.
    pub fn table(self) -> &'static str {
        match self {
            Self::Outdial => "outdial_outdials",
            Self::Pool => "did_didpools",
            Self::CatalogItem => "chat_catalog_items",
        }
    }

    /// What their events are called.
    pub fn events(self) -> [&'static str; 2] {
        match self {
            Self::Outdial => ["outdial_created", "outdial_updated"],
            Self::Pool => ["didpool_created", "didpool_updated"],
            Self::CatalogItem => ["catalogitem_created", "catalogitem_updated"],
        }
    }
}

/// An acknowledged create or change. Each writes a name that no other writes.
#[derive(Debug, Clone)]
pub struct Done {
    /// Of what.
    pub subject: Subject,
    /// Its id.
    pub id: Uuid,
    /// The name that it has since.
    pub name: String,
    /// Whether it began with this.
    pub creates: bool,
}

/// A call that was given a number.
#[derive(Debug, Clone)]
pub struct Given {
    /// Whose call.
    pub customer_id: Uuid,
    /// The dialler's id of it.
    pub uniqueid: String,
    /// When it was asked for first.
    pub began: Instant,
    /// In E.164.
    pub number: String,
}

/// How a trader left a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was answered that the call is completed.
    Completed,
    /// It was answered that the call is canceled.
    Canceled,
    /// In the middle, for timers to end.
    Open,
}

/// A call that was made to be sold.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    /// The call.
    pub id: Uuid,
    /// How it was left.
    pub left: Left,
}

/// A call that was missed.
#[derive(Debug)]
pub struct Missed {
    /// Its id.
    pub call: String,
    /// Whether whoever called gets a text.
    pub greeting: Greeting,
}

/// Whether a missed call is followed by a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// One.
    Owed,
    /// One or none.
    Possible,
    /// None.
    Forbidden,
}

/// The callers' ledger.
#[derive(Debug, Default)]
pub struct Book {
    /// In the name of every entity of this round.
    pub run: String,
    /// Attempts.
    pub requests: u64,
    /// How often each status was answered.
    pub statuses: BTreeMap<u16, u64>,
    /// Waits for the database that ended in vain, where such may be.
    pub forgiven: u64,
    /// Attempts that nobody answered.
    pub unanswered: u64,
    /// Acknowledged creates and changes.
    pub done: Vec<Done>,
    /// The list that is dialled.
    pub list: Uuid,
    /// Targets that were made.
    pub targets: u64,
    /// Targets that were dialled, each as often as it was.
    pub dialled: Vec<Uuid>,
    /// Targets that are done.
    pub finished: Vec<Uuid>,
    /// Reads that were answered.
    pub reads: u64,
    /// Calls that were missed.
    pub missed: Vec<Missed>,
    /// People whose opt-out was acknowledged before they called.
    pub opted_out: Vec<String>,
    /// Texts of people that were acknowledged, by the carrier's id.
    pub written: Vec<String>,
    /// Numbers that were given.
    pub given: Vec<Given>,
    /// Calls that were told that there is no number, and why.
    pub refused: Vec<(Uuid, String)>,
    /// Calls that were made to be sold.
    pub sales: Vec<Sale>,
    /// Refunds that were answered: of what, and how much.
    pub refunds: Vec<(Uuid, i64)>,
    /// What was paid in, and to which account.
    pub paid: Vec<(Uuid, i64)>,
    /// What must not be.
    pub faults: Vec<String>,
}

impl Book {
    /// Operations that were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        let changes = self.done.len() + self.dialled.len() + self.finished.len();
        let calls = self.given.len() + self.refused.len();
        let sales = self.sales.len() + self.refunds.len() + self.paid.len();
        (changes + calls + sales) as u64 + self.reads
    }
}
