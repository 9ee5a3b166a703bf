//! What people say over sockets, in the words of the other routes.

use bin_common_handler::{
    context::RequestContext,
    models::{check::ensure, error::Result, time::Timestamp},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::{
        participant::{self, Participant},
        people::{self, MessageCreate},
    },
    models::{message::MessageKind, presence::Presence},
    presencehandler::{self, Heartbeat},
    queues::presence::PresenceStatus,
    sessionhandler::visitor,
};

/// Something that is said.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct MessageFrame {
    /// The same for each try of one message, at most 64 bytes.
    pub client_message_id: String,
    /// The words, at most 1,600 bytes. Of an appointment they may be missing.
    #[serde(default)]
    pub body: String,
    /// `text`; for people of the business `note` or `appointment`, too.
    #[serde(default)]
    pub kind: MessageKind,
    /// The appointment, of the kind `appointment`.
    #[serde(default)]
    pub appointment_id: Option<Uuid>,
    /// Who of the business says it; the access key where it is missing.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}

/// It was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Ack {
    client_message_id: String,
    /// The message.
    id: Uuid,
    /// Its number; 0 for a note.
    seq: i64,
    /// Its number among notes; 0 for everything else.
    note_seq: i64,
    /// When it was written first.
    at: Timestamp,
}

/// Whether a user is there.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PresenceFrame {
    /// `online`, `away`, `busy`, or `offline`.
    pub status: PresenceStatus,
    /// The socket, which is the device where none is named.
    pub connection_id: Uuid,
    /// The device, where it has a name.
    #[serde(default)]
    pub device: Option<String>,
    /// Whose it is; the access key where it is missing.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}

/// Says something; the same id again is the same message.
///
/// # Errors
/// As over HTTP.
pub(crate) async fn msg(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: MessageFrame,
) -> Result<Ack> {
    let message = match participant::of(app, ctx, id).await? {
        Participant::Visitor(session) => {
            let is_text = body.kind == MessageKind::Text;
            ensure(is_text, "kind", "must be text")?;
            let words = (body.client_message_id.as_str(), body.body.as_str());
            visitor::say_live(app, ctx, &session, words).await?
        }
        Participant::Staff(_) => {
            let said = MessageCreate {
                client_message_id: body.client_message_id.clone(),
                body: body.body,
                user_id: body.user_id,
                kind: body.kind,
                appointment_id: body.appointment_id,
            };
            people::write(app, ctx, id, &said).await?
        }
    };
    Ok(Ack {
        client_message_id: body.client_message_id,
        id: message.id,
        seq: message.seq,
        note_seq: message.note_seq,
        at: message.tm_create,
    })
}

/// A heartbeat of the socket's user.
///
/// # Errors
/// As over HTTP.
pub(crate) async fn presence(
    app: &App,
    ctx: &RequestContext,
    body: &PresenceFrame,
) -> Result<Presence> {
    let beat = Heartbeat {
        customer_id: None,
        user_id: people::actor(ctx, body.user_id)?,
        device: match &body.device {
            Some(device) => device.clone(),
            None => body.connection_id.to_string(),
        },
        status: body.status,
    };
    presencehandler::beat(app, ctx, &beat).await
}
