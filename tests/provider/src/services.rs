//! Messaging services, their numbers, and what the registry of campaigns (A2P 10DLC) says of them.

use http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::{
    api::ApiCall,
    server::Told,
    state::{Service, sid},
};

pub(crate) fn answer(call: &ApiCall<'_>) -> Told {
    match (&call.asked.method, call.path.as_slice()) {
        (&Method::POST, ["Services"]) => create(call),
        (&Method::GET, ["Services"]) => list(call),
        (&Method::GET, ["Services", sid]) => found(call, sid, |service| wire(service)),
        (&Method::POST, ["Services", sid, "PhoneNumbers"]) => add_number(call, sid),
        (&Method::GET, ["Services", sid, "PhoneNumbers"]) => found(call, sid, |service| {
            let numbers = service
                .numbers
                .iter()
                .map(|number| json!({ "sid": number }));
            json!({ "phone_numbers": numbers.collect::<Vec<_>>() })
        }),
        (&Method::POST, ["Services", sid, "Compliance", "Usa2p"]) => file(call, sid),
        (&Method::GET, ["Services", sid, "Compliance", "Usa2p"]) => found(
            call,
            sid,
            |service| json!({ "compliance": campaign(service).into_iter().collect::<Vec<_>>() }),
        ),
        (&Method::DELETE, ["Services", sid, "Compliance", "Usa2p", _]) => {
            found(call, sid, |service| {
                service.campaign_status = None;
                json!({})
            })
        }
        _ => Told::unknown(),
    }
}

fn create(call: &ApiCall<'_>) -> Told {
    let Some(name) = call.field("FriendlyName") else {
        return Told::refused(StatusCode::BAD_REQUEST, 20001, "FriendlyName is required");
    };
    let service = Service {
        sid: sid("MG"),
        account_sid: call.account_sid.clone(),
        friendly_name: name.to_owned(),
        numbers: Vec::new(),
        campaign_status: None,
        campaign_sid: String::new(),
    };
    let told = wire(&service);
    call.shared
        .change(|state| state.services.insert(service.sid.clone(), service));
    Told::created(told)
}

/// What the registry wants to know of a campaign.
const WANTED: [&str; 5] = [
    "BrandRegistrationSid",
    "Description",
    "MessageFlow",
    "MessageSamples",
    "UsAppToPersonUsecase",
];

/// A messaging service has one campaign at most.
fn file(call: &ApiCall<'_>, service: &str) -> Told {
    let refused = |text: &str| Told::refused(StatusCode::BAD_REQUEST, 20001, text);
    if WANTED.iter().any(|name| call.field(name).is_none()) {
        return refused("a field of the campaign is missing");
    }
    let is_brand = call.text("BrandRegistrationSid").starts_with("BN");
    if !is_brand {
        return refused("there is no such brand");
    }
    found(call, service, |service| {
        if service.campaign_status.is_none() {
            service.campaign_status = Some("PENDING".to_owned());
            service.campaign_sid = sid("QE");
        }
        json!(campaign(service))
    })
}

fn campaign(service: &Service) -> Option<Json> {
    let status = service.campaign_status.as_ref()?;
    let errors = match status.as_str() {
        "FAILED" => json!([{ "error_code": 30896, "fields": ["MESSAGE_FLOW"] }]),
        _ => json!([]),
    };
    Some(json!({ "sid": service.campaign_sid, "campaign_status": status, "errors": errors }))
}

fn list(call: &ApiCall<'_>) -> Told {
    let services: Vec<Json> = call.shared.read(|state| {
        let own = state.services.values();
        own.filter(|service| service.account_sid == call.account_sid)
            .map(wire)
            .collect()
    });
    Told::ok(json!({ "services": services }))
}

fn add_number(call: &ApiCall<'_>, service: &str) -> Told {
    let number = call.text("PhoneNumberSid");
    let is_own = call
        .shared
        .change(|state| state.number_by_sid(&call.account_sid, &number).is_some());
    if !is_own {
        return Told::unknown();
    }
    found(call, service, |service| {
        if !service.numbers.contains(&number) {
            service.numbers.push(number.clone());
        }
        json!({ "sid": number, "service_sid": service.sid })
    })
}

fn found(call: &ApiCall<'_>, sid: &str, work: impl FnOnce(&mut Service) -> Json) -> Told {
    let found = call.shared.change(|state| {
        let service = state.services.get_mut(sid);
        service
            .filter(|service| service.account_sid == call.account_sid)
            .map(work)
    });
    found.map_or_else(Told::unknown, Told::ok)
}

/// As the API shows it.
fn wire(service: &Service) -> Json {
    json!({
        "sid": service.sid, "account_sid": service.account_sid,
        "friendly_name": service.friendly_name,
    })
}
