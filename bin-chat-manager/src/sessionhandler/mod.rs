//! Sessions of visitors: one conversation each, reached by a token and nothing else.

pub(crate) mod files;
pub(crate) mod token;
pub(crate) mod verify;
pub(crate) mod visitor;

use std::{collections::BTreeMap, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    listenhandler::{AddressRate, Raw},
    models::{
        bad_json,
        error::{Error, Result},
    },
    resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::{
        change,
        open::{self, Party},
        people, say,
    },
    dbhandler::{buckets, sessions, widgets},
    entryhandler::ending::conversation_left,
    models::{
        chatsession::{CREATED, ChatSession, ENDED, Visitor},
        conversation::{Channel, Conversation},
        widget::Widget,
    },
};

/// No session is longer.
const SESSION_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Sessions that strangers of one address begin, of whatever widgets; the bridge counts them. Far below what one widget has,
/// so that nobody closes it for everybody.
pub(crate) const SESSIONS_OF_ADDRESS: AddressRate = AddressRate {
    per_second: 1,
    burst: 20,
};
/// Sessions of one widget, over all replicas.
const SESSIONS_PER_SECOND: u64 = 5;
/// How many at once.
const SESSIONS_BURST: u64 = 30;

/// A visitor opens a widget.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SessionCreate {
    /// The widget's public id.
    pub widget_id: String,
    /// What they say of themselves.
    #[serde(default)]
    pub visitor: Option<Visitor>,
}

/// What a visitor is told.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionView {
    /// The session.
    id: Uuid,
    /// Its conversation.
    conversation_id: Uuid,
    /// Proves the visitor, for 6 hours.
    token: String,
    /// What they read first.
    greeting: String,
    /// Whether somebody is there at this hour, by the widget's `hours`.
    is_open: bool,
    /// The widget's colours.
    colors: BTreeMap<String, String>,
}

/// Begins a session, with a conversation of its own.
///
/// # Errors
/// 400 naming what is wrong; 403 from a page that is not the widget's; 404; 429; 503.
pub(crate) async fn create(app: &App, ctx: &RequestContext, raw: &Raw) -> Result<SessionView> {
    let body: SessionCreate = body(raw)?;
    let visitor = body.visitor.unwrap_or_default();
    visitor.check()?;
    let found = widgets::by_public_id(&app.store.db, &body.widget_id).await?;
    let widget = found.ok_or_else(resource::not_found::<Widget>)?;
    if !raw.header("origin").is_some_and(|page| widget.allows(page)) {
        return Err(Error::permission_denied(
            "ORIGIN_NOT_ALLOWED",
            "This page may not show the widget.",
        ));
    }
    if sessions::is_suspended(&app.store.db, widget.customer_id).await? {
        return Err(Error::permission_denied(
            "CUSTOMER_SUSPENDED",
            "The business takes no chats at the moment.",
        ));
    }
    let key = token::key(app).await?;
    take_place(app, &widget).await?;
    let mut tx = app.store.begin(ctx).await?;
    let is_open = widget.is_open(tx.now());
    let session = begin(&mut tx, &widget, visitor).await?;
    let view = SessionView {
        id: session.id,
        conversation_id: session.conversation_id,
        token: token::sign(&key, &session, tx.now())?,
        greeting: widget.greeting,
        is_open,
        colors: widget.colors.0,
    };
    tx.commit(view).await
}

fn body(raw: &Raw) -> Result<SessionCreate> {
    let refused = |said: String| {
        Error::invalid_argument("INVALID_BODY", format!("The body is not right: {said}."))
    };
    let text = std::str::from_utf8(raw.body()).map_err(|_| refused("it is no UTF-8".to_owned()))?;
    bad_json::from_str(text).map_err(|bad| refused(bad.to_string()))
}

/// A change of its own: everybody who opens the widget waits for this row, which must not be held until a session is
/// written.
async fn take_place(app: &App, widget: &Widget) -> Result<()> {
    let own = RequestContext::internal();
    let mut tx = app.store.begin(&own).await?;
    let bucket = format!("sessions:{}", widget.id.simple());
    let wait = buckets::take(&mut tx, &bucket, SESSIONS_PER_SECOND, SESSIONS_BURST).await?;
    match wait {
        None => tx.commit(()).await,
        Some(_) => Err(Error::resource_exhausted(
            "TOO_MANY_SESSIONS",
            "Too many visitors came at once; try again in a second.",
        )),
    }
}

async fn begin(tx: &mut ChangeTx<'_>, widget: &Widget, visitor: Visitor) -> Result<ChatSession> {
    let (id, now, customer_id) = (ids::next(), tx.now(), widget.customer_id);
    // A random person: what somebody says of themselves leads to no earlier conversation.
    let person = format!("visitor:{}", id.simple());
    let party = Party {
        customer_id,
        channel: Channel::Web,
        person: &person,
        number: "",
    };
    let mut conversation = open::lock_or_open(tx, &party).await?;
    conversation.person_name.clone_from(&visitor.name);
    change::save(tx, &mut conversation).await?;
    let session = ChatSession {
        id,
        customer_id,
        widget_id: widget.id,
        conversation_id: conversation.id,
        visitor: Json(visitor),
        expires_at: now.plus(SESSION_MAX),
        tm_end: None,
        tm_create: now,
        tm_update: now,
    };
    tx.insert(&session).await?;
    tx.emit(CREATED, &session, customer_id).await?;
    Ok(session)
}

/// Ends a session, and its conversation, in which nobody could be answered any more: its tokens are good for a rating and
/// nothing else. Ending it again changes nothing.
///
/// # Errors
/// 401 without a token of it; 503.
pub(crate) async fn end(app: &App, ctx: &RequestContext, id: Uuid, token: &str) -> Result<()> {
    let key = token::key(app).await?;
    let mut tx = app.store.begin(ctx).await?;
    let claims = token::verify(&key, token, tx.now())?;
    // The conversation first, as everybody does.
    let conversation = tx.lock::<Conversation>(claims.conversation_id).await?;
    let found = tx.lock::<ChatSession>(id).await?;
    let mut session = found
        .filter(|session| session.id == claims.sub)
        .ok_or_else(token::refused)?;
    if session.tm_end.is_some() {
        return tx.commit(()).await;
    }
    session.tm_end = Some(tx.now());
    session.tm_update = tx.next_version(session.tm_update);
    tx.update(&session).await?;
    tx.emit(ENDED, &session, session.customer_id).await?;
    if let Some(mut conversation) = conversation.filter(|held| !held.is_closed()) {
        leave(&mut tx, &mut conversation, id).await?;
    }
    tx.commit(()).await
}

/// The visitor is gone: whoever has the chat reads so, and has room for another.
async fn leave(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    session_id: Uuid,
) -> Result<()> {
    let cause_key = format!("visitor_left:{session_id}");
    say::say_on_page(tx, conversation, "The visitor ended the chat.", cause_key).await?;
    conversation_left(tx, conversation.id, "visitor_left").await?;
    people::end(tx, conversation).await
}
