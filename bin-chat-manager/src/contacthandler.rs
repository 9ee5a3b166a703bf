//! Opt-outs: who wants no texts, known by a keyed hash of the number, and what follows from it.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery},
    listenhandler::List,
    models::{
        check::wrong,
        error::{Error, Result},
        time::Timestamp,
    },
    phone,
};
use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::contacts,
    models::contact::{CHANGED, Contact},
};

/// The key of the hashes.
const KEY: &str = "contacts";
const DAY_MICROS: i64 = 86_400_000_000;
/// How long our opt-in question may be answered by a bare YES.
const ASKED: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// How long a number that takes no texts is left alone: landlines are ported to mobiles now and then.
const UNREACHABLE: std::time::Duration = std::time::Duration::from_secs(90 * 86_400);
/// Reason of what is not sent to a number that takes no texts.
pub(crate) const TAKES_NO_TEXTS: &str = "TAKES_NO_TEXTS";
/// The same for people.
pub(crate) const TAKES_NO_TEXTS_TEXT: &str =
    "The carrier said of late that this number takes no texts; it is probably a landline. Call it.";

/// The hash by which a number is known.
///
/// # Errors
/// 503 where SECRETS_KEY is missing or the database is away.
pub(crate) async fn hash(app: &App, number: &str) -> Result<Vec<u8>> {
    let key = app.shared_key(&app.phone_key, KEY).await?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(Error::internal)?;
    mac.update(number.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// The contact of a number, held until the end of the transaction. A conversation is locked before it, never after.
///
/// # Errors
/// 503.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    hash: &[u8],
    number: &str,
) -> Result<Contact> {
    contacts::lock(tx, customer_id, hash, number).await
}

/// Writes a locked contact.
///
/// # Errors
/// 503.
pub(crate) async fn save(tx: &mut ChangeTx<'_>, contact: &mut Contact) -> Result<()> {
    contact.tm_update = tx.next_version(contact.tm_update);
    tx.update(contact).await
}

/// Writes a locked contact whose right to texts changed, with the event that all managers obey.
///
/// # Errors
/// 503.
pub(crate) async fn announce(
    tx: &mut ChangeTx<'_>,
    contact: &mut Contact,
    source: &str,
) -> Result<()> {
    source.clone_into(&mut contact.source);
    save(tx, contact).await?;
    tx.emit(CHANGED, contact, contact.customer_id).await
}

/// Whether somebody was asked of late whether they want texts.
pub(crate) fn was_asked(contact: &Contact, now: Timestamp) -> bool {
    contact
        .tm_asked
        .is_some_and(|asked| now < asked.plus(ASKED))
}

/// Whether the carrier said of late that a number takes no texts.
pub(crate) fn takes_no_texts(contact: &Contact, now: Timestamp) -> bool {
    contact
        .tm_unreachable
        .is_some_and(|at| now < at.plus(UNREACHABLE))
}

/// The carrier says with `code` that a number takes no texts. The caller writes the contact.
pub(crate) fn note_unreachable(contact: &mut Contact, code: &str, now: Timestamp) {
    code.clone_into(&mut contact.unreachable_code);
    contact.tm_unreachable = Some(now);
}

/// A text came from the number, or arrived there: it takes texts; false where nothing else was known.
pub(crate) fn note_reachable(contact: &mut Contact) -> bool {
    contact.unreachable_code.clear();
    contact.tm_unreachable.take().is_some()
}

/// The refusal of a text to such a number.
pub(crate) fn unreachable() -> Error {
    Error::failed_precondition(TAKES_NO_TEXTS, TAKES_NO_TEXTS_TEXT)
}

/// The refusal of a send to somebody who opted out.
pub(crate) fn opted_out() -> Error {
    Error::permission_denied("OPTED_OUT", "This person asked for no more texts.")
}

/// Takes one of the assistant's texts of the day; false when there are none left.
pub(crate) fn take_ai_text(contact: &mut Contact, now: Timestamp, most: i32) -> bool {
    let day = now.micros().div_euclid(DAY_MICROS);
    if contact.ai_day != day {
        contact.ai_day = day;
        contact.ai_texts = 0;
    }
    if contact.ai_texts >= most {
        return false;
    }
    contact.ai_texts += 1;
    true
}

/// What is asked about a number, and told.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OptOutState {
    /// Whether nothing may be sent.
    pub opted_out: bool,
    /// Since when.
    pub tm_opted_out: Option<Timestamp>,
    /// Whether the assistant suspects that, and a person has yet to decide.
    #[serde(default)]
    pub paused: bool,
    /// Why nothing is sent although they want texts: what the carrier said of the number, for people; empty where it takes
    /// texts as far as is known.
    #[serde(default)]
    pub explanation: String,
}

/// Whether a number opted out.
///
/// # Errors
/// 400 naming the number, or `CUSTOMER_REQUIRED`; 503.
pub(crate) async fn state(
    app: &App,
    ctx: &RequestContext,
    customer_id: Option<Uuid>,
    number: &str,
) -> Result<OptOutState> {
    let customer_id = ctx.scope.required_owner(customer_id)?;
    let number = parse(number)?;
    let hash = hash(app, &number).await?;
    let found = contacts::find(&app.store.db, customer_id, &hash).await?;
    let paused = found.as_ref().is_some_and(|contact| contact.paused);
    let now = app.store.clock.now();
    let is_mute = found
        .as_ref()
        .is_some_and(|contact| takes_no_texts(contact, now));
    let contact = found.filter(|contact| contact.opted_out);
    Ok(OptOutState {
        paused,
        explanation: if is_mute { TAKES_NO_TEXTS_TEXT } else { "" }.to_owned(),
        opted_out: contact.is_some(),
        tm_opted_out: contact.and_then(|contact| contact.tm_opted_out),
    })
}

/// Those who opted out.
///
/// # Errors
/// 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Contact>> {
    those(app, ctx, wanted, "opted_out").await
}

/// Those who may want no texts, of whom a person has yet to decide.
///
/// # Errors
/// 503.
pub(crate) async fn paused(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Contact>> {
    those(app, ctx, wanted, "paused").await
}

async fn those(
    app: &App,
    ctx: &RequestContext,
    wanted: List,
    mark: &'static str,
) -> Result<Vec<Contact>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page).matching(mark, true);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    app.store
        .db
        .list(&query, |contact: &Contact| contact.tm_create)
        .await
}

/// Reads a number as people write it.
///
/// # Errors
/// 400 naming the field.
pub(crate) fn parse(number: &str) -> Result<String> {
    let parsed =
        phone::parse_query(number).map_err(|_| wrong("number", "must be a phone number"))?;
    Ok(parsed.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_takes_no_texts_is_left_alone_for_a_while() {
        let (mut contact, now) = (Contact::default(), Timestamp::from_micros(DAY_MICROS));
        assert!(!takes_no_texts(&contact, now));
        note_unreachable(&mut contact, "30006", now);
        let last = now.plus(UNREACHABLE - std::time::Duration::from_micros(1));
        assert!(takes_no_texts(&contact, last) && !takes_no_texts(&contact, now.plus(UNREACHABLE)));
        assert!(note_reachable(&mut contact) && !note_reachable(&mut contact));
        assert_eq!(contact, Contact::default());
    }

    #[test]
    fn the_assistant_has_so_many_texts_a_day() {
        let mut contact = Contact::default();
        let now = Timestamp::from_micros(DAY_MICROS * 20_000 + 5);
        let taken = (0..30)
            .filter(|_| take_ai_text(&mut contact, now, 20))
            .count();
        assert_eq!(taken, 20);
        let tomorrow = Timestamp::from_micros(DAY_MICROS * 20_001);
        assert!(take_ai_text(&mut contact, tomorrow, 20));
    }
}
