//! One request of a group and the number chosen for it.

use bin_common_handler::{
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Answer, Ask, Outcome, answer::Wanted, resolve::Job};
use crate::{
    choice::{
        number::Left,
        pick::{self, Picked},
        view::View,
    },
    dbhandler::stickies,
    models::{
        didstate::State,
        usage::{Excluded, Reason, Usage},
    },
    phone::E164,
};

/// One request of the group.
pub(super) struct Item {
    pub ask: Ask,
    pub job: Box<Job>,
    pub choice: Option<Choice>,
    /// Told only when the group is written: until then an earlier request may give its number back.
    pub refused: Option<Error>,
    /// What another replica gave the same request meanwhile.
    pub stored: Option<Usage>,
}

/// A number chosen for a request, and what is known to undo it.
pub(super) struct Choice {
    pub picked: Picked,
    pub did_id: Uuid,
    pub before: State,
    /// Set when the locked row agreed.
    pub usage: Option<Usage>,
}

impl Ask {
    pub(super) fn answer(self, answer: Result<Outcome>) {
        // Nobody waits any more: a number that was given stays counted.
        let _ = self.reply.send(answer);
    }
}

impl Item {
    /// Takes a number in memory, so that the next request of the group sees it used.
    pub(super) fn take(&mut self, view: &mut View, picked: Picked, now: i64) {
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

    /// The key under which a refused request may have been given a number elsewhere.
    pub(super) fn refused_key(&self) -> Option<[u8; 16]> {
        let key = self.job.key.filter(|key| key.replays)?;
        (self.refused.is_some() && !self.ask.question.is_dry_run).then_some(key.bytes)
    }

    pub(super) fn sticky(&self) -> Option<stickies::Sticky> {
        let usage = self.choice.as_ref()?.usage.as_ref()?;
        let person = self.job.phone_hash.filter(|_| self.job.is_sticky)?;
        Some((person, usage.customer_id, usage.did_id))
    }

    /// Answers a dry run: what would have been given.
    pub(super) fn explain(self, view: &View, now: i64) {
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

pub(super) fn answer(view: &View, ask: &Ask, usage: &Usage, place: Option<(f64, f64)>) -> Answer {
    let question = &ask.question;
    let wanted = Wanted {
        format: view.format(question.access_key_id),
        agent: &question.fields.agent,
        place,
        is_dry_run: question.is_dry_run,
    };
    Answer::new(usage, view, &wanted)
}

pub(super) fn usage(
    ask: &Ask,
    job: &Job,
    choice: &Choice,
    number: &str,
    left: Left,
    now: i64,
) -> Usage {
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
        call_id: fields.call_id.clone(),
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
