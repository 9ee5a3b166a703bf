//! Requests delivered again and again, at once on two replicas, while statements fail, commits go unanswered
//! and processes die: each operation has one effect and one reply.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{Intake, Json, Router, RouterContext, Routes, State, Wired};
use crate::{
    cachehandler::Cache,
    clock::Clock,
    context::{DeliveryInfo, RequestContext},
    databasehandler::{EventPayload, InjectedFault, Store, Value, scratch},
    ids,
    inbox::Inbox,
    metrics::Metrics,
    models::{
        error::{Error, Result},
        sock::{Method, Request, Response},
    },
    sockhandler::{Delivered, Probe, Serve},
    testing::sim::{Actor, Disk, Process, Sim, Turn, simulate},
};

const REPLICAS: usize = 2;
const OPERATIONS: usize = 4;
/// Fewer names than operations: some must be refused.
const NAMES: usize = 2;
/// Turns within which everything ends once nothing fails any more.
const CALM_TURNS_MAX: usize = 2_000;
/// SQLite's clock counts milliseconds: what is to be older must be older by more than one.
const TICK: Duration = Duration::from_millis(2);
/// Minutes that pass in a run at most: a key that was not given is remembered for ten.
const MINUTES_MAX: u32 = 8;
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct Thing {
    name: String,
    operation: i64,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Made {
    id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    rows_there: i64,
}

/// The rule: one thing of each name.
async fn make(
    State(store): State<Store>,
    ctx: RequestContext,
    Json(thing): Json<Thing>,
) -> Result<Json<Made>> {
    let mut tx = store.begin(&ctx).await?;
    let sql = "SELECT COUNT(*) AS rows_there FROM t_things WHERE name = ?";
    let name = Value::from(thing.name.as_str());
    let there: Option<Count> = tx.sql().fetch_optional(sql, vec![name.clone()]).await?;
    if there.is_some_and(|count| count.rows_there > 0) {
        return Err(Error::failed_precondition("NAME_TAKEN", "There is one."));
    }
    let id = ids::next();
    let sql = "INSERT INTO t_things (id, name, operation) VALUES (?, ?, ?)";
    let values = vec![id.into(), name, Value::Int(thing.operation)];
    tx.sql().execute(sql, values).await?;
    let payload = EventPayload {
        resource_id: id,
        customer_id: Uuid::nil(),
        version: store.clock.now(),
        data: "{}".to_owned(),
    };
    tx.emit_payload("thing_created", payload).await?;
    tx.commit(Made { id }).await.map(Json)
}

struct Nobody;

#[async_trait]
impl Probe for Nobody {
    async fn is_gone(&self, _: &str) -> bool {
        false
    }
}

struct Replica {
    process: Process,
    router: Arc<Router>,
}

impl Replica {
    fn new(disk: &Disk) -> Self {
        let process = Process::new(disk);
        process.wait_before_transactions();
        let (clock, metrics) = (Clock::default(), Metrics::new().unwrap());
        let inbox = Inbox::new(process.db.clone(), "t");
        let store = Store::new(
            process.db.clone(),
            clock.clone(),
            Cache::local(),
            Arc::default(),
            "t",
            "sim",
        );
        let figures = metrics.for_manager("sim").unwrap();
        let routes = Routes::default().post("/v1/things", make);
        let context = RouterContext {
            domain: "sim",
            inbox,
            clock,
            metrics,
            manager_metrics: figures,
            intake: Intake::default(),
            work: TaskTracker::new(),
        };
        let router = Router::new(Wired::new(routes, store), context).unwrap();
        Self {
            process,
            router: Arc::new(router),
        }
    }
}

/// What makes a repeated operation known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Key,
    MessageId,
    Way,
}

struct Operation {
    known: Known,
    name: String,
    /// It came after its deadline.
    is_late: bool,
    replies: Vec<Response>,
    /// Its caller was told to try again, and cannot: a new request would be another operation.
    given_up: bool,
}

/// A message of an operation.
#[derive(Debug, Clone, Copy)]
struct Message {
    operation: usize,
    redelivered: bool,
}

struct Delivery {
    message: Message,
    replica: usize,
    work: Actor<Option<Response>>,
    /// The broker has taken the message back already.
    is_cut: bool,
}

struct World<'d> {
    disk: &'d Disk,
    observer: &'d Process,
    replicas: [Replica; REPLICAS],
    operations: Vec<Operation>,
    waiting: Vec<Message>,
    delivered: Vec<Delivery>,
    run: Uuid,
    minutes: u32,
}

impl<'d> World<'d> {
    fn new(sim: &mut Sim, disk: &'d Disk, observer: &'d Process) -> Self {
        let mut world = Self {
            disk,
            observer,
            replicas: [Replica::new(disk), Replica::new(disk)],
            operations: Vec::new(),
            waiting: Vec::new(),
            delivered: Vec::new(),
            run: ids::next(),
            minutes: 0,
        };
        for table in ["t_things", "t_outbox", "t_inbox"] {
            world.sql(&format!("DELETE FROM {table}"), vec![]);
        }
        for number in 0..OPERATIONS {
            world.operations.push(Operation {
                known: *sim.pick(&[Known::Key, Known::MessageId, Known::Way]),
                name: format!("name {}", sim.below(NAMES)),
                is_late: sim.one_in(8),
                replies: Vec::new(),
                given_up: false,
            });
            world.waiting.push(Message {
                operation: number,
                redelivered: false,
            });
        }
        world
    }

    fn sql(&self, sql: &str, values: Vec<Value>) -> u64 {
        let db = &self.observer.db;
        self.observer.run(db.execute(sql, values)).unwrap()
    }

    fn count(&self, from: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS rows_there FROM {from}");
        let db = &self.observer.db;
        let count: Option<Count> = self.observer.run(db.fetch_optional(&sql, vec![])).unwrap();
        count.unwrap().rows_there
    }

    fn step(&mut self, sim: &mut Sim) {
        match sim.below(20) {
            0..=4 => self.deliver_any(sim),
            5..=13 => self.go_on(sim),
            14 => self.cut_any(sim),
            15..=16 => self.befall_any(sim),
            17 => {
                let replica = sim.below(REPLICAS);
                sim.tell(|| format!("replica {replica} is killed"));
                self.restart(replica);
            }
            18 => self.ask_again(sim),
            _ => self.pass_time(sim),
        }
    }

    fn deliver_any(&mut self, sim: &mut Sim) {
        if self.waiting.is_empty() {
            return;
        }
        let message = self.waiting.swap_remove(sim.below(self.waiting.len()));
        let replica = sim.below(REPLICAS);
        sim.tell(|| format!("{message:?} to replica {replica}"));
        if !message.redelivered {
            std::thread::sleep(TICK);
        }
        let work = self.serve(replica, message, message.operation);
        self.delivered.push(Delivery {
            message,
            replica,
            work,
            is_cut: false,
        });
        // Work begins when its message comes.
        self.go_on_with(sim, self.delivered.len() - 1);
    }

    /// The message of an operation; with the body of `body_of`, which is its own unless a key is misused.
    fn serve(&self, replica: usize, message: Message, body_of: usize) -> Actor<Option<Response>> {
        let operation = &self.operations[message.operation];
        let mark = format!("{}-{}", self.run, message.operation);
        let thing = Thing {
            name: self.operations[body_of].name.clone(),
            operation: i64::try_from(body_of).unwrap(),
        };
        let mut request = Request::new(Method::Post, "/v1/things", "sim")
            .json(&thing)
            .unwrap();
        let mut delivery_info = DeliveryInfo {
            redelivered: message.redelivered,
            ..DeliveryInfo::default()
        };
        match operation.known {
            Known::Key => request.idempotency_key = Some(mark),
            Known::MessageId => delivery_info.message_id = mark,
            Known::Way => delivery_info.reply_to = mark,
        }
        let deadline = operation
            .is_late
            .then(|| Clock::default().now().minus(Duration::from_secs(1)));
        let delivered = Delivered {
            body: serde_json::to_vec(&request).unwrap(),
            delivery_info,
            deadline,
            maybe_late: message.redelivered,
            ..Delivered::default()
        };
        let router = Arc::clone(&self.replicas[replica].router);
        Actor::new(async move { router.serve(delivered, &Nobody).await })
    }

    fn go_on(&mut self, sim: &mut Sim) {
        if self.delivered.is_empty() {
            return;
        }
        let which = sim.below(self.delivered.len());
        self.go_on_with(sim, which);
    }

    fn go_on_with(&mut self, sim: &mut Sim, which: usize) {
        let Delivery {
            message,
            replica,
            work,
            ..
        } = &mut self.delivered[which];
        let turn = self.replicas[*replica].process.turn(work);
        sim.tell(|| format!("{message:?} on replica {replica}: {turn:?}"));
        match turn {
            Turn::At(_) => {}
            Turn::Died => {
                let replica = *replica;
                self.restart(replica);
            }
            Turn::Done(reply) => {
                let delivery = self.delivered.swap_remove(which);
                self.take_reply(delivery.message.operation, reply);
                // The acknowledgement may be lost.
                if !delivery.is_cut && sim.one_in(4) {
                    self.hand_back(delivery.message);
                }
            }
        }
    }

    fn take_reply(&mut self, number: usize, reply: Option<Response>) {
        let operation = &mut self.operations[number];
        let Some(reply) = reply else {
            assert!(operation.is_late, "a request was dropped that was in time");
            return;
        };
        assert!(!operation.is_late, "a late request was answered");
        if reply.status_code < 500 {
            operation.replies.push(reply);
        } else if operation.known == Known::Way {
            operation.given_up = true;
        } else {
            self.waiting.push(Message {
                operation: number,
                redelivered: false,
            });
        }
    }

    fn hand_back(&mut self, message: Message) {
        self.waiting.push(Message {
            redelivered: true,
            ..message
        });
    }

    /// The connection breaks: the message comes again while it is still worked on.
    fn cut_any(&mut self, sim: &mut Sim) {
        let uncut = self
            .delivered
            .iter_mut()
            .filter(|delivery| !delivery.is_cut);
        let mut uncut: Vec<_> = uncut.collect();
        if uncut.is_empty() {
            return;
        }
        let which = sim.below(uncut.len());
        uncut[which].is_cut = true;
        let message = uncut[which].message;
        sim.tell(|| format!("{message:?} is cut off"));
        self.hand_back(message);
    }

    fn befall_any(&mut self, sim: &mut Sim) {
        let (replica, nth) = (sim.below(REPLICAS), sim.below(8) as u64 + 1);
        let mishap = *sim.pick(&[InjectedFault::Lost, InjectedFault::Unanswered]);
        let is_fatal = sim.one_in(3);
        sim.tell(|| format!("replica {replica}: {mishap:?} in {nth}, fatal: {is_fatal}"));
        self.replicas[replica].process.inject(nth, mishap, is_fatal);
    }

    fn restart(&mut self, replica: usize) {
        self.replicas[replica] = Replica::new(self.disk);
        let (lost, kept) = std::mem::take(&mut self.delivered)
            .into_iter()
            .partition(|delivery| delivery.replica == replica);
        self.delivered = kept;
        let lost: Vec<Delivery> = lost;
        for delivery in lost.iter().filter(|delivery| !delivery.is_cut) {
            self.hand_back(delivery.message);
        }
    }

    /// A caller that named its operation asks once more.
    fn ask_again(&mut self, sim: &mut Sim) {
        let operation = sim.below(self.operations.len());
        if self.operations[operation].known != Known::Way {
            sim.tell(|| format!("the caller of {operation} asks again"));
            self.waiting.push(Message {
                operation,
                redelivered: false,
            });
        }
    }

    /// Less than any key is remembered for. Only while nothing is worked on: the age of a delivery is real.
    fn pass_time(&mut self, sim: &mut Sim) {
        if self.delivered.is_empty() && self.minutes < MINUTES_MAX {
            sim.tell(|| "a minute passes".to_owned());
            self.minutes += 1;
            self.age(MINUTE);
            self.sweep();
        }
    }

    fn age(&self, micros: i64) {
        let sql = "UPDATE t_inbox SET tm_expire = tm_expire - ?";
        self.sql(sql, vec![Value::Int(micros)]);
    }

    fn sweep(&self) {
        let inbox = Inbox::new(self.observer.db.clone(), "t");
        self.observer.run(inbox.sweep()).unwrap();
    }

    /// Nothing fails any more, and everybody is answered.
    fn settle(&mut self, sim: &mut Sim) {
        self.replicas
            .iter()
            .for_each(|replica| replica.process.clear_faults());
        for operation in 0..self.operations.len() {
            let is_first =
                |message: &Message| message.operation == operation && !message.redelivered;
            if !self.waiting.iter().any(is_first) {
                self.hand_back(Message {
                    operation,
                    redelivered: true,
                });
            }
        }
        for _ in 0..CALM_TURNS_MAX {
            if self.waiting.is_empty() && self.delivered.is_empty() {
                return;
            }
            self.deliver_any(sim);
            self.go_on(sim);
        }
        panic!("requests were never answered");
    }

    /// Serves a message with nothing else going on.
    fn ask(&mut self, message: Message, body_of: usize) -> Response {
        let mut work = self.serve(0, message, body_of);
        loop {
            match self.replicas[0].process.turn(&mut work) {
                Turn::At(_) => {}
                Turn::Done(reply) => return reply.expect("it is in time"),
                Turn::Died => panic!("it died of nothing"),
            }
        }
    }

    fn audit(&self) {
        let mut made = 0;
        for (number, operation) in self.operations.iter().enumerate() {
            let effects = self.count(&format!("t_things WHERE operation = {number}"));
            made += effects;
            assert!(effects <= 1, "operation {number} had {effects} effects");
            if operation.is_late {
                assert_eq!(effects, 0, "a late request had an effect");
                continue;
            }
            let first = operation.replies.first().expect("it was answered");
            for reply in &operation.replies {
                assert_eq!(
                    (reply.status_code, reply.body()),
                    (first.status_code, first.body()),
                    "operation {number} was answered differently"
                );
            }
            let is_made = first.status_code == 200;
            assert_eq!(i64::from(is_made), effects, "operation {number}: {first:?}");
        }
        assert_eq!(self.count("t_outbox"), made, "one event for each effect");
        for name in 0..NAMES {
            assert!(self.count(&format!("t_things WHERE name = 'name {name}'")) <= 1);
        }
    }

    /// Keys are not to be used twice, and what only looks the same is another operation.
    fn audit_keys(&mut self) {
        let in_time: Vec<usize> = (0..self.operations.len())
            .filter(|number| !self.operations[*number].is_late)
            .collect();
        let before = self.count("t_things");
        for number in in_time {
            let message = Message {
                operation: number,
                redelivered: false,
            };
            if self.operations[number].known == Known::Way {
                std::thread::sleep(TICK);
                let reply = self.ask(message, number);
                assert!(reply.body().contains("NAME_TAKEN"), "{}", reply.body());
                let again = Message {
                    redelivered: true,
                    ..message
                };
                assert_eq!(self.ask(again, number).body(), reply.body());
            } else {
                let other = (number + 1) % OPERATIONS;
                let reply = self.ask(message, other);
                assert!(
                    reply.body().contains("IDEMPOTENCY_KEY_REUSED"),
                    "{}",
                    reply.body()
                );
            }
        }
        assert_eq!(self.count("t_things"), before);
    }

    fn audit_forgetting(&self) {
        self.age(DAY + MINUTE);
        self.sweep();
        assert_eq!(self.count("t_inbox"), 0, "keys are forgotten in time");
    }
}

#[test]
fn an_operation_has_one_effect_and_one_reply_however_often_it_comes() {
    let disk = Disk::new();
    let observer = Process::new(&disk);
    let things = "CREATE TABLE t_things (id BLOB PRIMARY KEY, name TEXT, operation INTEGER)";
    observer.run(async {
        scratch::create_tables(&observer.db).await;
        observer.db.execute(things, vec![]).await.unwrap();
    });
    simulate(200, |sim| {
        let mut world = World::new(sim, &disk, &observer);
        for _ in 0..20 + sim.below(60) {
            world.step(sim);
        }
        world.settle(sim);
        world.audit();
        world.audit_keys();
        world.audit_forgetting();
    });
}
