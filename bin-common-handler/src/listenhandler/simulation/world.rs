//! Who asks what, who works on it, and all that befalls them.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    MINUTE, NAMES, OPERATIONS, TICK,
    replica::{Count, Nobody, Replica, Thing},
};
use crate::{
    clock::Clock,
    context::DeliveryInfo,
    databasehandler::{InjectedFault, Value},
    ids,
    inbox::Inbox,
    models::sock::{Method, Request, Response},
    sockhandler::{Delivered, Serve},
    testing::sim::{Actor, Disk, Process, Sim, Turn},
};

const REPLICAS: usize = 2;
/// Turns within which everything ends once nothing fails any more.
const CALM_TURNS_MAX: usize = 2_000;
/// Minutes that pass in a run at most: a key that was not given is remembered for ten.
const MINUTES_MAX: u32 = 8;

/// What makes a repeated operation known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Key,
    MessageId,
    Way,
}

/// What somebody wants done once.
pub(super) struct Operation {
    pub known: Known,
    pub name: String,
    /// It came after its deadline.
    pub is_late: bool,
    pub replies: Vec<Response>,
    /// Its caller was told to try again, and cannot: a new request would be another operation.
    pub given_up: bool,
}

/// A message of an operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub operation: usize,
    pub redelivered: bool,
}

struct Delivery {
    message: Message,
    replica: usize,
    work: Actor<Option<Response>>,
    /// The broker has taken the message back already.
    is_cut: bool,
}

/// Replicas, those who ask them, and the broker between them.
pub(super) struct World<'d> {
    disk: &'d Disk,
    observer: &'d Process,
    replicas: [Replica; REPLICAS],
    pub operations: Vec<Operation>,
    waiting: Vec<Message>,
    delivered: Vec<Delivery>,
    run: Uuid,
    minutes: u32,
}

impl<'d> World<'d> {
    pub(super) fn new(sim: &mut Sim, disk: &'d Disk, observer: &'d Process) -> Self {
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

    pub(super) fn count(&self, from: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS rows_there FROM {from}");
        let db = &self.observer.db;
        let count: Option<Count> = self.observer.run(db.fetch_optional(&sql, vec![])).unwrap();
        count.unwrap().rows_there
    }

    pub(super) fn step(&mut self, sim: &mut Sim) {
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

    pub(super) fn age(&self, micros: i64) {
        let sql = "UPDATE t_inbox SET tm_expire = tm_expire - ?";
        self.sql(sql, vec![Value::Int(micros)]);
    }

    pub(super) fn sweep(&self) {
        let inbox = Inbox::new(self.observer.db.clone(), "t");
        self.observer.run(inbox.sweep()).unwrap();
    }

    /// Nothing fails any more, and everybody is answered.
    pub(super) fn settle(&mut self, sim: &mut Sim) {
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
    pub(super) fn ask(&mut self, message: Message, body_of: usize) -> Response {
        let mut work = self.serve(0, message, body_of);
        loop {
            match self.replicas[0].process.turn(&mut work) {
                Turn::At(_) => {}
                Turn::Done(reply) => return reply.expect("it is in time"),
                Turn::Died => panic!("it died of nothing"),
            }
        }
    }
}
