//! What is true: the only source of prices, times and hours that the assistant may tell.

use std::sync::Arc;

use bin_common_handler::{
    context::RequestContext,
    models::{
        error::Result,
        money::{Currency, Money},
    },
};
use uuid::Uuid;

use super::times::{self, Offer, Times};
use crate::{
    app::App,
    booking::quote::Factors,
    models::{
        business::Business, catalogitem::CatalogItem, conversation::Conversation, message::Message,
        slot::Slot,
    },
    templatehandler::{self, Filling},
};

/// One thing that the business does, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Price {
    pub name: String,
    pub cents: i64,
    pub currency: Currency,
}

impl Price {
    /// The lowest and the highest at times with these factors; none where no money is that much.
    fn at(&self, factors: Factors) -> Option<(Money, Money)> {
        let plain = Money::new(self.cents, self.currency);
        let low = plain.share(factors.low_millionths).ok()?;
        let high = plain.share(factors.high_millionths).ok()?;
        Some((low, high))
    }

    /// The same for people.
    fn told(&self, factors: Factors) -> Option<String> {
        let (low, high) = self.at(factors)?;
        Some(if low == high {
            low.to_string()
        } else {
            format!("{low} to {high}, depending on the time")
        })
    }

    fn costs(&self, cents: i64, factors: Factors) -> bool {
        self.at(factors)
            .is_some_and(|(low, high)| low.amount == cents || high.amount == cents)
    }
}

/// Everything that placeholders may stand for.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub business: Arc<Business>,
    pub customer_name: String,
    pub prices: Vec<Price>,
    pub times: Times,
    pub hours: String,
    /// The template that is sent where nothing better may be.
    pub fallback: String,
    /// The template that tells what to do in danger.
    pub safety: String,
    /// The template that says what was booked; its `{slot}` is still open.
    pub booking: String,
}

/// What stands for the time in a template that is filled in later.
const SLOT: &str = "{slot}";
/// Prices that a model hears of.
const PRICES_MAX: i64 = 20;

/// What the business does, and what it costs.
async fn prices(app: &App, customer_id: Uuid) -> Result<Vec<Price>> {
    let tail = "WHERE customer_id = ? AND active = ? AND tm_delete IS NULL ORDER BY id LIMIT ?";
    let values = vec![customer_id.into(), true.into(), PRICES_MAX.into()];
    let items: Vec<CatalogItem> = app.store.db.select(tail, values).await?;
    let price = |item: CatalogItem| {
        Some(Price {
            currency: item.currency.parse().ok()?,
            name: item.name,
            cents: item.price_cents,
        })
    };
    Ok(items.into_iter().filter_map(price).collect())
}

/// The facts of a conversation.
///
/// # Errors
/// 503.
pub(super) async fn of(
    app: &App,
    conversation: &Conversation,
    business: &Arc<Business>,
    history: &[Message],
) -> Result<Facts> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let filling = Filling {
        business_name: &business.name,
        customer_name: &conversation.person_name,
        ..Filling::default()
    };
    let customer_id = conversation.customer_id;
    let fallback = templatehandler::text(&mut tx, customer_id, "fallback", filling).await?;
    let safety = templatehandler::safety(&mut tx, business, filling).await?;
    let open = Filling {
        slot: SLOT,
        ..filling
    };
    let booking = templatehandler::text(&mut tx, customer_id, "booking", open).await?;
    drop(tx);
    Ok(Facts {
        business: Arc::clone(business),
        customer_name: conversation.person_name.clone(),
        prices: prices(app, customer_id).await?,
        times: times::of(app, conversation, business, history).await?,
        hours: business.hours_text(),
        fallback,
        safety,
        booking,
    })
}

impl Facts {
    /// The text that says what was booked.
    pub(super) fn booked(&self, time: &str) -> String {
        self.booking.replace(SLOT, time)
    }

    /// What a text with placeholders offers, in its order.
    fn mentioned(&self, text: &str) -> impl Iterator<Item = &Offer> {
        let mentions = text.split("{slot:").skip(1);
        let numbers = mentions.filter_map(|rest| rest.split_once('}')?.0.parse::<usize>().ok());
        numbers.filter_map(move |number| self.times.told.get(number.checked_sub(1)?))
    }

    /// The times that a text with placeholders offers, in its order.
    pub(super) fn offers(&self, text: &str) -> Vec<Slot> {
        let mut offers: Vec<Slot> = Vec::new();
        for offer in self.mentioned(text) {
            if !offers.contains(&offer.slot) {
                offers.push(offer.slot);
            }
        }
        offers
    }

    /// What prices are multiplied by at the times that a text offers; at all free ones where it offers none.
    fn factors(&self, text: &str) -> Factors {
        let each = self.mentioned(text).map(|offer| offer.factors);
        each.reduce(Factors::and).unwrap_or(self.times.factors)
    }

    /// Whether something of the catalog costs so much, in minor units, at a time that may be told.
    pub(super) fn has_price(&self, cents: i64) -> bool {
        let offers = self.times.told.iter().map(|offer| offer.factors);
        let mut factors = [Factors::default(), self.times.factors]
            .into_iter()
            .chain(offers);
        factors.any(|factors| self.prices.iter().any(|price| price.costs(cents, factors)))
    }

    /// What a placeholder stands for, prices at times with these factors; nothing for one that stands for nothing here.
    fn value(&self, name: &str, factors: Factors) -> Option<String> {
        let numbered = |prefix: &str| -> Option<usize> {
            let number = name.strip_prefix(prefix)?;
            number.parse::<usize>().ok()?.checked_sub(1)
        };
        if let Some(at) = numbered("price:") {
            return self.prices.get(at)?.told(factors);
        }
        if let Some(at) = numbered("slot:") {
            return Some(self.times.told.get(at)?.told());
        }
        let text = match name {
            "hours" => &self.hours,
            "business_name" => &self.business.name,
            "customer_name" => &self.customer_name,
            _ => return None,
        };
        (!text.is_empty()).then(|| text.clone())
    }

    /// Fills placeholders in, once; none where one stands for nothing.
    pub(super) fn fill(&self, text: &str) -> Option<String> {
        let factors = self.factors(text);
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}')?;
            filled.push_str(before);
            filled.push_str(&self.value(name, factors)?);
            rest = behind;
        }
        filled.push_str(rest);
        Some(filled)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    /// A plumber with one price and two slots.
    pub(in super::super) fn facts() -> Facts {
        let business = Business {
            name: "Mission Plumbing".to_owned(),
            ..Business::default()
        };
        Facts {
            business: Arc::new(business),
            customer_name: String::new(),
            prices: vec![Price {
                name: "drain cleaning".to_owned(),
                cents: 9_900,
                currency: Currency::USD,
            }],
            times: times::tests::times(&["Tue 9:00", "Wed 14:00"]),
            hours: "Mon-Fri 08:00-17:00".to_owned(),
            fallback: "Somebody will get back to you.".to_owned(),
            safety: "Leave the building and call 911.".to_owned(),
            booking: "You are booked for {slot}.".to_owned(),
        }
    }

    #[rstest]
    #[case("{business_name}: {slot:2}", Some("Mission Plumbing: Wed 14:00"))]
    #[case("{hours}", Some("Mon-Fri 08:00-17:00"))]
    #[case("{slot:3}", None)]
    #[case("{slot:0}", None)]
    #[case("{price:2}", None)]
    #[case("{price:-1}", None)]
    #[case("{secret}", None)]
    #[case("{customer_name}", None)]
    #[case("{slot:1", None)]
    fn a_placeholder_stands_for_a_fact_or_the_text_for_nothing(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(facts().fill(text).as_deref(), expected);
    }

    #[test]
    fn a_price_is_the_catalogs() {
        let filled = facts().fill("It is {price:1}.").unwrap();
        assert!(filled.contains("99.00"), "{filled}");
    }

    #[rstest]
    // Nobody has said when: it depends.
    #[case(
        "It is {price:1}.",
        "It is 99.00 USD to 198.00 USD, depending on the time."
    )]
    #[case("It is {price:1} {slot:1}.", "It is 99.00 USD Tue 9:00.")]
    #[case("It is {price:1} {slot:2}.", "It is 148.50 USD Wed 14:00.")]
    #[case(
        "It is {price:1}: {slot:2} or {slot:1}?",
        "It is 99.00 USD to 148.50 USD, depending on the time: Wed 14:00 or Tue 9:00?"
    )]
    fn a_price_is_what_a_booking_would_cost(#[case] text: &str, #[case] expected: &str) {
        let mut facts = facts();
        facts.times.factors.high_millionths = 2_000_000;
        facts.times.told[1].factors = Factors {
            low_millionths: 1_500_000,
            high_millionths: 1_500_000,
        };
        assert_eq!(facts.fill(text).as_deref(), Some(expected));
        for (cents, expected) in [(9_900, true), (14_850, true), (19_800, true), (99, false)] {
            assert_eq!(facts.has_price(cents), expected, "{cents}");
        }
    }
}
