//! A carrier of texts and calls that needs no account and no internet: a small HTTP server with the parts of Twilio's API
//! that Tandem uses, a state of its own, and latencies and faults as a test chooses them.
//!
//! ```ignore
//! let provider = Provider::start().await?;                       // its URL is TWILIO_BASE_URL
//! provider.own(NUMBER, &Hooks { voice_url, sms_url, ..Hooks::default() });
//! provider.fail(Route::Send, Fault::AcceptThenDrop, 1);          // the next text is taken, and nobody is told
//! let call = provider.call("+14155550123", NUMBER).await?;       // a signed voice webhook
//! provider.end(&call, "no-answer").await?;                       // nobody answered
//! assert_eq!(provider.repeated_causes(), vec![]);                // never two texts for one cause
//! ```
//!
//! It takes texts, remembers them, and reports each of them as a carrier does, with signed callbacks.

mod api;
mod control;
mod hooks;
mod messages;
mod numbers;
mod outgoing;
mod pictures;
mod server;
mod services;
mod state;

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use hooks::{Answer, Call, Hook};
pub use state::{Account, Delivery, Fault, Hooks, Message, Number, Route, Service};

use state::{Shared, Step};

/// The carrier that runs. Dropped, it stops.
#[derive(Debug)]
pub struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Provider {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts on a port of one's own choice.
    ///
    /// # Errors
    /// When it is taken.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let shared = Arc::new(Shared::new(stop.clone(), tasks.clone()));
        tasks.spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            address,
            stop,
            tasks,
        })
    }

    /// Where its API is: the setting `TWILIO_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The account that is there from the start.
    pub fn account(&self) -> Account {
        Account::default()
    }

    /// Opens an account.
    pub fn add_account(&self, account: Account) {
        self.shared
            .change(|state| state.accounts.insert(account.sid, account.token));
    }

    /// Webhooks whose URL starts with `public` are sent to `to`, and signed for the public URL all the same, as a proxy
    /// would pass them on.
    pub fn reach(&self, public: &str, to: SocketAddr) {
        self.shared
            .change(|state| state.ways.push((public.to_owned(), to)));
    }

    /// The account owns `number` from now on, without having bought it.
    pub fn own(&self, number: &str, hooks: &Hooks) {
        let sid = self.account().sid;
        self.shared
            .change(|state| state.own(&sid, number, hooks.clone()));
    }

    /// The next so many requests of this kind go wrong in this way.
    pub fn fail(&self, route: Route, fault: Fault, times: usize) {
        self.shared.change(|state| {
            let steps = std::iter::repeat_n(Step { route, fault }, times);
            state.faults.extend(steps);
        });
    }

    /// No request goes wrong any more.
    pub fn heal(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// Every answer of the API takes this long.
    pub fn slow_down(&self, latency: Duration) {
        self.shared.change(|state| state.latency = latency);
    }

    /// What becomes of texts that are taken from now on.
    pub fn deliver(&self, delivery: Delivery) {
        self.shared.change(|state| state.delivery = delivery);
    }

    /// Texts to `number` are refused with this code of the carrier, such as 21610 (unsubscribed) or 21211 (no number).
    pub fn refuse(&self, number: &str, code: u32) {
        self.shared
            .change(|state| state.refused.insert(number.to_owned(), code));
    }

    /// Every text that was taken, the oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.read(|state| state.messages.clone())
    }

    /// The texts to one person.
    pub fn texts_to(&self, number: &str) -> Vec<Message> {
        let mut texts = self.messages();
        texts.retain(|text| text.to == number);
        texts
    }

    /// How many texts were taken for each cause, which is the URL of their callback.
    pub fn causes(&self) -> BTreeMap<String, usize> {
        let mut causes = BTreeMap::new();
        for message in self.messages() {
            *causes.entry(message.status_callback).or_insert(0) += 1;
        }
        causes
    }

    /// The causes with more than one text.
    pub fn repeated_causes(&self) -> Vec<String> {
        let causes = self.causes().into_iter();
        let repeated = causes.filter(|(cause, count)| !cause.is_empty() && *count > 1);
        repeated.map(|(cause, _)| cause).collect()
    }

    /// The numbers that somebody owns.
    pub fn numbers(&self) -> Vec<Number> {
        self.shared
            .read(|state| state.numbers.values().cloned().collect())
    }

    /// The messaging services that there are.
    pub fn services(&self) -> Vec<Service> {
        self.shared
            .read(|state| state.services.values().cloned().collect())
    }

    /// What the campaign registry thinks of a messaging service, e.g. `VERIFIED`.
    pub fn decide_campaign(&self, service_sid: &str, status: &str) {
        self.shared.change(|state| {
            if let Some(service) = state.services.get_mut(service_sid) {
                service.campaign_status = Some(status.to_owned());
            }
        });
    }

    /// Requests of this kind that came, whatever became of them.
    pub fn requests(&self, route: Route) -> usize {
        self.shared
            .read(|state| state.requests.get(&route).copied().unwrap_or_default())
    }

    /// Waits until every callback of the texts taken so far was sent.
    pub async fn settle(&self) {
        while self.shared.read(|state| state.callbacks_under_way > 0) {
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    /// Stops, and waits for the end.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Serves until `shutdown` ends.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        self.stop().await;
    }
}

/// Between two looks whether all callbacks are sent.
const SETTLE_PAUSE: Duration = Duration::from_millis(5);

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
