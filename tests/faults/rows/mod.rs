//! The table: every fault that can be made, by what it hurts.

mod broker;
mod clock;
mod crash;
mod database;
mod deliveries;
mod events;
mod held;
mod line;
mod messages;
mod redis;
mod relay;
mod replica;
mod settings;
mod start;
mod stop;

use crate::fault::Fault;

/// Every fault, in the order in which each is made once.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    let tables = [
        broker::FAULTS,
        line::FAULTS,
        database::FAULTS,
        redis::FAULTS,
        crash::FAULTS,
        stop::FAULTS,
        replica::FAULTS,
        relay::FAULTS,
        clock::FAULTS,
        messages::FAULTS,
        deliveries::FAULTS,
        events::FAULTS,
        start::FAULTS,
        settings::FAULTS,
        held::FAULTS,
    ];
    tables.into_iter().flatten()
}
