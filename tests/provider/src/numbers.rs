//! Numbers: for sale, bought, set up, given back.

use http::StatusCode;
use serde_json::{Value as Json, json};

use crate::{
    api::ApiCall,
    server::Told,
    state::{Hooks, Number},
};

/// Area codes of the numbers for sale.
const AREA_CODES: [&str; 4] = ["415", "212", "303", "512"];
/// For sale in each area code.
const PER_AREA: u32 = 20;
const PAGE_SIZE: usize = 30;

pub(crate) fn search(call: &ApiCall<'_>) -> Told {
    let area = call.asked.parameter("AreaCode").unwrap_or_default();
    let contains = call.asked.parameter("Contains").unwrap_or_default();
    let wanted = call
        .asked
        .parameter("PageSize")
        .and_then(|text| text.parse().ok());
    let size = wanted.unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
    let found: Vec<Json> = call.shared.read(|state| {
        for_sale(area)
            .filter(|number| fits(number, contains) && !state.numbers.contains_key(number))
            .take(size)
            .map(|number| offer(&number))
            .collect()
    });
    Told::ok(json!({ "available_phone_numbers": found }))
}

/// 555-0100 to 555-0119 of each area code, which belong to nobody.
fn for_sale(area: &str) -> impl Iterator<Item = String> + '_ {
    AREA_CODES
        .into_iter()
        .filter(move |code| area.is_empty() || *code == area)
        .flat_map(|code| (0..PER_AREA).map(move |nth| format!("+1{code}55501{nth:02}")))
}

/// `*` stands for any one digit.
fn fits(number: &str, contains: &str) -> bool {
    let (number, wanted) = (number.as_bytes(), contains.as_bytes());
    wanted.is_empty()
        || number.windows(wanted.len()).any(|part| {
            let mut pairs = part.iter().zip(wanted);
            pairs.all(|(digit, wanted)| *wanted == b'*' || digit == wanted)
        })
}

fn offer(number: &str) -> Json {
    json!({
        "friendly_name": number, "phone_number": number, "iso_country": "US",
        "locality": "Anytown", "region": "CA", "postal_code": "94103",
        "capabilities": { "voice": true, "SMS": true, "MMS": true },
    })
}

pub(crate) fn buy(call: &ApiCall<'_>) -> Told {
    let wanted = call.text("PhoneNumber");
    let bought = call.shared.change(|state| {
        if state.numbers.contains_key(&wanted) || !for_sale("").any(|number| number == wanted) {
            return None;
        }
        let mut number = state.own(&call.account_sid, &wanted, Hooks::default());
        set_up(&mut number, call);
        state.numbers.insert(wanted.clone(), number.clone());
        Some(number)
    });
    match bought {
        Some(number) => Told::created(wire(&number)),
        None => Told::refused(
            StatusCode::BAD_REQUEST,
            21422,
            "this number is not available",
        ),
    }
}

fn set_up(number: &mut Number, call: &ApiCall<'_>) {
    let set = |field: &mut String, name: &str| {
        if let Some(value) = call.field(name) {
            value.clone_into(field);
        }
    };
    set(&mut number.hooks.voice_url, "VoiceUrl");
    set(&mut number.hooks.sms_url, "SmsUrl");
    set(&mut number.hooks.status_callback, "StatusCallback");
    set(&mut number.friendly_name, "FriendlyName");
}

pub(crate) fn owned(call: &ApiCall<'_>) -> Told {
    if let ["IncomingPhoneNumbers", sid] = call.path.as_slice() {
        let found = call.shared.change(|state| {
            let number = state.number_by_sid(&call.account_sid, sid);
            number.map(|number| wire(number))
        });
        return found.map_or_else(Told::unknown, Told::ok);
    }
    let wanted = call.asked.parameter("PhoneNumber").unwrap_or_default();
    let found: Vec<Json> = call.shared.read(|state| {
        let own = state.numbers.values();
        own.filter(|number| number.account_sid == call.account_sid)
            .filter(|number| wanted.is_empty() || number.phone_number == wanted)
            .map(wire)
            .collect()
    });
    Told::ok(json!({ "incoming_phone_numbers": found, "next_page_uri": null }))
}

pub(crate) fn update(call: &ApiCall<'_>) -> Told {
    let changed = call.shared.change(|state| {
        let number = state.number_by_sid(&call.account_sid, call.path.get(1)?)?;
        set_up(number, call);
        Some(wire(number))
    });
    changed.map_or_else(Told::unknown, Told::ok)
}

pub(crate) fn release(call: &ApiCall<'_>) -> Told {
    let released = call.shared.change(|state| {
        let number = state.number_by_sid(&call.account_sid, call.path.get(1)?)?;
        let (sid, number) = (number.sid.clone(), number.phone_number.clone());
        for service in state.services.values_mut() {
            service.numbers.retain(|known| *known != sid);
        }
        state.numbers.remove(&number)
    });
    match released {
        Some(_) => Told {
            status: StatusCode::NO_CONTENT,
            body: Json::Null,
        },
        None => Told::unknown(),
    }
}

/// As the API shows it.
fn wire(number: &Number) -> Json {
    json!({
        "sid": number.sid,
        "account_sid": number.account_sid,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name,
        "voice_url": number.hooks.voice_url,
        "sms_url": number.hooks.sms_url,
        "status_callback": number.hooks.status_callback,
        "capabilities": { "voice": true, "sms": true, "mms": true },
    })
}
