//! Three ledgers that must agree: what callers were told, the rows, and the events that left.

mod dials;
mod entities;
mod events;
mod numbers;

use crate::{load::Book, load::Subject, tally::Tally, tenant::Tenants, world::World};

/// Holds them against each other, once everything has settled, and counts what does not agree.
pub async fn hold(world: &mut World, tenants: &Tenants, book: &Book, tally: &mut Tally) {
    tally.requests = book.requests;
    tally.acknowledged = book.acknowledged();
    tally.broken.extend(book.faults.iter().cloned());
    let World { outdial, did, .. } = world;
    for (team, parked) in [(&*outdial, "outdial_parked"), (&*did, "did_parked")] {
        let count = team.site.count(parked).await;
        tally.promise(count == 0, || format!("{count} events are parked"));
    }
    let heard = outdial.heard().await;
    tally.repeated += events::repeated(&heard);
    events::order_holds(&heard, tally);
    entities::agree(&outdial.site, Subject::Outdial, book, &heard, tally).await;
    dials::agree(&outdial.site, book, &heard, tally).await;

    let heard = did.heard().await;
    tally.repeated += events::repeated(&heard);
    entities::agree(&did.site, Subject::Pool, book, &heard, tally).await;
    for tenant in tenants.all() {
        numbers::agree(&did.site, tenant, book, &heard, tally).await;
    }
}
