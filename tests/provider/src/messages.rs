//! Texts: taken, reported, listed.

use std::sync::Arc;

use bin_common_handler::models::time::Timestamp;
use chrono::DateTime;
use http::StatusCode;
use serde_json::{Value as Json, json};

use crate::{
    api::ApiCall,
    outgoing::post_signed,
    server::Told,
    state::{Delivery, Message, Shared, sid},
};

/// Longest text, in characters.
const BODY_MAX: usize = 1_600;
const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;

pub(crate) fn send(call: &ApiCall<'_>) -> Told {
    let bad = |code, message| Told::refused(StatusCode::BAD_REQUEST, code, message);
    let Some(to) = call.field("To") else {
        return bad(21604, "a 'To' phone number is required");
    };
    if !is_number(to) {
        return bad(21211, "invalid 'To' phone number");
    }
    let Some(body) = call.field("Body") else {
        return bad(21602, "message body is required");
    };
    if body.chars().count() > BODY_MAX {
        return bad(21617, "the message body exceeds 1600 characters");
    }
    let (from, service) = (call.text("From"), call.text("MessagingServiceSid"));
    let has_sender = call.shared.read(|state| {
        let owns = |number: &crate::Number| number.account_sid == call.account_sid;
        state.numbers.get(&from).is_some_and(owns) || state.services.contains_key(&service)
    });
    if !has_sender {
        return bad(21606, "the 'From' number is not one of this account");
    }
    if let Some(code) = call.shared.read(|state| state.refused.get(to).copied()) {
        return bad(code, "refused for this recipient");
    }
    let message = Message {
        sid: sid("SM"),
        account_sid: call.account_sid.clone(),
        to: to.to_owned(),
        body: body.to_owned(),
        status_callback: call.text("StatusCallback"),
        // A messaging service chooses its number later.
        status: if service.is_empty() {
            "queued"
        } else {
            "accepted"
        }
        .to_owned(),
        from: if service.is_empty() {
            from
        } else {
            String::new()
        },
        messaging_service_sid: service,
        error_code: None,
        tm_create: call.shared.clock.now(),
    };
    let told = wire(&message);
    take(call.shared, message);
    Told::created(told)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn take(shared: &Arc<Shared>, message: Message) {
    let delivery = shared.change(|state| {
        state.keep(message.clone());
        state.callbacks_under_way += 1;
        state.delivery.clone()
    });
    let reports = report(Arc::clone(shared), message, delivery);
    shared.tasks.spawn(reports);
}

/// Reports what becomes of a text, as far as the carrier runs.
async fn report(shared: Arc<Shared>, message: Message, delivery: Delivery) {
    let stop = shared.stop.clone();
    let work = report_each(&shared, &message, &delivery);
    let _ = stop.run_until_cancelled(work).await;
    shared.change(|state| state.callbacks_under_way -= 1);
}

async fn report_each(shared: &Shared, message: &Message, delivery: &Delivery) {
    for (nth, status) in delivery.statuses.iter().enumerate() {
        tokio::time::sleep(delivery.pause).await;
        let is_last = nth + 1 == delivery.statuses.len();
        let error_code = delivery.error_code.filter(|_| is_last);
        let from = settle(shared, &message.sid, status, error_code);
        if message.status_callback.is_empty() {
            continue;
        }
        let mut fields = vec![
            ("AccountSid", message.account_sid.clone()),
            ("From", from),
            ("To", message.to.clone()),
            ("MessageSid", message.sid.clone()),
            ("SmsSid", message.sid.clone()),
            ("MessageStatus", status.clone()),
            ("SmsStatus", status.clone()),
            ("ApiVersion", "2010-04-01".to_owned()),
        ];
        if let Some(code) = error_code {
            fields.push(("ErrorCode", code.to_string()));
        }
        for _ in 0..delivery.times {
            // Carriers do not try such a report again.
            let _ = post_signed(
                shared,
                &message.account_sid,
                &message.status_callback,
                &fields,
            )
            .await;
        }
    }
}

/// Notes a status, and the number that a messaging service chose.
fn settle(shared: &Shared, sid: &str, status: &str, error_code: Option<u32>) -> String {
    shared.change(|state| {
        let chosen = |service: &str| {
            let service = state.services.get(service)?;
            let number = service.numbers.first()?;
            let mut numbers = state.numbers.values();
            numbers
                .find(|known| known.sid == *number)
                .map(|known| known.phone_number.clone())
        };
        let at = state.messages.iter().rposition(|known| known.sid == sid);
        let service = at
            .and_then(|at| state.messages.get(at))
            .map(|known| known.messaging_service_sid.clone())
            .unwrap_or_default();
        let chosen = chosen(&service);
        let Some(message) = at.and_then(|at| state.messages.get_mut(at)) else {
            return String::new();
        };
        status.clone_into(&mut message.status);
        message.error_code = error_code;
        if message.from.is_empty() {
            message.from = chosen.unwrap_or_default();
        }
        message.from.clone()
    })
}

pub(crate) fn list(call: &ApiCall<'_>) -> Told {
    if let ["Messages", sid] = call.path.as_slice() {
        let found = call.shared.read(|state| {
            let mut messages = state.messages.iter();
            messages
                .find(|known| known.sid == *sid && known.account_sid == call.account_sid)
                .map(wire)
        });
        return found.map_or_else(Told::unknown, Told::ok);
    }
    let wanted = call
        .asked
        .parameter("PageSize")
        .and_then(|text| text.parse().ok());
    let size = wanted.unwrap_or(PAGE_SIZE).min(PAGE_SIZE_MAX);
    let found: Vec<Json> = call.shared.read(|state| {
        let newest = state.messages.iter().rev();
        let own = newest.filter(|known| known.account_sid == call.account_sid);
        own.filter(|known| matches(call, known))
            .take(size)
            .map(wire)
            .collect()
    });
    Told::ok(json!({ "messages": found, "page": 0, "page_size": size, "next_page_uri": null }))
}

fn matches(call: &ApiCall<'_>, message: &Message) -> bool {
    let is = |name: &str, value: &str| {
        let wanted = call
            .asked
            .parameter(name)
            .filter(|wanted| !wanted.is_empty());
        wanted.is_none_or(|wanted| wanted == value)
    };
    let sent = sent_on(message);
    let within = |name: &str, holds: fn(&str, &str) -> bool| {
        let wanted = call
            .asked
            .parameter(name)
            .filter(|wanted| !wanted.is_empty());
        wanted.is_none_or(|wanted| {
            let day = wanted.get(..10).unwrap_or(wanted);
            sent.as_deref().is_some_and(|sent| holds(sent, day))
        })
    };
    is("To", &message.to)
        && is("From", &message.from)
        && within("DateSent", |sent, wanted| sent == wanted)
        && within("DateSent>", |sent, wanted| sent >= wanted)
        && within("DateSent<", |sent, wanted| sent <= wanted)
}

/// The day on which it left; none while it is queued.
fn sent_on(message: &Message) -> Option<String> {
    if matches!(&*message.status, "accepted" | "queued" | "sending") {
        return None;
    }
    let time = DateTime::from_timestamp_micros(message.tm_create.micros())?;
    Some(time.format("%Y-%m-%d").to_string())
}

/// As the API shows it.
fn wire(message: &Message) -> Json {
    let or_null = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "sid": message.sid,
        "account_sid": message.account_sid,
        "from": or_null(&message.from),
        "to": message.to,
        "body": message.body,
        "status": message.status,
        "messaging_service_sid": or_null(&message.messaging_service_sid),
        "error_code": message.error_code,
        "error_message": null,
        "direction": "outbound-api",
        "num_media": "0",
        "num_segments": "1",
        "date_created": rfc_2822(message.tm_create),
        "date_sent": sent_on(message).map(|_| rfc_2822(message.tm_create)),
        "api_version": "2010-04-01",
        "uri": format!("/2010-04-01/Accounts/{}/Messages/{}.json", message.account_sid, message.sid),
    })
}

fn rfc_2822(time: Timestamp) -> String {
    DateTime::from_timestamp_micros(time.micros())
        .map(|time| time.to_rfc2822())
        .unwrap_or_default()
}
