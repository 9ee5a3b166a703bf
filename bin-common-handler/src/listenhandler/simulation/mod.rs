//! Requests delivered again and again, at once on two replicas, while statements fail, commits go unanswered
//! and processes die: each operation has one effect and one reply.

mod audit;
mod replica;
mod world;

use std::time::Duration;

use self::world::World;
use crate::{
    databasehandler::scratch,
    testing::sim::{Disk, Process, simulate},
};

const OPERATIONS: usize = 4;
/// Fewer names than operations: some must be refused.
const NAMES: usize = 2;
/// SQLite's clock counts milliseconds: what is to be older must be older by more than one.
const TICK: Duration = Duration::from_millis(2);
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

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
