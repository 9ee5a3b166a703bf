//! Two replicas that give out one tenant's numbers, while statements fail, commits go unanswered and
//! processes die: no cap is overrun, each call has one number however often it is asked for, and "none" is
//! said only when there is none.

use std::collections::{BTreeMap, VecDeque};

use bin_common_handler::{
    cachehandler::Cache,
    clock::Clock,
    context::RequestContext,
    databasehandler::{InjectedFault, Store, Value},
    ids,
    metrics::Metrics,
    models::error::{Error, Result},
    testing::sim::{Actor, Disk, Process, Sim, Turn, simulate},
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Ask, Fields, Outcome, Question, shard::Shard};
use crate::{
    MANAGER,
    dbhandler::states,
    models::{customer::Customer, did::Did},
    privacy::Privacy,
};

const REPLICAS: usize = 2;
const DAY_HOURS: i64 = 24;
/// Turns within which everybody is answered once nothing fails any more.
const CALM_TURNS_MAX: usize = 500;

/// A call that somebody wants a number for.
struct Wanted {
    uniqueid: String,
    phone: String,
    number: Option<String>,
    is_refused: bool,
}

struct Replica {
    process: Process,
    /// At home while it serves nobody.
    shard: Option<Shard>,
    at_work: Option<Actor<Shard>>,
    asked: Vec<(usize, oneshot::Receiver<Result<Outcome>>)>,
}

impl Replica {
    fn new(disk: &Disk) -> Self {
        let process = Process::new(disk);
        process.wait_before_transactions();
        let groups = Metrics::new().unwrap().group_requests;
        let groups = groups.with_label_values(&["sim"]);
        let shard = Shard::new(store(&process), Privacy::default(), groups);
        Self {
            process,
            shard: Some(shard),
            at_work: None,
            asked: Vec::new(),
        }
    }
}

fn store(process: &Process) -> Store {
    let (clock, cache) = (Clock::default(), Cache::local());
    Store::new(
        process.db.clone(),
        clock,
        cache,
        Default::default(),
        "did",
        "sim",
    )
}

struct World<'d> {
    disk: &'d Disk,
    observer: &'d Process,
    replicas: [Replica; REPLICAS],
    customer_id: Uuid,
    cap: i32,
    dids: Vec<Did>,
    wanted: Vec<Wanted>,
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    rows_there: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Given {
    did_id: Uuid,
    number: String,
    uniqueid: String,
}

impl<'d> World<'d> {
    fn new(sim: &mut Sim, disk: &'d Disk, observer: &'d Process) -> Self {
        let customer_id = ids::next();
        let did = |n: usize| Did {
            id: ids::next(),
            customer_id,
            number: format!("+1415555{n:04}"),
            seq: 1,
            ..Did::default()
        };
        let call = |n: usize| Wanted {
            uniqueid: format!("{n}.1"),
            phone: format!("41522200{n:02}"),
            number: None,
            is_refused: false,
        };
        let world = Self {
            disk,
            observer,
            replicas: [Replica::new(disk), Replica::new(disk)],
            customer_id,
            cap: i32::try_from(1 + sim.below(4)).unwrap(),
            dids: (0..1 + sim.below(4)).map(did).collect(),
            wanted: (0..4 + sim.below(10)).map(call).collect(),
        };
        world.observer.run(world.write()).unwrap();
        world
    }

    /// The tenant, in the middle of its day.
    async fn write(&self) -> Result<()> {
        let store = store(self.observer);
        let hour = store.clock.now().micros() / 3_600_000_000 % DAY_HOURS;
        let customer = Customer {
            id: self.customer_id,
            customer_id: self.customer_id,
            timezone: "UTC".to_owned(),
            day_start: format!("{:02}:00", (hour + DAY_HOURS / 2) % DAY_HOURS),
            did_daily_cap: self.cap,
            did_hourly_cap: 0,
            did_cooldown_seconds: 0,
            ..Customer::default()
        };
        let ctx = RequestContext::internal();
        let mut tx = store.begin(&ctx).await?;
        tx.insert(&customer).await?;
        tx.insert_all(&self.dids).await?;
        let dids: Vec<_> = self.dids.iter().map(|did| did.id).collect();
        states::insert(&mut tx, self.customer_id, &dids).await?;
        let version = "INSERT INTO did_versions (customer_id, version) VALUES (?, 1)";
        tx.sql()
            .execute(version, vec![self.customer_id.into()])
            .await?;
        tx.commit(()).await
    }

    fn step(&mut self, sim: &mut Sim) {
        match sim.below(12) {
            0..=8 => {
                let which = sim.below(REPLICAS);
                self.turn(sim, which);
            }
            9..=10 => {
                let (which, nth) = (sim.below(REPLICAS), sim.below(14) as u64 + 1);
                let mishap = *sim.pick(&[InjectedFault::Lost, InjectedFault::Unanswered]);
                let is_fatal = sim.one_in(3);
                sim.tell(|| format!("replica {which}: {mishap:?} in {nth}, fatal: {is_fatal}"));
                self.replicas[which].process.inject(nth, mishap, is_fatal);
            }
            _ => {
                let which = sim.below(REPLICAS);
                sim.tell(|| format!("replica {which} is killed"));
                self.replicas[which] = Replica::new(self.disk);
            }
        }
    }

    /// Lets a replica go on with its group, or gives it another.
    fn turn(&mut self, sim: &mut Sim, which: usize) {
        if self.replicas[which].at_work.is_none() {
            let group = (0..1 + sim.below(5)).map(|_| sim.below(self.wanted.len()));
            let group = group.collect();
            self.begin(sim, which, group);
        }
        let replica = &mut self.replicas[which];
        let actor = replica.at_work.as_mut().expect("it is at work");
        match replica.process.turn(actor) {
            Turn::At(place) => sim.tell(|| format!("replica {which}: {place}")),
            Turn::Died => {
                sim.tell(|| format!("replica {which} died"));
                *replica = Replica::new(self.disk);
            }
            Turn::Done(shard) => {
                (replica.shard, replica.at_work) = (Some(shard), None);
                let asked = std::mem::take(&mut replica.asked);
                for (call, answer) in asked {
                    self.hear(sim, call, answer);
                }
            }
        }
    }

    /// The same call may stand in a group twice.
    fn begin(&mut self, sim: &mut Sim, which: usize, group: Vec<usize>) {
        sim.tell(|| format!("replica {which} is asked for {group:?}"));
        let (mut waiting, mut asked) = (VecDeque::new(), Vec::new());
        for call in group {
            let (reply, answer) = oneshot::channel();
            waiting.push_back(Ask {
                question: self.question(call),
                reply,
                tries: 0,
                is_alone: false,
            });
            asked.push((call, answer));
        }
        let replica = &mut self.replicas[which];
        let mut shard = replica.shard.take().expect("it is at home");
        replica.asked = asked;
        replica.at_work = Some(Actor::new(async move {
            while !waiting.is_empty() {
                shard.serve_next(&mut waiting).await;
            }
            shard
        }));
    }

    fn question(&self, call: usize) -> Question {
        Question {
            customer_id: self.customer_id,
            access_key_id: None,
            fields: Fields {
                uniqueid: self.wanted[call].uniqueid.clone(),
                phone: self.wanted[call].phone.clone(),
                ..Fields::default()
            },
            operation: None,
            is_dry_run: false,
        }
    }

    fn hear(&mut self, sim: &mut Sim, call: usize, mut answer: oneshot::Receiver<Result<Outcome>>) {
        let answer = answer.try_recv().expect("everybody is answered");
        sim.tell(|| format!("call {call}: {}", told(&answer)));
        match answer {
            Ok(Outcome::Number(given)) => {
                let wanted = &mut self.wanted[call];
                let number = wanted.number.get_or_insert(given.selected_did.clone());
                assert_eq!(*number, given.selected_did, "call {call} got two numbers");
            }
            Ok(Outcome::Ended(_)) => panic!("it was no result"),
            Err(error) if error.reason() == "NO_DID_AVAILABLE" => {
                assert_eq!(
                    self.usages(""),
                    self.capacity(),
                    "a number was left: {error}"
                );
                let own = format!("AND uniqueid = '{}'", self.wanted[call].uniqueid);
                assert_eq!(self.usages(&own), 0, "it was counted, and refused");
                self.wanted[call].is_refused = true;
            }
            // To be asked for again.
            Err(error) => assert_eq!(error.reason(), "DATABASE_UNAVAILABLE", "{error}"),
        }
    }

    fn capacity(&self) -> i64 {
        i64::from(self.cap) * i64::try_from(self.dids.len()).unwrap()
    }

    fn usages(&self, and: &str) -> i64 {
        let sql =
            format!("SELECT COUNT(*) AS rows_there FROM did_usages WHERE customer_id = ? {and}");
        let values = vec![Value::from(self.customer_id)];
        let db = &self.observer.db;
        let count: Option<Count> = self.observer.run(db.fetch_optional(&sql, values)).unwrap();
        count.unwrap().rows_there
    }

    /// Nothing fails any more: everybody asks until they know.
    fn settle(&mut self, sim: &mut Sim) {
        self.replicas
            .iter()
            .for_each(|replica| replica.process.clear_faults());
        for _ in 0..CALM_TURNS_MAX {
            let open = |wanted: &Wanted| wanted.number.is_none() && !wanted.is_refused;
            let call = self.wanted.iter().position(open);
            let is_busy = |replica: &Replica| replica.at_work.is_some();
            let busy = self.replicas.iter().position(is_busy);
            match (busy, call) {
                (None, None) => return,
                (Some(which), _) => self.turn(sim, which),
                (None, Some(call)) => {
                    let which = sim.below(REPLICAS);
                    self.begin(sim, which, vec![call]);
                }
            }
        }
        panic!("somebody was never answered");
    }

    fn audit(&self) {
        let sql = "SELECT did_id, number, uniqueid FROM did_usages WHERE customer_id = ?";
        let db = &self.observer.db;
        let values = vec![Value::from(self.customer_id)];
        let given: Vec<Given> = self.observer.run(db.fetch_all(sql, values)).unwrap();
        let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
        let mut counts: BTreeMap<Uuid, i64> = BTreeMap::new();
        for usage in &given {
            *counts.entry(usage.did_id).or_default() += 1;
            let twice = numbers.insert(&usage.uniqueid, &usage.number);
            assert!(twice.is_none(), "call {} was counted twice", usage.uniqueid);
        }
        for wanted in &self.wanted {
            let counted = numbers.get(wanted.uniqueid.as_str()).copied();
            assert_eq!(
                counted,
                wanted.number.as_deref(),
                "call {}",
                wanted.uniqueid
            );
        }
        let states = self
            .observer
            .run(states::of_customer(db, self.customer_id))
            .unwrap();
        for state in states {
            let count = counts.get(&state.did_id).copied().unwrap_or(0);
            assert!(
                count <= i64::from(self.cap),
                "{count} calls over {}",
                self.cap
            );
            assert_eq!((state.total, i64::from(state.day_count)), (count, count));
        }
    }
}

fn told(answer: &Result<Outcome>) -> String {
    match answer {
        Ok(Outcome::Number(given)) => given.selected_did.clone(),
        Ok(Outcome::Ended(status)) => status.as_str().to_owned(),
        Err(error) => Error::reason(error).to_owned(),
    }
}

#[test]
fn no_cap_is_overrun_and_every_call_keeps_its_number() {
    let disk = Disk::new();
    let observer = Process::new(&disk);
    observer.run(MANAGER.migrations.up(&observer.db)).unwrap();
    simulate(150, |sim| {
        let mut world = World::new(sim, &disk, &observer);
        for _ in 0..10 + sim.below(40) {
            world.step(sim);
        }
        world.settle(sim);
        world.audit();
    });
}
