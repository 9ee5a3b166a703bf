//! Timers set, moved and cancelled while two replicas fire them, statements fail, commits go unanswered,
//! handlers fail and panic, and processes die: each setting of a timer has one effect, or was moved, cancelled or
//! given up before it had any.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use rand::{RngExt, rngs::SmallRng};
use uuid::Uuid;

use super::{Timer, Timers, runner::KindQueue};
use crate::{
    cachehandler::Cache,
    clock::Clock,
    context::RequestContext,
    databasehandler::{ChangeTx, EventPayload, InjectedFault, Store, Value, scratch},
    metrics::Metrics,
    models::error::{Error, Result},
    testing::sim::{Actor, Disk, Process, Sim, Turn, simulate},
    worker::Worker,
};

const KIND: &str = "close";
const REPLICAS: usize = 2;
const ENTITIES: usize = 4;
const SECOND: i64 = 1_000_000;
/// Longer than all pauses together.
const LONG: i64 = 8 * 3_600 * SECOND;
/// Looks at the queue within which everything ends once nothing fails any more.
const CALM_TURNS_MAX: usize = 3_000;

/// What handlers do, shared by all processes of a run.
#[derive(Clone)]
struct Fate {
    chance: Arc<Mutex<SmallRng>>,
    /// Settings whose handler always fails.
    poison: Arc<Mutex<BTreeSet<i64>>>,
    is_calm: Arc<Mutex<bool>>,
}

async fn fire(fate: Fate, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let setting: i64 = timer.payload()?;
    let sql = "INSERT INTO t_effects (setting) VALUES (?)";
    tx.sql().execute(sql, vec![setting.into()]).await?;
    let payload = EventPayload {
        resource_id: timer.entity_id,
        customer_id: Uuid::nil(),
        version: tx.now(),
        data: setting.to_string(),
    };
    tx.emit_payload("thing_closed", payload).await?;
    let is_poison = fate.poison.lock().unwrap().contains(&setting);
    let is_calm = *fate.is_calm.lock().unwrap();
    let one_in_four = fate.chance.lock().unwrap().random_range(0..4) == 0;
    if is_poison || (!is_calm && one_in_four) {
        return Err(Error::not_found("NO", "No."));
    }
    Ok(())
}

struct Replica {
    process: Process,
    worker: Arc<Worker<KindQueue>>,
    at_work: Option<Actor<()>>,
}

impl Replica {
    fn new(disk: &Disk, clock: &Clock, fate: &Fate) -> Self {
        let process = Process::new(disk);
        process.wait_before_transactions();
        let timers = Timers::new(store(&process, clock), Metrics::new().unwrap(), "sim");
        timers.on_with(KIND, fate.clone(), fire);
        Self {
            process,
            worker: Arc::new(timers.workers().unwrap().remove(0)),
            at_work: None,
        }
    }
}

fn store(process: &Process, clock: &Clock) -> Store {
    let (db, cache) = (process.db.clone(), Cache::local());
    Store::new(db, clock.clone(), cache, Arc::default(), "t", "sim")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It may fire.
    Set,
    /// It was moved or cancelled before it had an effect.
    Gone,
    /// It had its effect when somebody wanted to move or cancel it.
    Fired,
}

struct World<'d> {
    disk: &'d Disk,
    observer: &'d Process,
    store: Store,
    clock: Clock,
    fate: Fate,
    replicas: [Replica; REPLICAS],
    /// The settings, by number.
    settings: Vec<Known>,
    /// The last setting of each entity.
    last: BTreeMap<usize, usize>,
    passed: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Effect {
    setting: i64,
    times: i64,
}

#[derive(bin_common_handler::FromRow)]
struct Dead {
    payload: Vec<u8>,
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
        let world = Self {
            disk,
            observer,
            store: store(observer, &clock),
            replicas: [(); REPLICAS].map(|()| Replica::new(disk, &clock, &fate)),
            clock,
            fate,
            settings: Vec::new(),
            last: BTreeMap::new(),
            passed: 0,
        };
        for table in ["t_timers", "t_effects", "t_outbox", "t_dead_letters"] {
            let sql = format!("DELETE FROM {table}");
            observer.run(observer.db.execute(&sql, vec![])).unwrap();
        }
        world
    }

    fn rows<T: crate::databasehandler::Row>(&self, sql: &str) -> Vec<T> {
        let db = &self.observer.db;
        self.observer.run(db.fetch_all(sql, vec![])).unwrap()
    }

    fn effects(&self) -> BTreeMap<usize, i64> {
        let sql = "SELECT setting, COUNT(*) AS times FROM t_effects GROUP BY setting";
        let effects: Vec<Effect> = self.rows(sql);
        let pairs = effects.into_iter().map(|effect| {
            let setting = usize::try_from(effect.setting).unwrap();
            (setting, effect.times)
        });
        pairs.collect()
    }

    fn dead(&self) -> BTreeSet<usize> {
        let dead: Vec<Dead> = self.rows("SELECT payload FROM t_dead_letters");
        let numbers = dead
            .iter()
            .map(|dead| std::str::from_utf8(&dead.payload).unwrap().parse().unwrap());
        numbers.collect()
    }

    /// What became of an entity's last setting, now that it is moved or cancelled.
    fn retire(&mut self, entity: usize) {
        if let Some(last) = self.last.remove(&entity) {
            let is_over = self.effects().contains_key(&last) || self.dead().contains(&last);
            self.settings[last] = if is_over { Known::Fired } else { Known::Gone };
        }
    }

    fn schedule(&mut self, sim: &mut Sim) {
        let entity = sim.below(ENTITIES);
        let setting = self.settings.len();
        let seconds = i64::try_from(sim.below(40)).unwrap() - 10;
        let is_poison = sim.one_in(12);
        sim.tell(|| format!("{entity} is set: {setting} in {seconds} s, poison: {is_poison}"));
        let number = i64::try_from(setting).unwrap();
        if is_poison {
            self.fate.poison.lock().unwrap().insert(number);
        }
        self.retire(entity);
        let at = self.clock.now().micros() + seconds * SECOND;
        let at = crate::models::time::Timestamp::from_micros(at);
        let id = Uuid::from_u128(entity as u128);
        let ctx = RequestContext::internal();
        self.observer.run(async {
            let mut tx = self.store.begin(&ctx).await.unwrap();
            tx.schedule(KIND, id, at, &number).await.unwrap();
            tx.commit(()).await.unwrap();
        });
        self.settings.push(Known::Set);
        self.last.insert(entity, setting);
    }

    fn cancel(&mut self, sim: &mut Sim) {
        let entity = sim.below(ENTITIES);
        sim.tell(|| format!("{entity} is cancelled"));
        self.retire(entity);
        let id = Uuid::from_u128(entity as u128);
        let ctx = RequestContext::internal();
        self.observer.run(async {
            let mut tx = self.store.begin(&ctx).await.unwrap();
            tx.cancel(KIND, id).await.unwrap();
            tx.commit(()).await.unwrap();
        });
    }

    fn turn(&mut self, sim: &mut Sim, which: usize) {
        let replica = &mut self.replicas[which];
        let worker = Arc::clone(&replica.worker);
        let actor = replica.at_work.get_or_insert_with(|| {
            Actor::new(async move {
                let _ = worker.work().await;
            })
        });
        let turn = replica.process.turn(actor);
        sim.tell(|| format!("replica {which}: {turn:?}"));
        match turn {
            Turn::At(_) => {}
            Turn::Done(()) => replica.at_work = None,
            Turn::Died => self.restart(which),
        }
    }

    fn restart(&mut self, which: usize) {
        self.replicas[which] = Replica::new(self.disk, &self.clock, &self.fate);
    }

    fn pass(&mut self, micros: i64) {
        self.passed += micros;
        self.clock.shift(self.passed);
    }

    fn step(&mut self, sim: &mut Sim) {
        match sim.below(20) {
            0..=3 => self.schedule(sim),
            4 => self.cancel(sim),
            5..=13 => {
                let which = sim.below(REPLICAS);
                self.turn(sim, which);
            }
            14..=15 => {
                let (which, nth) = (sim.below(REPLICAS), sim.below(6) as u64 + 1);
                let mishap = *sim.pick(&[InjectedFault::Lost, InjectedFault::Unanswered]);
                let is_fatal = sim.one_in(2);
                sim.tell(|| format!("replica {which}: {mishap:?} in {nth}, fatal: {is_fatal}"));
                self.replicas[which].process.inject(nth, mishap, is_fatal);
            }
            16 => {
                let which = sim.below(REPLICAS);
                sim.tell(|| format!("replica {which} is killed"));
                self.restart(which);
            }
            _ => {
                let seconds = i64::try_from(sim.below(20)).unwrap();
                sim.tell(|| format!("{seconds} s pass"));
                self.pass(seconds * SECOND);
            }
        }
    }

    /// Nothing fails any more but what always does; time goes by until nothing is left.
    fn settle(&mut self, sim: &mut Sim) {
        *self.fate.is_calm.lock().unwrap() = true;
        for which in 0..REPLICAS {
            self.replicas[which].process.clear_faults();
        }
        for turn in 0..CALM_TURNS_MAX {
            if turn % 20 == 19 {
                self.pass(LONG);
            }
            let which = sim.below(REPLICAS);
            self.turn(sim, which);
            let left: Vec<Count> = self.rows("SELECT COUNT(*) AS rows_there FROM t_timers");
            if left[0].rows_there == 0 {
                return;
            }
        }
        panic!("timers are left that never fired");
    }

    fn audit(&self) {
        let (effects, dead) = (self.effects(), self.dead());
        for (setting, known) in self.settings.iter().enumerate() {
            let times = effects.get(&setting).copied().unwrap_or(0);
            let is_dead = dead.contains(&setting);
            let number = i64::try_from(setting).unwrap();
            let is_poison = self.fate.poison.lock().unwrap().contains(&number);
            assert!(times <= 1, "setting {setting} had {times} effects");
            assert!(
                !(is_dead && times > 0),
                "setting {setting} fired and is given up"
            );
            assert!(
                !(is_poison && times > 0),
                "setting {setting} cannot have fired"
            );
            let is_over = is_dead || times == 1;
            match known {
                Known::Set => assert!(is_over, "setting {setting} is lost"),
                Known::Fired => assert!(is_over, "setting {setting} is forgotten"),
                Known::Gone => assert!(!is_over, "setting {setting} came after its end"),
            }
        }
        let events: Vec<Count> = self.rows("SELECT COUNT(*) AS rows_there FROM t_outbox");
        let fired = i64::try_from(effects.len()).unwrap();
        assert_eq!(events[0].rows_there, fired, "an event for each effect");
    }
}

#[test]
fn each_setting_has_one_effect_and_none_is_lost() {
    let disk = Disk::new();
    let observer = Process::new(&disk);
    observer.run(async {
        scratch::create_tables(&observer.db).await;
        let sql = "CREATE TABLE t_effects (setting INTEGER NOT NULL)";
        let values: Vec<Value> = vec![];
        observer.db.execute(sql, values).await.unwrap();
    });
    simulate(200, |sim| {
        let mut world = World::new(sim, &disk, &observer);
        for _ in 0..20 + sim.below(80) {
            world.step(sim);
        }
        world.settle(sim);
        world.audit();
    });
}
