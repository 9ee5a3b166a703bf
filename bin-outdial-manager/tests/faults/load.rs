//! Clients that create and change outdials without a pause, and write down what they were told.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bin_common_handler::{
    ids,
    models::sock::{
        Method::{self, Get, Post, Put},
        Request,
    },
    testing::{
        lab::{Callers, Scene, until},
        spawn,
    },
};
use serde_json::{Value as Json, json};
use tokio::{task::JoinHandle, time::Instant};
use uuid::Uuid;

/// Changes of one outdial before the next is created.
const CHANGES: u64 = 4;
/// After this an operation that found no answer fails its test.
const OPERATION_MAX: Duration = Duration::from_secs(60);

/// How the clients behave, and what they accept.
#[derive(Clone, Copy)]
pub struct Manners {
    /// How many there are.
    pub clients: u64,
    /// Everything but 200 is asked again under the same key, else it is a fault.
    pub retries: bool,
    /// Each acknowledged change is read back.
    pub reads: bool,
    /// How long one attempt waits.
    pub patience: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            clients: 16,
            retries: true,
            reads: false,
            patience: Duration::from_secs(3),
        }
    }
}

/// One acknowledged operation.
#[derive(Debug, Clone)]
pub struct Done {
    pub id: Uuid,
    pub name: String,
    pub creates: bool,
}

/// The clients' ledger.
#[derive(Debug, Default)]
pub struct Book {
    pub done: Vec<Done>,
    pub statuses: BTreeMap<u16, u64>,
    pub unanswered: u64,
    pub faults: Vec<String>,
}

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    workers: Vec<JoinHandle<Book>>,
}

impl Load {
    /// Starts them.
    pub fn start(scene: &Scene, manners: Manners) -> Self {
        let callers = Arc::new(Callers::new(scene));
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let workers = (0..manners.clients)
            .map(|number| {
                let client = Client {
                    callers: Arc::clone(&callers),
                    manners,
                    book: Book::default(),
                };
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                spawn(client.work(number, stop, acknowledged))
            })
            .collect();
        Self {
            stop,
            acknowledged,
            workers,
        }
    }

    /// Waits until so many more operations were acknowledged.
    pub async fn goes_on(&self, operations: u64) {
        let goal = self.acknowledged() + operations;
        until("operations are acknowledged", async || {
            (self.acknowledged() >= goal).then_some(())
        })
        .await;
    }

    /// How many operations were acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets everyone finish what was begun; their ledger.
    pub async fn finish(self) -> Book {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Book::default();
        for worker in self.workers {
            let book = worker.await.expect("a client did not panic");
            all.done.extend(book.done);
            all.unanswered += book.unanswered;
            all.faults.extend(book.faults);
            for (status, count) in book.statuses {
                *all.statuses.entry(status).or_default() += count;
            }
        }
        all
    }
}

struct Client {
    callers: Arc<Callers>,
    manners: Manners,
    book: Book,
}

impl Client {
    async fn work(
        mut self,
        number: u64,
        stop: Arc<AtomicBool>,
        acknowledged: Arc<AtomicU64>,
    ) -> Book {
        let run = ids::next().simple();
        let mut outdial = Uuid::nil();
        for step in 0_u64.. {
            if stop.load(Ordering::Relaxed) || !self.book.faults.is_empty() {
                break;
            }
            let creates = step % (CHANGES + 1) == 0;
            let name = format!("{number}-{step}-{run}");
            let (method, uri) = if creates {
                (Post, "/v1/outdials".to_owned())
            } else {
                (Put, format!("/v1/outdials/{outdial}"))
            };
            let mut body = json!({ "name": name });
            if creates {
                body["detail"] = name.as_str().into();
            }
            let Some(reply) = self.insist(method, &uri, Some(&body), Some(&name)).await else {
                break;
            };
            outdial = reply["id"].as_str().expect("an id").parse().expect("an id");
            self.book.done.push(Done {
                id: outdial,
                name: name.clone(),
                creates,
            });
            acknowledged.fetch_add(1, Ordering::Relaxed);
            if self.manners.reads {
                self.read_back(outdial, &name).await;
            }
        }
        self.book
    }

    /// Nobody else changes this outdial, so what was just acknowledged is what must be read.
    async fn read_back(&mut self, id: Uuid, name: &str) {
        let uri = format!("/v1/outdials/{id}");
        if let Some(read) = self.insist(Get, &uri, None, None).await
            && read["name"] != name
        {
            let fault = format!("stale: {} was read after {name}", read["name"]);
            self.book.faults.push(fault);
        }
    }

    /// Asks until the answer is 200, under the same key.
    async fn insist(
        &mut self,
        method: Method,
        uri: &str,
        body: Option<&Json>,
        key: Option<&str>,
    ) -> Option<Json> {
        let mut request = Request::new(method, uri, "test");
        if let Some(body) = body {
            request = request.json(body).expect("JSON");
        }
        request.idempotency_key = key.map(str::to_owned);
        let end = Instant::now() + OPERATION_MAX;
        while Instant::now() < end {
            let reply = self.callers.ask(&request, self.manners.patience).await;
            match &reply {
                Some(reply) => *self.book.statuses.entry(reply.status_code).or_default() += 1,
                None => self.book.unanswered += 1,
            }
            match reply {
                Some(reply) if reply.status_code == 200 => {
                    return Some(serde_json::from_str(reply.body()).expect("JSON"));
                }
                reply if !self.manners.retries => {
                    self.book.faults.push(format!("{method} {uri}: {reply:?}"));
                    return None;
                }
                Some(_) => {}
                None => self.callers.renew(),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.book
            .faults
            .push(format!("{method} {uri}: no 200 in a minute"));
        None
    }
}
