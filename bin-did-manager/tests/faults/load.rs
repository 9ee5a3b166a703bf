//! Callers who ask for numbers at the same time, each again and again under the id of its call until it is
//! answered, and write down what they were told.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bin_common_handler::{
    ids,
    models::sock::{Method::Get, Response},
    testing::{lab::until, spawn},
};
use serde_json::Value as Json;
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};

use crate::{
    book::{Book, Given, Refused},
    tenant::Tenant,
};

/// After this a call that found no answer fails its test.
const CALL_MAX: Duration = Duration::from_secs(30);
/// Of so many calls one is asked for once more after it was answered.
const REPEATED: u64 = 4;
/// Before a call that was not answered is asked for again.
const PAUSE: Duration = Duration::from_millis(30);

/// How the callers behave, and what they accept.
#[derive(Clone, Copy)]
pub struct Manners {
    /// How many there are.
    pub callers: u64,
    /// A call that is not answered is asked for again, else that is a fault.
    pub retries: bool,
    /// How long one attempt waits.
    pub patience: Duration,
    /// The campaign they call for.
    pub campaign: &'static str,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            callers: 24,
            retries: true,
            patience: Duration::from_millis(1_500),
            campaign: "",
        }
    }
}

/// Callers at work: as many calls as were allowed, as fast as they are answered.
pub struct Load {
    book: Arc<Mutex<Book>>,
    allowed: Arc<Semaphore>,
    begun: AtomicU64,
    capacity: usize,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts them; they wait for [`Self::begin`].
    pub fn start(tenant: &Tenant, manners: Manners) -> Self {
        let book = Arc::<Mutex<Book>>::default();
        let allowed = Arc::new(Semaphore::new(0));
        let calls = Arc::<AtomicU64>::default();
        let run = ids::next().simple().to_string();
        let worker = |_| {
            let caller = Caller {
                tenant: tenant.clone(),
                manners,
                run: run.clone(),
                calls: Arc::clone(&calls),
                book: Arc::clone(&book),
            };
            spawn(caller.work(Arc::clone(&allowed)))
        };
        Self {
            workers: (0..manners.callers).map(worker).collect(),
            book,
            allowed,
            begun: AtomicU64::new(0),
            capacity: tenant.capacity(),
        }
    }

    /// Lets so many more calls begin.
    pub fn begin(&self, calls: usize) {
        self.begun.fetch_add(calls as u64, Ordering::Relaxed);
        self.allowed.add_permits(calls);
    }

    /// Waits until so many more calls were answered.
    pub async fn goes_on(&self, calls: usize) {
        let goal = self.answered() + calls;
        until("calls are answered", async || {
            (self.answered() >= goal).then_some(())
        })
        .await;
    }

    /// Waits until every call that was allowed is answered.
    pub async fn settles(&self) {
        let goal = self.begun.load(Ordering::Relaxed) as usize;
        until("all calls are answered", async || {
            (self.answered() >= goal).then_some(())
        })
        .await;
    }

    /// Calls until every number had all its calls, and some more.
    pub async fn exhaust(&self) {
        self.settles().await;
        let given = book(&self.book).given.len();
        self.begin(self.capacity.saturating_sub(given) + self.workers.len());
        self.settles().await;
    }

    /// Lets everyone finish what was begun; their ledger.
    pub async fn finish(self) -> Book {
        self.settles().await;
        self.allowed.close();
        for worker in self.workers {
            worker.await.expect("a caller did not panic");
        }
        std::mem::take(&mut *book(&self.book))
    }

    /// Calls answered so far; panics at what must not be.
    fn answered(&self) -> usize {
        let book = book(&self.book);
        assert!(book.faults.is_empty(), "{:#?}", book.faults);
        book.answered()
    }
}

fn book(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a call came to.
#[derive(Debug, PartialEq)]
enum Told {
    Number(String),
    None(String),
}

struct Caller {
    tenant: Tenant,
    manners: Manners,
    run: String,
    calls: Arc<AtomicU64>,
    book: Arc<Mutex<Book>>,
}

impl Caller {
    async fn work(self, allowed: Arc<Semaphore>) {
        while let Ok(permit) = allowed.acquire().await {
            permit.forget();
            let call = self.calls.fetch_add(1, Ordering::Relaxed);
            let uniqueid = format!("{}.{call}", self.run);
            let uri = format!(
                "/v1/dids/next?campaign_id={}&uniqueid={uniqueid}&customer_phone=415{:07}",
                self.manners.campaign,
                2_000_000 + call,
            );
            let began = Instant::now();
            let Some(told) = self.insist(&uri).await else {
                return;
            };
            let ended = Instant::now();
            if let Told::Number(number) = &told
                && call.is_multiple_of(REPEATED)
            {
                self.repeat(&uri, number).await;
            }
            let mut book = book(&self.book);
            match told {
                Told::Number(number) => book.given.push(Given {
                    uniqueid,
                    began,
                    ended,
                    number,
                }),
                Told::None(reason) => book.refused.push(Refused { began, reason }),
            }
        }
    }

    /// A call that has its number has it for good.
    async fn repeat(&self, uri: &str, number: &str) {
        let again = self.insist(uri).await;
        if again != Some(Told::Number(number.to_owned())) {
            self.fault(format!("{uri}: first {number}, then {again:?}"));
        }
    }

    /// Asks until there is an answer.
    async fn insist(&self, uri: &str) -> Option<Told> {
        let request = self.tenant.request(Get, uri);
        let end = Instant::now() + CALL_MAX;
        while Instant::now() < end {
            let callers = &self.tenant.callers;
            let reply = callers.ask(&request, self.manners.patience).await;
            if let Some(told) = self.note(uri, reply.as_ref()) {
                return Some(told);
            }
            if !self.manners.retries {
                self.fault(format!("{uri}: {reply:?}"));
                return None;
            }
            if reply.is_none() {
                callers.renew();
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.fault(format!("{uri}: no answer in time"));
        None
    }

    /// What the reply says; nothing when the call is to be asked for again.
    fn note(&self, uri: &str, reply: Option<&Response>) -> Option<Told> {
        let mut book = book(&self.book);
        let Some(reply) = reply else {
            book.unanswered += 1;
            return None;
        };
        *book.statuses.entry(reply.status_code).or_default() += 1;
        let answer: Json = serde_json::from_str(reply.body()).expect("JSON");
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        match (reply.status_code, text(&answer["reason"]).as_str()) {
            (200, _) => Some(Told::Number(text(&answer["selected_did"]))),
            (503, "NO_DID_AVAILABLE") => {
                let reason = text(&answer["details"][0]["reason"]);
                (reason != "cooling").then_some(Told::None(reason))
            }
            (503, _) | (429, "TOO_BUSY") => None,
            _ => {
                book.faults.push(format!("{uri}: {answer}"));
                None
            }
        }
    }

    fn fault(&self, fault: String) {
        book(&self.book).faults.push(fault);
    }
}
