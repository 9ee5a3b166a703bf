//! Which roles may use which routes: the table that docs/roles.md is made from. Keys without a role have what their scopes
//! allow. A route that is not here is an admin's, and a test fails.

use bin_common_handler::models::role::Roles;

/// Every route of the daemon that asks for a key.
pub(super) const TABLE: &[(&str, Roles)] = &[
    // Conversations.
    ("GET /v1/conversations", Roles::SEEN),
    ("GET /v1/conversations/search", Roles::SEEN),
    ("GET /v1/conversations/<conversation-id>", Roles::SEEN),
    (
        "GET /v1/conversations/<conversation-id>/messages",
        Roles::SEEN,
    ),
    (
        "GET /v1/conversations/<conversation-id>/transcript",
        Roles::SEEN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/transcript",
        Roles::OWN,
    ),
    (
        "GET /v1/conversations/<conversation-id>/summary",
        Roles::SEEN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/messages",
        Roles::OWN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/takeover",
        Roles::OWN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/release",
        Roles::OWN,
    ),
    ("POST /v1/conversations/<conversation-id>/close", Roles::OWN),
    (
        "POST /v1/conversations/<conversation-id>/reopen",
        Roles::OWN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/attachments",
        Roles::OWN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/escalate",
        Roles::OWN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/transfer",
        Roles::OWN,
    ),
    ("GET /v1/attachments/<attachment-id>", Roles::SEEN),
    (
        "POST /v1/conversations/<conversation-id>/assign",
        Roles::SUPERVISORS,
    ),
    ("GET /v1/turns", Roles::OVERVIEW),
    // What sockets follow and say, and the same over HTTP.
    (
        "GET /v1/conversations/<conversation-id>/events",
        Roles::SEEN,
    ),
    (
        "PUT /v1/conversations/<conversation-id>/messages/<message-id>",
        Roles::OWN,
    ),
    (
        "DELETE /v1/conversations/<conversation-id>/messages/<message-id>",
        Roles::OWN,
    ),
    ("POST /v1/conversations/<conversation-id>/read", Roles::OWN),
    (
        "POST /v1/conversations/<conversation-id>/typing",
        Roles::OWN,
    ),
    (
        "POST /v1/conversations/<conversation-id>/frames/msg",
        Roles::OWN,
    ),
    ("POST /v1/presence/frames", Roles::STAFF),
    ("GET /v1/queues/<queue-id>/room", Roles::SEEN),
    // Who wants no texts, and what is said by itself.
    ("GET /v1/optouts", Roles::EVERYBODY),
    ("GET /v1/optouts/lookup", Roles::EVERYBODY),
    ("GET /v1/optouts/paused", Roles::EVERYBODY),
    ("POST /v1/optouts", Roles::STAFF),
    ("POST /v1/optouts/ask", Roles::STAFF),
    ("POST /v1/optouts/decide", Roles::STAFF),
    ("GET /v1/templates", Roles::EVERYBODY),
    ("GET /v1/templates/<template-id>", Roles::EVERYBODY),
    ("POST /v1/templates", Roles::SUPERVISORS),
    ("PUT /v1/templates/<template-id>", Roles::SUPERVISORS),
    ("DELETE /v1/templates/<template-id>", Roles::SUPERVISORS),
    ("GET /v1/canned_responses", Roles::EVERYBODY),
    (
        "GET /v1/canned_responses/<canned-response-id>",
        Roles::EVERYBODY,
    ),
    ("POST /v1/canned_responses", Roles::SUPERVISORS),
    (
        "PUT /v1/canned_responses/<canned-response-id>",
        Roles::SUPERVISORS,
    ),
    (
        "DELETE /v1/canned_responses/<canned-response-id>",
        Roles::SUPERVISORS,
    ),
    // Agents, queues, offers, presence.
    ("GET /v1/agents", Roles::EVERYBODY),
    ("GET /v1/agents/<agent-id>", Roles::EVERYBODY),
    ("POST /v1/agents", Roles::ADMINS),
    ("PUT /v1/agents/<agent-id>", Roles::ADMINS),
    ("DELETE /v1/agents/<agent-id>", Roles::ADMINS),
    ("GET /v1/queues", Roles::EVERYBODY),
    ("GET /v1/queues/<queue-id>", Roles::EVERYBODY),
    ("POST /v1/queues", Roles::ADMINS),
    ("PUT /v1/queues/<queue-id>", Roles::ADMINS),
    ("DELETE /v1/queues/<queue-id>", Roles::ADMINS),
    ("GET /v1/queue_entries", Roles::SEEN),
    ("GET /v1/queue_entries/<queue-entry-id>", Roles::SEEN),
    ("GET /v1/presences", Roles::EVERYBODY),
    ("GET /v1/offers", Roles::SEEN),
    ("GET /v1/offers/<offer-id>", Roles::SEEN),
    ("PUT /v1/presence", Roles::STAFF),
    ("POST /v1/presence", Roles::STAFF),
    ("POST /v1/offers/<offer-id>/accept", Roles::STAFF),
    ("POST /v1/offers/<offer-id>/decline", Roles::STAFF),
    // What is offered, and when.
    ("GET /v1/catalog_items", Roles::EVERYBODY),
    ("GET /v1/catalog_items/<catalog-item-id>", Roles::EVERYBODY),
    ("POST /v1/catalog_items", Roles::ADMINS),
    ("PUT /v1/catalog_items/<catalog-item-id>", Roles::ADMINS),
    ("DELETE /v1/catalog_items/<catalog-item-id>", Roles::ADMINS),
    ("POST /v1/catalog_items/match", Roles::EVERYBODY),
    ("POST /v1/catalog_items/quote", Roles::EVERYBODY),
    ("GET /v1/availabilities", Roles::EVERYBODY),
    ("POST /v1/addresses/validate", Roles::EVERYBODY),
    ("GET /v1/rates", Roles::EVERYBODY),
    ("GET /v1/rates/<rate-id>", Roles::EVERYBODY),
    ("POST /v1/rates", Roles::ADMINS),
    ("PUT /v1/rates/<rate-id>", Roles::ADMINS),
    ("DELETE /v1/rates/<rate-id>", Roles::ADMINS),
    ("GET /v1/resources", Roles::EVERYBODY),
    ("GET /v1/resources/<resource-id>", Roles::EVERYBODY),
    ("POST /v1/resources", Roles::ADMINS),
    ("PUT /v1/resources/<resource-id>", Roles::ADMINS),
    ("DELETE /v1/resources/<resource-id>", Roles::ADMINS),
    ("GET /v1/holidays", Roles::EVERYBODY),
    ("GET /v1/holidays/<holiday-id>", Roles::EVERYBODY),
    ("POST /v1/holidays", Roles::ADMINS),
    ("PUT /v1/holidays/<holiday-id>", Roles::ADMINS),
    ("DELETE /v1/holidays/<holiday-id>", Roles::ADMINS),
    // What is booked, and for whom.
    ("GET /v1/reservations", Roles::EVERYBODY),
    ("GET /v1/reservations/<reservation-id>", Roles::EVERYBODY),
    ("POST /v1/reservations", Roles::STAFF),
    ("DELETE /v1/reservations/<reservation-id>", Roles::STAFF),
    ("GET /v1/appointments", Roles::EVERYBODY),
    ("GET /v1/appointments/<appointment-id>", Roles::EVERYBODY),
    ("POST /v1/appointments", Roles::STAFF),
    ("PUT /v1/appointments/<appointment-id>", Roles::STAFF),
    (
        "POST /v1/appointments/<appointment-id>/confirm",
        Roles::STAFF,
    ),
    (
        "POST /v1/appointments/<appointment-id>/reschedule",
        Roles::STAFF,
    ),
    (
        "POST /v1/appointments/<appointment-id>/cancel",
        Roles::STAFF,
    ),
    ("GET /v1/leads", Roles::EVERYBODY),
    ("GET /v1/leads/<lead-id>", Roles::EVERYBODY),
    ("POST /v1/leads", Roles::STAFF),
    ("PUT /v1/leads/<lead-id>", Roles::STAFF),
    ("POST /v1/leads/<lead-id>/status", Roles::STAFF),
    ("DELETE /v1/leads/<lead-id>", Roles::SUPERVISORS),
    ("GET /v1/calendars", Roles::SUPERVISORS),
    ("GET /v1/calendars/<calendar-id>", Roles::SUPERVISORS),
    ("POST /v1/calendars", Roles::ADMINS),
    ("PUT /v1/calendars/<calendar-id>", Roles::ADMINS),
    ("DELETE /v1/calendars/<calendar-id>", Roles::ADMINS),
    ("POST /v1/calendars/<calendar-id>/rotate", Roles::ADMINS),
    ("GET /v1/calendars/<calendar-id>/sync", Roles::SUPERVISORS),
    ("POST /v1/calendars/<calendar-id>/sync", Roles::ADMINS),
    // Figures and alerts.
    ("GET /v1/kpis", Roles::OVERVIEW),
    ("GET /v1/alert_rules", Roles::OVERVIEW),
    ("GET /v1/alert_rules/<alert-rule-id>", Roles::OVERVIEW),
    ("POST /v1/alert_rules", Roles::ADMINS),
    ("PUT /v1/alert_rules/<alert-rule-id>", Roles::ADMINS),
    ("DELETE /v1/alert_rules/<alert-rule-id>", Roles::ADMINS),
    ("GET /v1/alert_rules/shipped", Roles::OVERVIEW),
    ("GET /v1/alerts", Roles::OVERVIEW),
    ("GET /v1/alerts/<alert-id>", Roles::OVERVIEW),
    ("POST /v1/alerts", Roles::SUPERVISORS),
    ("POST /v1/alerts/<alert-id>/acknowledge", Roles::SUPERVISORS),
    ("POST /v1/alerts/<alert-id>/snooze", Roles::SUPERVISORS),
    ("POST /v1/alerts/<alert-id>/resolve", Roles::SUPERVISORS),
    // Who is told of what, and webhooks.
    ("GET /v1/notifications", Roles::SUPERVISORS),
    (
        "GET /v1/notifications/<notification-id>",
        Roles::SUPERVISORS,
    ),
    ("POST /v1/notifications", Roles::ADMINS),
    ("GET /v1/notification_subscriptions", Roles::SUPERVISORS),
    (
        "GET /v1/notification_subscriptions/<notification-subscription-id>",
        Roles::SUPERVISORS,
    ),
    ("POST /v1/notification_subscriptions", Roles::ADMINS),
    (
        "PUT /v1/notification_subscriptions/<notification-subscription-id>",
        Roles::ADMINS,
    ),
    (
        "DELETE /v1/notification_subscriptions/<notification-subscription-id>",
        Roles::ADMINS,
    ),
    ("GET /v1/push_subscriptions", Roles::SUPERVISORS),
    (
        "GET /v1/push_subscriptions/<push-subscription-id>",
        Roles::SUPERVISORS,
    ),
    ("POST /v1/push_subscriptions", Roles::ADMINS),
    (
        "PUT /v1/push_subscriptions/<push-subscription-id>",
        Roles::ADMINS,
    ),
    (
        "DELETE /v1/push_subscriptions/<push-subscription-id>",
        Roles::ADMINS,
    ),
    ("GET /v1/webhook_endpoints", Roles::SUPERVISORS),
    (
        "GET /v1/webhook_endpoints/<webhook-endpoint-id>",
        Roles::SUPERVISORS,
    ),
    ("POST /v1/webhook_endpoints", Roles::ADMINS),
    (
        "PUT /v1/webhook_endpoints/<webhook-endpoint-id>",
        Roles::ADMINS,
    ),
    (
        "DELETE /v1/webhook_endpoints/<webhook-endpoint-id>",
        Roles::ADMINS,
    ),
    ("GET /v1/push_subscriptions/key", Roles::SUPERVISORS),
    (
        "POST /v1/webhook_endpoints/<webhook-endpoint-id>/rotate",
        Roles::ADMINS,
    ),
    (
        "POST /v1/webhook_endpoints/<webhook-endpoint-id>/test",
        Roles::ADMINS,
    ),
    ("GET /v1/deliveries", Roles::SUPERVISORS),
    ("GET /v1/deliveries/<delivery-id>", Roles::SUPERVISORS),
    ("POST /v1/deliveries/<delivery-id>/replay", Roles::ADMINS),
    // Pages of visitors.
    ("GET /v1/widgets", Roles::OVERVIEW),
    ("GET /v1/widgets/<widget-id>", Roles::OVERVIEW),
    ("POST /v1/widgets", Roles::ADMINS),
    ("PUT /v1/widgets/<widget-id>", Roles::ADMINS),
    ("DELETE /v1/widgets/<widget-id>", Roles::ADMINS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bin_common_handler::listenhandler::{Access, RouteInfo};

    use super::*;

    fn name(route: &RouteInfo) -> String {
        format!("{} {}", route.method, route.template)
    }

    #[test]
    fn each_route_that_asks_for_a_key_has_its_row_and_each_row_its_route() {
        let routes = super::super::routes().infos();
        let asked: BTreeSet<String> = routes
            .iter()
            .filter(|route| {
                let edge = &route.edge;
                let is_live = edge.room.is_some() || edge.op.is_some();
                (!edge.is_internal || is_live) && edge.access != Access::Public
            })
            .map(name)
            .collect();
        let rows: BTreeSet<String> = TABLE.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(rows.len(), TABLE.len(), "a row is there twice");
        let without: Vec<_> = asked.difference(&rows).collect();
        assert!(without.is_empty(), "say who may use {without:?}");
        let unknown: Vec<_> = rows.difference(&asked).collect();
        assert!(unknown.is_empty(), "there is no route {unknown:?}");
    }

    #[test]
    fn a_row_is_carried_by_its_route() {
        let routes = super::super::routes().infos();
        for (row, roles) in TABLE {
            let route = routes.iter().find(|route| name(route) == *row);
            assert_eq!(route.map(RouteInfo::roles), Some(*roles), "{row}");
        }
    }
}
