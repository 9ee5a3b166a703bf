//! Asking for a caller ID: whatever comes back, the call goes out in time, and its name is untouched.

use std::{fs, io::Write, net::TcpStream, process::Command, time::Duration};

use rstest::rstest;
use tokio::net::TcpSocket;

use crate::{
    asterisk::{Asterisk, CALL_ID, DIALLED, KEY, Ran, UNIQUEID},
    stub::{
        SILENCE,
        Say::{self, All, Part},
        Stub, header, nobody,
    },
};

/// The script's second, and what it takes to start Perl on a busy machine.
const LONGEST: Duration = Duration::from_millis(1_200);

const OK: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 12\r\n\r\n+14155550123";
const TEN_DIGITS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n4155550123\n";
const UNTIL_CLOSE: &str = "HTTP/1.0 200 OK\n\n+14155550123\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n+141\r\n8;x=y\r\n55550123\r\n0\r\n\r\n";
const NONE: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 26\r\n\r\nNo number may be used now.";
const UNKNOWN_KEY: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 15\r\n\r\nInvalid API key";
const GARBAGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n<html>hello</html>\n";
const JSON: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 31\r\n\r\n{\"selected_did\":\"+14155550123\"}";
const TWO_LINES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n4155550123\nVERBOSE x 3\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const SHORT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n503";
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n+14155";
const HALF_CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc\r\n+1415555";
const HEAD_ONLY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n";
const MOVED: &str = "HTTP/1.1 302 Found\r\ncontent-length: 12\r\n\r\n+14155550123";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 12\r\n\r\n+14155550123";
const NOT_HTTP: &str = "SSH-2.0-OpenSSH_9.2\r\n\r\n";

fn outcome(asterisk: &Asterisk) -> (&str, &str, &str) {
    assert_eq!(asterisk.variable("CALLERID(name)"), CALL_ID);
    (
        asterisk.variable("TANDEM_STATUS"),
        asterisk.variable("CALLERID(num)"),
        asterisk.variable("TANDEM_DID"),
    )
}

fn assert_in_time(ran: &Ran) {
    ran.assert_well();
    assert!(ran.took < LONGEST, "{ran:?}");
}

#[rstest]
#[case::text(&[All(OK)], "+14155550123")]
#[case::text_of_a_connection_that_stays(&[Part(OK)], "+14155550123")]
#[case::ten_digits(&[All(TEN_DIGITS)], "4155550123")]
#[case::until_close(&[All(UNTIL_CLOSE)], "+14155550123")]
#[case::chunked(&[All(CHUNKED)], "+14155550123")]
#[case::chunked_of_a_connection_that_stays(&[Part(CHUNKED)], "+14155550123")]
#[case::second_try_after_503(&[All(NONE), All(OK)], "+14155550123")]
#[case::second_try_after_half(&[All(HALF), All(OK)], "+14155550123")]
#[case::second_try_after_close(&[All(""), All(OK)], "+14155550123")]
fn a_number_becomes_the_caller_id_and_the_name_stays(#[case] says: &[Say], #[case] number: &str) {
    let stub = Stub::new(says);
    let mut asterisk = Asterisk::new(&stub.url);
    let ran = asterisk.run(&["next-did", "SALES"]);
    assert_in_time(&ran);
    assert_eq!(outcome(&asterisk), ("ok", number, number));
    assert_eq!(asterisk.variable("TANDEM_PHONE"), DIALLED);
    assert_eq!(asterisk.variable("TANDEM_CAMPAIGN"), "SALES");
}

#[rstest]
#[case::no_number(&[All(NONE), All(NONE)], "none", 2)]
#[case::unknown_key(&[All(UNKNOWN_KEY), All(OK)], "error", 1)]
#[case::garbage(&[All(GARBAGE), All(OK)], "error", 1)]
#[case::json(&[All(JSON), All(OK)], "error", 1)]
#[case::two_lines(&[All(TWO_LINES), All(OK)], "error", 1)]
#[case::empty(&[All(EMPTY), All(OK)], "error", 1)]
#[case::too_short(&[All(SHORT), All(OK)], "error", 1)]
#[case::silence(&[SILENCE, All(OK)], "error", 1)]
#[case::half_then_nothing(&[Part(HALF), All(OK)], "error", 1)]
#[case::half_a_chunk_then_nothing(&[Part(HALF_CHUNK), All(OK)], "error", 1)]
#[case::number_but_moved(&[All(MOVED), All(OK)], "error", 1)]
#[case::number_but_broken(&[All(BROKEN), All(BROKEN)], "error", 2)]
#[case::half_twice(&[All(HALF), All(HALF)], "error", 2)]
#[case::half_a_chunk_twice(&[All(HALF_CHUNK), All(HALF_CHUNK)], "error", 2)]
#[case::head_only(&[All(HEAD_ONLY), All(HEAD_ONLY)], "error", 2)]
#[case::closed_twice(&[All(""), All("")], "error", 2)]
#[case::not_http(&[All(NOT_HTTP), All(NOT_HTTP)], "error", 2)]
#[case::busy_then_silence(&[All(NONE), SILENCE], "error", 2)]
fn anything_else_changes_nothing_in_time(
    #[case] says: &[Say],
    #[case] status: &str,
    #[case] asked: usize,
) {
    let stub = Stub::new(says);
    let mut asterisk = Asterisk::new(&stub.url);
    let ran = asterisk.run(&["next-did", "SALES"]);
    assert_in_time(&ran);
    assert_eq!(outcome(&asterisk), (status, "2125550100", ""));
    assert_eq!(stub.requests().len(), asked);
    assert!(!asterisk.variables.contains_key("TANDEM_PHONE"));
}

#[test]
fn nobody_there_costs_little_time() {
    let mut asterisk = Asterisk::new(&nobody());
    let ran = asterisk.run(&["next-did"]);
    ran.assert_well();
    assert_eq!(outcome(&asterisk), ("error", "2125550100", ""));
    assert!(ran.took < Duration::from_millis(700), "{ran:?}");
}

#[test]
fn an_answer_that_is_far_too_long_is_given_up() {
    let long = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n+14155550123",
        "1".repeat(100_000)
    );
    let long: &str = Box::leak(long.into_boxed_str());
    let stub = Stub::new(&[All(long), All(long)]);
    let mut asterisk = Asterisk::new(&stub.url);
    let ran = asterisk.run(&["next-did"]);
    assert_in_time(&ran);
    assert_eq!(outcome(&asterisk).0, "error");
}

#[tokio::test]
async fn a_lost_packet_leaves_time_for_the_second_try() {
    // It has room for one connection, so the system drops the script's first packet.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap().into_std().unwrap();
    let at = listener.local_addr().unwrap();
    let _first = TcpStream::connect(at).unwrap();
    let mut asterisk = Asterisk::new(&format!("http://{at}"));
    let running = asterisk.start(&["next-did"]);
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| asterisk.finish(running));
        let while_it_runs = |done: &dyn Fn() -> bool| {
            while !done() && !ran.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        while_it_runs(&|| is_knocking(at.port()));
        listener.accept().unwrap();
        while_it_runs(&|| match listener.accept() {
            Ok((mut second, _)) => second.write_all(OK.as_bytes()).is_ok(),
            Err(_) => false,
        });
        ran.join().unwrap()
    });
    assert_in_time(&ran);
    assert_eq!(outcome(&asterisk).0, "ok");
}

/// Whether somebody waits for a connection to this port.
fn is_knocking(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let (port, syn_sent) = (format!(":{port:04X}"), "02");
    table.lines().any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[2].ends_with(&port) && fields[3] == syn_sent
    })
}

#[test]
fn the_question_names_the_call_in_full_and_escaped() {
    let stub = Stub::new(&[All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url);
    asterisk.run(&["next-did", "A & B+C/é?"]).assert_well();
    let request = &stub.requests()[0];
    let line = "GET /api/v1/dids/next?format=text&customer_phone=914155559876\
        &campaign_id=A%20%26%20B%2BC%2F%C3%A9%3F&uniqueid=1763000000.42\
        &call_id=V1201122450000012345&lead_id=12345 HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    assert_eq!(header(request, "x-api-key"), KEY);
    assert_eq!(header(request, "x-request-id"), UNIQUEID);
    assert_eq!(
        header(request, "host"),
        stub.url.strip_prefix("http://").unwrap()
    );
}

#[rstest]
#[case::argument("SALES", "OTHER", "SALES")]
#[case::of_the_channel("", "OTHER", "OTHER")]
#[case::none("", "", "")]
fn the_campaign(#[case] argument: &str, #[case] variable: &str, #[case] sent: &str) {
    let stub = Stub::new(&[All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url).with_variable("CAMPCUST", variable);
    asterisk.run(&["next-did", argument]).assert_well();
    let request = &stub.requests()[0];
    let expected = format!("&campaign_id={sent}&");
    assert_eq!(request.contains(&expected), !sent.is_empty(), "{request}");
    assert_eq!(
        request.contains("campaign_id"),
        !sent.is_empty(),
        "{request}"
    );
}

#[test]
fn a_campaign_of_any_letters_is_kept_for_the_report() {
    let stub = Stub::new(&[All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url);
    asterisk.run(&["next-did", "A \"B\" \\ C)"]).assert_well();
    assert_eq!(asterisk.variable("TANDEM_CAMPAIGN"), "A \"B\" \\ C)");
}

#[rstest]
#[case::auto_dial("V1201122450000012345", Some("12345"))]
#[case::manual("M1201122459999999999", Some("9999999999"))]
#[case::no_lead("V1201122450000000000", None)]
#[case::too_long("V12011224500000123456", None)]
#[case::other_letter("X1201122450000012345", None)]
#[case::a_name("Acme Ltd", None)]
#[case::no_name("unknown", None)]
#[case::empty("", None)]
fn the_lead_is_read_from_the_calls_id(#[case] name: &str, #[case] lead: Option<&str>) {
    let stub = Stub::new(&[All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url).with("calleridname", name);
    asterisk.run(&["next-did"]).assert_well();
    let request = &stub.requests()[0];
    let told = request
        .split(['?', '&', ' '])
        .find_map(|it| it.strip_prefix("lead_id="));
    assert_eq!(told, lead, "{request}");
    assert_eq!(
        request.contains("call_id="),
        name.len() == 20 && !name.starts_with('X')
    );
}

#[test]
fn a_second_try_is_the_same_request() {
    let stub = Stub::new(&[All(NONE), All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url);
    asterisk.run(&["next-did"]).assert_well();
    let requests = stub.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
    assert_eq!(header(&requests[1], "X-Request-ID"), UNIQUEID);
}

#[rstest]
#[case("1.2\r", "1.2")]
#[case("host 1.2", "host1.2")]
#[case("", "")]
fn a_calls_id_cannot_break_the_request(#[case] id: &str, #[case] sent: &str) {
    let stub = Stub::new(&[All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url).with("uniqueid", id);
    asterisk.run(&["next-did"]).assert_well();
    assert_eq!(header(&stub.requests()[0], "x-request-id"), sent);
}

#[test]
fn the_key_is_in_no_list_of_processes_and_in_no_command() {
    let stub = Stub::new(&[SILENCE]);
    let mut asterisk = Asterisk::new(&stub.url);
    let running = asterisk.start(&["next-did"]);
    stub_reached(&mut asterisk, &stub, running, |pid| {
        for file in ["cmdline", "environ"] {
            let shown = fs::read(format!("/proc/{pid}/{file}")).unwrap();
            let shown = String::from_utf8_lossy(&shown);
            assert!(shown.contains("tandem"), "{shown}");
            assert!(!shown.contains(KEY), "{shown}");
        }
    });
}

#[test]
fn a_hang_up_ends_it_at_once_and_quietly() {
    let stub = Stub::new(&[SILENCE]);
    let mut asterisk = Asterisk::new(&stub.url);
    let running = asterisk.start(&["next-did"]);
    let ran = stub_reached(&mut asterisk, &stub, running, |pid| {
        let sent = Command::new("kill")
            .args(["-HUP", &pid.to_string()])
            .status();
        assert!(sent.unwrap().success());
    });
    ran.assert_well();
    assert!(ran.took < Duration::from_millis(700), "{ran:?}");
    assert_eq!(ran.commands, ["GET VARIABLE CAMPCUST"]);
}

/// Does something while the script waits for the server.
fn stub_reached(
    asterisk: &mut Asterisk,
    stub: &Stub,
    running: crate::asterisk::Running,
    act: impl FnOnce(u32) + Send,
) -> Ran {
    let pid = running.pid();
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| asterisk.finish(running));
        stub.wait();
        act(pid);
        ran.join().unwrap()
    })
}

#[rstest]
#[case::first("GET VARIABLE")]
#[case::log("VERBOSE")]
#[case::caller_id("SET VARIABLE CALLERID(num)")]
#[case::status("SET VARIABLE TANDEM_STATUS")]
fn a_channel_that_goes_is_let_go(#[case] before: &'static str) {
    let stub = Stub::new(&[All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url);
    asterisk.leaves_before = Some(before);
    let ran = asterisk.run(&["next-did"]);
    assert_in_time(&ran);
    assert!(ran.commands.last().unwrap().starts_with(before), "{ran:?}");
}

#[rstest]
#[case::asking("next-did")]
#[case::reporting("report")]
fn an_asterisk_that_is_gone_is_no_fault(#[case] mode: &str) {
    let stub = Stub::new(&[All(OK)]);
    let asterisk = Asterisk::new(&stub.url);
    let running = asterisk.start(&[mode, "SALES"]);
    assert_eq!(running.abandoned(), Some(0));
}

#[test]
fn a_caller_id_that_asterisk_refuses_is_not_said_to_be_ours() {
    let stub = Stub::new(&[All(OK)]);
    let mut asterisk = Asterisk::new(&stub.url);
    asterisk.refuses = Some("SET VARIABLE CALLERID(num)");
    asterisk.run(&["next-did"]).assert_well();
    assert_eq!(outcome(&asterisk), ("error", "2125550100", ""));
}
