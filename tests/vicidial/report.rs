//! Telling how a call went, from its `h` extension.

use std::{process::Command, time::Duration};

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    asterisk::{Asterisk, CALL_ID, KEY, UNIQUEID},
    stub::{
        SILENCE,
        Say::{self, All},
        Stub, header, nobody,
    },
};

const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"success\":true}";
const AWAY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const WRONG: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

/// A call that was dialled with a number of ours, and is over.
fn over(url: &str) -> Asterisk {
    Asterisk::new(url)
        .with("extension", "h")
        .with_variable("TANDEM_DID", "+14155550123")
        .with_variable("TANDEM_PHONE", "914155559876")
        .with_variable("TANDEM_CAMPAIGN", "SALES \"A\" \\")
        .with_variable("DIALSTATUS", "ANSWER")
        .with_variable("ANSWEREDTIME", "37")
        .with_variable("HANGUPCAUSE", "16")
        .with_variable(
            "HANGUPCAUSE_KEYS()",
            "SIP/carrier-0000002b,SIP/other-0000002c",
        )
        .with_variable("HANGUPCAUSE(SIP/carrier-0000002b,tech)", "SIP 603 Decline")
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn logged(commands: &[String]) -> &str {
    commands
        .iter()
        .find_map(|it| it.strip_prefix("VERBOSE \"tandem: "))
        .unwrap_or_default()
}

#[test]
fn a_report_says_who_was_called_from_which_number_and_how_it_went() {
    let stub = Stub::new(&[All(TAKEN)]);
    let mut asterisk = over(&stub.url);
    let ran = asterisk.run(&["report"]);
    ran.assert_well();
    let request = &stub.requests()[0];
    assert!(
        request.starts_with("POST /api/v1/calls/report HTTP/1.1\r\n"),
        "{request}"
    );
    assert_eq!(header(request, "x-api-key"), KEY);
    assert_eq!(header(request, "x-request-id"), UNIQUEID);
    assert_eq!(header(request, "content-type"), "application/json");
    let mut body = body(request);
    let time: u64 = body["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(time > 1_700_000_000);
    body.as_object_mut().unwrap().remove("timestamp");
    let expected = json!({
        "campaign_id": "SALES \"A\" \\",
        "customer_phone": "914155559876",
        "call_result": "ANSWER",
        "call_duration": "37",
        "uniqueid": UNIQUEID,
        "channel": "Local/914155559876@default-0000002a;2",
        "callerid": "+14155550123",
        "hangup_cause": "16",
        "sip_hangup_cause": "SIP 603 Decline",
        "call_id": CALL_ID,
        "lead_id": "12345",
    });
    assert_eq!(body, expected);
    assert!(
        logged(&ran.commands).starts_with("reported ANSWER"),
        "{ran:?}"
    );
    let changes = ran.commands.iter().filter(|it| it.starts_with("SET"));
    assert_eq!(changes.count(), 0);
}

#[test]
fn what_is_not_known_is_left_out() {
    let stub = Stub::new(&[All(TAKEN)]);
    let mut asterisk = over(&stub.url).with("calleridname", "unknown");
    asterisk
        .variables
        .retain(|name, _| ["TANDEM_DID", "TANDEM_PHONE", "DIALSTATUS"].contains(&name.as_str()));
    asterisk.run(&["report"]).assert_well();
    let body = body(&stub.requests()[0]);
    let mut names: Vec<_> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    let expected = [
        "call_duration",
        "call_result",
        "callerid",
        "channel",
        "customer_phone",
        "timestamp",
        "uniqueid",
    ];
    assert_eq!(names, expected);
    assert_eq!(body["call_duration"], "0");
}

#[rstest]
#[case::not_our_number("TANDEM_DID")]
#[case::not_dialled("DIALSTATUS")]
fn a_call_that_is_none_of_ours_is_not_reported(#[case] missing: &str) {
    let stub = Stub::new(&[All(TAKEN)]);
    let mut asterisk = over(&stub.url);
    asterisk.variables.remove(missing);
    asterisk.run(&["report"]).assert_well();
    assert!(stub.requests().is_empty());
}

#[rstest]
#[case::away_for_a_moment(&[All(AWAY), All(TAKEN)], 2, "reported ANSWER")]
#[case::away(&[All(AWAY), All(AWAY)], 2, "not reported: status 503")]
#[case::without_the_scope(&[All(WRONG), All(TAKEN)], 1, "not reported: status 403")]
#[case::silence(&[SILENCE], 1, "not reported: no whole answer in time")]
fn a_report_is_tried_twice_and_never_holds_the_channel(
    #[case] says: &[Say],
    #[case] asked: usize,
    #[case] log: &str,
) {
    let stub = Stub::new(says);
    let ran = over(&stub.url).run(&["report"]);
    ran.assert_well();
    assert!(ran.took < Duration::from_millis(1_200), "{ran:?}");
    assert_eq!(stub.requests().len(), asked);
    assert!(logged(&ran.commands).starts_with(log), "{ran:?}");
}

#[test]
fn nobody_there_is_no_harm() {
    let ran = over(&nobody()).run(&["report"]);
    ran.assert_well();
    assert!(
        logged(&ran.commands).starts_with("not reported: not reached"),
        "{ran:?}"
    );
}

#[test]
fn a_hang_up_does_not_stop_a_report() {
    let stub = Stub::new(&[All(AWAY), All(TAKEN)]);
    let mut asterisk = over(&stub.url);
    let running = asterisk.start(&["report"]);
    let pid = running.pid().to_string();
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| asterisk.finish(running));
        stub.wait();
        assert!(
            Command::new("kill")
                .args(["-HUP", &pid])
                .status()
                .unwrap()
                .success()
        );
        ran.join().unwrap()
    });
    ran.assert_well();
    assert_eq!(stub.requests().len(), 2);
}
