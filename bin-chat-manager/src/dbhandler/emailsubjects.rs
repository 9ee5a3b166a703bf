//! Everything about one mail address. Addresses are compared without regard to case, and as whole words: of
//! `ann@example.com` nothing of `joann@example.com` is found.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::error::Result,
};
use serde_json::Value as Data;
use sqlx::types::Json;
use uuid::Uuid;

use super::tellings;
use crate::models::{
    appointment::Appointment, chatsession::Visitor, lead::Lead, notification::Notification,
};

/// Rows that are read at once: the largest are of 256 KiB.
const PAGE: usize = 100;

/// The sessions whose visitors named an address, page by page.
const SESSIONS: &str = "SELECT id, conversation_id, visitor FROM chat_sessions \
     WHERE customer_id = ? AND id > ? AND LOWER(visitor) LIKE ? ESCAPE '!' ORDER BY id LIMIT ?";
/// What was told of an address to others, page by page.
const DELIVERIES: &str = "SELECT id, payload FROM chat_deliveries \
     WHERE customer_id = ? AND id > ? AND LOWER(payload) LIKE ? ESCAPE '!' ORDER BY id LIMIT ?";
/// Notifications that name an address, page by page.
const NOTIFICATIONS: &str = "SELECT id, cause_key, subject, body, data FROM chat_notifications \
     WHERE customer_id = ? AND id > ? AND (LOWER(data) LIKE ? ESCAPE '!' OR LOWER(body) LIKE ? ESCAPE '!' \
     OR LOWER(subject) LIKE ? ESCAPE '!' OR LOWER(cause_key) LIKE ? ESCAPE '!') ORDER BY id LIMIT ?";

#[derive(bin_common_handler::FromRow)]
struct Session {
    id: Uuid,
    conversation_id: Uuid,
    visitor: Json<Visitor>,
}

#[derive(bin_common_handler::FromRow)]
struct Delivery {
    id: Uuid,
    payload: String,
}

#[derive(bin_common_handler::FromRow)]
struct Told {
    id: Uuid,
    cause_key: String,
    subject: String,
    body: String,
    data: Json<Data>,
}

#[derive(bin_common_handler::FromRow)]
struct OfConversation {
    conversation_id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

/// A pattern that finds a text anywhere: nothing in the text is a wildcard. It finds a few rows too many, which are looked at.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Whether a text names an address, which is in lower case, as a word of its own.
fn names(text: &str, email: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let belongs = |c: char| c.is_alphanumeric() || "._+-".contains(c);
    text.match_indices(email).any(|(at, found)| {
        let before = text.get(..at).unwrap_or_default();
        let mut after = text.get(at + found.len()..).unwrap_or_default().chars();
        let goes_on = match after.next() {
            // The end of a sentence is no part of a domain.
            Some('.') => after.next().is_some_and(char::is_alphanumeric),
            Some(c) => c.is_alphanumeric() || c == '-',
            None => false,
        };
        !goes_on && !before.ends_with(belongs)
    })
}

/// The same within JSON, whose escapes are undone.
fn data_names(data: &Data, email: &str) -> bool {
    match data {
        Data::String(text) => names(text, email),
        Data::Array(all) => all.iter().any(|inner| data_names(inner, email)),
        Data::Object(all) => all
            .iter()
            .any(|(key, inner)| names(key, email) || data_names(inner, email)),
        _ => false,
    }
}

fn payload_names(payload: &str, email: &str) -> bool {
    serde_json::from_str(payload).map_or_else(
        |_| names(payload, email),
        |data: Data| data_names(&data, email),
    )
}

/// Where a page goes on; none where it was the last one.
fn next<T>(page: &[T], id: impl Fn(&T) -> Uuid) -> Option<Uuid> {
    page.last().filter(|_| page.len() >= PAGE).map(id)
}

fn limit() -> Value {
    u32::try_from(PAGE).unwrap_or(u32::MAX).into()
}

/// Conversations whose visitors said that the address is theirs, in the order of their beginning; so many at most.
///
/// # Errors
/// 503.
pub(crate) async fn claimed(
    db: &Db,
    customer_id: Uuid,
    email: &str,
    most: usize,
) -> Result<Vec<Uuid>> {
    let (mut found, mut after) = (Vec::new(), Some(Uuid::nil()));
    while let Some(id) = after.filter(|_| found.len() < most) {
        let values = vec![
            customer_id.into(),
            id.into(),
            pattern(email).into(),
            limit(),
        ];
        let page: Vec<Session> = db.fetch_all(SESSIONS, values).await?;
        after = next(&page, |session| session.id);
        found.extend(said_by(page, email));
    }
    found.truncate(most);
    Ok(found)
}

fn said_by(page: Vec<Session>, email: &str) -> impl Iterator<Item = Uuid> {
    page.into_iter()
        .filter(move |session| session.visitor.0.email.eq_ignore_ascii_case(email))
        .map(|session| session.conversation_id)
}

/// Every conversation of an address: those by mail, those whose visitors said that it is theirs, and those whose visitors
/// named it for a transcript.
///
/// # Errors
/// 503.
pub(crate) async fn conversations(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    email: &str,
) -> Result<Vec<Uuid>> {
    let by_mail = "SELECT id FROM chat_conversations \
                   WHERE customer_id = ? AND channel = 'email' AND LOWER(person) = ?";
    let values = vec![customer_id.into(), email.into()];
    let rows: Vec<Id> = tx.sql().fetch_all(by_mail, values.clone()).await?;
    let mut found: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    let named =
        "SELECT conversation_id FROM chat_visitor_emails WHERE customer_id = ? AND email = ?";
    let rows: Vec<OfConversation> = tx.sql().fetch_all(named, values).await?;
    found.extend(rows.into_iter().map(|row| row.conversation_id));
    let mut after = Some(Uuid::nil());
    while let Some(id) = after {
        let values = vec![
            customer_id.into(),
            id.into(),
            pattern(email).into(),
            limit(),
        ];
        let page: Vec<Session> = tx.sql().fetch_all(SESSIONS, values).await?;
        after = next(&page, |session| session.id);
        found.extend(said_by(page, email));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Conversations by mail with an address.
///
/// # Errors
/// 503.
pub(crate) async fn by_mail(
    db: &Db,
    customer_id: Uuid,
    email: &str,
    most: usize,
) -> Result<Vec<Uuid>> {
    let sql = format!(
        "SELECT id FROM chat_conversations WHERE customer_id = ? AND channel = 'email' AND LOWER(person) = ? \
         ORDER BY id DESC LIMIT {most}"
    );
    let rows: Vec<Id> = db
        .fetch_all(&sql, vec![customer_id.into(), email.into()])
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Leads whose person is an address, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn leads(
    db: &Db,
    customer_id: Uuid,
    email: &str,
    most: usize,
) -> Result<Vec<Lead>> {
    let tail =
        format!("WHERE customer_id = ? AND LOWER(person) = ? ORDER BY tm_create DESC LIMIT {most}");
    Ok(db
        .select(&tail, vec![customer_id.into(), email.into()])
        .await?)
}

/// The ids of all of them.
///
/// # Errors
/// 503.
pub(crate) async fn ids_of_leads(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    email: &str,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_leads WHERE customer_id = ? AND LOWER(person) = ?";
    ids_of(tx, sql, customer_id, email).await
}

/// Appointments whose invitations go to an address, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn appointments(
    db: &Db,
    customer_id: Uuid,
    email: &str,
    most: usize,
) -> Result<Vec<Appointment>> {
    let tail =
        format!("WHERE customer_id = ? AND LOWER(email) = ? ORDER BY tm_create DESC LIMIT {most}");
    Ok(db
        .select(&tail, vec![customer_id.into(), email.into()])
        .await?)
}

/// The ids of all of them.
///
/// # Errors
/// 503.
pub(crate) async fn ids_of_appointments(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    email: &str,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_appointments WHERE customer_id = ? AND LOWER(email) = ?";
    ids_of(tx, sql, customer_id, email).await
}

async fn ids_of(
    tx: &mut ChangeTx<'_>,
    sql: &str,
    customer_id: Uuid,
    email: &str,
) -> Result<Vec<Uuid>> {
    let values = vec![customer_id.into(), email.into()];
    let found: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Notifications to an address, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn notifications(
    db: &Db,
    customer_id: Uuid,
    email: &str,
    most: usize,
) -> Result<Vec<Notification>> {
    let tail = format!(
        "WHERE customer_id = ? AND channel = 'email' AND LOWER(`to`) = ? ORDER BY tm_create DESC LIMIT {most}"
    );
    Ok(db
        .select(&tail, vec![customer_id.into(), email.into()])
        .await?)
}

/// Takes out the words that were mailed to an address, and the address. What has not left does not leave.
///
/// # Errors
/// 503.
pub(crate) async fn erase_to(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    email: &str,
    pseudonym: &str,
) -> Result<()> {
    let sql = "UPDATE chat_notifications SET `to` = ?, subject = '', body = '', data = '{}', tm_next = NULL, \
               error_code = CASE status WHEN 'pending' THEN 'ERASED' ELSE error_code END, \
               status = CASE status WHEN 'pending' THEN 'failed' ELSE status END \
               WHERE customer_id = ? AND channel = 'email' AND LOWER(`to`) = ?";
    let values = vec![pseudonym.into(), customer_id.into(), email.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Takes the words and keys out of notifications, and takes deliveries away, that name an address.
///
/// # Errors
/// 503.
pub(crate) async fn erase_naming(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    email: &str,
) -> Result<()> {
    let mut after = Some(Uuid::nil());
    while let Some(id) = after {
        let values = vec![
            customer_id.into(),
            id.into(),
            pattern(email).into(),
            limit(),
        ];
        let page: Vec<Delivery> = tx.sql().fetch_all(DELIVERIES, values).await?;
        after = next(&page, |row| row.id);
        for row in page.iter().filter(|row| payload_names(&row.payload, email)) {
            let sql = "DELETE FROM chat_deliveries WHERE id = ?";
            tx.sql().execute(sql, vec![row.id.into()]).await?;
        }
    }
    let mut after = Some(Uuid::nil());
    while let Some(id) = after {
        let like = pattern(email);
        let values = vec![
            customer_id.into(),
            id.into(),
            like.as_str().into(),
            like.as_str().into(),
            like.as_str().into(),
            like.as_str().into(),
            limit(),
        ];
        let page: Vec<Told> = tx.sql().fetch_all(NOTIFICATIONS, values).await?;
        after = next(&page, |row| row.id);
        let is_named = |row: &&Told| {
            names(&row.subject, email) || names(&row.body, email) || data_names(&row.data.0, email)
        };
        for row in page.iter().filter(is_named) {
            let sql =
                "UPDATE chat_notifications SET subject = '', body = '', data = '{}' WHERE id = ?";
            tx.sql().execute(sql, vec![row.id.into()]).await?;
        }
        for row in page.iter().filter(|row| names(&row.cause_key, email)) {
            tellings::replace_key(tx, row.id).await?;
        }
    }
    Ok(())
}

/// Forgets the address where visitors named it for a transcript.
///
/// # Errors
/// 503.
pub(crate) async fn forget(tx: &mut ChangeTx<'_>, customer_id: Uuid, email: &str) -> Result<()> {
    let sql = "DELETE FROM chat_visitor_emails WHERE customer_id = ? AND email = ?";
    let values = vec![customer_id.into(), email.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const ANN: &str = "ann_1@example.com";

    #[rstest]
    #[case("ann_1@example.com", true)]
    #[case("Write to ANN_1@Example.com.", true)]
    #[case("<ann_1@example.com>, and mailto:ann_1@example.com", true)]
    #[case("joann_1@example.com", false)]
    #[case("jo.ann_1@example.com", false)]
    #[case("ann_1@example.com.au", false)]
    #[case("ann_1@example.community", false)]
    #[case("annx1@example.com", false)]
    #[case("joann_1@example.com and ann_1@example.com", true)]
    #[case("", false)]
    fn an_address_is_named_as_a_word(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(names(text, ANN), expected);
    }

    #[test]
    fn escapes_of_json_are_no_letters_of_an_address() {
        let payload = json!({"data": [{"body": "me:\nann_1@example.com"}]}).to_string();
        assert!(payload_names(&payload, ANN));
        assert!(!payload_names(
            &json!({"a": "xann_1@example.com"}).to_string(),
            ANN
        ));
        assert!(payload_names("no JSON: ann_1@example.com", ANN));
    }

    #[test]
    fn nothing_in_an_address_is_a_wildcard() {
        assert_eq!(pattern("a_b%c!d"), "%a!_b!%c!!d%");
    }
}
