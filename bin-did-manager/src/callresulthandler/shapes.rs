//! The shapes that results come in, each a table of field names.

use bin_common_handler::models::error::Result;

use super::{
    Sent,
    shape::{NOTHING, Shape, call_ids, number},
};
use crate::{
    models::{
        callresult::{CallResult, Source},
        customer::Customer,
        verdict::Verdict,
    },
    phone::DialStatus,
};

const REPORT: Shape = Shape {
    person: &["customer_phone"],
    word: &["call_result"],
    duration: &["call_duration"],
    ..NOTHING
};

const LOG: Shape = Shape {
    source: Source::Log,
    person: &["phoneNumber", "phone_number"],
    person_country: &["phoneCode", "phone_code"],
    ..NOTHING
};

const HANGUP: Shape = Shape {
    source: Source::Hangup,
    call_ids: &["uniqueid", "answerUid", "linkedid"],
    person: &["customerPhone"],
    did: &["phoneNumber"],
    word: &["dialStatus"],
    duration: &["talkTime", "duration"],
    ..NOTHING
};

const OLDER: Shape = Shape {
    source: Source::Older,
    person: &["customer_phone", "customerPhone"],
    did: &["phoneNumber", "phone_number"],
    word: &["result"],
    ..NOTHING
};

const DISPO: Shape = Shape {
    source: Source::Dispo,
    person: &["phone", "phone_number"],
    duration: &["talk_time"],
    ..NOTHING
};

const NO_AGENT: Shape = Shape {
    source: Source::NoAgent,
    ..DISPO
};

/// `POST /v1/calls/report`.
pub(crate) fn report(sent: &Sent, customer: &Customer) -> Result<CallResult> {
    REPORT.read(&sent.fields(), customer)
}

/// `POST /v1/call-results`: where the customer's number has a field of its own, `phoneNumber` is ours.
pub(crate) fn call_results(sent: &Sent, customer: &Customer) -> Result<CallResult> {
    let fields = sent.fields();
    let is_hangup = !fields.text(HANGUP.person).is_empty()
        || !fields.text(HANGUP.word).is_empty()
        || fields.text(&["source"]).starts_with("h-extension");
    let shape = if is_hangup { HANGUP } else { LOG };
    shape.read(&fields, customer)
}

/// `POST /v1/vicidial/call-result`.
pub(crate) fn older(sent: &Sent, customer: &Customer) -> Result<CallResult> {
    OLDER.read(&sent.fields(), customer)
}

/// `GET /v1/vicidial/dispo`.
pub(crate) fn dispo(sent: &Sent, customer: &Customer) -> Result<CallResult> {
    DISPO.read(&sent.fields(), customer)
}

/// `GET /v1/vicidial/no-agent`.
pub(crate) fn no_agent(sent: &Sent, customer: &Customer) -> Result<CallResult> {
    NO_AGENT.read(&sent.fields(), customer)
}

/// A hang-up script asked for a number with a `DIALSTATUS` in the place of the customer's, and the customer's
/// in the place of the agent's.
pub(crate) fn next(
    status: DialStatus,
    person: &str,
    campaign: &str,
    uniqueid: &str,
    customer: &Customer,
) -> CallResult {
    CallResult {
        call_ids: call_ids([uniqueid]),
        person: number(person, customer),
        tells_person: !person.trim().is_empty(),
        campaign: campaign.trim().to_owned(),
        verdict: Some(Verdict::of_status(status)),
        word: status.as_str().to_owned(),
        ..CallResult::new(Source::Next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bin_common_handler::models::time::Timestamp;
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::{
        models::{
            customer::Outcome,
            verdict::Certainty::{self, Assumed, Disposed, Signalled},
        },
        phone::E164,
    };

    fn customer() -> Customer {
        Customer {
            timezone: "America/New_York".to_owned(),
            dial_prefixes: sqlx::types::Json(vec!["8".to_owned()]),
            dispositions: sqlx::types::Json([("APPT".to_owned(), Outcome::Human)].into()),
            ..Customer::default()
        }
    }

    fn body_of(body: Json) -> Sent {
        Sent::Body(body.as_object().cloned().unwrap())
    }

    fn read(parser: super::super::Shape, body: Json) -> CallResult {
        parser(&body_of(body), &customer()).unwrap()
    }

    fn phone(text: &str) -> Option<E164> {
        Some(E164::parse(text).unwrap())
    }

    #[test]
    fn the_report_scripts_body() {
        let result = read(
            report,
            json!({
                "campaign_id": "SALES", "customer_phone": "914155550123", "call_result": "ANSWER",
                "call_duration": "37", "disposition": "SALE", "timestamp": 1_795_000_037,
                "uniqueid": "1795000000.12", "channel": "SIP/x", "callerid": "2125550100", "more": [1],
            }),
        );
        let expected = CallResult {
            call_ids: vec!["1795000000.12".to_owned()],
            person: phone("+14155550123"),
            tells_person: true,
            campaign: "SALES".to_owned(),
            verdict: Some(Verdict {
                outcome: Outcome::Human,
                certainty: Disposed,
            }),
            disposition: "SALE".to_owned(),
            word: "ANSWER".to_owned(),
            duration_seconds: Some(37),
            tm_call: Some(Timestamp::from_micros(1_795_000_000_000_000)),
            ..CallResult::new(Source::Report)
        };
        assert_eq!(result, expected);
    }

    #[test]
    fn a_row_of_the_call_log_has_the_customers_number_in_phone_number() {
        let result = read(
            call_results,
            json!({
                "uniqueid": "1.2", "campaignId": "S", "phoneNumber": "4155550123", "phoneCode": "1",
                "leadId": 12, "disposition": "AA", "duration": "9", "termReason": "NONE",
                "callDate": "2026-11-20 09:00:00",
            }),
        );
        assert_eq!(
            (result.source, &result.person, &result.did),
            (Source::Log, &phone("+14155550123"), &None)
        );
        assert_eq!(
            (result.lead_id.as_str(), result.campaign.as_str()),
            ("12", "S")
        );
        assert_eq!(
            result.tm_call,
            Some("2026-11-20T14:00:00Z".parse().unwrap())
        );
        assert_eq!(
            result.verdict.map(|verdict| verdict.outcome),
            Some(Outcome::Machine)
        );
    }

    #[test]
    fn a_row_of_the_call_log_may_be_of_a_call_abroad_and_without_its_length() {
        let result = read(
            call_results,
            json!({
                "phoneNumber": "2079460958", "phoneCode": "44", "disposition": "NI",
                "startEpoch": "1795000000", "endEpoch": "1795000061",
            }),
        );
        assert_eq!(result.person, phone("+442079460958"));
        assert_eq!(result.duration_seconds, Some(61));
        assert_eq!(
            result.tm_call,
            Some(Timestamp::from_micros(1_795_000_000_000_000))
        );
    }

    #[test]
    fn the_later_report_script_has_our_number_in_phone_number() {
        let result = read(
            call_results,
            json!({
                "phoneNumber": "12125550100", "customerPhone": "84155550123", "uniqueid": "1.1",
                "answerUid": "1.2", "linkedid": "1.1", "campaignId": "S", "dialStatus": "CHANUNAVAIL",
                "duration": 4, "ringTime": 4, "talkTime": 0, "hangupCause": 21, "source": "h-extension-v9",
                "sipHangupCause": "SIP 603 Decline", "amdStatus": "",
            }),
        );
        let expected = CallResult {
            call_ids: vec!["1.1".to_owned(), "1.2".to_owned()],
            person: phone("+14155550123"),
            tells_person: true,
            did: phone("+12125550100"),
            campaign: "S".to_owned(),
            verdict: Some(Verdict {
                outcome: Outcome::Congestion,
                certainty: Signalled,
            }),
            word: "CHANUNAVAIL".to_owned(),
            is_blocked: true,
            duration_seconds: Some(0),
            ..CallResult::new(Source::Hangup)
        };
        assert_eq!(result, expected);
    }

    #[rstest]
    #[case::customer_phone(json!({"uniqueid": "1.1", "phoneNumber": "1", "customerPhone": "2"}), Source::Hangup)]
    #[case::dial_status(json!({"uniqueid": "1.1", "phoneNumber": "1", "dialStatus": "BUSY"}), Source::Hangup)]
    #[case::source(json!({"uniqueid": "1.1", "phoneNumber": "1", "source": "h-extension"}), Source::Hangup)]
    #[case::empty_customer_phone(json!({"uniqueid": "1.1", "phoneNumber": "1", "customerPhone": ""}), Source::Log)]
    #[case::log(json!({"uniqueid": "1.1", "phoneNumber": "1", "source": "cron"}), Source::Log)]
    fn the_two_shapes_of_call_results(#[case] body: Json, #[case] source: Source) {
        assert_eq!(read(call_results, body).source, source);
    }

    #[test]
    fn the_older_scripts_body() {
        let result = read(
            older,
            json!({
                "phoneNumber": "+12125550100", "campaign_id": "S", "agent_id": "7",
                "customer_phone": "4155550123", "result": "no-answer", "duration": 0,
            }),
        );
        assert_eq!(
            (result.person, result.did),
            (phone("+14155550123"), phone("+12125550100"))
        );
        assert_eq!(
            result.verdict.map(|verdict| verdict.outcome),
            Some(Outcome::NoAnswer)
        );
    }

    #[test]
    fn the_dialers_urls() {
        let query = [
            ("call_id", "V1201122450000000012"),
            ("uniqueid", "--A--uniqueid--B--"),
            ("phone", "4155550123"),
            ("status", "DROP"),
            ("talk_time", "0"),
            ("epoch", "1795000000"),
        ];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let result = no_agent(&Sent::Query(Arc::new(query.into())), &customer()).unwrap();
        assert_eq!(result.source, Source::NoAgent);
        assert!(result.call_ids.is_empty());
        assert_eq!(result.person, phone("+14155550123"));
        assert_eq!(
            result.verdict.map(|verdict| verdict.outcome),
            Some(Outcome::Dropped)
        );
    }

    #[test]
    fn a_hang_up_script_that_asks_for_a_number() {
        let result = next(DialStatus::Busy, "84155550123", "S", "", &customer());
        assert_eq!(result.person, phone("+14155550123"));
        assert_eq!(result.said(), "BUSY");
        assert!(result.call_ids.is_empty());
    }

    #[rstest]
    #[case::own(json!({"disposition": "APPT"}), Some((Outcome::Human, Disposed)))]
    #[case::disposition_beats_status(json!({"disposition": "AA", "dialStatus": "ANSWER"}), Some((Outcome::Machine, Disposed)))]
    #[case::detector(json!({"dialStatus": "ANSWER", "amdStatus": "MACHINE"}), Some((Outcome::Machine, Signalled)))]
    #[case::only_answered(json!({"dialStatus": "ANSWER"}), Some((Outcome::Human, Assumed)))]
    #[case::cause(json!({"dialStatus": "CONGESTION", "hangupCause": 1}), Some((Outcome::Dead, Signalled)))]
    #[case::unknown_with_length(json!({"disposition": "WHAT", "duration": 5}), Some((Outcome::Human, Assumed)))]
    #[case::unknown_without_length(json!({"disposition": "WHAT", "duration": 0}), None)]
    #[case::status_as_disposition(json!({"disposition": "BUSY"}), Some((Outcome::Busy, Signalled)))]
    #[case::answer_beats_cause(json!({"dialStatus": "ANSWER", "hangupCause": "Q.850;cause=1"}), Some((Outcome::Human, Assumed)))]
    #[case::cause_of_a_header(json!({"dialStatus": "CONGESTION", "hangupCause": "SIP;cause=404, Q.850;cause=1"}), Some((Outcome::Dead, Signalled)))]
    #[case::unknown(json!({"disposition": "UNKNOWN", "duration": 37}), None)]
    #[case::unknown_in_small_letters(json!({"disposition": " unknown ", "dialStatus": "BUSY"}), Some((Outcome::Busy, Signalled)))]
    #[case::none(json!({"disposition": "None", "duration": 37}), None)]
    #[case::nothing(json!({}), None)]
    fn the_surest_word_counts(
        #[case] mut body: Json,
        #[case] expected: Option<(Outcome, Certainty)>,
    ) {
        body["uniqueid"] = json!("1.1");
        let verdict = read(call_results, body).verdict;
        assert_eq!(
            verdict.map(|verdict| (verdict.outcome, verdict.certainty)),
            expected
        );
    }

    #[rstest]
    #[case::call_results(call_results, json!({"phoneNumber": "1"}), false)]
    #[case::call_results_of_a_hang_up(call_results, json!({"phoneNumber": "1", "customerPhone": "2"}), false)]
    #[case::call_results_of_a_person(call_results, json!({"phoneNumber": "4155550123"}), true)]
    #[case::call_results_of_a_number(call_results, json!({"phoneNumber": "4155550123", "customerPhone": "x"}), true)]
    #[case::older(older, json!({"phoneNumber": "12", "result": "busy"}), false)]
    #[case::older_of_a_number(older, json!({"phoneNumber": "4155550123", "result": "busy"}), true)]
    #[case::dispo(dispo, json!({"phone": "0", "dispo": "SALE"}), false)]
    #[case::dispo_of_a_person(dispo, json!({"phone": "4155550123", "dispo": "SALE"}), true)]
    #[case::no_agent(no_agent, json!({"phone": "", "status": "DROP"}), false)]
    fn every_shape_is_refused_when_it_names_nothing(
        #[case] parser: super::super::Shape,
        #[case] body: Json,
        #[case] fine: bool,
    ) {
        let read = parser(&body_of(body), &customer());
        assert_eq!(read.is_ok(), fine, "{read:?}");
    }

    #[rstest]
    #[case::network_blocked(json!({"sipHangupCause": "SIP/2.0 603 Network Blocked", "hangupCause": "21"}), true)]
    #[case::bare(json!({"sipHangupCause": 608}), true)]
    #[case::reason(json!({"sip_hangup_cause": "Q.850;cause=21, SIP;cause=607"}), true)]
    #[case::beside_the_cause(json!({"hangupCause": "Q.850;cause=21, SIP;cause=608"}), true)]
    #[case::another_code(json!({"sipHangupCause": "SIP/2.0 486 Busy Here"}), false)]
    #[case::a_number_of_the_phrase(json!({"sipHangupCause": "SIP/2.0 486 try 603"}), false)]
    #[case::a_cause(json!({"hangupCause": "603"}), false)]
    fn a_refusal_because_of_the_caller(#[case] mut body: Json, #[case] blocked: bool) {
        body["uniqueid"] = json!("1.1");
        body["dialStatus"] = json!("CONGESTION");
        assert_eq!(read(call_results, body.clone()).is_blocked, blocked);
        assert_eq!(read(report, body.clone()).is_blocked, blocked);
        assert_eq!(read(older, body).is_blocked, blocked);
    }

    #[test]
    fn every_shape_may_tell_when_its_call_began() {
        for parser in [report, call_results, older, dispo, no_agent] as [super::super::Shape; 5] {
            for told in [
                json!({"startEpoch": "1795000000"}),
                json!({"start_epoch": 1_795_000_000_000_u64}),
                json!({"callDate": "2026-11-18 06:06:40"}),
                json!({"call_date": "2026-11-18T06:06:40"}),
                json!({"endEpoch": 1_795_000_060, "duration": 60, "call_duration": 60, "talk_time": 60}),
            ] {
                let mut body = told;
                body["uniqueid"] = json!("1.1");
                let expected = Timestamp::from_micros(1_795_000_000_000_000);
                assert_eq!(read(parser, body.clone()).tm_call, Some(expected), "{body}");
            }
        }
    }

    #[rstest]
    #[case(json!({}), false)]
    #[case(json!({"campaign_id": "S", "disposition": "SALE"}), false)]
    #[case(json!({"uniqueid": "", "customer_phone": null, "lead_id": " "}), false)]
    #[case(json!({"customer_phone": "garbage"}), false)]
    #[case(json!({"customer_phone": "1"}), false)]
    #[case(json!({"customer_phone": "ANSWER"}), false)]
    #[case(json!({"customer_phone": "55501234"}), false)]
    #[case(json!({"uniqueid": "\u{feff}"}), false)]
    #[case(json!({"uniqueid": ["1.1"], "call_id": {"id": "V1"}}), false)]
    #[case(json!({"uniqueid": "1.1"}), true)]
    #[case(json!({"uniqueid": 1.1}), true)]
    #[case(json!({"call_id": "V1"}), true)]
    #[case(json!({"lead_id": 7}), true)]
    #[case(json!({"customer_phone": "84155550123"}), true)]
    fn only_a_report_that_names_nothing_is_refused(#[case] body: Json, #[case] fine: bool) {
        let read = report(&body_of(body), &customer());
        assert_eq!(read.is_ok(), fine, "{read:?}");
    }
}
