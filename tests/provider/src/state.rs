//! What the carrier knows.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bin_common_handler::{clock::Clock, ids, models::time::Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Texts that are remembered at most; the oldest are forgotten.
const MESSAGES_MAX: usize = 1_000_000;
/// Between two reports about a text, unless a test says otherwise.
const REPORT_PAUSE: Duration = Duration::from_millis(5);

/// An account of the carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id: `AC` and 32 hex digits.
    pub sid: String,
    /// Its token, which opens the API and signs webhooks.
    pub token: String,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            sid: "AC00000000000000000000000000000001".to_owned(),
            token: "the-token-of-the-stand-in".to_owned(),
        }
    }
}

/// Kinds of requests to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// A text is to be sent.
    Send,
    /// Texts are listed.
    List,
    /// Numbers for sale are searched.
    Search,
    /// A number is bought.
    Buy,
    /// Own numbers are listed.
    Owned,
    /// A number is set up anew.
    Update,
    /// A number is given back.
    Release,
    /// Anything about messaging services.
    Service,
    /// A picture is fetched; of faults, only `Status` is for it.
    Picture,
}

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Answered with this status; nothing is done.
    Status(u16),
    /// Answered with 400 and this code of the carrier; nothing is done.
    Code(u32),
    /// Never answered; nothing is done.
    Hang,
    /// Done, but the connection ends before the answer.
    AcceptThenDrop,
    /// Done, but never answered.
    AcceptThenHang,
    /// The connection ends; nothing is done.
    Drop,
}

/// A fault that waits for its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub route: Route,
    pub fault: Fault,
}

/// What becomes of a text that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What is reported, in this order, e.g. `sent`, `delivered`.
    pub statuses: Vec<String>,
    /// Before each report.
    pub pause: Duration,
    /// Of the last report, e.g. 30006 (a landline).
    pub error_code: Option<u32>,
    /// How often each report is sent: carriers repeat themselves.
    pub times: usize,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            statuses: ["sent", "delivered"].map(str::to_owned).to_vec(),
            pause: REPORT_PAUSE,
            error_code: None,
            times: 1,
        }
    }
}

impl Delivery {
    /// Reports of these statuses, in this order.
    pub fn of(statuses: &[&str]) -> Self {
        Self {
            statuses: statuses.iter().map(|status| (*status).to_owned()).collect(),
            ..Self::default()
        }
    }
}

/// A text, in or out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `SM` and 32 hex digits.
    pub sid: String,
    /// The account that sent it.
    pub account_sid: String,
    /// The number it is sent from; empty while a messaging service has not chosen one.
    pub from: String,
    /// Whom it is for.
    pub to: String,
    /// What it says.
    pub body: String,
    /// The messaging service; empty for none.
    pub messaging_service_sid: String,
    /// Where its reports go.
    pub status_callback: String,
    /// The newest status.
    pub status: String,
    /// Of the newest status.
    pub error_code: Option<u32>,
    /// When it was taken.
    pub tm_create: Timestamp,
}

/// Where a number's webhooks go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// A call comes in.
    #[serde(default)]
    pub voice_url: String,
    /// A call ended.
    #[serde(default)]
    pub status_callback: String,
    /// A text comes in.
    #[serde(default)]
    pub sms_url: String,
}

/// A number that an account owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Number {
    /// `PN` and 32 hex digits.
    pub sid: String,
    /// Whose it is.
    pub account_sid: String,
    /// E.164.
    pub phone_number: String,
    /// A name for people.
    pub friendly_name: String,
    /// Where its webhooks go.
    #[serde(flatten)]
    pub hooks: Hooks,
}

/// A messaging service: a sender that chooses among its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// `MG` and 32 hex digits.
    pub sid: String,
    /// Whose it is.
    pub account_sid: String,
    /// A name for people.
    pub friendly_name: String,
    /// The sids of its numbers.
    pub numbers: Vec<String>,
    /// What the campaign registry says; none while nobody has registered a campaign.
    pub campaign_status: Option<String>,
    /// The campaign's id, `QE` and 32 hex digits; empty while there is none.
    pub campaign_sid: String,
}

/// Everything that changes.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Tokens by sid.
    pub accounts: BTreeMap<String, String>,
    pub messages: Vec<Message>,
    /// By E.164.
    pub numbers: BTreeMap<String, Number>,
    pub services: BTreeMap<String, Service>,
    pub faults: VecDeque<Step>,
    pub latency: Duration,
    pub delivery: Delivery,
    /// The carrier's code by number.
    pub refused: BTreeMap<String, u32>,
    pub ways: Vec<(String, SocketAddr)>,
    pub requests: BTreeMap<Route, usize>,
    pub callbacks_under_way: usize,
    /// By path.
    pub pictures: BTreeMap<String, Vec<u8>>,
    pub pictures_asked: usize,
}

impl State {
    pub fn own(&mut self, account_sid: &str, number: &str, hooks: Hooks) -> Number {
        let owned = Number {
            sid: sid("PN"),
            account_sid: account_sid.to_owned(),
            phone_number: number.to_owned(),
            friendly_name: number.to_owned(),
            hooks,
        };
        self.numbers.insert(number.to_owned(), owned.clone());
        owned
    }

    pub fn number_by_sid(&mut self, account_sid: &str, sid: &str) -> Option<&mut Number> {
        self.numbers
            .values_mut()
            .find(|number| number.sid == sid && number.account_sid == account_sid)
    }

    pub fn keep(&mut self, message: Message) {
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.remove(0);
        }
        self.messages.push(message);
    }

    /// The fault of the next request of this kind, which is used up.
    pub fn fault(&mut self, route: Route) -> Option<Fault> {
        *self.requests.entry(route).or_insert(0) += 1;
        let at = self.faults.iter().position(|step| step.route == route)?;
        self.faults.remove(at).map(|step| step.fault)
    }

    /// Where a URL is really sent to.
    pub fn way(&self, url: &str) -> Option<SocketAddr> {
        let mut ways = self.ways.iter().rev();
        ways.find(|(public, _)| url.starts_with(public.as_str()))
            .map(|(_, to)| *to)
    }
}

/// The state, and what runs beside it.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub clock: Clock,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
}

impl Shared {
    pub fn new(stop: CancellationToken, tasks: TaskTracker) -> Self {
        let mut state = State::default();
        let account = Account::default();
        state.accounts.insert(account.sid, account.token);
        Self {
            state: Mutex::new(state),
            clock: Clock::default(),
            stop,
            tasks,
        }
    }

    pub fn change<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn read<T>(&self, work: impl FnOnce(&State) -> T) -> T {
        self.change(|state| work(state))
    }
}

/// A new identifier as the carrier writes them.
pub(crate) fn sid(prefix: &str) -> String {
    format!("{prefix}{}", ids::next().simple())
}
