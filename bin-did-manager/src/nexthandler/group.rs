//! A group of requests on its way: understood, looked up, decided in memory, checked and written in one
//! transaction, answered.

use std::{collections::HashMap, time::Duration};

use bin_common_handler::{
    call::Call,
    databasehandler::{ChangeTx, Fact},
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use serde_json::json;
use sqlx::types::Json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Answer, Ask, Outcome,
    answer::Wanted,
    load::Known,
    resolve::{Job, Resolved, refusal, resolve},
    shard::Shard,
};
use crate::{
    choice::{
        number::Left,
        pick::{self, Picked, Refused},
        view::View,
    },
    dbhandler::{
        allocations::{self, Kept, NewUsage},
        exhaustions,
        states::{self, State},
        stickies,
    },
    models::{
        did, didpool,
        usage::{Excluded, Reason, Usage},
    },
    phone::E164,
    privacy::PhoneHasher,
};

/// A transaction that would commit later than this after its time was read is given up: what counts calls
/// afterwards relies on it.
const WRITE_MAX: Duration = Duration::from_secs(8);

/// One request of the group.
struct Item {
    ask: Ask,
    job: Box<Job>,
    choice: Option<Choice>,
    /// Told only when the group is written: until then an earlier request may give its number back.
    refused: Option<Error>,
}

/// A number chosen for a request, and what is known to undo it.
struct Choice {
    picked: Picked,
    did_id: Uuid,
    before: State,
    /// Set when the locked row agreed.
    usage: Option<Usage>,
}

pub(super) struct Group {
    /// The database's time, µs.
    now: i64,
    began: Instant,
    items: Vec<Item>,
    /// Requests that are the same as one of `items`.
    repeated: Vec<(usize, Ask)>,
    stickies: HashMap<Vec<u8>, Uuid>,
    /// Keys whose usages are too old to be repeated.
    free: Vec<[u8; 16]>,
    /// Counters as the transaction left them.
    truth: HashMap<Uuid, State>,
}

impl Ask {
    pub(super) fn answer(self, answer: Result<Outcome>) {
        // Nobody waits any more: a number that was given stays counted.
        let _ = self.reply.send(answer);
    }
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
                .and_then(|tenant| resolve(&ask.question, &tenant.known.view, hasher, self.now));
            match resolved {
                Ok(Resolved::Job(job)) => self.items.push(Item {
                    ask,
                    job,
                    choice: None,
                    refused: None,
                }),
                Ok(Resolved::Ended(status)) => ask.answer(Ok(Outcome::Ended(status))),
                Err(error) => ask.answer(Err(error)),
            }
        }
    }

    /// Answers what was answered before; learns which numbers people saw last.
    pub(super) async fn look_up(&mut self, shard: &mut Shard) -> Result<()> {
        let keys: Vec<_> = self
            .items
            .iter()
            .filter_map(|item| Some(item.job.key?.bytes))
            .collect();
        let people: Vec<_> = self
            .items
            .iter()
            .filter(|item| item.job.is_sticky)
            .filter_map(|item| item.job.phone_hash)
            .collect();
        let kept = allocations::by_keys(&shard.store.db, &keys).await?;
        self.stickies = stickies::read(&shard.store.db, &people).await?;
        let mut first = HashMap::new();
        for mut item in std::mem::take(&mut self.items) {
            let Some(key) = item.job.key.filter(|_| !item.ask.question.is_dry_run) else {
                self.items.push(item);
                continue;
            };
            match kept.get(key.bytes.as_slice()) {
                Some(kept) if key.replays && kept.request_until > self.now => {
                    replay(shard, item, kept);
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
        item.take(&mut shard.tenant(customer_id)?.known.view, picked, now);
        Ok(())
    }

    /// The transaction: locks, checks, counts, writes, commits.
    pub(super) async fn write(&mut self, shard: &mut Shard) -> Result<()> {
        let mut dids: Vec<_> = self
            .items
            .iter()
            .filter(|item| !item.ask.question.is_dry_run)
            .filter_map(|item| item.choice.as_ref().map(|choice| choice.did_id))
            .collect();
        if dids.is_empty() {
            return Ok(());
        }
        dids.sort_unstable();
        dids.dedup();
        let store = shard.store.clone();
        let call = Call::internal();
        let mut tx = store.begin(&call).await?;
        allocations::free_keys(&mut tx, &self.free).await?;
        let locked = states::lock(&mut tx, &dids).await?;
        self.truth = locked;
        let new = self.check_all(shard)?;
        if !new.is_empty() {
            self.write_all(shard, &mut tx, &new).await?;
        }
        if self.began.elapsed() > WRITE_MAX {
            return Err(Error::unavailable(
                "database",
                "the transaction took too long",
            ));
        }
        tx.commit(()).await
    }

    /// Checks every choice on the locked rows, in the order of the requests.
    fn check_all(&mut self, shard: &mut Shard) -> Result<Vec<NewUsage>> {
        let mut new = Vec::with_capacity(self.items.len());
        for item in &mut self.items {
            if item.ask.question.is_dry_run {
                continue;
            }
            let customer_id = item.ask.question.customer_id;
            let Known { view, .. } = &shard.tenant(customer_id)?.known;
            let Some(choice) = &mut item.choice else {
                continue;
            };
            let Some(number) = view.number(choice.picked.slot) else {
                continue;
            };
            let truth = self.truth.entry(choice.did_id).or_insert(State {
                did_id: choice.did_id,
                customer_id,
                ..State::default()
            });
            let windows = view.windows_at(self.now);
            let Ok(left) = number.check(truth, &view.defaults, &windows, self.now) else {
                continue;
            };
            *truth = truth.after_use(&windows, self.now);
            // Each in a microsecond of its own, as lists want it.
            let offset = i64::try_from(new.len()).unwrap_or(0);
            let usage = usage(
                &item.ask,
                &item.job,
                choice,
                &number.number,
                left,
                self.now + offset,
            );
            new.push(NewUsage {
                key: item.job.key.map(|key| {
                    let ttl = i64::try_from(key.ttl.as_micros()).unwrap_or(i64::MAX);
                    (key.bytes, self.now.saturating_add(ttl))
                }),
                call_ref: item.job.call_ref,
                usage: usage.clone(),
            });
            choice.usage = Some(usage);
        }
        Ok(new)
    }

    async fn write_all(
        &self,
        shard: &mut Shard,
        tx: &mut ChangeTx<'_>,
        new: &[NewUsage],
    ) -> Result<()> {
        let mut used: Vec<_> = new.iter().map(|new| new.usage.did_id).collect();
        used.sort_unstable();
        used.dedup();
        let states: Vec<_> = used
            .iter()
            .filter_map(|id| self.truth.get(id).copied())
            .collect();
        states::write(tx, &states).await?;
        allocations::insert(tx, new).await?;
        let sticky: Vec<_> = self.items.iter().filter_map(Item::sticky).collect();
        stickies::write(tx, &sticky).await?;
        for state in &states {
            let view = &shard.tenant(state.customer_id)?.known.view;
            if let Some(fact) = exhausted(view, state, self.now) {
                tx.announce_fact(did::EXHAUSTED, fact).await?;
            }
        }
        Ok(())
    }

    /// Puts back what was known before the group, after its transaction failed.
    pub(super) fn undo(&mut self, shard: &mut Shard) {
        for item in self.items.iter_mut().rev() {
            let Some(choice) = item.choice.take() else {
                continue;
            };
            if let Ok(tenant) = shard.tenant(item.ask.question.customer_id) {
                tenant
                    .known
                    .view
                    .learn(choice.picked.slot, choice.before, self.now);
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
            let view = &mut tenant.known.view;
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
                Some(usage) => {
                    for ask in same.into_iter().chain([item.ask]) {
                        let answer = answer(view, &ask, usage, item.job.target.place);
                        ask.answer(Ok(Outcome::Number(Box::new(answer))));
                    }
                }
                None if item.ask.question.is_dry_run => item.explain(view, self.now),
                None => again.extend(same.into_iter().chain([item.ask])),
            }
        }
        again
    }
}

impl Item {
    /// Takes a number in memory, so that the next request of the group sees it used.
    fn take(&mut self, view: &mut View, picked: Picked, now: i64) {
        let Some(number) = view.number(picked.slot) else {
            return;
        };
        let (did_id, before) = (number.id, number.used);
        if !self.ask.question.is_dry_run {
            let windows = view.windows_at(now);
            view.learn(picked.slot, before.after_use(&windows, now), now);
            pick::took_turn(view, &self.job.plan, &picked);
        }
        self.choice = Some(Choice {
            picked,
            did_id,
            before,
            usage: None,
        });
    }

    fn sticky(&self) -> Option<stickies::Sticky> {
        let usage = self.choice.as_ref()?.usage.as_ref()?;
        let person = self.job.phone_hash.filter(|_| self.job.is_sticky)?;
        Some((person, usage.customer_id, usage.did_id))
    }

    /// Answers a dry run: what would have been given.
    fn explain(self, view: &View, now: i64) {
        let Some(choice) = &self.choice else { return };
        let Some(number) = view.number(choice.picked.slot) else {
            return;
        };
        let left = view.check(number, now).unwrap_or(Left {
            daily: None,
            hourly: None,
        });
        let usage = usage(&self.ask, &self.job, choice, &number.number, left, now);
        let answer = answer(view, &self.ask, &usage, self.job.target.place);
        self.ask.answer(Ok(Outcome::Number(Box::new(answer))));
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
    tenant.known.view.settle(now);
    let picked = pick::pick(&mut tenant.known.view, plan, target, last, now, &mut chance);
    shard.chance = chance;
    Ok(picked)
}

fn replay(shard: &mut Shard, item: Item, kept: &Kept) {
    let answer = shard.tenant(item.ask.question.customer_id).map(|tenant| {
        let answer = answer(
            &tenant.known.view,
            &item.ask,
            &kept.usage,
            item.job.target.place,
        );
        Outcome::Number(Box::new(answer))
    });
    item.ask.answer(answer);
}

fn answer(view: &View, ask: &Ask, usage: &Usage, place: Option<(f64, f64)>) -> Answer {
    let question = &ask.question;
    let wanted = Wanted {
        format: view.format(question.access_key_id),
        agent: &question.fields.agent,
        place,
        is_dry_run: question.is_dry_run,
    };
    Answer::new(usage, view, &wanted)
}

fn usage(ask: &Ask, job: &Job, choice: &Choice, number: &str, left: Left, now: i64) -> Usage {
    let (picked, fields) = (&choice.picked, &ask.question.fields);
    let excluded = picked.excluded.entries().map(|(by, numbers)| Excluded {
        by: by.as_str().to_owned(),
        numbers,
    });
    let now = Timestamp::from_micros(now);
    Usage {
        id: ids::next(),
        customer_id: ask.question.customer_id,
        did_id: choice.did_id,
        number: number.to_owned(),
        campaign_id: job.campaign_id,
        vicidial_campaign_id: fields.campaign.clone(),
        didpool_id: picked.pool,
        phone_hash: job.phone_hash.map(|hash| hash.to_vec()),
        phone_last4: job
            .person
            .as_ref()
            .map(E164::last4)
            .unwrap_or_default()
            .to_owned(),
        phone_npa: Some(i32::from(job.target.npa)).filter(|npa| *npa > 0),
        uniqueid: fields.uniqueid.clone(),
        lead_id: fields.lead.clone(),
        reason: Json(Reason {
            tier: picked.tier,
            algorithm: job.plan.algorithm,
            sticky: picked.is_sticky,
            fallback: picked.is_fallback,
            candidates: u32::try_from(picked.candidates).unwrap_or(u32::MAX),
            daily_left: left.daily.map(|left| left - 1),
            hourly_left: left.hourly.map(|left| left - 1),
            excluded: excluded.collect(),
        }),
        outcome: String::new(),
        disposition: String::new(),
        duration_seconds: 0,
        tm_result: None,
        tm_create: now,
        tm_update: now,
    }
}

/// What is said when a number has just had its last call of a day or an hour.
fn exhausted(view: &View, state: &State, now: i64) -> Option<Fact> {
    let (_, number) = view.by_id(state.did_id)?;
    let windows = view.windows_at(now);
    let limits = crate::choice::number::Number {
        limits: crate::choice::number::Limits {
            cooldown_seconds: Some(0),
            ..number.limits
        },
        ..number.clone()
    };
    let blocked = limits.check(state, &view.defaults, &windows, now).err()?;
    let data = json!({
        "id": number.id,
        "customer_id": state.customer_id,
        "number": number.number,
        "reason": blocked.by.as_str(),
        "calls_today": state.today(&windows),
        "calls_this_hour": state.this_hour(&windows),
        "until": Timestamp::from_micros(blocked.until),
    });
    Some(Fact {
        resource_id: number.id,
        customer_id: state.customer_id,
        version: Timestamp::from_micros(now),
        data: data.to_string(),
    })
}

/// Says, once an hour, that a pool's numbers have all had their calls.
async fn announce_exhausted(
    shard: &mut Shard,
    customer_id: Uuid,
    pool: Uuid,
    refused: &Refused,
    now: i64,
) {
    if !matches!(refused.reason, "daily_cap" | "hourly_cap") {
        return;
    }
    let store = shard.store.clone();
    let Ok(tenant) = shard.tenant(customer_id) else {
        return;
    };
    let windows = tenant.known.view.windows_at(now);
    let resource_id = if pool.is_nil() { customer_id } else { pool };
    if !tenant.is_news(resource_id, windows.hour) {
        return;
    }
    let call = Call::internal();
    let said = async {
        let mut tx = store.begin(&call).await?;
        if exhaustions::note(&mut tx, resource_id, windows.hour).await? {
            let data = json!({
                "id": pool, "customer_id": customer_id, "reason": refused.reason,
                "retry_at": refused.retry_at.map(Timestamp::from_micros),
            });
            let fact = Fact {
                resource_id,
                customer_id,
                version: Timestamp::from_micros(now),
                data: data.to_string(),
            };
            tx.announce_fact(didpool::EXHAUSTED, fact).await?;
        }
        tx.commit(()).await
    };
    if let Err(error) = said.await {
        tracing::debug!(%error, "not announced that a pool is exhausted");
    }
}
