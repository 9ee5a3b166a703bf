//! Unchanged dialers on one outdial, some slow, some gone for good, with and without channels of their own:
//! nobody is called by two at once, no lease is given twice, and no target is stuck for ever.

use std::time::{Duration, Instant};

use bin_common_handler::{
    cachehandler::Cache,
    clock::Clock,
    config::{COMMON, Config},
    context::RequestContext,
    databasehandler::{Store, Value},
    models::error::Result,
    testing::sim::{Disk, Process, Sim, simulate},
};
use serde_json::json;
use uuid::Uuid;

use super::OutdialTargetHandler;
use crate::{
    MANAGER,
    models::{
        outdial::OutdialPatch,
        outdialtarget::{AvailableBody, OutdialTarget, TargetStatus},
    },
    outdialhandler::OutdialHandler,
};

const LEASE: Duration = Duration::from_secs(3);
const GUARD: Duration = Duration::from_secs(10);
const PROGRESSING_MAX: Duration = Duration::from_secs(6 * 3_600);
/// A refused caller puts `idle` before this: its `idle` is not looked for later.
const IDLE_WITHIN: Duration = Duration::from_secs(8);
/// SQLite's clock counts milliseconds.
const TICK: Duration = Duration::from_millis(2);

/// What a dialer is about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Doing {
    Nothing,
    /// It was handed a target, and has not called it yet.
    Holding(usize),
    /// It is calling.
    Calling(usize),
    /// It was refused at that time of the run, and has not put `idle` yet.
    Refused(usize, Duration),
    /// It will never be heard of again.
    Gone,
}

struct Dialer {
    /// Its channel, where it has its own.
    caller: Option<String>,
    doing: Doing,
}

/// What must be true of a target.
#[derive(Debug, Default, Clone)]
struct Target {
    id: Uuid,
    /// Leased at least until then, by the run's time.
    leased: Option<Duration>,
    tries: i32,
    is_done: bool,
}

/// The manager, over many runs.
struct Manager {
    process: Process,
    targets: OutdialTargetHandler,
    outdials: OutdialHandler,
}

impl Manager {
    fn new(disk: &Disk) -> Self {
        let process = Process::new(disk);
        process.run(MANAGER.migrations.up(&process.db)).unwrap();
        let (clock, cache) = (Clock::default(), Cache::local());
        let db = process.db.clone();
        let store = Store::new(db, clock, cache, Default::default(), "outdial", "sim");
        let settings: Vec<_> = COMMON.iter().chain(MANAGER.settings).copied().collect();
        let given = [("OUTDIAL_LEASE", "3s"), ("OUTDIAL_GUARD", "10s")];
        let config = Config::with_values(&settings, &given).unwrap();
        let outdials = OutdialHandler::new(store.clone(), &config);
        let targets = OutdialTargetHandler::new(store, outdials.clone(), &config);
        Self {
            process,
            targets,
            outdials,
        }
    }

    fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.process.run(work)
    }
}

struct World<'m> {
    manager: &'m Manager,
    outdial_id: Uuid,
    dialers: Vec<Dialer>,
    targets: Vec<Target>,
    /// Time that was made to pass; the clock's own goes by beside it.
    passed: Duration,
    began: Instant,
}

impl<'m> World<'m> {
    fn new(sim: &mut Sim, manager: &'m Manager) -> Self {
        let ctx = RequestContext::internal();
        let body: OutdialPatch = serde_json::from_value(json!({})).unwrap();
        let outdial = manager.run(manager.outdials.create(&ctx, body)).unwrap();
        let has_channels = sim.below(3);
        let dialer = |n: usize| Dialer {
            caller: (has_channels + n % 2 >= 2).then(|| format!("channel {n}")),
            doing: Doing::Nothing,
        };
        let target = |n: usize| {
            let address = json!({"type": "tel", "target": format!("+1415555{n:04}")});
            let body = serde_json::from_value(json!({ "destination_0": address })).unwrap();
            let made = manager.run(manager.targets.create(&ctx, outdial.id, body));
            Target {
                id: made.unwrap().id,
                ..Target::default()
            }
        };
        Self {
            manager,
            outdial_id: outdial.id,
            dialers: (0..2 + sim.below(3)).map(dialer).collect(),
            targets: (0..1 + sim.below(2)).map(target).collect(),
            passed: Duration::ZERO,
            began: Instant::now(),
        }
    }

    /// The time of this run: no earlier than the database's.
    fn now(&self) -> Duration {
        self.passed + self.began.elapsed() + TICK
    }

    fn ctx(&self, which: usize) -> RequestContext {
        RequestContext {
            caller: self.dialers[which].caller.clone(),
            ..RequestContext::internal()
        }
    }

    fn step(&mut self, sim: &mut Sim) {
        if sim.one_in(4) {
            let time = sim.duration(Duration::ZERO..Duration::from_secs(5));
            return self.pass(sim, time);
        }
        let which = sim.below(self.dialers.len());
        match self.dialers[which].doing {
            Doing::Gone => {}
            // A holder may think better of it; a caller may die.
            Doing::Nothing | Doing::Holding(_) if sim.one_in(20) => self.set(which, Doing::Gone),
            Doing::Nothing => self.ask(sim, which),
            Doing::Holding(_) if sim.one_in(8) => self.set(which, Doing::Nothing),
            Doing::Holding(target) => self.begin(sim, which, target),
            Doing::Calling(target) => {
                let is_reached = sim.one_in(4);
                self.end(sim, which, target, is_reached);
            }
            Doing::Refused(target, at) => self.give_back(sim, which, target, at),
        }
    }

    fn set(&mut self, which: usize, doing: Doing) {
        self.dialers[which].doing = doing;
    }

    /// Moves every time of the outdial back instead of the clock on. A refused caller is given no time to be
    /// late.
    fn pass(&mut self, sim: &mut Sim, time: Duration) {
        let late = self.now() + time;
        for which in 0..self.dialers.len() {
            if let Doing::Refused(target, at) = self.dialers[which].doing
                && late > at + IDLE_WITHIN
            {
                self.give_back(sim, which, target, at);
            }
        }
        sim.tell(|| format!("{time:?} pass"));
        self.passed += time;
        let sql = "UPDATE outdial_outdialtargets SET lease_until = lease_until - ?, \
                   refused_until = refused_until - ?, tm_update = tm_update - ? WHERE outdial_id = ?";
        let micros = Value::Int(i64::try_from(time.as_micros()).unwrap());
        let values = vec![
            micros.clone(),
            micros.clone(),
            micros,
            self.outdial_id.into(),
        ];
        let db = &self.manager.process.db;
        self.manager.process.run(db.execute(sql, values)).unwrap();
    }

    fn available(&self, which: usize) -> Vec<OutdialTarget> {
        let wanted = AvailableBody {
            try_count_0: Some(100),
            limit: Some(1),
            ..AvailableBody::default()
        };
        let ctx = self.ctx(which);
        let asked = self
            .manager
            .targets
            .available(&ctx, self.outdial_id, wanted);
        self.manager.run(asked).unwrap()
    }

    fn ask(&mut self, sim: &mut Sim, which: usize) {
        let asked_at = self.now() - TICK;
        let handed = self.available(which);
        let Some(handed) = handed.first() else {
            return sim.tell(|| format!("{which} is handed nothing"));
        };
        let target = self.position(handed.id);
        sim.tell(|| format!("{which} is handed {target}"));
        let now = self.now();
        let known = &mut self.targets[target];
        assert!(!known.is_done, "a target that is done was handed out");
        assert!(
            known.leased.is_none_or(|until| until <= now),
            "leased twice"
        );
        known.leased = Some(asked_at + LEASE);
        assert!(
            !self.is_called(target),
            "a target that is being called was handed out"
        );
        self.set(which, Doing::Holding(target));
    }

    fn position(&self, id: Uuid) -> usize {
        let found = self.targets.iter().position(|target| target.id == id);
        found.expect("a target of this outdial")
    }

    fn is_called(&self, target: usize) -> bool {
        let calls = |dialer: &Dialer| dialer.doing == Doing::Calling(target);
        self.dialers.iter().any(calls)
    }

    fn begin(&mut self, sim: &mut Sim, which: usize, target: usize) {
        let refused_at = self.now() - TICK;
        let ctx = self.ctx(which);
        let asked = self
            .manager
            .targets
            .progress(&ctx, self.targets[target].id, 0);
        let begun = self.manager.run(asked);
        sim.tell(|| format!("{which} begins to call {target}: {}", begun.is_ok()));
        match begun {
            Ok(_) => {
                assert!(!self.is_called(target), "called by two at once");
                let known = &mut self.targets[target];
                (known.leased, known.tries) = (None, known.tries + 1);
                self.set(which, Doing::Calling(target));
            }
            Err(error) => {
                assert_eq!(error.reason(), "OUTDIALTARGET_NOT_CALLABLE");
                self.set(which, Doing::Refused(target, refused_at));
            }
        }
    }

    /// Once in a while the dialer dies, and nobody tells how the call ended.
    fn end(&mut self, sim: &mut Sim, which: usize, target: usize, is_reached: bool) {
        if sim.one_in(12) {
            sim.tell(|| format!("{which} is gone"));
            return self.set(which, Doing::Gone);
        }
        sim.tell(|| format!("{which} ends its call of {target}, reached: {is_reached}"));
        self.set(which, Doing::Nothing);
        let status = if is_reached {
            TargetStatus::Done
        } else {
            TargetStatus::Idle
        };
        let after = self.put(which, target, status);
        assert!(
            !is_reached || after == TargetStatus::Done,
            "a result is obeyed"
        );
        self.targets[target].is_done = after == TargetStatus::Done;
    }

    /// As after every failure, the refused caller puts `idle`.
    fn give_back(&mut self, sim: &mut Sim, which: usize, target: usize, refused_at: Duration) {
        self.set(which, Doing::Nothing);
        let (was_called, was_done) = (self.is_called(target), self.targets[target].is_done);
        let after = self.put(which, target, TargetStatus::Idle);
        sim.tell(|| format!("{which}, refused, puts {target} idle: {after:?}"));
        assert!(
            self.now() < refused_at + GUARD,
            "this machine stood still for seconds: the run tells nothing"
        );
        assert!(
            !was_called || after == TargetStatus::Progressing,
            "the call of another was ended"
        );
        assert!(
            !was_done || after == TargetStatus::Done,
            "what was done is dialled again"
        );
    }

    fn put(&mut self, which: usize, target: usize, status: TargetStatus) -> TargetStatus {
        let ctx = self.ctx(which);
        let id = self.targets[target].id;
        let put = self.manager.targets.set_status(&ctx, id, status);
        let after = self.manager.run(put).unwrap().status;
        self.targets[target].leased = None;
        after
    }

    /// Calls end, leases and guards run out, and the reaper comes: every target that is not done is free.
    fn settle(&mut self, sim: &mut Sim) {
        for which in 0..self.dialers.len() {
            match self.dialers[which].doing {
                Doing::Calling(target) => self.end(sim, which, target, false),
                Doing::Refused(target, at) => self.give_back(sim, which, target, at),
                Doing::Nothing | Doing::Holding(_) | Doing::Gone => {}
            }
            self.set(which, Doing::Nothing);
        }
        self.pass(sim, PROGRESSING_MAX + GUARD);
        let reaper = self.manager.targets.reap(PROGRESSING_MAX);
        self.manager.process.run(reaper);
        self.targets
            .iter_mut()
            .for_each(|target| target.leased = None);
        for _ in self.targets.iter().filter(|target| !target.is_done) {
            assert!(!self.available(0).is_empty(), "a target is stuck");
        }
        assert!(self.available(0).is_empty(), "more than there are");
    }

    fn audit(&self) {
        #[derive(bin_common_handler::FromRow)]
        struct Open {
            open_calls: i64,
        }
        for target in &self.targets {
            let ctx = RequestContext::internal();
            let found = self
                .manager
                .run(self.manager.targets.get(&ctx, target.id))
                .unwrap();
            assert_eq!(found.try_count_0, target.tries, "each attempt counts once");
            let sql = "SELECT COUNT(*) AS open_calls FROM outdial_outdialtargetcalls \
                       WHERE outdial_target_id = ? AND status = 'progressing'";
            let db = &self.manager.process.db;
            let open: Vec<Open> = self
                .manager
                .process
                .run(db.fetch_all(sql, vec![target.id.into()]))
                .unwrap();
            assert_eq!(open[0].open_calls, 0, "an attempt was never closed");
        }
    }
}

#[test]
fn nobody_is_called_by_two_at_once_and_no_target_is_stuck() {
    let disk = Disk::new();
    let manager = Manager::new(&disk);
    simulate(200, |sim| {
        let mut world = World::new(sim, &manager);
        for _ in 0..20 + sim.below(60) {
            world.step(sim);
        }
        world.settle(sim);
        world.audit();
    });
}
