//! Input that means harm, as in [`bin_common_handler::testing::hostile`]: what is true of it whatever it is.

use std::collections::BTreeMap;

use bin_common_handler::{
    listenhandler::{Raw, read_form},
    models::time::Timestamp,
    redact::Secret,
    webhooks::twilio::{SIGNATURE, is_signed},
};

use crate::{
    carrierhandler::CarrierForm,
    choice::{
        Call,
        criteria::{Criteria, CriteriaSpec},
        moment::Moment,
    },
    inboundcallhandler::CallForm,
    pinghandler, siphandler,
};

/// SIP messages: what is read is within its bounds, and an answer to it has one end.
///
/// # Panics
/// Where that is not so.
pub fn sip(data: &[u8]) {
    siphandler::message::hostile(data);
}

/// Answers of bidders: a bid is within its bounds, and a reason is a plain line.
///
/// # Panics
/// Where that is not so.
pub fn ping_answer(data: &[u8]) {
    pinghandler::hostile(data);
}

/// Conditions of buyers: those that are taken are met or not by any call, and are the same when they are read again.
///
/// # Panics
/// Where that is not so.
pub fn criteria(data: &[u8]) {
    let Ok(spec) = serde_json::from_slice::<CriteriaSpec>(data) else {
        return;
    };
    let Ok(criteria) = Criteria::new(&spec) else {
        return;
    };
    let call = Call::default();
    let meets = |criteria: &Criteria| {
        let mut moment = Moment::new(Timestamp::default());
        criteria
            .check(&call, chrono_tz::Tz::UTC, &mut moment)
            .is_ok()
    };
    let text = serde_json::to_string(&spec).unwrap_or_default();
    let again = serde_json::from_str::<CriteriaSpec>(&text)
        .ok()
        .and_then(|spec| Criteria::new(&spec).ok());
    assert!(
        again.is_some_and(|again| meets(&again) == meets(&criteria)),
        "what is kept is read as it was"
    );
}

/// Forms of carriers' webhooks: read without harm, and signed by nobody.
///
/// # Panics
/// Where that is not so.
pub fn webhook_form(data: &[u8]) {
    let _ = read_form::<CarrierForm>(data);
    let _ = read_form::<CallForm>(data);
    let signature = String::from_utf8_lossy(data).into_owned();
    let headers = BTreeMap::from([(SIGNATURE.to_owned(), vec![signature])]);
    let raw = Raw::new("https://tandem.example/v1/webhooks", headers, data);
    let token = Secret::new("a token that is nobody's");
    assert!(!is_signed(&token, &raw), "nobody signed it");
}

#[cfg(test)]
mod tests {
    use bin_common_handler::testing::hostile::survives;
    use rstest::rstest;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds");

    #[rstest]
    #[case::sip("sip", sip)]
    #[case::ping_answer("ping_answer", ping_answer)]
    #[case::criteria("criteria", criteria)]
    #[case::webhook_form("webhook_form", webhook_form)]
    fn hostile_input_does_no_harm(#[case] target: &str, #[case] take: fn(&[u8])) {
        survives(SEEDS, target, take);
    }
}
