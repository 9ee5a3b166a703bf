//! Mail addresses of visitors: what one says of themselves is unverified, so nothing but a code goes to an address before
//! that code was shown. Whoever names strangers' addresses sends them a few short mails of our own words, and no more.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        check::{ensure, max_bytes},
        error::{Error, Result},
        time::Timestamp,
    },
};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    app::App,
    contacthandler,
    dbhandler::visitoremails,
    models::{
        chatsession::ChatSession,
        notification::NotificationChannel,
        visitoremail::{VisitorEmail, normalized},
    },
    notificationhandler::{self, NotificationCreate},
    sessionhandler::{token, visitor},
};

/// How long a code is good.
const CODE_MAX_AGE: Duration = Duration::from_secs(15 * 60);
/// Codes are numbers below this, of six digits.
const CODES: u32 = 1_000_000;
/// Longest code that is looked at, in bytes.
const CODE_BYTES_MAX: usize = 16;
/// Mails that the visitor of one conversation causes, codes and transcripts together.
const MAILS_OF_CONVERSATION: i32 = 8;
/// Codes that one address gets in a day, of all visitors of a business.
const MAILS_OF_DAY: i32 = 8;
const DAY: Duration = Duration::from_secs(86_400);

/// A visitor names an address.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EmailCreate {
    /// The visitor's token.
    pub token: String,
    /// A mail address, at most 254 characters.
    pub email: String,
}

/// A visitor shows the code that came by mail.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EmailConfirm {
    /// The visitor's token.
    pub token: String,
    /// The six digits.
    pub code: String,
}

/// An address, and whether it is confirmed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EmailView {
    /// The address, in lower case.
    email: String,
    /// Until when its code is good.
    expires_at: Timestamp,
    /// When the code was shown; null until then.
    confirmed_at: Option<Timestamp>,
}

impl From<&VisitorEmail> for EmailView {
    fn from(row: &VisitorEmail) -> Self {
        Self {
            email: row.email.clone(),
            expires_at: row.tm_expire,
            confirmed_at: row.tm_confirmed,
        }
    }
}

/// The refusal of a transcript, and of anything else that would go to an address whose reader is not known.
pub(crate) fn not_confirmed() -> Error {
    Error::failed_precondition(
        "EMAIL_NOT_CONFIRMED",
        "The visitor has confirmed no such mail address.",
    )
}

/// A visitor names an address, and is sent a code there. A confirmed one that is named again stays confirmed.
///
/// # Errors
/// 400 naming the field; 401; 409 `EMAIL_OFF` where no mail is sent; 429 `TOO_MANY_MAILS`; 503.
pub(crate) async fn name(
    app: &App,
    ctx: &RequestContext,
    session_id: Uuid,
    body: &EmailCreate,
) -> Result<EmailView> {
    let email = normalized("email", &body.email)?;
    let (session, _) = visitor::session_lately(app, session_id, &body.token).await?;
    if app.mailer.from().is_none() {
        let text = "This installation sends no mail.";
        return Err(Error::failed_precondition("EMAIL_OFF", text));
    }
    let code = code();
    let code_hash = code_hash(app, session_id, &code).await?;
    let mut tx = app.store.begin(ctx).await?;
    // One after the other, so that the mails of a session are counted.
    let held = tx.lock::<ChatSession>(session_id).await?;
    held.ok_or_else(token::refused)?;
    let (customer_id, conversation_id) = (session.customer_id, session.conversation_id);
    let before = visitoremails::named(&mut tx, customer_id, conversation_id).await?;
    let before = before.filter(|row| row.email == email);
    if let Some(row) = before.as_ref().filter(|row| row.tm_confirmed.is_some()) {
        let view = EmailView::from(row);
        return tx.commit(view).await;
    }
    let since = tx.now().minus(DAY);
    let to_address = visitoremails::mails_to(&mut tx, customer_id, &email, since).await?;
    ensure_few(to_address, MAILS_OF_DAY)?;
    take_mail(&mut tx, customer_id, conversation_id).await?;
    let row = sent(&mut tx, &session, (email, code_hash), before).await?;
    tell(&mut tx, &row, &code).await?;
    tx.commit(EmailView::from(&row)).await
}

/// The row of an address to which a new code goes.
async fn sent(
    tx: &mut ChangeTx<'_>,
    session: &ChatSession,
    (email, code_hash): (String, Vec<u8>),
    before: Option<VisitorEmail>,
) -> Result<VisitorEmail> {
    let now = tx.now();
    let tm_expire = now.plus(CODE_MAX_AGE);
    if let Some(before) = before {
        let row = VisitorEmail {
            code_hash,
            tries: 0,
            mails: before.mails.saturating_add(1),
            tm_expire,
            tm_update: tx.next_version(before.tm_update),
            ..before
        };
        tx.update(&row).await?;
        return Ok(row);
    }
    let row = VisitorEmail {
        id: ids::next(),
        customer_id: session.customer_id,
        session_id: session.id,
        conversation_id: session.conversation_id,
        email,
        code_hash,
        tries: 0,
        mails: 1,
        tm_expire,
        tm_confirmed: None,
        tm_create: now,
        tm_update: now,
    };
    tx.insert(&row).await?;
    Ok(row)
}

/// The mail has no word of the visitor's: it goes to whoever they named.
async fn tell(tx: &mut ChangeTx<'_>, row: &VisitorEmail, code: &str) -> Result<()> {
    let text = format!(
        "{code} is the code that confirms this address in the chat. It is good for 15 minutes.\n\n\
         If you are not in a chat, ignore this mail: nothing else will come."
    );
    let wanted = NotificationCreate {
        channel: NotificationChannel::Email,
        to: row.email.clone(),
        data: json!({"subject": "Confirm your mail address", "text": text}),
        key: format!("visitor_email:{}:{}", row.id, row.mails),
        ..NotificationCreate::default()
    };
    notificationhandler::put(tx, row.customer_id, wanted)
        .await
        .map(drop)
}

/// A visitor shows the code. Showing it again changes nothing.
///
/// # Errors
/// 400 naming the field; 401; 403 `BAD_CODE`; 409 `EMAIL_NOT_NAMED` before an address was named, `CODE_EXPIRED` after 15
/// minutes or five wrong codes; 503.
pub(crate) async fn confirm(
    app: &App,
    ctx: &RequestContext,
    session_id: Uuid,
    body: &EmailConfirm,
) -> Result<EmailView> {
    max_bytes("code", &body.code, CODE_BYTES_MAX)?;
    ensure(!body.code.trim().is_empty(), "code", "must not be empty")?;
    let (session, _) = visitor::session_lately(app, session_id, &body.token).await?;
    let given = code_hash(app, session_id, body.code.trim()).await?;
    let mut tx = app.store.begin(ctx).await?;
    tx.lock::<ChatSession>(session_id).await?;
    let (customer_id, conversation_id) = (session.customer_id, session.conversation_id);
    let found = visitoremails::named(&mut tx, customer_id, conversation_id).await?;
    let mut row = found.ok_or_else(|| {
        Error::failed_precondition("EMAIL_NOT_NAMED", "The visitor has named no mail address.")
    })?;
    let is_right = bool::from(given.ct_eq(&row.code_hash));
    if row.tm_confirmed.is_some() && is_right {
        return tx.commit(EmailView::from(&row)).await;
    }
    if !row.takes_code(tx.now()) {
        let text = "The code is not good any more; ask for another one.";
        return Err(Error::failed_precondition("CODE_EXPIRED", text));
    }
    row.tm_update = tx.next_version(row.tm_update);
    if !is_right {
        row.tries = row.tries.saturating_add(1);
        tx.update(&row).await?;
        let refusal = Error::permission_denied("BAD_CODE", "This is not the code.");
        return tx.commit_refusal(refusal).await;
    }
    row.tm_confirmed = Some(tx.now());
    tx.update(&row).await?;
    tx.commit(EmailView::from(&row)).await
}

/// One mail more to a confirmed address: a transcript.
///
/// # Errors
/// 429 `TOO_MANY_MAILS`; 503.
pub(crate) async fn count_mail(tx: &mut ChangeTx<'_>, mut row: VisitorEmail) -> Result<()> {
    take_mail(tx, row.customer_id, row.conversation_id).await?;
    row.mails = row.mails.saturating_add(1);
    row.tm_update = tx.next_version(row.tm_update);
    tx.update(&row).await
}

async fn take_mail(tx: &mut ChangeTx<'_>, customer_id: Uuid, conversation_id: Uuid) -> Result<()> {
    let before = visitoremails::mails_of(tx, customer_id, conversation_id).await?;
    ensure_few(before, MAILS_OF_CONVERSATION)
}

fn ensure_few(mails: i32, most: i32) -> Result<()> {
    if mails < most {
        return Ok(());
    }
    Err(Error::resource_exhausted(
        "TOO_MANY_MAILS",
        "Too many mails were sent there, or for this chat.",
    ))
}

fn code() -> String {
    format!("{:06}", rand::rng().random_range(0..CODES))
}

/// Codes are few: under the installation's key nobody finds them by their hashes.
async fn code_hash(app: &App, session_id: Uuid, code: &str) -> Result<Vec<u8>> {
    contacthandler::hash(app, &format!("email_code:{session_id}:{code}")).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_code_has_six_digits() {
        for _ in 0..100 {
            let code = code();
            assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
        }
    }

    #[rstest]
    #[case(0, true)]
    #[case(7, true)]
    #[case(8, false)]
    #[case(9, false)]
    fn mails_are_few(#[case] mails: i32, #[case] expected: bool) {
        assert_eq!(ensure_few(mails, 8).is_ok(), expected);
    }
}
