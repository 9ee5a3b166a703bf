//! The settings of the scripts, and the check by hand.

use std::process::{Command, Output};

use rstest::rstest;

use crate::{
    asterisk::{Asterisk, KEY, script},
    stub::{
        Say::{self, All},
        Stub, header, nobody,
    },
};

const HEALTHY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";
const NUMBER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n+14155550123";
const NONE: &str =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 26\r\n\r\nNo number may be used now.";
const UNKNOWN_KEY: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 15\r\n\r\nInvalid API key";

fn check(asterisk: &Asterisk) -> Output {
    let mut command = Command::new(script());
    command
        .arg("check")
        .env("TANDEM_AGI_CONF", asterisk.settings_path());
    command.output().unwrap()
}

#[rstest]
#[case::no_url("key = k", "url must be like")]
#[case::tls("url = https://10.0.0.1\nkey = k", "url must be like")]
#[case::a_path("url = http://10.0.0.1/tandem\nkey = k", "url must be like")]
#[case::a_name("url = http://tandem.example\nkey = k", "not a name")]
#[case::a_short_address("url = http://10.1:80x\nkey = k", "url must be like")]
#[case::no_key("url = http://10.0.0.1", "key is missing")]
#[case::two_words("url = http://10.0.0.1\nkey = a b", "key is missing or")]
#[case::too_patient("url = http://10.0.0.1\nkey = k\ntimeout = 3", "timeout must be")]
#[case::no_patience("url = http://10.0.0.1\nkey = k\ntimeout = 0", "timeout must be")]
#[case::no_time("url = http://10.0.0.1\nkey = k\ntimeout = soon", "timeout must be")]
#[case::no_pair("url http://10.0.0.1", "line 1: write NAME = VALUE")]
fn what_is_wrong_is_said_and_the_call_goes_out(#[case] settings: &str, #[case] fault: &str) {
    let mut asterisk = Asterisk::new("");
    asterisk.settings(settings);
    let output = check(&asterisk);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), stderr.contains(fault)),
        (Some(1), true),
        "{stderr}"
    );
    let ran = asterisk.run(&["next-did"]);
    ran.assert_well();
    assert_eq!(asterisk.variable("TANDEM_STATUS"), "error");
    assert!(ran.commands.iter().any(|it| it.contains(fault)), "{ran:?}");
}

#[test]
fn without_settings_the_call_goes_out() {
    let mut asterisk = Asterisk::new("");
    std::fs::remove_file(asterisk.settings_path()).unwrap();
    asterisk.run(&["next-did"]).assert_well();
    assert_eq!(asterisk.variable("TANDEM_STATUS"), "error");
}

#[rstest]
#[case::localhost("localhost")]
#[case::address("127.0.0.1")]
fn where_tandem_may_be(#[case] host: &str) {
    let stub = Stub::new(&[All(NUMBER)]);
    let mut asterisk = Asterisk::new(&format!("{}/", stub.url.replace("127.0.0.1", host)));
    asterisk.run(&["next-did"]).assert_well();
    assert_eq!(asterisk.variable("TANDEM_STATUS"), "ok");
    let expected = stub.url.replace("http://127.0.0.1", host);
    assert_eq!(header(&stub.requests()[0], "host"), expected);
}

#[rstest]
#[case::good(&[All(HEALTHY), All(NUMBER)], Some(0), "ends in 0123")]
#[case::no_numbers_yet(&[All(HEALTHY), All(NONE), All(NONE)], Some(0), "no number to call with")]
#[case::unknown_key(&[All(HEALTHY), All(UNKNOWN_KEY)], Some(1), "not accepted: status 401 Invalid API key")]
#[case::not_tandem(&[All(UNKNOWN_KEY)], Some(1), "does not answer")]
fn a_check_says_what_a_call_would_get(
    #[case] says: &[Say],
    #[case] code: Option<i32>,
    #[case] said: &str,
) {
    let stub = Stub::new(says);
    let output = check(&Asterisk::new(&stub.url));
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(
        (output.status.code(), text.contains(said)),
        (code, true),
        "{text}"
    );
    assert!(!text.contains(KEY) && !text.contains("415555"), "{text}");
    let requests = stub.requests();
    assert!(
        requests[0].starts_with("GET /api/v1/health "),
        "{}",
        requests[0]
    );
    let is_dry = |request: &String| request.contains("dry_run=true");
    assert!(requests[1..].iter().all(is_dry));
}

#[test]
fn a_check_of_nobody_says_so() {
    let output = check(&Asterisk::new(&nobody()));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Connection refused"));
}

#[test]
fn by_hand_it_says_how_it_is_used() {
    let output = Command::new(script()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("Usage: "));
}
