//! A missed call becomes a conversation, and whoever called gets a text.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
    phone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{read, take};
use crate::{
    alertrulehandler::{self, Incident},
    app::{App, Job},
    businesshandler, contacthandler,
    conversationhandler::{
        change,
        open::{self, Party},
        say::{self, Said},
    },
    dbhandler::{contacts, conversations},
    figures::alarm::Metric,
    models::{
        contact::Contact,
        conversation::{Channel, Conversation},
        message::{Message, MessageStatus, Sender},
        webhook::{MissedCall, Webhook},
    },
    templatehandler::{self, Filling},
};

/// Nobody is greeted twice within this, in whatever conversation.
const GREETED: Duration = Duration::from_secs(24 * 3_600);
/// Who wrote or was written to within this needs no greeting.
const TALKING: Duration = Duration::from_secs(10 * 60);
/// An older miss is none to greet for.
const STALE: Duration = Duration::from_secs(10 * 60);

/// Works on a missed call.
///
/// # Errors
/// 503.
pub(super) async fn missed(app: &App, row: &Webhook) -> Result<()> {
    let call: MissedCall = read(row)?;
    let number = phone::parse(&call.to).map(|to| to.as_str().to_owned());
    let business = match number {
        Ok(number) => businesshandler::of_number(app, &number).await?,
        Err(_) => None,
    };
    // Anonymous and short numbers cannot be written to.
    let person = match phone::parse(&call.from) {
        Ok(person) => Some(person.as_str().to_owned()),
        Err(_) => None,
    };
    let ctx = RequestContext::internal();
    let (Some(business), Some(person)) = (business, person) else {
        let mut tx = app.store.begin(&ctx).await?;
        take(&mut tx, row.id).await?;
        return tx.commit(()).await;
    };
    // The business's own numbers are not greeted. That another tenant has the number says nothing: it may be a person's, too.
    let own = businesshandler::of_tenant(app, &person, call.customer_id).await?;
    let hash = contacthandler::hash(app, &person).await?;
    let mut tx = app.store.begin(&ctx).await?;
    if !take(&mut tx, row.id).await? || business.customer_id != call.customer_id {
        return tx.commit(()).await;
    }
    let party = Party {
        customer_id: call.customer_id,
        channel: Channel::Sms,
        person: &person,
        number: &business.number,
    };
    let mut conversation = open::lock_or_open(&mut tx, &party).await?;
    open::follow(&mut conversation, &business.number);
    let mut contact = contacthandler::lock(&mut tx, call.customer_id, &hash, &person).await?;
    open::settle_blocks(&mut conversation, &contact, &business);
    conversation.add_call(call.call_id);
    open::attach_lead(
        app,
        &mut tx,
        &mut conversation,
        Some(call.call_id),
        &business,
    )
    .await?;
    let now = tx.now();
    if contacthandler::takes_no_texts(&contact, now) {
        call_back(&mut tx, &mut conversation).await?;
    }
    let mut greeting = None;
    if own.is_none() && may_greet(now, call.tm_ended, &conversation, &contact) {
        let filling = Filling {
            business_name: &business.name,
            customer_name: &conversation.person_name,
            ..Filling::default()
        };
        let name = if business.is_open(now) {
            "greeting"
        } else {
            "greeting_after_hours"
        };
        let body = templatehandler::text(&mut tx, call.customer_id, name, filling).await?;
        let said = Said {
            sender: Sender::System,
            sender_id: None,
            body: &body,
            status: MessageStatus::Queued,
            cause_key: Message::greeting(call.call_id),
        };
        greeting = say::say(&mut tx, &mut conversation, said).await?;
        contact.tm_greeted = Some(now);
        contacthandler::save(&mut tx, &mut contact).await?;
    }
    change::save(&mut tx, &mut conversation).await?;
    tx.commit(()).await?;
    if let Some(greeting) = greeting {
        app.offer(Job::Send(greeting.id));
    }
    Ok(())
}

/// Who is on the line, as call-manager asks before it says anything.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Caller {
    /// Who calls; whatever the network said.
    pub from: String,
    /// Our number.
    pub to: String,
}

/// What they can be promised.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Promise {
    /// A text goes to them when their call is missed now.
    pub greeting: bool,
}

/// Whether whoever is on the line gets a text when their call is missed now, by the rules of [`missed`].
///
/// # Errors
/// 503.
pub(crate) async fn promise(app: &App, ctx: &RequestContext, caller: &Caller) -> Result<Promise> {
    let greeting = is_expected(app, ctx, caller).await?;
    Ok(Promise { greeting })
}

async fn is_expected(app: &App, ctx: &RequestContext, caller: &Caller) -> Result<bool> {
    let customer_id = ctx.scope.owner(Uuid::nil())?;
    let (Ok(person), Ok(number)) = (phone::parse(&caller.from), phone::parse(&caller.to)) else {
        return Ok(false);
    };
    let (person, number) = (person.as_str(), number.as_str());
    let Some(business) = businesshandler::of_tenant(app, number, customer_id).await? else {
        return Ok(false);
    };
    let own = businesshandler::of_tenant(app, person, customer_id).await?;
    if own.is_some() {
        return Ok(false);
    }
    let (db, hash) = (&app.store.db, contacthandler::hash(app, person).await?);
    let contact = contacts::find(db, customer_id, &hash).await?;
    let found = conversations::find_open(db, customer_id, Channel::Sms, person).await?;
    let (contact, mut conversation) = (contact.unwrap_or_default(), found.unwrap_or_default());
    open::settle_blocks(&mut conversation, &contact, &business);
    let now = app.store.clock.now();
    Ok(may_greet(now, now, &conversation, &contact))
}

/// Nobody can write to this number, so a person has to call it.
async fn call_back(tx: &mut ChangeTx<'_>, conversation: &mut Conversation) -> Result<()> {
    conversation.needs_human = true;
    let incident = Incident {
        metric: Metric::NeedsHuman,
        reason: "takes_no_texts",
        message_id: None,
    };
    alertrulehandler::tell(tx, conversation, incident).await
}

/// Whether whoever called in vain gets a text.
fn may_greet(
    now: Timestamp,
    tm_ended: Timestamp,
    conversation: &Conversation,
    contact: &Contact,
) -> bool {
    let is_within = |at: Option<Timestamp>, span| at.is_some_and(|at| now < at.plus(span));
    let is_stale = now >= tm_ended.plus(STALE);
    !is_stale
        && !contact.opted_out
        && !contact.paused
        && !contacthandler::takes_no_texts(contact, now)
        && !conversation.is_blocked()
        && conversation.owner_id.is_none()
        && !is_within(contact.tm_greeted, GREETED)
        && !is_within(conversation.tm_last_message, TALKING)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::models::conversation::BlockReason;

    const NOW: i64 = 1_800_000_000_000_000;

    fn ago(seconds: i64) -> Timestamp {
        Timestamp::from_micros(NOW - seconds * 1_000_000)
    }

    #[rstest]
    #[case::first(ago(1), None, None, false, false, true)]
    #[case::stale(ago(600), None, None, false, false, false)]
    #[case::not_stale(ago(599), None, None, false, false, true)]
    #[case::greeted(ago(1), Some(ago(86_399)), None, false, false, false)]
    #[case::greeted_long_ago(ago(1), Some(ago(86_400)), None, false, false, true)]
    #[case::talking(ago(1), None, Some(ago(599)), false, false, false)]
    #[case::silent(ago(1), None, Some(ago(600)), false, false, true)]
    #[case::opted_out(ago(1), None, None, true, false, false)]
    #[case::human(ago(1), None, None, false, true, false)]
    fn who_is_greeted(
        #[case] ended: Timestamp,
        #[case] tm_greeted: Option<Timestamp>,
        #[case] tm_last_message: Option<Timestamp>,
        #[case] opted_out: bool,
        #[case] is_humans: bool,
        #[case] expected: bool,
    ) {
        let conversation = Conversation {
            tm_last_message,
            owner_id: is_humans.then(Uuid::nil),
            ..Conversation::default()
        };
        let contact = Contact {
            tm_greeted,
            opted_out,
            ..Contact::default()
        };
        let now = Timestamp::from_micros(NOW);
        assert_eq!(may_greet(now, ended, &conversation, &contact), expected);
    }

    #[rstest]
    #[case::landline(Some(ago(86_400)), false)]
    #[case::it_may_be_a_mobile_by_now(Some(ago(91 * 86_400)), true)]
    #[case::nothing_known(None, true)]
    fn a_landline_is_not_greeted_as_far_as_known(
        #[case] tm_unreachable: Option<Timestamp>,
        #[case] expected: bool,
    ) {
        let contact = Contact {
            tm_unreachable,
            ..Contact::default()
        };
        let now = Timestamp::from_micros(NOW);
        let conversation = Conversation::default();
        assert_eq!(may_greet(now, ago(1), &conversation, &contact), expected);
    }

    #[test]
    fn nobody_is_greeted_who_may_want_no_texts() {
        let contact = Contact {
            paused: true,
            ..Contact::default()
        };
        let now = Timestamp::from_micros(NOW);
        assert!(!may_greet(now, ago(1), &Conversation::default(), &contact));
    }

    #[test]
    fn nobody_is_greeted_in_a_blocked_conversation() {
        let mut conversation = Conversation::default();
        conversation.block(BlockReason::CampaignPending);
        let now = Timestamp::from_micros(NOW);
        assert!(!may_greet(now, ago(1), &conversation, &Contact::default()));
    }
}
