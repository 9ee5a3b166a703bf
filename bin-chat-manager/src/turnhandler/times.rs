//! The times of a turn: what is free, what was offered before, and which of it the person chose.

#[cfg(test)]
pub(super) mod tests;

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    models::{error::Result, identity::Scope, money::Money, time::Timestamp},
};
use chrono::{DateTime, NaiveDate, Timelike};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    app::App,
    availabilityhandler::{self, AvailabilityQuery},
    booking::quote::Factors,
    cataloghandler::{self, MatchRequest, Rates},
    dbhandler::bookings,
    models::{
        appointment::Appointment,
        business::Business,
        catalogitem::CatalogItem,
        conversation::Conversation,
        message::{Direction, Message, MessageStatus},
        slot::Slot,
    },
    words::{
        choice::{self, Choice, LocalTime, Offered},
        intake::Findings,
    },
};

/// No time is offered or booked by text that begins sooner: somebody has to read of it, and to get there.
const NOTICE_MIN: Duration = Duration::from_secs(3_600);

/// Free times that a model hears of.
const TOLD_MAX: usize = 4;

/// A week has so many …
const STEPS: u32 = 7 * 24 * 4;
/// … of these.
const STEP: Duration = Duration::from_secs(15 * 60);

/// A time, and its words.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Offer {
    pub slot: Slot,
    pub text: String,
    /// What the work costs then, where that is not what it usually costs, or costs now.
    pub price: Option<Money>,
    /// What prices are multiplied by then.
    pub factors: Factors,
}

impl Offer {
    /// For the person: the time, with a price that they could not know.
    pub(super) fn told(&self) -> String {
        match self.price {
            Some(price) => format!("{} ({price})", self.text),
            None => self.text.clone(),
        }
    }
}

/// What the person chose.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Chosen {
    /// Nothing that rules understand.
    #[default]
    Nothing,
    /// This time, which is free.
    Free(Offer),
    /// A time that is not free any more.
    Taken,
    /// Another time; the nearest ones are told first.
    Others,
}

/// An appointment that lies ahead.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ahead {
    pub id: Uuid,
    pub text: String,
}

/// Everything about times.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    /// What may be offered, the best first; placeholders stand for these.
    pub told: Vec<Offer>,
    /// What was offered before.
    pub offered: Vec<Slot>,
    pub chosen: Chosen,
    /// The appointment that there is.
    pub ahead: Option<Ahead>,
    /// The work that the person means.
    pub item: Option<CatalogItem>,
    /// What prices are multiplied by at the times that are free; at those of a week where none is.
    pub factors: Factors,
}

/// Reads what is free, and what the person said of it. Where free times cannot be told now, none are.
///
/// # Errors
/// 503.
pub(super) async fn of(
    app: &App,
    conversation: &Conversation,
    business: &Arc<Business>,
    history: &[Message],
) -> Result<Times> {
    let (customer_id, now) = (conversation.customer_id, app.store.clock.now());
    let mut ctx = RequestContext::internal();
    ctx.scope = Scope::tenant(customer_id);
    let findings = &conversation.findings.0;
    let ahead = bookings::ahead(&app.store.db, customer_id, conversation.id, now).await?;
    // What is booked moves with its own work.
    let item = match &ahead {
        Some(ahead) => cataloghandler::work_of(app, ahead).await?,
        None => item(app, &ctx, findings).await?,
    };
    let query = AvailabilityQuery {
        service_id: item.as_ref().map(|item| item.id),
        from: Some(now.plus(NOTICE_MIN).to_string()),
        ..AvailabilityQuery::default()
    };
    let free = availabilityhandler::list(app, &ctx, &query).await;
    let calendar = Calendar {
        business,
        free: distinct(free.unwrap_or_default()),
        offered: conversation.offered_slots.0.clone(),
        now,
    };
    let texts = calendar.new_texts(history, conversation.answered_seq);
    let mut times = calendar.read(&texts, findings, ahead.is_some());
    let zone: Tz = business.timezone.parse().unwrap_or(Tz::UTC);
    let rates = Rates::in_zone(app, customer_id, zone).await?;
    times.factors = if calendar.free.is_empty() {
        let later = |step| now.plus(STEP.saturating_mul(step));
        rates.factors((0..STEPS).map(later))?
    } else {
        rates.factors(calendar.free.iter().map(|slot| slot.tm_start))?
    };
    times.rate(&rates)?;
    if let Some(item) = &item {
        let usual = ahead
            .as_ref()
            .map_or(item.price_cents, |ahead| ahead.price_cents);
        times.price(&rates, item, usual)?;
    }
    times.ahead = ahead.and_then(|ahead| ahead_of(business, &ahead));
    times.item = item;
    Ok(times)
}

impl Times {
    /// Every time that is told, or was chosen.
    fn offers(&mut self) -> impl Iterator<Item = &mut Offer> {
        let chosen = match &mut self.chosen {
            Chosen::Free(offer) => Some(offer),
            _ => None,
        };
        self.told.iter_mut().chain(chosen)
    }

    /// Notes what prices are multiplied by at each time.
    fn rate(&mut self, rates: &Rates) -> Result<()> {
        for offer in self.offers() {
            offer.factors = rates.factors(std::iter::once(offer.slot.tm_start))?;
        }
        Ok(())
    }

    /// Notes what each time costs, where that is none of the prices that the person may expect: the item's own, and the
    /// usual one.
    fn price(&mut self, rates: &Rates, item: &CatalogItem, usual: i64) -> Result<()> {
        for offer in self.offers() {
            let price = rates.price(item, offer.slot.tm_start)?.price;
            let is_expected = price.amount == item.price_cents && price.amount == usual;
            offer.price = (!is_expected).then_some(price);
        }
        Ok(())
    }
}

fn ahead_of(business: &Business, ahead: &Appointment) -> Option<Ahead> {
    Some(Ahead {
        id: ahead.id,
        text: business.time_text(ahead.tm_start)?,
    })
}

async fn item(app: &App, ctx: &RequestContext, findings: &Findings) -> Result<Option<CatalogItem>> {
    if findings.service.trim().is_empty() {
        return Ok(None);
    }
    let request = MatchRequest::of(&findings.service);
    let found = cataloghandler::find(app, ctx, &request).await?;
    Ok(found.into_iter().next().map(cataloghandler::Match::item))
}

/// One for each begin: who comes does not matter to the person.
fn distinct(mut free: Vec<Slot>) -> Vec<Slot> {
    free.dedup_by_key(|slot| slot.tm_start);
    free
}

/// What the person wrote.
#[derive(Debug, Clone, Copy)]
struct Text<'t> {
    body: &'t str,
    /// Our last text before it offered the times.
    is_asked: bool,
}

/// Whether the person may have got it.
fn is_ours(message: &Message) -> bool {
    let is_lost = matches!(
        message.status,
        MessageStatus::Discarded | MessageStatus::Failed | MessageStatus::Undelivered
    );
    message.direction == Direction::Outbound && !is_lost
}

struct Calendar<'c> {
    business: &'c Business,
    free: Vec<Slot>,
    offered: Vec<Slot>,
    now: Timestamp,
}

impl Calendar<'_> {
    /// What the person wrote since the last answer, the newest first.
    fn new_texts<'m>(&self, history: &'m [Message], answered_seq: i64) -> Vec<Text<'m>> {
        let mut is_asked = false;
        let mut texts = Vec::new();
        for message in history {
            if is_ours(message) {
                is_asked = self.offers(&message.body);
            } else if message.direction == Direction::Inbound && message.seq > answered_seq {
                let body = &message.body;
                texts.push(Text { body, is_asked });
            }
        }
        texts.reverse();
        texts
    }

    /// Whether a text names all times that were offered, in their order.
    fn offers(&self, body: &str) -> bool {
        let mut rest = body;
        let mut times = self.offered.iter();
        !self.offered.is_empty()
            && times.all(|slot| {
                let time = self.business.time_text(slot.tm_start);
                let behind = time.and_then(|time| rest.split_once(&time));
                rest = behind.map_or("", |(_, behind)| behind);
                behind.is_some()
            })
    }

    fn read(&self, texts: &[Text<'_>], findings: &Findings, is_booked: bool) -> Times {
        let mut times = Times {
            offered: self.offered.clone(),
            ..Times::default()
        };
        let is_about_times = !self.offered.is_empty() || is_booked;
        let said = texts.iter().map(|text| self.choice(*text));
        let mut first = self.usual();
        match said.into_iter().find(|choice| *choice != Choice::Nothing) {
            Some(Choice::Offered(at)) => times.chosen = self.take(self.offered.get(at)),
            Some(Choice::Free(at)) if is_about_times => {
                times.chosen = self.take(self.free.get(at));
            }
            Some(Choice::Free(at)) => first = vec![at],
            Some(Choice::Near(near)) => {
                if is_about_times {
                    times.chosen = Chosen::Others;
                }
                first = near;
            }
            // What was said of times before, when something else was still missing.
            _ => match self.choice(Text {
                body: &findings.time,
                is_asked: false,
            }) {
                Choice::Free(at) if self.offered.is_empty() => first = vec![at],
                Choice::Near(near) if self.offered.is_empty() => first = near,
                _ => {}
            },
        }
        times.told = self.told(&first);
        times
    }

    fn choice(&self, text: Text<'_>) -> Choice {
        let Some(now) = self.local(self.now) else {
            return Choice::Nothing;
        };
        let local = |slots: &[Slot]| -> Option<Vec<LocalTime>> {
            slots.iter().map(|slot| self.local(slot.tm_start)).collect()
        };
        match (local(&self.offered), local(&self.free)) {
            (Some(times), Some(free)) => {
                let offered = Offered {
                    times: &times,
                    is_asked: text.is_asked,
                };
                choice::read(text.body, offered, &free, now.date)
            }
            _ => Choice::Nothing,
        }
    }

    fn take(&self, slot: Option<&Slot>) -> Chosen {
        // Another resource may have that time, where the one that was offered has not.
        let free = self.free.iter().find(|free| {
            slot.is_some_and(|slot| slot.tm_start == free.tm_start && slot.tm_end == free.tm_end)
        });
        match free.and_then(|slot| self.offer(*slot)) {
            Some(offer) => Chosen::Free(offer),
            None => Chosen::Taken,
        }
    }

    /// What was offered and is still free, then some others that differ: the first of all are a quarter of an hour apart.
    fn usual(&self) -> Vec<usize> {
        let free = self.free.iter().enumerate();
        let offered = free.filter(|(_, slot)| self.offered.contains(slot));
        offered.map(|(at, _)| at).collect()
    }

    fn told(&self, first: &[usize]) -> Vec<Offer> {
        let step = (self.free.len() / TOLD_MAX).max(1);
        let spaced = (0..self.free.len()).step_by(step);
        let mut chosen: Vec<usize> = Vec::new();
        for at in first.iter().copied().chain(spaced) {
            if chosen.len() < TOLD_MAX && !chosen.contains(&at) {
                chosen.push(at);
            }
        }
        let slots = chosen.into_iter().filter_map(|at| self.free.get(at));
        slots.filter_map(|slot| self.offer(*slot)).collect()
    }

    fn offer(&self, slot: Slot) -> Option<Offer> {
        let text = self.business.time_text(slot.tm_start)?;
        Some(Offer {
            slot,
            text,
            ..Offer::default()
        })
    }

    /// By the business's own clock.
    fn local(&self, at: Timestamp) -> Option<LocalTime> {
        let zone: Tz = self.business.timezone.parse().unwrap_or(Tz::UTC);
        let at = DateTime::from_timestamp_micros(at.micros())?.with_timezone(&zone);
        let date: NaiveDate = at.date_naive();
        let minute = u16::try_from(at.hour() * 60 + at.minute()).ok()?;
        Some(LocalTime { date, minute })
    }
}
