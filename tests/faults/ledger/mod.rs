//! Three ledgers that must agree: what callers were told, the rows, and the events that left.

mod dials;
mod entities;
mod events;
mod numbers;
mod sales;
mod texts;

use crate::{
    load::{Book, Subject},
    market::Market,
    tally::Tally,
    tenant::Tenants,
    texts::Texts,
    world::World,
};

pub use sales::let_time_pass;

/// Holds them against each other, once everything has settled, and counts what does not agree.
pub async fn hold(
    world: &mut World,
    tenants: &Tenants,
    market: &Market,
    book: &Book,
    tally: &mut Tally,
) {
    tally.requests = book.requests;
    tally.acknowledged = book.acknowledged();
    tally.broken.extend(book.faults.iter().cloned());
    for team in world.teams() {
        let count = team.site.count(&team.table("parked")).await;
        tally.promise(count == 0, || format!("{count} events are parked"));
    }
    let heard = world.outdial_mut().heard().await;
    tally.repeated += events::repeated(&heard);
    events::order_holds(&heard, tally);
    let site = &world.outdial().site;
    entities::agree(site, Subject::Outdial, book, &heard, tally).await;
    dials::agree(site, book, &heard, tally).await;

    let heard = world.did_mut().heard().await;
    tally.repeated += events::repeated(&heard);
    let site = &world.did().site;
    entities::agree(site, Subject::Pool, book, &heard, tally).await;
    for tenant in tenants.all() {
        numbers::agree(site, tenant, book, &heard, tally).await;
    }

    let heard = world.call_mut().heard().await;
    tally.repeated += events::repeated(&heard);
    events::order_holds(&heard, tally);
    sales::agree(&world.call().site, market, book, &heard, tally).await;

    let heard = world.chat_mut().heard().await;
    tally.repeated += events::repeated(&heard);
    events::order_holds(&heard, tally);
    let site = &world.chat().site;
    entities::agree(site, Subject::CatalogItem, book, &heard, tally).await;
}

/// As [`hold`], of texts: what the carrier took, and what chat-manager says of it.
pub async fn hold_texts(world: &World, text: &Texts, book: &Book, tally: &mut Tally) {
    texts::agree(&world.chat().site, text, book, tally).await;
}
