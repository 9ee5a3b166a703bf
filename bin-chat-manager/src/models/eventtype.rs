//! The types of events that customers' own systems, and users who subscribe, may hear of.

use bin_common_handler::models::{check::wrong, error::Result};
use serde_json::json;

/// What is subscribed at the broker, and how the types go on that begin with its second word. What comes thousands of times
/// a second and means nothing outside is left out (usages, bids, rows of imports), and so is what tells of notifications and
/// webhooks themselves.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "outdial-manager.outdial.#",
        &["created", "updated", "deleted"],
    ),
    (
        "did-manager.did.#",
        &[
            "created",
            "updated",
            "deleted",
            "status_changed",
            "exhausted",
        ],
    ),
    ("did-manager.didpool.#", &["created", "updated", "deleted"]),
    (
        "call-manager.call.#",
        &[
            "created",
            "updated",
            "routed",
            "completed",
            "missed",
            "answered",
        ],
    ),
    (
        "call-manager.callcampaign.#",
        &["created", "updated", "deleted"],
    ),
    (
        "chat-manager.conversation.#",
        &["created", "updated", "closed"],
    ),
    ("chat-manager.message.#", &["created", "updated"]),
    (
        "chat-manager.appointment.#",
        &["created", "updated", "reminder_due"],
    ),
    ("chat-manager.lead.#", &["created", "updated", "deleted"]),
    (
        "chat-manager.alert.#",
        &["triggered", "updated", "escalated", "resolved"],
    ),
    ("chat-manager.optout.#", &["changed"]),
    (
        "chat-manager.queueentry.#",
        &[
            "created",
            "updated",
            "timed_out",
            "sla_warning",
            "sla_breached",
        ],
    ),
    ("chat-manager.csat.#", &["created"]),
    ("chat-manager.presence.#", &["changed"]),
];

/// What an endpoint's own test sends.
pub const TEST: &str = "webhook_test";

/// What is subscribed at the broker to hear of all of them.
pub fn topics() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(topic, _)| *topic)
}

/// Whether events of this type come.
pub fn is_known(name: &str) -> bool {
    let Some((word, action)) = name.split_once('_') else {
        return false;
    };
    let is_of = |topic: &str| topic.split('.').nth(1) == Some(word);
    let mut known = KNOWN.iter();
    known.any(|(topic, actions)| is_of(topic) && actions.contains(&action))
}

/// Every type.
fn all() -> impl Iterator<Item = String> {
    KNOWN.iter().flat_map(|(topic, actions)| {
        let word = topic.split('.').nth(1).unwrap_or_default();
        actions.iter().map(move |action| format!("{word}_{action}"))
    })
}

/// A type that comes to subscribers.
///
/// # Errors
/// 400 naming the field, with every type in `details`.
pub fn check(field: &str, name: &str) -> Result<()> {
    if is_known(name) {
        return Ok(());
    }
    let rule = "must be a type of events that there is, such as call_missed; details name all";
    let types: Vec<String> = all().collect();
    Err(wrong(field, rule).with_detail(json!({ "types": types })))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::models::{contact, conversation, csat, message, presence, queueentry};

    #[rstest]
    #[case("call_missed", true)]
    #[case("lead_created", true)]
    #[case("did_status_changed", true)]
    #[case(contact::CHANGED, true)]
    #[case(conversation::CLOSED, true)]
    #[case(csat::CREATED, true)]
    #[case(message::UPDATED, true)]
    #[case(presence::CHANGED, true)]
    #[case(queueentry::TIMED_OUT, true)]
    #[case(queueentry::SLA_WARNING, true)]
    #[case(queueentry::SLA_BREACHED, true)]
    #[case("no_such_event_ever", false)]
    #[case("lead_eaten", false)]
    #[case("lead", false)]
    #[case("", false)]
    #[case("*", false)]
    #[case("Call_missed", false)]
    #[case("notification_updated", false)]
    fn a_type_is_one_that_comes(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_known(name), expected);
    }

    #[test]
    fn a_refusal_names_every_type() {
        let refused = check("events", "lead_eaten").unwrap_err();
        let told = refused.to_response("chat-manager");
        for name in all() {
            assert!(is_known(&name), "{name}");
            assert!(told.body().contains(&format!("\"{name}\"")), "{name}");
        }
        assert!(check("events", "lead_created").is_ok());
    }

    #[test]
    fn the_table_of_the_docs_is_that_of_the_code() {
        let page = include_str!("../../../docs/notifications.md");
        let rows = page.lines().filter(|line| line.contains("_` | `"));
        let written: Vec<&str> = rows.collect();
        let known = KNOWN.iter().map(|(topic, actions)| {
            let word = topic.split('.').nth(1).unwrap_or_default();
            format!("| `{word}_` | `{}` |", actions.join("`, `"))
        });
        assert_eq!(written, known.collect::<Vec<String>>());
    }
}
