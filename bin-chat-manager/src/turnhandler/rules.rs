//! A turn without a model: what a lead still lacks is asked for, one thing at a time, and times are offered.

use super::{compose::Composed, facts::Facts, times::Chosen};
use crate::{
    models::{slot::Slot, turn::TurnSource},
    words::{
        choice,
        intake::{Findings, Missing},
    },
};

/// Without a model: what a lead still lacks is asked for, one thing at a time, and times are offered.
pub(super) fn by_rules(findings: &Findings, facts: &Facts) -> Composed {
    let composed = Composed {
        source: TurnSource::Rules,
        confidence: 1.0,
        ..Composed::default()
    };
    let offering = |before: &str| -> Option<Composed> {
        let (times, offered) = offers(facts)?;
        Some(Composed {
            text: format!("{before} {times}"),
            offered: Some(offered),
            ..composed.clone()
        })
    };
    let said = |text: String, needs_human: bool| Composed {
        text,
        needs_human,
        ..composed.clone()
    };
    let name = &facts.business.name;
    match &facts.times.chosen {
        Chosen::Free(offer) => {
            return Composed {
                taken: Some(offer.slot),
                offered: Some(Vec::new()),
                ..said(facts.booked(&offer.told()), false)
            };
        }
        Chosen::Taken => {
            let sorry = "Sorry, that time is not free any more.";
            return offering(sorry).unwrap_or_else(|| said(facts.fallback.clone(), true));
        }
        Chosen::Others => {
            return offering("No problem.").unwrap_or_else(|| said(facts.fallback.clone(), true));
        }
        Chosen::Nothing => {}
    }
    if let Some(ahead) = &facts.times.ahead {
        return said(facts.booked(&ahead.text), true);
    }
    match findings.missing() {
        Missing::Service if name.is_empty() => {
            said("Thanks for your message! What do you need help with?".to_owned(), false)
        }
        Missing::Service => said(
            format!("Thanks for reaching {name}! What do you need help with?"),
            false,
        ),
        Missing::Address => said(
            "Got it. What is the address of the job, with ZIP code?".to_owned(),
            false,
        ),
        Missing::Time => offering("Thanks!")
            .unwrap_or_else(|| said("Thanks! When would a visit suit you best?".to_owned(), false)),
        Missing::Nothing if facts.times.offered.is_empty() && !facts.times.told.is_empty() => {
            offering("Thanks!").unwrap_or_else(|| said(facts.fallback.clone(), true))
        }
        Missing::Nothing => said(
            "Thank you, we have everything we need. Somebody will confirm the time with you shortly."
                .to_owned(),
            true,
        ),
    }
}

/// A sentence that offers the best times, and those times.
fn offers(facts: &Facts) -> Option<(String, Vec<Slot>)> {
    let some: Vec<_> = facts.times.told.iter().take(choice::OFFERS).collect();
    let text = match some.as_slice() {
        [] => return None,
        [only] => format!(
            "We could come {}. Does that suit you, or is another time better?",
            only.told()
        ),
        [first, second, ..] => format!(
            "We could come {} or {}. Which one suits you, or is another time better?",
            first.told(),
            second.told()
        ),
    };
    Some((text, some.iter().map(|offer| offer.slot).collect()))
}

#[cfg(test)]
mod tests {
    use bin_common_handler::models::money::{Currency, Money};

    use super::{super::facts::tests::facts, *};

    #[test]
    fn rules_carry_a_conversation_to_a_lead() {
        let mut findings = Findings::default();
        let mut asked = Vec::new();
        for text in [
            "hi",
            "my sink is clogged",
            "12 Main St 94107",
            "tomorrow morning",
        ] {
            findings.read(text);
            let mut facts = facts();
            if asked.len() == 3 {
                facts.times.offered = facts.times.told.iter().map(|offer| offer.slot).collect();
            }
            let composed = by_rules(&findings, &facts);
            asked.push(composed.text);
        }
        assert!(asked[0].contains("What do you need"));
        assert!(asked[1].contains("address"));
        assert!(asked[2].contains("Tue 9:00 or Wed 14:00"));
        assert!(asked[3].contains("everything we need"));
        let offered = by_rules(&findings, &facts()).offered.unwrap();
        assert_eq!(offered.len(), 2, "{offered:?}");
    }

    #[test]
    fn a_price_that_a_rate_makes_is_told_with_its_time() {
        let mut facts = facts();
        facts.times.told[0].price = Some(Money::new(30_000, Currency::USD));
        let (ruled, _) = offers(&facts).unwrap();
        assert!(
            ruled.contains("Tue 9:00 (300.00 USD) or Wed 14:00."),
            "{ruled}"
        );
        facts.times.chosen = Chosen::Free(facts.times.told[0].clone());
        let booked = by_rules(&Findings::default(), &facts);
        assert_eq!(booked.text, "You are booked for Tue 9:00 (300.00 USD).");
    }

    #[test]
    fn a_time_that_is_gone_is_replaced_by_others() {
        let mut facts = facts();
        facts.times.chosen = Chosen::Taken;
        let composed = by_rules(&Findings::default(), &facts);
        assert!(composed.text.starts_with("Sorry") && composed.text.contains("Tue 9:00"));
        assert_eq!(
            (composed.taken, composed.offered.map(|some| some.len())),
            (None, Some(2))
        );
    }
}
