//! What sockets may follow and say: extract, call, wrap.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, Op, Path, Query, Room, RoomKey, Routes, State, Topic, VisitorIdentity},
    models::error::Result,
};

use super::{READ, WRITE};
use crate::{
    app::App,
    conversationhandler::{
        edits::{self, Edit},
        people::Actor,
        receipts::{self, Read, ReadView},
        replay::{self, EventPage, EventsWanted},
        typing::{self, Typing, TypingView},
    },
    framehandler::{self, Ack, MessageFrame, PresenceFrame},
    models::{message::Message, presence::Presence},
    sessionhandler::verify::{self, Verification, VisitorView},
};

/// Typing and presence are told no more often.
const PAUSE: Duration = Duration::from_secs(3);

/// One conversation, in order and without gaps.
const CONVERSATION: Room = Room {
    scope: "conversation",
    topics: &[
        Topic {
            name: "conversationevent",
            field: "conversation_id",
            op: "",
        },
        Topic {
            name: "typing",
            field: "conversation_id",
            op: "typing",
        },
    ],
    key: RoomKey::Path,
    is_replayed: true,
    asked_again_at: "state",
};

/// Who waits in a queue.
pub(super) const QUEUE: Room = Room {
    scope: "queue",
    topics: &[Topic {
        name: "queueentry",
        field: "queue_id",
        op: "",
    }],
    key: RoomKey::Path,
    is_replayed: false,
    asked_again_at: "",
};

/// What a user is asked and told.
pub(super) const ME: Room = Room {
    scope: "me",
    topics: &[
        Topic {
            name: "offer",
            field: "user_id",
            op: "",
        },
        // Notifications by the channel `socket`.
        Topic {
            name: "me",
            field: "user_id",
            op: "",
        },
    ],
    key: RoomKey::Caller,
    is_replayed: false,
    asked_again_at: "",
};

/// Everything of a customer.
pub(super) const CUSTOMER: Room = Room {
    scope: "customer",
    topics: &[
        Topic {
            name: "conversationevent",
            field: "",
            op: "",
        },
        Topic {
            name: "queueentry",
            field: "",
            op: "",
        },
        Topic {
            name: "offer",
            field: "",
            op: "",
        },
        Topic {
            name: "presence",
            field: "",
            op: "presence",
        },
    ],
    key: RoomKey::Customer,
    is_replayed: false,
    asked_again_at: "",
};

const MSG: Op = Op {
    name: "msg",
    answer: "ack",
    pause: Duration::ZERO,
    has_connection: false,
};
const READS: Op = Op {
    name: "read",
    answer: "",
    pause: Duration::ZERO,
    has_connection: false,
};
const TYPES: Op = Op {
    name: "typing",
    answer: "",
    pause: PAUSE,
    has_connection: false,
};
const PRESENCE: Op = Op {
    name: "presence",
    answer: "",
    pause: PAUSE,
    has_connection: true,
};

/// What happens in conversations, as it happens.
pub(super) fn routes(routes: Routes<App>) -> Routes<App> {
    routes
        .get("/v1/conversations/<conversation-id>/events", events)
        .scope(READ)
        .room(CONVERSATION)
        .for_visitors()
        .put(
            "/v1/conversations/<conversation-id>/messages/<message-id>",
            edit,
        )
        .scope(WRITE)
        .delete(
            "/v1/conversations/<conversation-id>/messages/<message-id>",
            delete,
        )
        .scope(WRITE)
        .post("/v1/conversations/<conversation-id>/read", read)
        .scope(WRITE)
        .op(READS)
        .for_visitors()
        // Nothing of it is kept.
        .post_without_effect("/v1/conversations/<conversation-id>/typing", typing)
        .scope(WRITE)
        .op(TYPES)
        .for_visitors()
        .post("/v1/conversations/<conversation-id>/frames/msg", msg)
        .internal()
        .scope(WRITE)
        .op(MSG)
        .for_visitors()
        .post_without_effect("/v1/presence/frames", presence)
        .internal()
        .scope(WRITE)
        .op(PRESENCE)
        .post_without_effect("/v1/chat_sessions/verify", verify)
        .internal()
        .verifies_visitors(VisitorIdentity {
            topic: "chatsession",
            // A widget is deleted or leaves a page; a customer is suspended.
            customer_topics: &["widget", "customer"],
        })
}

async fn events(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Query(wanted): Query<EventsWanted>,
) -> Result<Json<EventPage>> {
    replay::events(&app, &ctx, id, &wanted).await.map(Json)
}

async fn edit(
    State(app): State<App>,
    ctx: RequestContext,
    Path(ids): Path<(uuid::Uuid, uuid::Uuid)>,
    Json(body): Json<Edit>,
) -> Result<Json<Message>> {
    edits::edit(&app, &ctx, ids, &body).await.map(Json)
}

async fn delete(
    State(app): State<App>,
    ctx: RequestContext,
    Path(ids): Path<(uuid::Uuid, uuid::Uuid)>,
    Query(by): Query<Actor>,
) -> Result<Json<Message>> {
    edits::delete(&app, &ctx, ids, by.user_id).await.map(Json)
}

async fn read(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Read>,
) -> Result<Json<ReadView>> {
    receipts::read(&app, &ctx, id, &body).await.map(Json)
}

async fn typing(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<Typing>,
) -> Result<Json<TypingView>> {
    typing::typing(&app, &ctx, id, &body).await.map(Json)
}

async fn msg(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(body): Json<MessageFrame>,
) -> Result<Json<Ack>> {
    framehandler::msg(&app, &ctx, id, body).await.map(Json)
}

async fn presence(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<PresenceFrame>,
) -> Result<Json<Presence>> {
    framehandler::presence(&app, &ctx, &body).await.map(Json)
}

async fn verify(
    State(app): State<App>,
    Json(body): Json<Verification>,
) -> Result<Json<VisitorView>> {
    verify::verify(&app, &body).await.map(Json)
}
