//! The rules of templates: a name is there once, and every customer has those that ship.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::{check::ensure, error::Result},
    resource::ResourceHooks,
};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::templates,
    models::{business::Business, template::Template},
    words::asking::{Keyword, asks_for},
};

/// The one template that may ask for a YES: that YES is what it asks about.
const OPT_IN_QUESTION: &str = "opt_in_question";

impl ResourceHooks<Template> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&Template>,
        after: &mut Template,
    ) -> Result<()> {
        if before.is_none() {
            let customer_id = after.customer_id;
            self.rooms.templates.take(tx, customer_id, 1).await?;
        }
        if after.tm_delete.is_some() {
            return Ok(());
        }
        check_asking(after)
    }
}

/// A template asks for nothing that carriers and the law understand otherwise.
fn check_asking(template: &Template) -> Result<()> {
    let body = &template.body;
    let asks_to_cancel = asks_for(body, Keyword::Cancel);
    ensure(
        !asks_to_cancel,
        "body",
        "must not ask for CANCEL: whoever sends it gets no more texts",
    )?;
    let may_ask = template.name == OPT_IN_QUESTION || !asks_for(body, Keyword::Yes);
    ensure(
        may_ask,
        "body",
        "must not ask for YES: it says that texts are welcome; ask for a word such as BOOK",
    )
}

/// The words that ship. None of them asks for CANCEL, nor for a bare YES but the question that YES answers: carriers and the
/// law understand these words otherwise.
const SHIPPED: &[(&str, &str)] = &[
    (
        "greeting",
        "Hi, this is {business_name}. Sorry we missed your call! How can we help? Reply STOP to get no texts.",
    ),
    (
        "greeting_after_hours",
        "Hi, this is {business_name}. We are closed right now, but tell us what you need and we will help. Reply STOP to get no texts.",
    ),
    (
        "opt_out_confirmation",
        "{business_name}: you will get no more texts from us. Reply START to get them again.",
    ),
    (
        "opt_in_question",
        "{business_name}: may we keep texting you here? Reply YES to go on, or STOP to get no texts.",
    ),
    (
        "help",
        "This is {business_name}. Tell us what you need, or call this number. Reply STOP to get no texts.",
    ),
    (
        "fallback",
        "Thanks for your message! Somebody of {business_name} will get back to you shortly.",
    ),
    (
        "emergency",
        "This sounds dangerous. If anyone is at risk, leave the place and call 911 now. With gas: no switches, no flames. {business_name} has been alerted.",
    ),
    (
        "reminder",
        "Reminder from {business_name}: your appointment is {slot}. Reply OTHER to change it.",
    ),
    (
        "booking",
        "{business_name}: you are booked for {slot}. Reply OTHER to change it.",
    ),
    (
        "chat_timed_out",
        "Nobody is free right now. Please leave your message here, and how we may reach you.",
    ),
    (
        "chat_after_hours",
        "We are closed right now. Please leave your message here, and how we may reach you.",
    ),
    (
        "voice_missed",
        "Sorry, we cannot take your call right now. We will send you a text.",
    ),
    (
        "voice_missed_no_text",
        "Sorry, we cannot take your call right now. Please call again later.",
    ),
];

/// What is filled in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filling<'f> {
    pub business_name: &'f str,
    pub customer_name: &'f str,
    pub slot: &'f str,
}

/// The text of a template: the tenant's own, else the one that ships, filled in.
///
/// # Errors
/// 503.
pub(crate) async fn text(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    name: &str,
    filling: Filling<'_>,
) -> Result<String> {
    let own = templates::body_of(tx, customer_id, name).await?;
    let shipped = || shipped(name).to_owned();
    Ok(fill(&own.unwrap_or_else(shipped), filling))
}

/// What is said in danger: the business's own message, else its template, else the one that ships.
///
/// # Errors
/// 503.
pub(crate) async fn safety(
    tx: &mut ChangeTx<'_>,
    business: &Business,
    filling: Filling<'_>,
) -> Result<String> {
    let own = business.emergency.message.trim();
    if own.is_empty() {
        return text(tx, business.customer_id, "emergency", filling).await;
    }
    Ok(own.to_owned())
}

/// Whether there is a template of this name: the tenant's own, or one that ships.
///
/// # Errors
/// 503.
pub(crate) async fn is_known(tx: &mut ChangeTx<'_>, customer_id: Uuid, name: &str) -> Result<bool> {
    if !shipped(name).is_empty() {
        return Ok(true);
    }
    let filling = Filling {
        business_name: "x",
        customer_name: "x",
        slot: "x",
    };
    // Every template has words, so an empty text is that of none.
    let own = text(tx, customer_id, name, filling).await?;
    Ok(!own.is_empty())
}

fn shipped(name: &str) -> &'static str {
    let mut all = SHIPPED.iter();
    all.find(|(known, _)| *known == name)
        .map_or("", |(_, body)| body)
}

/// Fills in once, so that nobody's name is a placeholder.
fn fill(body: &str, filling: Filling<'_>) -> String {
    let (mut text, mut rest) = (String::new(), body);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        text.push_str(before);
        text.push_str(match name {
            "business_name" if filling.business_name.is_empty() => "us",
            "business_name" => filling.business_name,
            "customer_name" => filling.customer_name,
            "slot" => filling.slot,
            _ => "",
        });
        rest = behind;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::words::{optout, segments};

    #[test]
    fn what_ships_is_short_plain_and_asks_for_no_carriers_word() {
        let filling = Filling {
            business_name: "Mission Plumbing",
            customer_name: "Ann",
            slot: "Tue 9:00",
        };
        for (name, body) in SHIPPED {
            let text = fill(body, filling);
            let segments = segments::count(&text);
            assert!(
                !segments.is_ucs2 && segments.count <= 2,
                "{name}: {segments:?}"
            );
            assert!(!text.contains('{'), "{name}");
            let upper = text.to_uppercase();
            let may_ask = *name == OPT_IN_QUESTION;
            assert!(!upper.contains("CANCEL"), "{name}");
            assert_eq!(upper.contains("YES"), may_ask, "{name}");
            assert_eq!(asks_for(&text, Keyword::Yes), may_ask, "{name}");
            assert_eq!(optout::read(&text), None, "{name}");
        }
    }

    #[rstest]
    #[case("greeting", "Reply YES to confirm or CANCEL to cancel", false)]
    #[case("greeting", "Reply YES to confirm", false)]
    #[case("opt_in_question", "May we text you? Reply YES or STOP", true)]
    #[case("opt_in_question", "Reply YES or CANCEL", false)]
    #[case("greeting", "Reply BOOK or OTHER, or STOP to get no texts", true)]
    fn what_a_template_may_ask_for(#[case] name: &str, #[case] body: &str, #[case] taken: bool) {
        let template = Template {
            name: name.to_owned(),
            body: body.to_owned(),
            ..Template::default()
        };
        let checked = check_asking(&template);
        assert_eq!(checked.is_ok(), taken);
        if let Err(refused) = checked {
            assert!(refused.message().starts_with("body"), "{refused}");
        }
    }

    #[test]
    fn a_filling_is_not_filled_again() {
        let filling = Filling {
            customer_name: "{slot}",
            slot: "x",
            ..Filling::default()
        };
        assert_eq!(fill("Hi {customer_name}", filling), "Hi {slot}");
    }
}
