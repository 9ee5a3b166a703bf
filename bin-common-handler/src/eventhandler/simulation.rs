//! An embedded process that publishes and consumes, and a second consumer on the same table, while statements fail,
//! commits go unanswered, handlers fail and panic, and processes die: each event has one effect, in the order of its
//! entity, or is a dead letter.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use rand::{RngExt, rngs::SmallRng};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Events, consumer::EventQueue};
use crate::{
    cachehandler::Cache,
    clock::Clock,
    databasehandler::{ChangeTx, InjectedFault, Row, Store, Value, scratch},
    ids,
    metrics::Metrics,
    models::error::{Error, Result},
    notifyhandler::{Relay, RelayMetrics, Waker, outbox},
    sockhandler::{ReceivedEvent, Subscription, Transport, inprocess::InProcess},
    testing::sim::{Actor, Disk, Process, Sim, Turn, simulate},
    worker::Worker,
};

const PROCESSES: usize = 2;
/// The first publishes what the outbox has.
const PUBLISHER: usize = 0;
const ENTITIES: usize = 3;
const SECOND: i64 = 1_000_000;
/// Longer than all pauses together.
const LONG: i64 = 8 * 3_600 * SECOND;
const CALM_TURNS_MAX: usize = 4_000;

/// What handlers do, shared by all processes of a run.
#[derive(Clone)]
struct Fate {
    chance: Arc<Mutex<SmallRng>>,
    poison: Arc<Mutex<BTreeSet<(u128, i64)>>>,
    is_calm: Arc<Mutex<bool>>,
}

async fn charge(fate: Fate, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let (entity, version): (u64, i64) = event.data()?;
    let sql = "INSERT INTO t_effects (entity, version) VALUES (?, ?)";
    let values = vec![Value::Int(i64::try_from(entity).unwrap()), version.into()];
    tx.sql().execute(sql, values).await?;
    let fails = fate
        .poison
        .lock()
        .unwrap()
        .contains(&(entity.into(), version));
    let is_calm = *fate.is_calm.lock().unwrap();
    let one_in_four = fate.chance.lock().unwrap().random_range(0..4) == 0;
    if fails || (!is_calm && one_in_four) {
        return Err(Error::not_found("NO", "No."));
    }
    Ok(())
}

struct Member {
    process: Process,
    relay: Arc<Relay>,
    bus: InProcess,
    worker: Arc<Worker<EventQueue>>,
    publishing: Option<Actor<()>>,
    consuming: Option<Actor<()>>,
}

impl Member {
    fn new(disk: &Disk, clock: &Clock, fate: &Fate) -> Self {
        let process = Process::new(disk);
        process.wait_before_transactions();
        let (waker, metrics) = (Arc::<Waker>::default(), Metrics::new().unwrap());
        let store = Store::new(
            process.db.clone(),
            clock.clone(),
            Cache::local(),
            Arc::clone(&waker),
            "t",
            "sim",
        );
        let events = Events::new(store.clone(), metrics.clone(), "sim");
        events.on_with("sim.thing.#", fate.clone(), charge);
        let bus = InProcess::default();
        let subscription = Subscription {
            name: "sim".to_owned(),
            patterns: vec!["sim.thing.#".to_owned()],
            fanouts: Vec::new(),
            durable: true,
        };
        let collector = Arc::new(events.collector());
        drop(bus.collect(subscription, collector, CancellationToken::new()));
        let manager = metrics.for_manager("sim").unwrap();
        let figures = RelayMetrics {
            common: metrics,
            manager,
        };
        let transport = Arc::new(bus.clone());
        let relay = Relay::new(&store, waker, transport, figures, "sim", false);
        Self {
            process,
            relay: Arc::new(relay),
            bus,
            worker: Arc::new(events.worker()),
            publishing: None,
            consuming: None,
        }
    }

    fn publish(&mut self) -> Turn<()> {
        let (relay, bus) = (Arc::clone(&self.relay), self.bus.clone());
        let actor = self.publishing.get_or_insert_with(|| {
            Actor::new(async move {
                let mut lease = bus.lease("sim", "d").await.unwrap();
                let _ = relay.drain(&mut *lease, &CancellationToken::new()).await;
            })
        });
        let turn = self.process.turn(actor);
        if matches!(turn, Turn::Done(())) {
            self.publishing = None;
        }
        turn
    }

    fn consume(&mut self) -> Turn<()> {
        let worker = Arc::clone(&self.worker);
        let actor = self.consuming.get_or_insert_with(|| {
            Actor::new(async move {
                let _ = worker.work().await;
            })
        });
        let turn = self.process.turn(actor);
        if matches!(turn, Turn::Done(())) {
            self.consuming = None;
        }
        turn
    }
}

struct World<'d> {
    disk: &'d Disk,
    observer: &'d Process,
    clock: Clock,
    fate: Fate,
    members: [Member; PROCESSES],
    /// The newest version of each entity.
    versions: BTreeMap<u128, i64>,
    passed: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Effect {
    entity: i64,
    version: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Dead {
    message_id: String,
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    rows_there: i64,
}

impl<'d> World<'d> {
    fn new(sim: &mut Sim, disk: &'d Disk, observer: &'d Process) -> Self {
        let clock = Clock::default();
        let fate = Fate {
            chance: Arc::new(Mutex::new(sim.fork())),
            poison: Arc::default(),
            is_calm: Arc::default(),
        };
        for table in [
            "outbox",
            "incoming",
            "received",
            "seen_versions",
            "effects",
            "dead_letters",
        ] {
            let sql = format!("DELETE FROM t_{table}");
            observer.run(observer.db.execute(&sql, vec![])).unwrap();
        }
        Self {
            disk,
            observer,
            members: [(); PROCESSES].map(|()| Member::new(disk, &clock, &fate)),
            clock,
            fate,
            versions: BTreeMap::new(),
            passed: 0,
        }
    }

    fn rows<T: Row>(&self, sql: &str) -> Vec<T> {
        let db = &self.observer.db;
        self.observer.run(db.fetch_all(sql, vec![])).unwrap()
    }

    fn commit(&mut self, sim: &mut Sim) {
        let entity = sim.below(ENTITIES) as u128 + 1;
        let version = self.versions.get(&entity).copied().unwrap_or(0) + 1;
        self.versions.insert(entity, version);
        if sim.one_in(15) {
            self.fate.poison.lock().unwrap().insert((entity, version));
        }
        let values = vec![
            ids::next().into(),
            "thing_updated".into(),
            Uuid::from_u128(entity).into(),
            Uuid::nil().into(),
            Value::Int(version),
            format!("[{entity},{version}]").into(),
            Value::Int(0),
        ];
        sim.tell(|| format!("commit {entity} v{version}"));
        let insert = outbox::insert("t", 1);
        let written = self.observer.run(self.observer.db.execute(&insert, values));
        assert_eq!(written.unwrap(), 1);
    }

    fn turn(&mut self, sim: &mut Sim, which: usize, publishes: bool) {
        let member = &mut self.members[which];
        let turn = if publishes {
            member.publish()
        } else {
            member.consume()
        };
        sim.tell(|| format!("process {which}, publishes: {publishes}: {turn:?}"));
        if turn == Turn::Died {
            self.restart(which);
        }
    }

    fn restart(&mut self, which: usize) {
        self.members[which] = Member::new(self.disk, &self.clock, &self.fate);
    }

    fn pass(&mut self, micros: i64) {
        self.passed += micros;
        self.clock.shift(self.passed);
    }

    fn step(&mut self, sim: &mut Sim) {
        match sim.below(20) {
            0..=3 => self.commit(sim),
            4..=7 => self.turn(sim, PUBLISHER, true),
            8..=14 => {
                let which = sim.below(PROCESSES);
                self.turn(sim, which, false);
            }
            15..=16 => {
                let (which, nth) = (sim.below(PROCESSES), sim.below(9) as u64 + 1);
                let mishap = *sim.pick(&[InjectedFault::Lost, InjectedFault::Unanswered]);
                let is_fatal = sim.one_in(2);
                sim.tell(|| format!("process {which}: {mishap:?} in {nth}, fatal: {is_fatal}"));
                self.members[which].process.inject(nth, mishap, is_fatal);
            }
            17 => {
                let which = sim.below(PROCESSES);
                sim.tell(|| format!("process {which} is killed"));
                self.restart(which);
            }
            _ => self.pass(i64::try_from(sim.below(20)).unwrap() * SECOND),
        }
        self.check_order();
    }

    fn effects(&self) -> Vec<(u128, i64)> {
        let effects: Vec<Effect> = self.rows("SELECT entity, version FROM t_effects ORDER BY seq");
        let pairs = effects.iter().map(|effect| {
            let entity = u128::try_from(effect.entity).unwrap();
            (entity, effect.version)
        });
        pairs.collect()
    }

    fn check_order(&self) {
        let mut newest = BTreeMap::new();
        for (entity, version) in self.effects() {
            let before = newest.insert(entity, version).unwrap_or(0);
            assert!(before < version, "{entity} v{version} after v{before}");
        }
    }

    fn left(&self) -> i64 {
        let sql = "SELECT (SELECT COUNT(*) FROM t_outbox) + (SELECT COUNT(*) FROM t_incoming) AS rows_there";
        let left: Vec<Count> = self.rows(sql);
        left[0].rows_there
    }

    fn settle(&mut self, sim: &mut Sim) {
        *self.fate.is_calm.lock().unwrap() = true;
        for member in &self.members {
            member.process.clear_faults();
        }
        for turn in 0..CALM_TURNS_MAX {
            if self.left() == 0 {
                return;
            }
            if turn % 40 == 39 {
                self.pass(LONG);
            }
            if sim.one_in(3) {
                self.turn(sim, PUBLISHER, true);
            } else {
                let which = sim.below(PROCESSES);
                self.turn(sim, which, false);
            }
        }
        panic!("{} events are left", self.left());
    }

    /// Every event had its effect, but for those that cannot have one: they are dead letters.
    fn audit(&self) {
        self.check_order();
        let effects: BTreeSet<_> = self.effects().into_iter().collect();
        let poison = self.fate.poison.lock().unwrap().clone();
        for (entity, newest) in &self.versions {
            for version in 1..=*newest {
                let event = (*entity, version);
                let is_poison = poison.contains(&event);
                assert_eq!(
                    effects.contains(&event),
                    !is_poison,
                    "{event:?}, poison: {is_poison}"
                );
            }
        }
        let dead: Vec<Dead> = self.rows("SELECT message_id FROM t_dead_letters");
        let ids: BTreeSet<_> = dead.iter().map(|dead| &dead.message_id).collect();
        assert_eq!((dead.len(), ids.len()), (poison.len(), poison.len()));
    }
}

#[test]
fn each_event_has_one_effect_in_order_and_none_is_forgotten() {
    let disk = Disk::new();
    let observer = Process::new(&disk);
    observer.run(async {
        scratch::create_tables(&observer.db).await;
        let sql = "CREATE TABLE t_effects (seq INTEGER PRIMARY KEY AUTOINCREMENT, \
                   entity INTEGER NOT NULL, version INTEGER NOT NULL)";
        observer.db.execute(sql, vec![]).await.unwrap();
    });
    simulate(200, |sim| {
        let mut world = World::new(sim, &disk, &observer);
        for _ in 0..20 + sim.below(100) {
            world.step(sim);
        }
        world.commit(sim);
        world.settle(sim);
        world.audit();
    });
}
