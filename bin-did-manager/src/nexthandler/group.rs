//! A group of requests on its way: understood, looked up, decided in memory, written ([`super::write`]),
//! answered.

use std::collections::HashMap;

use bin_common_handler::models::error::{Error, Result};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Ask, Outcome,
    events::announce_exhausted,
    item::{Item, answer},
    resolve::{Job, Resolved, refusal, resolve},
    shard::Shard,
};
use crate::{
    choice::{
        pick::{self, Picked, Refused},
        view::View,
    },
    dbhandler::{
        allocations::{self, StoredUsage},
        stickies,
    },
    models::{didstate::State, usage::Usage},
    privacy::PhoneHasher,
};

pub(super) struct Group {
    /// The database's time, µs.
    pub(super) now: i64,
    pub(super) began: Instant,
    pub(super) items: Vec<Item>,
    /// Requests that are the same as one of `items`.
    repeated: Vec<(usize, Ask)>,
    stickies: HashMap<Vec<u8>, Uuid>,
    /// Keys whose usages are too old to be repeated.
    pub(super) free: Vec<[u8; 16]>,
    /// Counters as the transaction left them.
    pub(super) truth: HashMap<Uuid, State>,
}

impl Group {
    pub(super) fn new(now: i64) -> Self {
        Self {
            now,
            began: Instant::now(),
            items: Vec::new(),
            repeated: Vec::new(),
            stickies: HashMap::new(),
            free: Vec::new(),
            truth: HashMap::new(),
        }
    }

    pub(super) fn into_asks(self) -> Vec<Ask> {
        let items = self.items.into_iter().map(|item| item.ask);
        items
            .chain(self.repeated.into_iter().map(|(_, ask)| ask))
            .collect()
    }

    /// Understands every request; answers those that need no number.
    pub(super) fn resolve(&mut self, shard: &mut Shard, hasher: &PhoneHasher, asks: Vec<Ask>) {
        for ask in asks {
            let resolved = shard
                .tenant(ask.question.customer_id)
                .and_then(|tenant| resolve(&ask.question, &tenant.snapshot.view, hasher, self.now));
            match resolved {
                Ok(Resolved::Job(job)) => self.items.push(Item {
                    ask,
                    job,
                    choice: None,
                    refused: None,
                    stored: None,
                }),
                Ok(Resolved::Ended(status)) => ask.answer(Ok(Outcome::Ended(status))),
                Err(error) => ask.answer(Err(error)),
            }
        }
    }

    /// Answers what was answered before, where that is likely; learns which numbers people saw last. The insert
    /// meets the keys that were not looked up.
    pub(super) async fn look_up(&mut self, shard: &mut Shard) -> Result<()> {
        let is_likely =
            shard.expects_repetitions() || self.items.iter().any(|item| item.ask.tries > 0);
        let keys: Vec<_> = self
            .items
            .iter()
            .filter(|_| is_likely)
            .filter_map(|item| Some(item.job.key?.bytes))
            .collect();
        let people: Vec<_> = self
            .items
            .iter()
            .filter(|item| item.job.is_sticky)
            .filter_map(|item| item.job.phone_hash)
            .collect();
        let stored = allocations::by_keys(&shard.store.db, &keys).await?;
        if !stored.is_empty() {
            shard.met_repetition();
        }
        self.stickies = stickies::read(&shard.store.db, &people).await?;
        let mut first = HashMap::new();
        for mut item in std::mem::take(&mut self.items) {
            let Some(key) = item.job.key.filter(|_| !item.ask.question.is_dry_run) else {
                self.items.push(item);
                continue;
            };
            match stored.get(key.bytes.as_slice()) {
                Some(stored) if key.replays && stored.request_until > self.now => {
                    replay(shard, item, stored);
                    continue;
                }
                Some(_) => self.free.push(key.bytes),
                None => {}
            }
            match first.get(&key.bytes) {
                Some(position) if key.replays => self.repeated.push((*position, item.ask)),
                Some(_) => {
                    item.job.key = None;
                    self.items.push(item);
                }
                None => {
                    first.insert(key.bytes, self.items.len());
                    self.items.push(item);
                }
            }
        }
        Ok(())
    }

    /// Chooses a number for each request, as if it were alone with what is known.
    pub(super) async fn decide(&mut self, shard: &mut Shard) {
        for position in 0..self.items.len() {
            let refused = self.choose(shard, position).await.err();
            if let Some(item) = self.items.get_mut(position) {
                item.refused = refused;
            }
        }
    }

    async fn choose(&mut self, shard: &mut Shard, position: usize) -> Result<()> {
        let now = self.now;
        let Some(item) = self.items.get_mut(position) else {
            return Ok(());
        };
        let customer_id = item.ask.question.customer_id;
        let picked = match pick_for(shard, item, &self.stickies, now)? {
            Ok(picked) => picked,
            Err(refused) => {
                // What is known may be wrong only where somebody else changed the counters by hand; the
                // database has the last word all the same.
                let again = if shard.sync(customer_id, now).await? {
                    pick_for(shard, item, &self.stickies, now)?
                } else {
                    Err(refused)
                };
                match again {
                    Ok(picked) => picked,
                    Err(refused) => {
                        announce_exhausted(shard, customer_id, item.job.plan.pool, &refused, now)
                            .await;
                        return Err(refusal(&refused));
                    }
                }
            }
        };
        item.take(&mut shard.tenant(customer_id)?.snapshot.view, picked, now);
        Ok(())
    }

    /// Who is refused may have been given a number meanwhile, by another replica that was asked the same:
    /// perhaps the very one that is missing here.
    pub(super) async fn look_again(&mut self, shard: &Shard) {
        let keys: Vec<_> = self.items.iter().filter_map(Item::refused_key).collect();
        let found = allocations::by_keys(&shard.store.db, &keys).await;
        for item in &mut self.items {
            let Some(key) = item.refused_key() else {
                continue;
            };
            match &found {
                Ok(stored) => {
                    let stored = stored.get(key.as_slice());
                    let stored = stored.filter(|stored| stored.request_until > self.now);
                    item.stored = stored.map(|stored| stored.usage.clone());
                }
                Err(error) => {
                    let error = Error::unavailable("database", error.to_string());
                    item.refused = Some(error);
                }
            }
        }
    }

    /// Answers, and learns what the locked rows said; requests whose number was not to be had come back.
    pub(super) fn finish(mut self, shard: &mut Shard) -> Vec<Ask> {
        let mut again = Vec::new();
        let mut repeated: HashMap<usize, Vec<Ask>> = HashMap::new();
        for (first, ask) in self.repeated.drain(..) {
            repeated.entry(first).or_default().push(ask);
        }
        for (position, item) in std::mem::take(&mut self.items).into_iter().enumerate() {
            let same = repeated.remove(&position).unwrap_or_default();
            let Ok(tenant) = shard.tenant(item.ask.question.customer_id) else {
                continue;
            };
            let view = &mut tenant.snapshot.view;
            if let Some(usage) = &item.stored {
                tell(view, same, item.ask, usage, item.job.target.place);
                continue;
            }
            if let Some(error) = item.refused {
                refuse(same, &error);
                item.ask.answer(Err(error));
                continue;
            }
            let Some(choice) = &item.choice else { continue };
            if let Some(truth) = self.truth.get(&choice.did_id) {
                view.learn(choice.picked.slot, *truth, self.now);
            }
            match &choice.usage {
                Some(usage) => tell(view, same, item.ask, usage, item.job.target.place),
                None if item.ask.question.is_dry_run => item.explain(view, self.now),
                None => again.extend(same.into_iter().chain([item.ask])),
            }
        }
        again
    }
}

/// Tells a request, and those that were the same, which number they have.
fn tell(view: &View, same: Vec<Ask>, ask: Ask, usage: &Usage, place: Option<(f64, f64)>) {
    for ask in same.into_iter().chain([ask]) {
        let answer = answer(view, &ask, usage, place);
        ask.answer(Ok(Outcome::Number(Box::new(answer))));
    }
}

/// Tells requests that were the same as a refused one.
fn refuse(same: Vec<Ask>, error: &Error) {
    for ask in same {
        let again = Error::new(
            error.status(),
            error.reason().to_owned(),
            error.message().to_owned(),
        );
        ask.answer(Err(again.with_details_of(error)));
    }
}

fn pick_for(
    shard: &mut Shard,
    item: &Item,
    stickies: &HashMap<Vec<u8>, Uuid>,
    now: i64,
) -> Result<Result<Picked, Refused>> {
    let Job {
        plan,
        target,
        phone_hash,
        is_sticky,
        ..
    } = &*item.job;
    let last = phone_hash
        .filter(|_| *is_sticky)
        .and_then(|person| stickies.get(person.as_slice()).copied());
    let mut chance = shard.chance.clone();
    let tenant = shard.tenant(item.ask.question.customer_id)?;
    tenant.snapshot.view.settle(now);
    let picked = pick::pick(
        &mut tenant.snapshot.view,
        plan,
        target,
        last,
        now,
        &mut chance,
    );
    shard.chance = chance;
    Ok(picked)
}

fn replay(shard: &mut Shard, item: Item, stored: &StoredUsage) {
    let answer = shard.tenant(item.ask.question.customer_id).map(|tenant| {
        let answer = answer(
            &tenant.snapshot.view,
            &item.ask,
            &stored.usage,
            item.job.target.place,
        );
        Outcome::Number(Box::new(answer))
    });
    item.ask.answer(answer);
}
