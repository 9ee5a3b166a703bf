//! A process that may die: a runtime of its own, and a database that fails as it is told.

use std::path::{Path, PathBuf};

use tokio::{runtime, sync::mpsc};

use super::stage::{Actor, Arrival, Stage, Turn};
use crate::{
    databasehandler::{Db, Dsn, InjectedFault},
    ids,
};

/// Where files are in memory on Linux: a simulation waits for no disk.
const MEMORY: &str = "/dev/shm";

/// A database file that several processes share, gone with this value.
pub struct Disk(PathBuf);

impl Disk {
    /// An empty one.
    pub fn new() -> Self {
        let memory = Path::new(MEMORY);
        let parent = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = parent.join(format!("tandem-sim-{}", ids::next()));
        std::fs::create_dir_all(&folder).expect("a folder for the simulation");
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("sim.db")
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One of the processes on a disk. Dropped, it has died: whatever it was doing ends where it stood.
pub struct Process {
    // First, so that it ends before what it uses.
    runtime: runtime::Runtime,
    /// Its way to the database.
    pub db: Db,
    /// Where its work waits for its turn.
    pub stage: Stage,
    arrivals: mpsc::Receiver<Arrival>,
}

impl Process {
    /// A process that has just started.
    pub fn new(disk: &Disk) -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let db = Db::new(&Dsn::Sqlite(disk.file()), 1).expect("a pool");
        let (stage, arrivals) = Stage::new();
        Self {
            runtime,
            db,
            stage,
            arrivals,
        }
    }

    /// Runs something to its end, with nobody else acting.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The statement `nth` (from 1) of those to come goes wrong, and the process dies of it if `is_fatal`.
    pub fn inject(&self, nth: u64, mishap: InjectedFault, is_fatal: bool) {
        self.db.script().inject(nth, mishap, is_fatal);
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.db.script().clear_faults();
    }

    /// From now on work waits for its turn before it begins a transaction.
    pub fn wait_before_transactions(&self) {
        self.db.script().wait_on(self.stage.clone());
    }

    /// Lets an actor go on until it waits, is done, or its process dies. Whoever waits elsewhere stays there.
    pub fn turn<T>(&mut self, actor: &mut Actor<T>) -> Turn<T> {
        if let Some(go) = actor.go.take() {
            let _ = go.send(());
        }
        let (arrivals, db) = (&mut self.arrivals, &self.db);
        self.runtime.block_on(async {
            let turn = tokio::select! {
                biased;
                done = &mut actor.work => Turn::Done(done),
                Some(arrival) = arrivals.recv() => {
                    actor.go = Some(arrival.go);
                    Turn::At(arrival.place)
                }
                () = db.script().crashed() => return Turn::Died,
            };
            // A process that stands still must not hold up the others with what it was about to roll back.
            db.settled().await;
            turn
        })
    }
}
