//! Two relays on one outbox, while connections break, brokers refuse, statements fail and processes die: no
//! event is lost, and the last that is told of each entity is its newest.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use rand::{RngExt, rngs::SmallRng};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Relay, RelayMetrics, Waker, outbox};
use crate::{
    cachehandler::Cache,
    clock::Clock,
    databasehandler::{Db, InjectedFault, Store, Value, scratch},
    ids,
    metrics::Metrics,
    sockhandler::{Outgoing, PublisherLease, inprocess::InProcess},
    testing::sim::{Actor, Disk, Process, Sim, Stage, Turn, simulate},
};

const ENTITIES: usize = 3;
/// Turns within which a relay that nothing disturbs has told everything.
const CALM_TURNS_MAX: usize = 200;

/// One change, as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    entity: u128,
    version: i64,
    event_id: String,
}

/// The broker: who may publish, and everything that it took.
struct Broker {
    /// The connection that holds the exclusive queue.
    holder: Option<u64>,
    connections: u64,
    told: Vec<(String, i64)>,
    /// It refuses single messages now and then.
    refuses: bool,
    /// Connections break now and then.
    breaks: bool,
    chance: SmallRng,
}

type SharedBroker = Arc<Mutex<Broker>>;

fn lock(broker: &SharedBroker) -> MutexGuard<'_, Broker> {
    broker.lock().unwrap()
}

impl Broker {
    fn one_in(&mut self, times: u32) -> bool {
        self.chance.random_range(0..times) == 0
    }

    fn connect(&mut self) -> Option<u64> {
        if self.holder.is_some() {
            return None;
        }
        self.connections += 1;
        self.holder = Some(self.connections);
        self.holder
    }

    /// Takes messages in their order up to where the connection breaks; which of them it confirms.
    fn take(&mut self, connection: u64, events: &[Outgoing]) -> Vec<bool> {
        let mut confirmed = Vec::new();
        for event in events {
            if self.holder != Some(connection) {
                break;
            }
            let is_refused = self.refuses && self.one_in(8);
            if !is_refused {
                self.told.push((event.message_id.clone(), event.version));
            }
            confirmed.push(!is_refused);
            if self.breaks && self.one_in(12) {
                self.holder = None;
            }
        }
        confirmed
    }
}

/// The right to publish, as long as its connection lives.
struct SimLease {
    broker: SharedBroker,
    connection: u64,
    stage: Stage,
}

#[async_trait]
impl PublisherLease for SimLease {
    async fn publish(&mut self, events: &[Outgoing]) -> Vec<bool> {
        self.stage.wait("before publishing").await;
        let mut confirmed = lock(&self.broker).take(self.connection, events);
        self.stage.wait("before the confirms").await;
        let mut broker = lock(&self.broker);
        // Of a connection that broke, some confirms had come.
        if broker.holder != Some(self.connection) {
            let come = broker.chance.random_range(0..=confirmed.len());
            confirmed.truncate(come);
        }
        let first_gap = confirmed.iter().position(|ok| !ok);
        confirmed.truncate(first_gap.unwrap_or(confirmed.len()));
        confirmed.resize(events.len(), false);
        confirmed
    }

    fn is_held(&self) -> bool {
        lock(&self.broker).holder == Some(self.connection)
    }

    async fn woken(&mut self) {
        std::future::pending().await
    }

    async fn forward(&mut self, _queue: &str, _message_id: &str, _body: Vec<u8>) -> bool {
        true
    }
}

/// A process with a relay, which perhaps holds the lease.
struct Replica {
    process: Process,
    relay: Arc<Relay>,
    connection: Option<u64>,
    at_work: Option<Actor<bool>>,
}

impl Replica {
    fn new(disk: &Disk) -> Self {
        let process = Process::new(disk);
        Self {
            relay: Arc::new(relay(&process.db)),
            process,
            connection: None,
            at_work: None,
        }
    }
}

fn relay(db: &Db) -> Relay {
    let waker = Arc::<Waker>::default();
    let (clock, cache) = (Clock::default(), Cache::local());
    let store = Store::new(db.clone(), clock, cache, Arc::clone(&waker), "t", "sim");
    let common = Metrics::new().unwrap();
    let manager = common.for_manager("sim").unwrap();
    let (transport, metrics) = (
        Arc::new(InProcess::default()),
        RelayMetrics { common, manager },
    );
    Relay::new(&store, waker, transport, metrics, "sim", false)
}

struct World<'d> {
    disk: &'d Disk,
    /// Looks, and commits what others changed.
    observer: &'d Process,
    broker: SharedBroker,
    replicas: [Replica; 2],
    committed: Vec<Change>,
}

impl<'d> World<'d> {
    fn new(sim: &mut Sim, disk: &'d Disk, observer: &'d Process) -> Self {
        let broker = Broker {
            holder: None,
            connections: 0,
            told: Vec::new(),
            refuses: sim.one_in(2),
            breaks: sim.one_in(2),
            chance: sim.fork(),
        };
        Self {
            disk,
            observer,
            broker: Arc::new(Mutex::new(broker)),
            replicas: [Replica::new(disk), Replica::new(disk)],
            committed: Vec::new(),
        }
    }

    fn commit(&mut self, sim: &mut Sim) {
        let entity = sim.below(ENTITIES) as u128 + 1;
        let earlier = self
            .committed
            .iter()
            .filter(|change| change.entity == entity);
        let version = 1 + i64::try_from(earlier.count()).unwrap();
        let event_id = ids::next();
        let values = vec![
            event_id.into(),
            "thing_updated".into(),
            Uuid::from_u128(entity).into(),
            Uuid::nil().into(),
            Value::Int(version),
            "{}".into(),
            Value::Int(0),
        ];
        let insert = outbox::insert("t", 1);
        let written = self.observer.run(self.observer.db.execute(&insert, values));
        assert_eq!(written.unwrap(), 1);
        sim.tell(|| format!("commit {entity} v{version} {event_id}"));
        self.committed.push(Change {
            entity,
            version,
            event_id: event_id.to_string(),
        });
    }

    /// Lets a replica go on: it takes the lease where that is free, and publishes what waits.
    fn turn(&mut self, sim: &mut Sim, which: usize) {
        let replica = &mut self.replicas[which];
        if replica.at_work.is_none() {
            replica.connection = replica.connection.or_else(|| lock(&self.broker).connect());
            let Some(connection) = replica.connection else {
                return;
            };
            let mut lease = SimLease {
                broker: Arc::clone(&self.broker),
                connection,
                stage: replica.process.stage.clone(),
            };
            let relay = Arc::clone(&replica.relay);
            replica.at_work = Some(Actor::new(async move {
                let done = relay.drain(&mut lease, &CancellationToken::new()).await;
                matches!(done, Ok(true) | Err(_)) && lease.is_held()
            }));
        }
        let Some(actor) = &mut replica.at_work else {
            return;
        };
        let turn = replica.process.turn(actor);
        sim.tell(|| format!("replica {which}: {turn:?}"));
        match turn {
            Turn::At(_) => return,
            Turn::Died => self.restart(which),
            Turn::Done(keeps_lease) => {
                replica.at_work = None;
                if !keeps_lease {
                    self.disconnect(which);
                }
            }
        }
        self.check();
    }

    fn disconnect(&mut self, which: usize) {
        let connection = self.replicas[which].connection.take();
        let mut broker = lock(&self.broker);
        if connection.is_some() && broker.holder == connection {
            broker.holder = None;
        }
    }

    fn restart(&mut self, which: usize) {
        self.disconnect(which);
        self.replicas[which] = Replica::new(self.disk);
    }

    fn step(&mut self, sim: &mut Sim) {
        match sim.below(16) {
            0..=4 => self.commit(sim),
            5..=12 => {
                let which = sim.below(2);
                self.turn(sim, which);
            }
            13 => {
                let (which, nth) = (sim.below(2), sim.below(4) as u64 + 1);
                let mishap = *sim.pick(&[InjectedFault::Lost, InjectedFault::Unanswered]);
                let is_fatal = sim.one_in(2);
                sim.tell(|| format!("replica {which}: {mishap:?} in {nth}, fatal: {is_fatal}"));
                self.replicas[which].process.inject(nth, mishap, is_fatal);
            }
            14 => {
                let which = sim.below(2);
                sim.tell(|| format!("replica {which} is killed"));
                self.restart(which);
            }
            _ => {
                sim.tell(|| "the broker closes the connection".to_owned());
                lock(&self.broker).holder = None;
            }
        }
    }

    /// What is gone from the outbox was told, and so was everything of its entity before it.
    fn check(&self) {
        #[derive(bin_common_handler::FromRow)]
        struct Left {
            event_id: Uuid,
        }
        let sql = "SELECT event_id FROM t_outbox";
        let left: Vec<Left> = self
            .observer
            .run(self.observer.db.fetch_all(sql, vec![]))
            .unwrap();
        let left: BTreeSet<String> = left.iter().map(|row| row.event_id.to_string()).collect();
        let broker = lock(&self.broker);
        let told: BTreeSet<&str> = broker.told.iter().map(|(id, _)| id.as_str()).collect();
        for gone in &self.committed {
            if left.contains(&gone.event_id) {
                continue;
            }
            let up_to = self
                .committed
                .iter()
                .filter(|change| change.entity == gone.entity && change.version <= gone.version);
            for change in up_to {
                let id = change.event_id.as_str();
                assert!(
                    told.contains(id),
                    "{change:?} was not told when {gone:?} was removed"
                );
            }
        }
    }

    /// Nothing fails any more: one relay tells the rest.
    fn settle(&mut self, sim: &mut Sim) {
        {
            let mut broker = lock(&self.broker);
            (broker.refuses, broker.breaks) = (false, false);
        }
        for which in 0..2 {
            self.replicas[which].process.clear_faults();
        }
        // The other sleeps wherever it stands, and its connection is gone.
        let which = sim.below(2);
        self.disconnect(1 - which);
        for _ in 0..CALM_TURNS_MAX {
            self.turn(sim, which);
            if self.replicas[which].at_work.is_none() && self.waiting() == 0 {
                return;
            }
        }
        panic!("{} events were never told", self.waiting());
    }

    fn waiting(&self) -> usize {
        #[derive(bin_common_handler::FromRow)]
        struct Count {
            rows_left: i64,
        }
        let sql = "SELECT COUNT(*) AS rows_left FROM t_outbox";
        let count: Option<Count> = self
            .observer
            .run(self.observer.db.fetch_optional(sql, vec![]))
            .unwrap();
        usize::try_from(count.unwrap().rows_left).unwrap()
    }

    /// The last that was told of each entity is its newest state; without refusals no older one was told for
    /// the first time after a newer one.
    fn audit(&self, refused_any: bool) {
        self.check();
        let broker = lock(&self.broker);
        let entities: BTreeMap<&str, &Change> = self
            .committed
            .iter()
            .map(|change| (change.event_id.as_str(), change))
            .collect();
        let (mut last, mut newest, mut known) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for (id, version) in &broker.told {
            let change = entities[id.as_str()];
            assert_eq!(*version, change.version, "one id, one event");
            last.insert(change.entity, *version);
            if known.insert(id) {
                let before = newest.insert(change.entity, *version).unwrap_or(0);
                assert!(
                    refused_any || before < *version,
                    "v{version} after v{before}"
                );
            }
        }
        let newest: BTreeMap<u128, i64> = self
            .committed
            .iter()
            .map(|change| (change.entity, change.version))
            .collect();
        assert_eq!(last, newest, "the last event of an entity is its row");
    }
}

#[test]
fn no_event_is_lost_and_the_last_of_each_entity_is_its_newest() {
    let disk = Disk::new();
    let observer = Process::new(&disk);
    observer.run(scratch::create_tables(&observer.db));
    simulate(300, |sim| {
        let mut world = World::new(sim, &disk, &observer);
        let refused_any = lock(&world.broker).refuses;
        for _ in 0..20 + sim.below(60) {
            world.step(sim);
        }
        world.commit(sim);
        world.settle(sim);
        world.audit(refused_any);
    });
}
