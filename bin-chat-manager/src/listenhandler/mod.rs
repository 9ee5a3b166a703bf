//! Every URI of the daemon.

mod attachments;
mod bookings;
mod conversations;
mod figures;
mod notifications;
mod optouts;
mod queues;
mod roles;
mod sockets;
mod webhooks;
mod widgets;

use bin_common_handler::{
    listenhandler::Routes, resource::Resource, subjects::LOOKUP, webhooks::twilio,
};

use crate::{
    app::App,
    models::{contact::Contact, conversation::Conversation, template::Template, turn::Turn},
};

/// Reads.
const READ: &str = "chat:read";
/// Everything that changes something.
const WRITE: &str = "chat:write";

/// The route table.
pub(crate) fn routes() -> Routes<App> {
    let routes = word_routes(Routes::default());
    let routes = conversation_routes(routes);
    let routes = webhook_routes(routes);
    let routes = bookings::offer_routes(routes);
    let routes = bookings::booking_routes(routes);
    let routes = bookings::lead_routes(routes);
    let routes = figures::routes(routes);
    let routes = attachments::routes(routes);
    let routes = queues::routes(routes);
    let routes = notifications::routes(routes);
    let routes = widgets::routes(routes);
    sockets::routes(routes).with_roles(roles::TABLE)
}

/// What is said by itself, and to whom nothing is.
fn word_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .resource_for::<Template>("/v1/templates", "/v1/templates/<template-id>", READ, WRITE)
        .get("/v1/optouts", optouts::list)
        .filtered_by(Contact::FILTERS)
        .scope(READ)
        .get("/v1/optouts/paused", optouts::paused)
        .filtered_by(Contact::FILTERS)
        .scope(READ)
        .post("/v1/optouts", optouts::create)
        .scope(WRITE)
        .post("/v1/optouts/ask", optouts::ask)
        .scope(WRITE)
        .post("/v1/optouts/decide", optouts::decide)
        .scope(WRITE)
        .get("/v1/optouts/lookup", optouts::lookup)
        .scope(READ)
        .post_without_effect(LOOKUP, optouts::subject)
        .internal()
}

/// Conversations, and who has them.
fn conversation_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .get("/v1/conversations", conversations::list)
        .filtered_by(Conversation::FILTERS)
        .scope(READ)
        .stream("conversations", "conversation")
        .room(sockets::CUSTOMER)
        .get("/v1/conversations/<conversation-id>", conversations::get)
        .scope(READ)
        .get("/v1/conversations/search", conversations::search)
        .scope(READ)
        .get(
            "/v1/conversations/<conversation-id>/summary",
            conversations::summary,
        )
        .scope(READ)
        .get(
            "/v1/conversations/<conversation-id>/messages",
            conversations::messages,
        )
        .scope(READ)
        .post(
            "/v1/conversations/<conversation-id>/messages",
            conversations::write,
        )
        .scope(WRITE)
        .post(
            "/v1/conversations/<conversation-id>/takeover",
            conversations::takeover,
        )
        .scope(WRITE)
        .post(
            "/v1/conversations/<conversation-id>/release",
            conversations::release,
        )
        .scope(WRITE)
        .post(
            "/v1/conversations/<conversation-id>/close",
            conversations::close,
        )
        .scope(WRITE)
        .post(
            "/v1/conversations/<conversation-id>/reopen",
            conversations::reopen,
        )
        .scope(WRITE)
        .listed::<Turn>("/v1/turns")
        .scope(READ)
        .post_without_effect("/v1/greetings/promise", conversations::promise)
        .internal()
}

/// What the carrier tells. The wire is Twilio's.
fn webhook_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/webhooks/twilio/sms", webhooks::sms)
        .entered_as("A message comes in")
        .public()
        .raw(&[twilio::SIGNATURE])
        .xml("twiml")
        .post("/v1/webhooks/twilio/sms-status", webhooks::sms_status)
        .public()
        .raw(&[twilio::SIGNATURE])
        .xml("twiml")
}
