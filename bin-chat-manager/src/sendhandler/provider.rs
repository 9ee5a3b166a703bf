//! The provider's wire: one request for a text, and the search for one whose answer never came.

use std::time::Duration;

use bin_common_handler::{
    httphandler::{HttpFault, HttpResponse, Method},
    models::time::Timestamp,
    webhooks::carrier::{self, CarrierAccount},
};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value as Json;
use tracing::warn;

use crate::{
    app::App,
    dbhandler::messages,
    models::{
        business::Business,
        conversation::Conversation,
        message::{Message, MessageStatus},
        webhook::StatusReport,
    },
};

/// How long the provider may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Texts, sent and listed.
const MESSAGES: &str = "Messages.json";
/// Texts to one person that are looked through.
const LISTED: u32 = 50;
/// How far the provider's clock may be behind ours; its times have whole seconds.
const CLOCKS: Duration = Duration::from_secs(5);

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The provider has it.
    Accepted {
        /// Its id.
        sid: String,
        /// Its word.
        status: MessageStatus,
    },
    /// It never will.
    Refused {
        /// The provider's code; empty where it said none.
        code: String,
    },
    /// It does not have it, and may take it later.
    TryAgain,
    /// It may have it.
    Unanswered,
}

impl Outcome {
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::TryAgain => "try_again",
            Self::Unanswered => "unanswered",
        }
    }
}

/// A text as the provider shows it.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Shown {
    sid: String,
    status: String,
    /// None behind a messaging service, until that has chosen.
    from: Option<String>,
    to: String,
    body: String,
    direction: String,
    date_created: String,
    error_code: Json,
}

#[derive(Deserialize)]
struct Listed {
    messages: Vec<Shown>,
}

fn account(app: &App, business: &Business) -> CarrierAccount {
    CarrierAccount::new(&app.config, &business.account_id, business.secret.clone())
}

/// Makes the one request of this try. It is never repeated below: it is not idempotent.
pub(super) async fn send(
    app: &App,
    business: &Business,
    conversation: &Conversation,
    message: &Message,
) -> Outcome {
    let callback = callback(&app.settings.public_url, message);
    let mut fields = fields(business, conversation, message);
    if !callback.is_empty() {
        fields.push(("StatusCallback", &callback));
    }
    let sent = match account(app, business).request(Method::POST, MESSAGES) {
        Ok(request) => {
            let request = carrier::with_form(request, &fields).within(DEADLINE);
            app.http.send(&request).await
        }
        Err(fault) => Err(fault),
    };
    outcome(sent)
}

/// To whom, from whom and what: by the messaging service where there is one, else from the number itself.
fn fields<'f>(
    business: &'f Business,
    conversation: &'f Conversation,
    message: &'f Message,
) -> Vec<(&'static str, &'f str)> {
    let sender = match business.messaging_service_id.as_str() {
        "" => ("From", conversation.number.as_str()),
        service => ("MessagingServiceSid", service),
    };
    vec![
        ("To", conversation.person.as_str()),
        sender,
        ("Body", message.body.as_str()),
    ]
}

/// Where the provider tells what became of a message; the message's id is part of what it signs.
fn callback(public_url: &str, message: &Message) -> String {
    if public_url.is_empty() {
        return String::new();
    }
    let base = public_url.trim_end_matches('/');
    format!(
        "{base}/v1/webhooks/twilio/sms-status?message_id={}",
        message.id
    )
}

fn outcome(sent: Result<HttpResponse, HttpFault>) -> Outcome {
    let answer = match sent {
        Ok(answer) => answer,
        Err(fault) => return fault_outcome(fault),
    };
    match answer.status.as_u16() {
        200..=299 => match answer.json::<Shown>() {
            Ok(shown) if !shown.sid.is_empty() => accepted(shown),
            // It took something, and nobody knows what.
            _ => Outcome::Unanswered,
        },
        429 | 500..=599 => Outcome::TryAgain,
        _ => {
            let code = carrier::refusal(&answer).map_or(0, |refusal| refusal.code);
            let code = if code == 0 {
                String::new()
            } else {
                code.to_string()
            };
            Outcome::Refused { code }
        }
    }
}

fn fault_outcome(fault: HttpFault) -> Outcome {
    match fault {
        HttpFault::NoConnection | HttpFault::TooMany | HttpFault::BreakerOpen => Outcome::TryAgain,
        HttpFault::Late | HttpFault::Unreachable | HttpFault::TooLarge | HttpFault::BadBody => {
            Outcome::Unanswered
        }
        // The setting is wrong, which the log tells.
        HttpFault::BadUrl | HttpFault::NotPublic | HttpFault::NotSecure => Outcome::TryAgain,
        HttpFault::BadHeader => {
            warn!("the account's id or secret cannot be sent in a header");
            Outcome::TryAgain
        }
    }
}

fn accepted(shown: Shown) -> Outcome {
    let status = MessageStatus::reported(&shown.status).unwrap_or(MessageStatus::Queued);
    Outcome::Accepted {
        sid: shown.sid,
        status,
    }
}

/// Looks for a text in the provider's list, by sender, recipient, words and time: behind a messaging service its sender is
/// not known, and it has no date of sending while it waits.
pub(super) async fn find(
    app: &App,
    business: &Business,
    conversation: &Conversation,
    message: &Message,
    attempt: Timestamp,
) -> Option<Outcome> {
    let to = carrier::segment(&conversation.person);
    let path = format!("{MESSAGES}?To={to}&PageSize={LISTED}");
    let request = account(app, business)
        .request(Method::GET, &path)
        .ok()?
        .within(DEADLINE);
    let answer = app.http.send(&request).await.ok()?;
    let listed: Listed = answer.status.is_success().then(|| answer.json().ok())??;
    for shown in listed.messages {
        let is_from = is_from(&shown, business, conversation);
        if !is_from || !is_ours(&shown, conversation, message, attempt) {
            continue;
        }
        let known = messages::is_known_sid(&app.store.db, &shown.sid).await;
        if known.is_ok_and(|known| !known) {
            return Some(accepted(shown));
        }
    }
    None
}

/// Whether a text may be the business's own: others may share its account at the carrier.
fn is_from(shown: &Shown, business: &Business, conversation: &Conversation) -> bool {
    let is_chosen_there = !business.messaging_service_id.is_empty();
    is_chosen_there || shown.from.as_deref() == Some(conversation.number.as_str())
}

/// What the provider says of a text that it has; nothing where it does not answer, or does not know it.
pub(super) async fn look_up(
    app: &App,
    business: &Business,
    message: &Message,
) -> Option<StatusReport> {
    let sid = message.provider_sid.as_deref()?;
    let path = format!("Messages/{}.json", carrier::segment(sid));
    let request = account(app, business)
        .request(Method::GET, &path)
        .ok()?
        .within(DEADLINE);
    let answer = app.http.send(&request).await.ok()?;
    let shown: Shown = answer.status.is_success().then(|| answer.json().ok())??;
    let code = shown.error_code.as_i64().filter(|code| *code != 0);
    Some(StatusReport {
        message_id: message.id,
        sid: shown.sid,
        status: shown.status,
        error_code: code.map(|code| code.to_string()).unwrap_or_default(),
    })
}

fn is_ours(
    shown: &Shown,
    conversation: &Conversation,
    message: &Message,
    attempt: Timestamp,
) -> bool {
    let created = DateTime::parse_from_rfc2822(&shown.date_created)
        .map(|at| Timestamp::from_micros(at.timestamp_micros()));
    let is_later = created.is_ok_and(|at| at >= attempt.minus(CLOCKS));
    is_later
        && shown.to == conversation.person
        && shown.body == message.body
        && shown.direction != "inbound"
        && !shown.sid.is_empty()
}

/// Whether a refusal of the carrier is about the number itself, and the next text would meet the same.
pub(super) fn is_of_number(code: &str) -> bool {
    matches!(code, "21211" | "21614" | "30005" | "30006")
}

/// What a code means, for people; nothing for one that is not known.
pub(super) fn meaning(code: &str) -> &'static str {
    match code {
        "21610" => "This person told the carrier that they want no texts.",
        "21211" => "This is no phone number.",
        "21614" => "This number takes no texts: it is probably a landline.",
        "21608" | "21408" => "The account may not send to this country or number.",
        "30003" => "The phone is switched off or out of reach.",
        "30004" => "The carrier blocks texts to this number.",
        "30005" => "This number does not exist.",
        "30006" => "This number takes no texts: it is a landline, or its carrier takes none.",
        "30007" => "The carrier took the text for spam.",
        "30034" => "The number that it came from is not registered for business texts (10DLC).",
        _ => "The carrier refused it.",
    }
}

#[cfg(test)]
mod tests {
    use bin_common_handler::httphandler::{HeaderMap, StatusCode};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::landline("30006", true)]
    #[case::no_mobile("21614", true)]
    #[case::no_number("21211", true)]
    #[case::not_given_out("30005", true)]
    // A telephone that is switched off, or a text that was filtered, says nothing of the next one.
    #[case::switched_off("30003", false)]
    #[case::filtered("30007", false)]
    #[case::not_registered("30034", false)]
    #[case::opted_out("21610", false)]
    #[case::nothing_said("", false)]
    fn a_landline_stays_one(#[case] code: &str, #[case] expected: bool) {
        assert_eq!(is_of_number(code), expected);
        assert!(!expected || meaning(code) != meaning(""));
    }

    fn answer(status: u16, body: &str) -> Result<HttpResponse, HttpFault> {
        Ok(HttpResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
    }

    fn taken() -> Outcome {
        Outcome::Accepted {
            sid: "SM1".to_owned(),
            status: MessageStatus::Queued,
        }
    }

    fn refused(code: &str) -> Outcome {
        Outcome::Refused {
            code: code.to_owned(),
        }
    }

    #[rstest]
    #[case(answer(201, r#"{"sid":"SM1","status":"queued","more":1}"#), taken())]
    #[case(answer(201, r#"{"sid":"SM1","status":"odd"}"#), taken())]
    #[case(answer(201, "{}"), Outcome::Unanswered)]
    #[case(answer(200, "<html>"), Outcome::Unanswered)]
    #[case(answer(400, r#"{"code":21211}"#), refused("21211"))]
    #[case(answer(400, r#"{"code":21610,"message":"x"}"#), refused("21610"))]
    #[case(answer(401, ""), refused(""))]
    #[case(answer(404, "x"), refused(""))]
    #[case(answer(408, ""), refused(""))]
    #[case(answer(429, ""), Outcome::TryAgain)]
    #[case(answer(500, ""), Outcome::TryAgain)]
    #[case(answer(503, ""), Outcome::TryAgain)]
    #[case(Err(HttpFault::NoConnection), Outcome::TryAgain)]
    #[case(Err(HttpFault::BreakerOpen), Outcome::TryAgain)]
    #[case(Err(HttpFault::Late), Outcome::Unanswered)]
    #[case(Err(HttpFault::Unreachable), Outcome::Unanswered)]
    #[case(Err(HttpFault::TooLarge), Outcome::Unanswered)]
    fn only_what_surely_did_not_arrive_is_tried_again(
        #[case] sent: Result<HttpResponse, HttpFault>,
        #[case] expected: Outcome,
    ) {
        assert_eq!(outcome(sent), expected);
    }

    #[rstest]
    #[case::from_the_number("", ("From", "+14155550100"))]
    #[case::by_a_service("MG1", ("MessagingServiceSid", "MG1"))]
    fn a_text_leaves_by_its_messaging_service(
        #[case] messaging_service_id: &str,
        #[case] sender: (&str, &str),
    ) {
        let business = Business {
            messaging_service_id: messaging_service_id.to_owned(),
            ..Business::default()
        };
        let conversation = Conversation {
            person: "+14155550123".to_owned(),
            number: "+14155550100".to_owned(),
            ..Conversation::default()
        };
        let message = Message {
            body: "Hi".to_owned(),
            ..Message::default()
        };
        let expected = [("To", "+14155550123"), sender, ("Body", "Hi")];
        assert_eq!(fields(&business, &conversation, &message), expected);
    }

    #[rstest]
    #[case::own("", Some("+14155550100"), true)]
    #[case::of_another_number("", Some("+14155550101"), false)]
    #[case::of_nobody("", None, false)]
    #[case::the_service_chose_another("MG1", Some("+14155550101"), true)]
    #[case::the_service_has_not_chosen("MG1", None, true)]
    fn a_text_of_another_number_is_not_ours(
        #[case] messaging_service_id: &str,
        #[case] from: Option<&str>,
        #[case] expected: bool,
    ) {
        let business = Business {
            messaging_service_id: messaging_service_id.to_owned(),
            ..Business::default()
        };
        let conversation = Conversation {
            number: "+14155550100".to_owned(),
            ..Conversation::default()
        };
        let shown = Shown {
            from: from.map(str::to_owned),
            ..Shown::default()
        };
        assert_eq!(is_from(&shown, &business, &conversation), expected);
    }

    #[rstest]
    #[case(
        "Fri, 27 Nov 2026 08:00:00 +0000",
        "+14155550123",
        "Hi",
        "outbound-api",
        true
    )]
    #[case(
        "Fri, 27 Nov 2026 07:59:54 +0000",
        "+14155550123",
        "Hi",
        "outbound-api",
        false
    )]
    #[case(
        "Fri, 27 Nov 2026 08:00:00 +0000",
        "+14155550124",
        "Hi",
        "outbound-api",
        false
    )]
    #[case(
        "Fri, 27 Nov 2026 08:00:00 +0000",
        "+14155550123",
        "Ho",
        "outbound-api",
        false
    )]
    #[case(
        "Fri, 27 Nov 2026 08:00:00 +0000",
        "+14155550123",
        "Hi",
        "inbound",
        false
    )]
    #[case("", "+14155550123", "Hi", "outbound-api", false)]
    fn a_text_is_known_by_recipient_words_and_time(
        #[case] date_created: &str,
        #[case] to: &str,
        #[case] body: &str,
        #[case] direction: &str,
        #[case] expected: bool,
    ) {
        let shown = Shown {
            sid: "SM1".to_owned(),
            status: "queued".to_owned(),
            from: None,
            to: to.to_owned(),
            body: body.to_owned(),
            direction: direction.to_owned(),
            date_created: date_created.to_owned(),
            error_code: Json::Null,
        };
        let conversation = Conversation {
            person: "+14155550123".to_owned(),
            ..Conversation::default()
        };
        let message = Message {
            body: "Hi".to_owned(),
            ..Message::default()
        };
        let attempt = "2026-11-27T08:00:00Z".parse().unwrap();
        assert_eq!(is_ours(&shown, &conversation, &message, attempt), expected);
    }
}
