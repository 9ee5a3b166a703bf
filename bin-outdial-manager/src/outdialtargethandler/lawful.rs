//! Handing out only targets that may be called now, and of those that dial one number one at a time.
//!
//! call-manager is asked about the targets that would be handed out, before any is taken. One that may not be called is
//! put off until the verdict's next instant, so that nobody is asked about it before; those behind it come up. An
//! answer that cannot be had is 503: an empty list would end a campaign.
//!
//! A limit of calls counts for a number, and several targets may have the same. So a number has a turn: whoever is handed
//! out, or called, has it, and the others are passed over meanwhile. call-manager is told when we called it, as the events
//! that say so may still be on their way; where it was called since the question, the question is put again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bin_common_handler::{
    context::RequestContext,
    models::error::{Error, Result},
};
use tracing::warn;
use uuid::Uuid;

use super::{
    OutdialTargetHandler,
    claim::OPTED_OUT_PAUSE,
    law::{Asked, Dials, Law, Refused, latest},
};
use crate::{
    dbhandler::{
        available::{self, Limits},
        turns::{self, Turn},
    },
    models::{outdial::Outdial, outdialtarget::OutdialTarget},
};

/// Targets that are looked at when those before them may not be called.
const REACH: u32 = 200;
/// How often others are looked for, when those that were seen may not be called.
const ROUNDS_MAX: u32 = 16;
/// Where the verdict names no instant, it is asked again after this.
const ASKED_AGAIN: Duration = Duration::from_secs(86_400);
/// What is put off is put off for this at least: the clocks of two services differ.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Targets whose number has its turn are out of the way for so long, where others are looked for behind them.
const TURN_PAUSE: Duration = Duration::from_secs(5);

/// Why nobody calls a person who told the customer to stop.
const OPTED_OUT: &str = "OPTED_OUT";

type Turns = BTreeMap<String, Turn>;

/// A target that may be called, as far as we know, and what its caller might dial.
struct Candidate {
    target: OutdialTarget,
    dials: Dials,
}

/// What was seen, by what may be done with it.
#[derive(Default)]
struct Sorted {
    /// One for each number.
    candidates: Vec<Candidate>,
    /// Those whose number has its turn.
    waiting: Vec<Uuid>,
}

impl OutdialTargetHandler {
    /// Targets that may be called now; taken, unless the caller only looks.
    ///
    /// # Errors
    /// 503 when call-manager is away, or too many targets may not be called.
    pub(super) async fn lawful(
        &self,
        ctx: &RequestContext,
        law: &Law,
        outdial: &Outdial,
        limits: &Limits,
        looks: bool,
    ) -> Result<Vec<OutdialTarget>> {
        let db = &self.store.db;
        available::forget_old_leases(db, outdial.id).await?;
        let wanted = limits.count() as usize;
        for round in 0..ROUNDS_MAX {
            let count = if round == 0 {
                limits.count()
            } else {
                limits.count().max(REACH)
            };
            let reach = limits.of(count);
            let mut seen = available::look(db, outdial.id, &reach).await?;
            // Fewer than wanted, and there may be more behind those that may not be called.
            let is_end = seen.len() < count as usize;
            let gone = available::opted_out(db, outdial.customer_id, &reach, &seen).await?;
            available::put_off(db, &gone, OPTED_OUT_PAUSE).await?;
            gone.iter().for_each(|_| law.skipped(OPTED_OUT));
            seen.retain(|target| !gone.contains(&target.id));
            let (sorted, turns) = self.sorted(outdial, seen, limits).await?;
            let asked = sorted.candidates.len();
            let allowed = self
                .allowed(ctx, law, outdial, sorted.candidates, &turns)
                .await?;
            // Whoever waited for one that may not be called comes up instead of it.
            let comes_up = allowed.len() < asked && !sorted.waiting.is_empty();
            if allowed.len() < wanted && (comes_up || !is_end) {
                if !is_end {
                    available::put_off(db, &sorted.waiting, TURN_PAUSE).await?;
                }
                continue;
            }
            if looks {
                let targets = allowed.into_iter().map(|it| it.target);
                return Ok(targets.take(wanted).collect());
            }
            let taken = self.take_allowed(ctx, outdial, limits, &allowed, &turns);
            if let Some(taken) = taken.await? {
                return Ok(taken);
            }
        }
        Err(Error::unavailable(
            "call-manager",
            "too many targets may not be called now",
        ))
    }

    /// Leaves out whose number has its turn, and all but the first of each number; with what is known of the numbers.
    async fn sorted(
        &self,
        outdial: &Outdial,
        seen: Vec<OutdialTarget>,
        limits: &Limits,
    ) -> Result<(Sorted, Turns)> {
        let seen: Vec<Candidate> = seen
            .into_iter()
            .map(|target| Candidate {
                dials: Dials::of(&target, limits),
                target,
            })
            .collect();
        let turns = turns::known(&self.store.db, outdial.customer_id, &numbers(&seen)).await?;
        let mut sorted = Sorted::default();
        let mut named: BTreeSet<String> = BTreeSet::new();
        for candidate in seen {
            let numbers = &candidate.dials.numbers;
            if numbers.iter().any(|number| named.contains(number))
                || is_anothers(&candidate, &turns)
            {
                sorted.waiting.push(candidate.target.id);
            } else {
                named.extend(numbers.iter().cloned());
                sorted.candidates.push(candidate);
            }
        }
        Ok((sorted, turns))
    }

    /// Those of some targets that the law allows; the others are put off.
    async fn allowed(
        &self,
        ctx: &RequestContext,
        law: &Law,
        outdial: &Outdial,
        mut candidates: Vec<Candidate>,
        turns: &Turns,
    ) -> Result<Vec<Candidate>> {
        let now = self.store.clock.now();
        let mut asked = Vec::with_capacity(candidates.len());
        for Candidate { target, dials } in &candidates {
            for number in &dials.numbers {
                let attempts = turns.get(number).map(|turn| turn.attempts_since(now));
                asked.push(Asked {
                    id: target.id,
                    number: number.clone(),
                    attempts: attempts.unwrap_or_default(),
                });
            }
        }
        let unread = candidates.iter().filter(|it| it.dials.is_unclear);
        let mut refused: Vec<Refused> = unread.map(|it| Refused::unread(it.target.id)).collect();
        refused.extend(law.refused(ctx, outdial.customer_id, &asked).await?);
        let refused = latest(refused);
        self.put_off(law, &refused).await?;
        let refused: BTreeSet<Uuid> = refused.iter().map(|refused| refused.id).collect();
        candidates.retain(|it| !refused.contains(&it.target.id));
        Ok(candidates)
    }

    async fn put_off(&self, law: &Law, refused: &[Refused]) -> Result<()> {
        let now = self.store.clock.now();
        for one in refused {
            law.skipped(&one.rule);
            let wait = one.until.map_or(ASKED_AGAIN, |until| {
                let micros = until.micros().saturating_sub(now.micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or_default()).max(PAUSE_MIN)
            });
            available::put_off(&self.store.db, &[one.id], wait).await?;
        }
        Ok(())
    }

    /// Takes as many as are wanted of what was asked about, with the turns of their numbers; nothing when others were faster.
    async fn take_allowed(
        &self,
        ctx: &RequestContext,
        outdial: &Outdial,
        limits: &Limits,
        allowed: &[Candidate],
        turns: &Turns,
    ) -> Result<Option<Vec<OutdialTarget>>> {
        let wanted = limits.count() as usize;
        let mut tx = self.store.begin(ctx).await?;

        let (mut taken, mut held, mut rest) = (Vec::new(), Vec::new(), allowed);
        while taken.len() < wanted && !rest.is_empty() {
            let (some, left) = rest.split_at(rest.len().min(wanted - taken.len()));
            rest = left;
            let ids: Vec<Uuid> = some.iter().map(|it| it.target.id).collect();
            let free = available::take_of(tx.sql(), outdial.id, limits, &ids).await?;
            let locked = turns::lock(tx.sql(), outdial.customer_id, &numbers(some)).await?;
            for target in free {
                let Some(asked) = some.iter().find(|it| it.target.id == target.id) else {
                    continue;
                };
                if !is_as_asked(asked, turns, &locked) {
                    continue;
                }
                let numbers = asked.dials.numbers.iter();
                held.extend(numbers.map(|number| (number.as_str(), target.id)));
                taken.push(target);
            }
        }
        if taken.is_empty() && !allowed.is_empty() {
            return Ok(None);
        }
        turns::hold(tx.sql(), outdial.customer_id, &held, self.lease).await?;
        let taken = available::lease(tx.sql(), taken, limits, self.lease).await?;
        // An empty answer too: another delivery of the same request may have been given targets.
        tx.commit(taken).await.map(Some)
    }

    /// Deletes what is known of numbers that nobody has dialled for days.
    pub(crate) async fn sweep_turns(&self) {
        if let Err(error) = turns::sweep(&self.store.db).await {
            warn!(%error, "old turns of numbers were not deleted");
        }
    }
}

fn numbers(candidates: &[Candidate]) -> BTreeSet<&str> {
    let numbers = candidates.iter().flat_map(|it| &it.dials.numbers);
    numbers.map(String::as_str).collect()
}

/// Whether another target has the turn of one of its numbers.
fn is_anothers(candidate: &Candidate, turns: &Turns) -> bool {
    let mut numbers = candidate.dials.numbers.iter();
    numbers.any(|number| {
        let turn = turns.get(number);
        turn.is_some_and(|turn| turn.is_anothers(candidate.target.id))
    })
}

/// Whether nobody took the turn of its numbers, or called one, since the law was asked.
fn is_as_asked(candidate: &Candidate, before: &Turns, now: &Turns) -> bool {
    let last = |turns: &Turns, number: &str| {
        let turn = turns.get(number);
        turn.and_then(|turn| turn.attempts.last().copied())
    };
    let mut numbers = candidate.dials.numbers.iter();
    !is_anothers(candidate, now) && numbers.all(|it| last(before, it) == last(now, it))
}
