//! Asking until there is an answer, and writing down what was answered.

use std::{
    array,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bin_common_handler::{
    models::sock::{Request, Response},
    testing::lab::Callers,
};
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{Book, Kind, Manners};

/// After this an operation that found no answer has failed.
const OPERATION_MAX: Duration = Duration::from_secs(75);
/// Faults that are noted.
const FAULTS_MAX: usize = 6;
/// Refusals of who waited for the database in vain, by itself or in a group that chooses numbers.
const WAITED: [&str; 2] = ["DATABASE_UNAVAILABLE", "CHOOSER_UNAVAILABLE"];
/// Before it is asked for again.
const PAUSE: Duration = Duration::from_millis(50);

/// What all callers share.
pub struct Shared {
    began: Instant,
    book: Mutex<Book>,
    pulses: [Pulse; Kind::COUNT],
    stops: AtomicBool,
    rests: AtomicBool,
    resting: AtomicUsize,
    is_steady: AtomicBool,
}

/// How requests of one kind fare.
#[derive(Default)]
struct Pulse {
    answered: AtomicU64,
    /// When the latest attempt that was answered had begun, µs after the load.
    latest_us: AtomicU64,
}

impl Shared {
    pub fn new(run: String) -> Self {
        let book = Book {
            run,
            ..Book::default()
        };
        Self {
            began: Instant::now(),
            book: Mutex::new(book),
            pulses: array::from_fn(|_| Pulse::default()),
            stops: AtomicBool::new(false),
            rests: AtomicBool::new(false),
            resting: AtomicUsize::new(0),
            is_steady: AtomicBool::new(false),
        }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
    }

    pub fn rest(&self, on: bool) {
        self.rests.store(on, Ordering::Relaxed);
    }

    /// From now on callers keep to their manners.
    pub fn steady(&self) {
        self.is_steady.store(true, Ordering::Relaxed);
    }

    pub fn resting(&self) -> usize {
        self.resting.load(Ordering::Relaxed)
    }

    async fn rest_if_told(&self) {
        if self.rests.load(Ordering::Relaxed) {
            self.resting.fetch_add(1, Ordering::Relaxed);
            while self.rests.load(Ordering::Relaxed) {
                tokio::time::sleep(PAUSE).await;
            }
            self.resting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub fn answered(&self) -> [u64; Kind::COUNT] {
        array::from_fn(|kind| self.pulses[kind].answered.load(Ordering::Relaxed))
    }

    pub fn has_answered_all_since(&self, moment: Instant) -> bool {
        let moment = self.since_beginning(moment);
        let mut pulses = self.pulses.iter();
        pulses.all(|pulse| pulse.latest_us.load(Ordering::Relaxed) > moment)
    }

    fn since_beginning(&self, moment: Instant) -> u64 {
        let elapsed = moment.saturating_duration_since(self.began);
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    }

    fn answer(&self, kind: Kind, began: Instant) {
        let pulse = &self.pulses[kind as usize];
        pulse.answered.fetch_add(1, Ordering::Relaxed);
        pulse
            .latest_us
            .fetch_max(self.since_beginning(began), Ordering::Relaxed);
    }
}

/// One caller's way to ask.
#[derive(Clone)]
pub struct Asker {
    callers: Arc<Callers>,
    manners: Manners,
    shared: Arc<Shared>,
}

impl Asker {
    pub fn new(callers: &Arc<Callers>, manners: Manners, shared: &Arc<Shared>) -> Self {
        Self {
            callers: Arc::clone(callers),
            manners,
            shared: Arc::clone(shared),
        }
    }

    /// The ledger, to write in.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book()
    }

    /// Whether what is not answered well is asked again. Everybody does that until the load is steady: a row is
    /// about its fault, not about how a cold start on a busy machine goes.
    pub fn retries(&self) -> bool {
        self.manners.retries || !self.shared.is_steady.load(Ordering::Relaxed)
    }

    /// Whether this refusal is one that may be, and is asked again.
    fn forgives(&self, told: Option<&(u16, Json)>) -> bool {
        let waited = told.is_some_and(|(code, body)| {
            *code == 503 && WAITED.iter().any(|reason| body["reason"] == *reason)
        });
        if !waited || !self.manners.forgives_waits {
            return false;
        }
        self.book().forgiven += 1;
        true
    }

    /// Bytes that every other change carries.
    pub fn ballast(&self) -> usize {
        self.manners.ballast
    }

    /// Rests a little; false when it is time to go home.
    pub async fn goes_on(&self) -> bool {
        tokio::time::sleep(self.manners.pause).await;
        self.shared.rest_if_told().await;
        !self.shared.stops.load(Ordering::Relaxed) && self.book().faults.is_empty()
    }

    /// Asks until the answer is 200; its body.
    pub async fn insist(&self, kind: Kind, request: &Request) -> Option<Json> {
        let (_, body) = self
            .insist_on(kind, request, |status, _| status == 200)
            .await?;
        Some(body)
    }

    /// Asks until `is_answer` takes the status and the body for an answer. Nothing when that is given up, and
    /// then it is in the ledger.
    pub async fn insist_on(
        &self,
        kind: Kind,
        request: &Request,
        is_answer: fn(u16, &Json) -> bool,
    ) -> Option<(u16, Json)> {
        let end = Instant::now() + OPERATION_MAX;
        let retries = self.retries();
        let mut last = None;
        while Instant::now() < end {
            let began = Instant::now();
            last = self.ask(request).await;
            if let Some((status, body)) = last
                .clone()
                .filter(|(status, body)| is_answer(*status, body))
            {
                self.shared.answer(kind, began);
                return Some((status, body));
            }
            if !retries && !self.forgives(last.as_ref()) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let told = last.map_or("no answer".to_owned(), |(status, body)| {
            format!("{status} {body}")
        });
        self.fault(format!("{} {}: {told}", request.method, request.uri));
        None
    }

    /// Notes what must not be; after a few there is nothing new.
    pub fn fault(&self, what: String) {
        let mut book = self.book();
        if book.faults.len() < FAULTS_MAX {
            book.faults.push(what);
        }
    }

    async fn ask(&self, request: &Request) -> Option<(u16, Json)> {
        let reply = self.callers.ask(request, self.manners.patience).await;
        let mut book = self.book();
        book.requests += 1;
        let Some(reply) = reply else {
            book.unanswered += 1;
            self.callers.renew();
            return None;
        };
        *book.statuses.entry(reply.status_code).or_default() += 1;
        let body = body_of(&reply);
        if !self.manners.statuses.contains(&reply.status_code) {
            drop(book);
            self.fault(format!(
                "{} {}: {} {body}",
                request.method, request.uri, reply.status_code
            ));
        }
        Some((reply.status_code, body))
    }
}

fn body_of(reply: &Response) -> Json {
    serde_json::from_str(reply.body()).expect("JSON")
}
