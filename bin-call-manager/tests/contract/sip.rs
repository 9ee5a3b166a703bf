//! The SIP redirect server, by sockets of a switch.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use bin_common_handler::{
    ids,
    models::{
        frame::Frame,
        sock::Method::{Get, Post},
        text::hex,
    },
    testing::{Kind, until},
};
use md5::{Digest, Md5};
use rstest::rstest;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::world::{World, id, reason, text};

const CALLER: &str = "+14155550123";
const CALLED: &str = "+14155550100";

/// A switch that sends from its own socket.
struct Switch {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Switch {
    async fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { socket, server }
    }

    async fn send(&self, message: &str) {
        let sent = self.socket.send_to(message.as_bytes(), self.server);
        sent.await.unwrap();
    }

    /// The next message; nothing within a while.
    async fn next_within(&self, ms: u64) -> Option<String> {
        let mut bytes = [0; 8_192];
        let received = self.socket.recv_from(&mut bytes);
        let (length, _) = timeout(Duration::from_millis(ms), received)
            .await
            .ok()?
            .unwrap();
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    async fn next(&self) -> String {
        self.next_within(10_000).await.expect("an answer")
    }

    /// The next message with a final answer.
    async fn last(&self) -> String {
        loop {
            let next = self.next().await;
            if code(&next) != 100 {
                return next;
            }
        }
    }
}

fn code(message: &str) -> u16 {
    message.split(' ').nth(1).unwrap().parse().unwrap()
}

fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

fn message(method: &str, call: &str, more: &str) -> String {
    to(method, CALLED, CALLER, call, more)
}

fn to(method: &str, called: &str, caller: &str, call: &str, more: &str) -> String {
    format!(
        "{method} sip:{called}@sip.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{call}\r\nMax-Forwards: 70\r\n\
         From: <sip:{caller}@192.0.2.1>;tag=a\r\nTo: <sip:{called}@sip.example>\r\n\
         Call-ID: {call}@192.0.2.1\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// A port that is free for both transports. It is below those that the system gives to outgoing connections, so none of
/// them takes it before the daemon does.
fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000
            + (std::process::id() as u16)
                .wrapping_mul(31)
                .wrapping_add(nth)
                % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let udp = std::net::UdpSocket::bind(address);
        let tcp = std::net::TcpListener::bind(address);
        if udp.is_ok() && tcp.is_ok() {
            return address;
        }
    }
}

async fn open(kind: Kind, more: &[(&'static str, &str)]) -> (World, SocketAddr) {
    let address = free();
    let text = address.to_string();
    let mut settings = vec![("SIP_LISTEN_ADDRESS", text.as_str())];
    settings.extend_from_slice(more);
    (World::with_settings(kind, &settings).await, address)
}

/// A campaign on the number, with one buyer.
async fn sold_at(world: &World, amount: i64) -> (String, String) {
    let campaign = world.campaign(json!({"numbers": [CALLED]})).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, amount, json!({})).await;
    (campaign, buyer)
}

async fn calls(world: &World) -> Vec<Json> {
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    calls.as_array().unwrap().clone()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_sold_and_redirected(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    assert_eq!(code(&switch.next().await), 100);
    let moved = switch.next().await;
    assert_eq!(code(&moved), 302, "{moved}");
    assert_eq!(
        header(&moved, "Contact"),
        "<sip:+14155550199@sip.example;user=phone>"
    );
    assert!(header(&moved, "To").contains(";tag="), "{moved}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));

    // Unacknowledged, it comes again by itself; and when it is asked for again.
    assert_eq!(switch.next().await, moved);
    switch.send(&message("INVITE", "one", "")).await;
    assert_eq!(switch.next().await, moved);
    switch.send(&message("ACK", "one", "")).await;
    switch.send(&message("CANCEL", "one", "")).await;
    let last = loop {
        let next = switch.next().await;
        if next != moved {
            break next;
        }
    };
    assert_eq!((code(&last), header(&last, "CSeq")), (200, "1 CANCEL"));
    assert_eq!(switch.next_within(1_500).await, None);
    assert_eq!(calls(&world).await.len(), 1);

    let report = async |status: &str| {
        let body = json!({
            "reference": "one@192.0.2.1", "status": status, "duration_seconds": 60,
            "bid_id": header(&moved, "X-Bid-Id"),
        });
        world.client.ok(Post, "/v1/calls/status", Some(body)).await
    };
    for status in ["ringing", "in_progress", "completed"] {
        assert_eq!(report(status).await["status"], status);
    }
    assert_eq!(world.money(&buyer).await, (9_500, 0));
    let unknown = json!({"reference": "two@192.0.2.1", "status": "ringing"});
    let unknown = world
        .client
        .call(Post, "/v1/calls/status", Some(unknown))
        .await;
    assert_eq!(reason(&unknown), (404, "CALL_NOT_FOUND"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_is_not_sold(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    switch.send(&message("CANCEL", "one", "")).await;
    let mut codes = Vec::new();
    while codes.len() < 3 {
        codes.push(code(&switch.next().await));
    }
    codes.sort_unstable();
    assert_eq!(codes, [100, 200, 487]);
    switch.send(&message("ACK", "one", "")).await;
    until("the call is given up", async || {
        let calls = calls(&world).await;
        let call = calls.first()?;
        (text(call, "status") == "canceled").then_some(())
    })
    .await;
    assert_eq!(world.money(&buyer).await, (10_000, 0));
    switch.send(&message("CANCEL", "none", "")).await;
    assert_eq!(code(&switch.last().await), 481);
    world.end().await;
}

/// The same call in another transaction.
fn in_branch(method: &str, call: &str, branch: &str) -> String {
    message(method, call, "").replace(
        &format!("branch=z9hG4bK{call}"),
        &format!("branch=z9hG4bK{branch}"),
    )
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_touches_its_own_transaction_only(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    let moved = switch.last().await;
    assert_eq!(code(&moved), 302, "{moved}");
    switch.send(&message("ACK", "one", "")).await;
    // As often as the answer comes before the CANCEL.
    let mut is_cancelled = false;
    for nth in 0..50 {
        let branch = format!("second{nth}");
        switch.send(&in_branch("INVITE", "one", &branch)).await;
        switch.send(&in_branch("CANCEL", "one", &branch)).await;
        let mut codes = std::collections::BTreeSet::new();
        while codes.len() < 3 {
            let next = switch.next().await;
            if next.contains(&format!("branch=z9hG4bK{branch}\r\n"))
                || next.contains(&format!("branch=z9hG4bK{branch};"))
            {
                codes.insert(code(&next));
            }
        }
        switch.send(&in_branch("ACK", "one", &branch)).await;
        is_cancelled = codes.contains(&487);
        if is_cancelled {
            break;
        }
    }
    assert!(is_cancelled);
    // A third has the answer of the first: by then the second is over.
    switch.send(&in_branch("INVITE", "one", "third")).await;
    let third = loop {
        let last = switch.last().await;
        if last.contains("branch=z9hG4bKthird") {
            break last;
        }
    };
    assert_eq!(
        (code(&third), header(&third, "X-Bid-Id")),
        (302, header(&moved, "X-Bid-Id"))
    );
    assert_eq!(text(&calls(&world).await[0], "status"), "queued");
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_call_in_many_transactions_has_one_answer(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    for at in 0..10 {
        let branch = format!("many{at}");
        switch.send(&in_branch("INVITE", "one", &branch)).await;
    }
    let mut bids = std::collections::BTreeMap::new();
    while bids.len() < 10 {
        let last = switch.last().await;
        assert_eq!(code(&last), 302, "{last}");
        let via = header(&last, "Via").to_owned();
        bids.insert(via, header(&last, "X-Bid-Id").to_owned());
    }
    let first = bids.values().next().unwrap();
    assert!(bids.values().all(|bid| bid == first), "{bids:?}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_sold_hears_why(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    sold_at(&world, 50_000).await;
    let block = json!({"phone": "+14155550124", "list": "block"});
    world
        .client
        .ok(Post, "/v1/fraud/entries", Some(block))
        .await;
    let switch = Switch::new(address).await;
    let cases = [
        (CALLED, CALLER, 480, "NO_BIDS_AVAILABLE"),
        (CALLED, "+14155550124", 603, "FRAUD_DETECTED"),
        (CALLED, "anonymous", 603, "CALLER_ID_REQUIRED"),
        ("+14155550177", CALLER, 404, "NUMBER_UNKNOWN"),
        ("sales", CALLER, 404, "NUMBER_UNKNOWN"),
    ];
    for (at, (called, caller, status, why)) in cases.into_iter().enumerate() {
        let call = format!("call{at}");
        switch.send(&to("INVITE", called, caller, &call, "")).await;
        let refused = switch.last().await;
        assert_eq!(code(&refused), status, "{refused}");
        assert!(header(&refused, "Reason").contains(why), "{refused}");
        switch.send(&to("ACK", called, caller, &call, "")).await;
    }
    switch.send(&message("OPTIONS", "o", "")).await;
    let options = switch.last().await;
    assert_eq!(
        (code(&options), header(&options, "Allow")),
        (200, "INVITE, ACK, CANCEL, OPTIONS")
    );
    for noise in [
        "",
        "\r\n\r\n",
        "hello",
        "INVITE sip:a SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\n\r\n",
    ] {
        switch.send(noise).await;
    }
    switch
        .socket
        .send_to(&[0xff; 60_000], address)
        .await
        .unwrap();
    assert_eq!(switch.next_within(700).await, None);
    switch.send(&message("OPTIONS", "p", "")).await;
    assert_eq!(code(&switch.last().await), 200, "it goes on");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_id_is_that_of_one_call(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    const OTHER: &str = "+14155550101";
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let second = world.campaign(json!({"numbers": [OTHER]})).await;
    world.profile(&buyer, &second, 400, json!({})).await;
    let switch = Switch::new(address).await;
    let ask = async |called: &str, caller: &str, branch: &str| {
        let invite = to("INVITE", called, caller, "one", "");
        let invite = invite.replace("branch=z9hG4bKone", &format!("branch=z9hG4bK{branch}"));
        switch.send(&invite).await;
        let said = loop {
            let said = switch.last().await;
            if header(&said, "Via").contains(branch) {
                break said;
            }
        };
        switch.send(&invite.replace("INVITE", "ACK")).await;
        said
    };
    assert_eq!(code(&ask(CALLED, CALLER, "first").await), 302);
    assert_eq!(code(&ask(CALLED, CALLER, "again").await), 302);
    for (called, caller, branch) in [
        (OTHER, "+14155550124", "third"),
        (OTHER, CALLER, "fourth"),
        (CALLED, "+14155550124", "fifth"),
    ] {
        let refused = ask(called, caller, branch).await;
        assert_eq!(code(&refused), 400, "{refused}");
        assert!(
            header(&refused, "Reason").contains("CALL_ID_TAKEN"),
            "{refused}"
        );
    }
    let long = "x".repeat(300);
    switch.send(&message("INVITE", &long, "")).await;
    let refused = loop {
        let said = switch.last().await;
        if header(&said, "Call-ID").starts_with("xxx") {
            break said;
        }
    };
    assert_eq!(code(&refused), 400, "{refused}");
    assert!(
        header(&refused, "Reason").contains("CALL_ID_TOO_LONG"),
        "{refused}"
    );
    assert_eq!(calls(&world).await.len(), 1);
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_come_in_pieces(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    sold_at(&world, 500).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let options = message("OPTIONS", "o", "");
    let all = format!("\r\n\r\n{options}{}", message("INVITE", "one", ""));
    for piece in all.as_bytes().chunks(100) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut heard = String::new();
    while !heard.contains("302 Moved") || !heard.ends_with("\r\n\r\n") {
        let mut bytes = [0; 4_096];
        let read = timeout(Duration::from_secs(10), stream.read(&mut bytes));
        let count = read.await.unwrap().unwrap();
        assert!(count > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let codes: Vec<u16> = heard
        .lines()
        .filter(|line| line.starts_with("SIP/2.0 "))
        .map(code)
        .collect();
    assert_eq!(codes, [200, 100, 302]);
    stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let closed = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
    assert_eq!(closed.await.unwrap().unwrap_or(0), 0, "it is closed");
    world.end().await;
}

/// The user's answer to a challenge.
fn answer_to(asked: &str) -> String {
    let md5 = asked
        .lines()
        .find(|line| line.contains("algorithm=MD5"))
        .unwrap();
    let nonce = md5
        .split("nonce=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let hash = |text: String| hex(&Md5::digest(text.as_bytes()));
    let uri = format!("sip:{CALLED}@sip.example");
    let own = hash("switch:tandem:correct horse".to_owned());
    let what = hash(format!("INVITE:{uri}"));
    let response = hash(format!("{own}:{nonce}:00000001:c:auth:{what}"));
    format!(
        "Authorization: Digest username=\"switch\", realm=\"tandem\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\n"
    )
}

/// Sends a message as the bridge carries a frame of a socket; the last answer.
async fn by_socket(world: &World, message: &str) -> String {
    let address = std::net::Ipv4Addr::new(203, 0, 113, 9).into();
    let frame = Frame::new(ids::next(), address, message.as_bytes());
    let frame = serde_json::to_value(frame).unwrap();
    let said = world.client.ok(Post, "/v1/sip/frames", Some(frame)).await;
    said["frames"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_opens_nothing_in_any_process_and_after_a_restart() {
    let settings = [
        ("SIP_CREDENTIALS", "switch:correct horse"),
        ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let mut world = World::replicated_with(Kind::Full, &settings).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let asked = by_socket(&world, &message("INVITE", "one", "")).await;
    assert_eq!(code(&asked), 401, "{asked}");
    let authorization = answer_to(&asked);
    let moved = by_socket(&world, &message("INVITE", "two", &authorization)).await;
    assert_eq!(code(&moved), 302, "{moved}");
    // As many as meet both processes, then a new one. Another form of the same answer is the same.
    for nth in 0..12 {
        if nth == 8 {
            world.restart().await;
        }
        let form = match nth % 2 {
            0 => authorization.clone(),
            _ => authorization.replace(", nc=00000001", " ,  nc=1"),
        };
        let again = format!("again{nth}");
        let again = by_socket(&world, &message("INVITE", &again, &form)).await;
        assert_eq!(code(&again), 401, "{nth}: {again}");
    }
    assert_eq!(calls(&world).await.len(), 1);
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_lets_in_who_is_not_listed(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let settings = [
        ("SIP_ALLOWED_ADDRESSES", "10.0.0.1"),
        ("SIP_CREDENTIALS", "switch:correct horse"),
    ];
    let (world, address) = open(kind, &settings).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    let asked = switch.next().await;
    assert_eq!(code(&asked), 401, "{asked}");
    assert_eq!(calls(&world).await.len(), 0);
    let authorization = answer_to(&asked);
    switch.send(&message("INVITE", "two", &authorization)).await;
    assert_eq!(code(&switch.last().await), 302);
    switch.send(&message("ACK", "two", "")).await;
    // Recorded and sent again under another name, it opens nothing.
    switch
        .send(&message("INVITE", "three", &authorization))
        .await;
    let again = switch.last().await;
    assert_eq!(
        (code(&again), again.contains("stale=true")),
        (401, true),
        "{again}"
    );
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_ping_comes_by_sip(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let (campaign, buyer) = sold_at(&world, 500).await;
    let body = json!({"call_campaign_id": campaign, "from_number": CALLER});
    let ping = world.client.ok(Post, "/v1/pings", Some(body)).await;
    assert_eq!(ping["destination"], CALLED);
    let uri = format!("/v1/pings/{}/accept", id(&ping));
    let accepted = world.client.ok(Post, &uri, None).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    let moved = switch.last().await;
    assert_eq!(
        (code(&moved), header(&moved, "X-Call-Id")),
        (302, text(&accepted, "call_id")),
        "{moved}"
    );
    switch.send(&message("ACK", "one", "")).await;
    assert_eq!(calls(&world).await.len(), 1);
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

/// Calls a second, and calls: 5 s of few, as a debug build beside other tests has; with `SIPP_RATE=200` and a release build
/// 30 s of the contract's.
#[expect(clippy::disallowed_methods, reason = "a test is no daemon")]
fn sipp_load() -> (String, i64) {
    match std::env::var("SIPP_RATE")
        .ok()
        .map(|rate| rate.parse::<i64>())
    {
        Some(rate) => {
            let rate = rate.expect("SIPP_RATE is a number");
            (rate.to_string(), rate * 30)
        }
        None => ("20".to_owned(), 100),
    }
}

/// A SIP program of others (Debian's sip-tester, which scripts/test installs) sends calls and times its answers.
#[rstest]
#[case::udp("u1", Kind::Embedded)]
#[case::udp_replicas("u1", Kind::Full)]
#[case::tcp("t1", Kind::Embedded)]
#[tokio::test(flavor = "multi_thread")]
async fn sipp_is_redirected(#[case] transport: &str, #[case] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let fraud = json!({"calls_per_caller_hour": null, "calls_per_account_hour": null});
    let campaign = world
        .campaign(json!({"numbers": [CALLED], "fraud": fraud}))
        .await;
    let buyer = world.buyer(1_000_000, json!({})).await;
    world.profile(&buyer, &campaign, 5, json!({})).await;
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sip/redirect.xml");
    let (rate, calls) = sipp_load();
    let folder = tempfile::tempdir().unwrap();
    let (count, at) = (calls.to_string(), address.to_string());
    let within = folder.path().to_owned();
    let transport = transport.to_owned();
    let run = move || {
        std::process::Command::new("sipp")
            .current_dir(within)
            .args(["-sf", scenario, "-t", &transport, "-r", &rate, "-m", &count])
            .args([
                "-i",
                "127.0.0.1",
                "-timeout",
                "120s",
                "-timeout_error",
                "-nostdin",
            ])
            .args(["-trace_err", &at])
            .output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let output = output.expect("sipp; scripts/sip-tester installs it");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(world.money(&buyer).await, (1_000_000, 5 * calls));
    world.end().await;
}
